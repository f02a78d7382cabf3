"""People, their oddities and the verdicts that the contract gives; a cohort of them, and what a run made of it.

A scenario is a generator over a `Person`: it changes the registry row and the form, and returns the verdict `Want`.
Nothing of the product is asked what is right.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from openpyxl import Workbook

from tests.cohorts import settings
from tests.invented import numbers, places

Row = dict[str, Any]
ANY = "*"

LABELS = {
    "submitted_at": "提交时间", "school": "学校名称", "email": "电子邮箱", "id_number": "身份证号码",
    "education_level": "学历", "graduation_month": "毕业年份", "name": "姓名", "gender": "性别", "ethnicity": "民族",
    "political_status": "政治面貌", "origin_province": "生源地省", "origin_city": "生源地市",
    "origin_county": "生源地县", "exam_number": "考生号", "exam_category": "考生类别", "college": "院系",
    "class_name": "班级", "major": "专业", "student_number": "学号", "enrolment_month": "入学时间",
    "study_years": "学制", "teacher_training": "是否师范生", "training_mode": "培养方式",
    "commissioning_unit": "定向/委培单位", "foreign_language": "主修外语", "hardship_category": "就业困难类别",
    "qq": "QQ号码", "phone": "个人联系电话", "family_phone": "家庭联系电话", "postcode": "家庭邮政编码",
    "home_province": "家庭所在省", "home_city": "家庭所在市", "home_county": "家庭所在县", "home_address": "家庭地址",
}  # fmt: skip
REGISTRY = [
    "school", "student_number", "exam_number", "id_number", "name", "gender", "ethnicity", "origin_province",
    "origin_city", "origin_county", "college", "class_name", "major", "education_level", "study_years",
    "enrolment_month", "graduation_month", "teacher_training", "training_mode", "commissioning_unit", "status",
]  # fmt: skip
HUNAN, XIAOXIANG = "湖南科技大学", "湖南科技大学潇湘学院"
CLASSES = [
    (HUNAN, "土木工程学院", "13土木工程1班", "土木工程"), (HUNAN, "商学院", "13会计学1班", "会计学"),
    (HUNAN, "土木工程学院", "13工程管理1班", "工程管理"), (HUNAN, "外国语学院", "13英语1班", "英语"),
    (HUNAN, "化学化工学院", "13应用化学1班", "应用化学"), (XIAOXIANG, "潇湘学院", "13法学1班", "法学"),
    (XIAOXIANG, "潇湘学院", "13金融学1班", "金融学"),
]  # fmt: skip
_SURNAMES, _GIVEN = (
    "王李张刘陈杨赵周徐孙马朱胡林何高罗郑梁谢宋唐许韩冯邓曹彭",
    "桂诚帆雅凯莹晨宇琴波轩萍欣梅刚远斌雪云浩博阳",
)


@dataclass(frozen=True)
class Want:
    """The verdict on one student. `rules`: critical and warning rules that must stand; with `*` others may, too."""

    status: str = "awaiting"
    rules: frozenset[str] = frozenset()
    identity: str = "certified"
    cause: str = ""
    record: str = "certified"


def right(*rules: str, status: str = "awaiting", record: str = "certified") -> Want:
    """Return the verdict on one whose identity is certified."""
    return Want(status, frozenset(rules), record=record)


def wrong(*rules: str) -> Want:
    """Return the verdict on one who differs from the registry in a compared field and must mend it."""
    return Want("correct", frozenset(rules), record="failed")


def failed(cause: str, status: str, *rules: str, record: str = ANY) -> Want:
    """Return the verdict on one whose identity fails."""
    return Want(status, frozenset({f"identity.{cause}", *rules}), "failed", cause, record)


@dataclass
class Person:
    """One student: registry row, form, and what else a scenario adds to the cohort."""

    n: int
    random: Random
    own: Row
    form: Row
    forms: list[Row] = field(default_factory=list[Row])
    """Rows submitted beside `form`, in this order behind it; where `form` is empty, alone."""
    registry: list[Row] = field(default_factory=list[Row])
    """Registry rows beside `own`."""
    also: list[tuple[str, Row, Want]] = field(default_factory=list[tuple[str, Row, Want]])
    """Other students with verdicts of their own."""
    mate: Callable[[], Person] = field(default=lambda: NotImplemented)
    """Makes another right student, who is written and judged only where `also` has him."""

    def both(self, name: str, value: Any) -> None:
        """Write one value into registry and form."""
        self.own[name] = self.form[name] = value

    def place(self, province: str, city: str, county: str) -> None:
        """Write one origin into registry and form."""
        for level, name in (("province", province), ("city", city), ("county", county)):
            self.both(f"origin_{level}", name)

    def of_college(self, college: str) -> None:
        """Become a student of this college."""
        while self.own["college"] != college:
            other = self.mate()
            self.n, self.own, self.form = other.n, other.own, other.form

    def stranger(self, n: int = 0) -> Row:
        """Return the form of somebody whom no registry has."""
        other = _person(500_000 + self.n * 10 + n, self.random)
        return dict(other.form)


Scenario = Callable[[Person], Want]


@dataclass(frozen=True)
class Case:
    key: str
    scenario: Scenario


def each(name: str, values: Iterable[Any], scenario: Callable[[Person, Any], Want]) -> list[Case]:
    """Return a case for each value."""
    return [Case(f"{name} {value!r}", lambda p, value=value: scenario(p, value)) for value in values]


@cache
def _homes() -> list[places.Place]:
    return [p for p in places.places() if p.province in places.POSTCODES]


def _person(n: int, random: Random) -> Person:
    home = _homes()[n * 37 % len(_homes())]
    school, college, class_name, major = CLASSES[n % len(CLASSES)]
    born = f"1995{1 + n % 12:02d}{1 + n // 12 % 28:02d}"
    body = f"{home.code}{born}{900 + n // 336 % 96:03d}"
    code = "05" if school == HUNAN else "07"
    name = _SURNAMES[n % len(_SURNAMES)] + _GIVEN[n // 5 % len(_GIVEN)] + _GIVEN[n // 110 % len(_GIVEN)]
    own = {
        "school": school, "student_number": f"13{code}{n:06d}", "exam_number": f"13{home.code[:4]}{n:08d}",
        "id_number": body + numbers.check_character(body), "name": name,
        "gender": "男" if int(body[16]) % 2 else "女", "ethnicity": "汉族", "origin_province": home.province,
        "origin_city": home.city, "origin_county": home.county, "college": college, "class_name": class_name,
        "major": major, "education_level": "本科", "study_years": "4", "enrolment_month": "2013-09",
        "graduation_month": "2017-06", "teacher_training": "否", "training_mode": "非定向", "commissioning_unit": "",
        "status": "",
    }  # fmt: skip
    qq = str(975_140_000 + n)
    form = {
        **{name: value for name, value in own.items() if name != "status"},
        "submitted_at": f"2016-10-{1 + n % 28:02d} {8 + n % 12:02d}:{n % 60:02d}", "email": f"{qq}@qq.com",
        "political_status": "共青团员", "exam_category": "农村应届", "foreign_language": "英语",
        "hardship_category": "非困难生", "qq": qq, "phone": str(13_700_000_000 + n),
        "family_phone": str(13_900_000_000 + n), "postcode": places.POSTCODES[home.province] + f"{n % 10_000:04d}",
        "home_province": home.province, "home_city": home.city, "home_county": home.county,
        "home_address": f"{home.county}建设路{n}号2单元",
    }  # fmt: skip
    return Person(n, random, own, form)


@dataclass
class Cohort:
    """What was written, with the verdicts by school and student number."""

    folder: Path
    wants: dict[tuple[str, str], tuple[str, Want]]
    submitted: int


def write(folder: Path, cases: list[Case], seed: int = 1, filler: float = 0.5) -> Cohort:
    """Write a cohort of one student a case, and of right ones between them."""
    random = Random(seed)
    registry: list[Row] = []
    forms: list[Row] = []
    wants: dict[tuple[str, str], tuple[str, Want]] = {}
    fillers = [Case("right", lambda p: right())] * round(filler * len(cases) + 20)
    counter = iter(range(seed * 7, 400_000))

    def make() -> Person:
        person = _person(next(counter), random)
        person.mate = make
        return person

    order = [*cases, *fillers]
    random.shuffle(order)
    for case in order:
        person = make()
        want = case.scenario(person)
        registry += [person.own, *person.registry]
        forms += [row for row in (person.form, *person.forms) if row]
        for key, own, verdict in [("", person.own, want), *person.also]:
            wants[own["school"], str(own["student_number"])] = (case.key + key, verdict)
            if own is not person.own:
                registry.append(own)
    _write_folder(folder, registry, forms)
    return Cohort(folder, wants, len(forms))


def _write_folder(folder: Path, registry: list[Row], forms: list[Row]) -> None:
    for part in ("registry", "submissions"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "cohort.toml").write_text(COHORT, encoding="utf-8")
    for code, school in (("10534", HUNAN), ("12649", XIAOXIANG)):
        rows = [row for row in registry if row["school"] == school]
        labels = [{**LABELS, "status": "学籍状态"}[name] for name in REGISTRY]
        _csv(folder / "registry" / f"{code}.csv", labels, [[row[name] for name in REGISTRY] for row in rows])
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(list(LABELS.values()))
    for row in forms:
        sheet.append([row.get(name) for name in LABELS])
    book.save(folder / "submissions" / "a.xlsx")
    colleges = sorted({(school, college) for school, college, _, _ in CLASSES})
    _csv(folder / "colleges.csv", ["学校名称", "院系", "别名", "副书记", "邮箱"], [
        [*pair, "土木学院；建筑工程系" if pair[1] == "土木工程学院" else "", "某书记", "a@example.edu.cn"]
        for pair in colleges
    ])  # fmt: skip
    _csv(folder / "counselors.csv", ["学校名称", "院系", "班级", "姓名", "邮箱"], [
        [school, college, name, "某辅导员", "b@example.edu.cn"] for school, college, name, _ in CLASSES
    ])  # fmt: skip


def _csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as lines:
        csv.writer(lines).writerows([header, *rows])


_SECOND = """
aliases = ["湖科大"]
[[schools]]
code = "12649"
name = "湖南科技大学潇湘学院"
registry = "registry/12649.csv"
[submissions]"""
COHORT = settings("registry/10534.csv").replace("\n[submissions]", _SECOND)


@dataclass
class Score:
    """What a run made of a cohort, by the bars of the issue."""

    off: list[str]
    lost: int
    wrong_certified: int
    wanted: int
    found: int
    right: int
    false: int
    causes: int
    causes_right: int

    def shares(self) -> dict[str, float]:
        """Return recall, false and cause."""
        return {
            "recall": self.found / max(self.wanted, 1),
            "false": self.false / max(self.right, 1),
            "cause": self.causes_right / max(self.causes, 1),
        }


def score(cohort: Cohort, run: Path) -> Score:
    """Hold a run's tables against the verdicts."""
    table = {name: _table(run, name) for name in ("roster", "certifications", "findings", "submissions", "outside")}
    findings = table["findings"]
    loud = findings[findings["severity"].isin(["critical", "warning"])].groupby("submission_id")["rule"].agg(set)
    certified = table["certifications"].set_index("submission_id")
    roster = table["roster"].set_index(["school", "student_number"])
    outside = set(zip(table["outside"]["school"], table["outside"]["student_number"], strict=True))
    found = Score([], cohort.submitted - len(table["submissions"]), 0, 0, 0, 0, 0, 0, 0)
    for who, (key, want) in cohort.wants.items():
        mine = roster.loc[[who]] if who in roster.index else None
        status = str(mine["status"].iloc[0]) if mine is not None else "outside" if who in outside else "nowhere"
        submission = str(mine["submission_id"].iloc[0]) if mine is not None else ""
        row = certified.loc[submission] if submission else None
        got = {
            "status": status,
            **{name: str(row[name]) if row is not None else "" for name in ("identity", "cause", "record")},
        }
        has = loud.get(submission, set()) if submission else set()
        off = [f"{name} {got[name] or '-'} for {getattr(want, name) or '-'}" for name in got
               if getattr(want, name) != ANY and got[name] != getattr(want, name)]  # fmt: skip
        lacking, extra = want.rules - {ANY} - has, has - want.rules
        off += [f"lacks {rule}" for rule in sorted(lacking)]
        off += [] if ANY in want.rules else [f"has {rule}" for rule in sorted(extra)]
        found.wrong_certified += want.identity == "failed" and got["identity"] == "certified"
        found.wanted += len(want.rules - {ANY})
        found.found += len(want.rules - {ANY} - lacking)
        if want.status == "awaiting" and ANY not in want.rules:
            found.right += 1
            found.false += bool(extra) or status != "awaiting"
        if want.identity == "failed" and want.cause != ANY:
            found.causes += 1
            found.causes_right += got["cause"] == want.cause
        if off:
            found.off.append(f"{key} [{who[1]}]: {'; '.join(off)}")
    return found


def _table(run: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(run / "tables" / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
