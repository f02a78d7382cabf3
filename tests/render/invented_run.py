"""An invented run folder, for tests of pages and for screenshots: a season's day with every state in it.

`python tests/render/invented_run.py DIR` writes three runs of consecutive days; the last is the one to look at.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from pipeline import fields, tables
from pipeline.tabulate.tabulate_stage import make_course

SCHOOLS = {"10534": "湖南科技大学", "12649": "湖南科技大学潇湘学院"}
OPENS, CLOSES, DUE = date(2016, 9, 20), date(2016, 10, 31), date(2016, 11, 20)
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "静敏丽强磊军洋勇艳杰娟涛明超秀霞平刚桂文辉玲斌宇浩凯佳欣雨晨梓涵思婷志国华建伟"
COLLEGES = {
    ("10534", "计算机科学与工程学院"): [
        "数据科学与大数据技术",
        "人工智能",
        "网络空间安全",
        "软件工程",
        "计算机科学与技术",
    ],
    ("10534", "土木工程学院"): ["土木工程", "工程管理"],
    ("10534", "马克思主义学院"): ["思想政治教育"],
    ("12649", "土木工程学院"): ["土木工程"],
}
SIZES = {"计算机科学与工程学院": 512, "土木工程学院": 64, "马克思主义学院": 19}
# rule, field, severity, actor, message, weight
FAULTS = [
    ("enrolment_month.registry", "enrolment_month", "critical", "student", "入学时间与学籍信息不一致", 9),
    ("identity.id_mistyped", "id_number", "critical", "student", "身份证号码填错，请重新登记", 8),
    ("class_name.major", "major", "critical", "student", "专业与班级不对应，请重新选择班级", 6),
    ("phone.format", "phone", "critical", "student", "个人联系电话应为 11 位手机号", 5),
    ("photo.size", "photo", "critical", "student", "证件照大于 200 KB", 5),
    ("origin.hierarchy", "origin_county", "critical", "student", "生源地的省、市、县不构成隶属关系", 4),
    ("identity.id_of_another", "id_number", "critical", "counselor", "填写了他人的身份证号码，需辅导员核实", 3),
    (
        "identity.registry_outdated",
        "id_number",
        "critical",
        "registrar",
        "身份信息已变更但学籍库未更正，请到教务处教务科办理",
        2,
    ),
    ("home_address.detail", "home_address", "warning", "student", "家庭地址过于简略", 4),
]


def registry_of(random_: random.Random, college: tuple[str, str], size: int, canary: str = "") -> list[dict[str, str]]:
    """Return `size` invented registry rows of one college."""
    code, name = college
    majors = COLLEGES.get(college, ["某专业"])
    rows: list[dict[str, str]] = []
    for n in range(size):
        level = "硕士研究生" if n % 11 == 10 else "本科"
        major = majors[n % len(majors)]
        year = 14 if level == "硕士研究生" else 13
        class_name = f"{year}{major[:6]}{'研' if year == 14 else ''}{n // len(majors) % 3 + 1}班"
        number = f"{year}{code[-1]}{int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) % 1000:03d}{n:04d}"
        birth = f"199{random_.randint(3, 6)}{random_.randint(1, 12):02d}{random_.randint(1, 28):02d}"
        rows.append(
            {
                "school": SCHOOLS[code],
                "college": name,
                "class_name": class_name,
                "major": major,
                "education_level": level,
                "student_number": number,
                "gender": "男" if n % 9 < 5 else "女",
                "name": canary
                + random_.choice(SURNAMES)
                + random_.choice(GIVEN)
                + (random_.choice(GIVEN) if n % 3 else ""),
                "id_number": f"4303{random_.randint(2, 82):02d}{birth}{random_.randint(0, 9999):04d}",
                "exam_number": f"134300{number[-8:]}",
            }
        )
    return rows


def _status(random_: random.Random, progress: float) -> str:
    draw = random_.random()
    if draw < progress * 0.80:
        return "approved"
    if draw < progress * 0.87:
        return "awaiting"
    if draw < progress * 0.94:
        return "fault"
    return "returned" if draw < progress * 0.945 else "stale" if draw < progress * 0.95 else "missing"


def make_run(
    folder: Path,
    as_of: date,
    *,
    seed: int = 7,
    sizes: dict[str, int] | None = None,
    canary: bool = False,
    colleges: list[tuple[str, str]] | None = None,
    progress: float | None = None,
) -> Path:
    """Write one complete run folder of that date under `folder`/runs and return it."""
    done = min(1.0, (as_of - OPENS).days / 38) if progress is None else progress
    registry, roster, findings, submissions = [], [], [], []
    for college in colleges or list(COLLEGES):
        random_ = random.Random(f"{seed}{college}")
        mark = f"{college[1]}-" if canary else ""
        for row in registry_of(random_, college, (sizes or SIZES).get(college[1], 30), mark):
            fate = random.Random(f"{seed}{row['student_number']}{row['school']}")
            _student(fate, row, _status(fate, done), as_of, roster, findings, submissions)
            registry.append(
                {
                    **dict.fromkeys(fields.in_registry(), ""),
                    **row,
                    "row": str(len(registry) + 2),
                    "registry_digest": hashlib.sha256(repr(row).encode()).hexdigest(),
                    "school_code": college[0],
                }
            )
    return _write(folder, as_of, pd.DataFrame(registry), roster, findings, submissions)


def _student(random_, row, status, as_of, roster, findings, submissions) -> None:
    submission_id = hashlib.sha256((row["school"] + row["student_number"]).encode()).hexdigest()[:16]
    common = {key: row[key] for key in ("school", "college", "class_name", "student_number")}
    chosen = []
    if status == "fault":
        chosen = random_.choices(FAULTS[:-1], [fault[-1] for fault in FAULTS[:-1]], k=1 + (random_.random() < 0.25))
        actors = {fault[3] for fault in chosen}
        status = next(
            s
            for s, a in (("counselor", "counselor"), ("registrar", "registrar"), ("correct", "student"))
            if a in actors
        )
    elif random_.random() < 0.05 and status != "missing":
        chosen = [FAULTS[-1]]
    unique = list({fault[0]: fault for fault in chosen}.values())
    for rule, field, severity, actor, message, _ in unique:
        findings.append(
            {
                **common,
                "submission_id": submission_id,
                "field": field,
                "rule": rule,
                "severity": severity,
                "actor": actor,
                "message": message,
                "given": "",
                "expected": "",
                "excepted": False,
                "shared_fault": "",
            }
        )
    if status == "missing":
        submission_id = ""
        findings.append(
            {
                **common,
                "submission_id": "",
                "field": "",
                "rule": "cohort.missing",
                "severity": "critical",
                "actor": "counselor",
                "message": "在册学生尚未提交",
                "given": "",
                "expected": "",
                "excepted": False,
                "shared_fault": "",
            }
        )
    else:
        span = (min(as_of, CLOSES) - OPENS).days
        day = OPENS + timedelta(days=int(span * random_.random() ** 1.2))
        submissions.append(
            {
                **dict.fromkeys(tables.SUBMISSIONS, ""),
                **{k: row.get(k, "") for k in fields.names()},
                "submission_id": submission_id,
                "file": "submissions.xlsx",
                "sheet": "Sheet1",
                "row": len(submissions) + 2,
                "superseded_by": "",
                "submitted_at": f"{day} 10:12:00",
                "phone": f"138{random_.randint(0, 99999999):08d}",
            }
        )
    number = int(hashlib.sha256(row["class_name"].encode()).hexdigest()[:2], 16) % 4
    counselor = f"{'周吴郑王'[number]}老师"
    roster.append(
        {
            **common,
            **{key: row[key] for key in ("major", "education_level", "name", "gender")},
            "submission_id": submission_id,
            "status": status,
            "counselor": counselor,
            "open_findings": sum(fault[2] == "critical" for fault in unique),
            "decided_by": "王老师" if status == "approved" else "",
            "decided_at": f"{_decided(row['student_number'], as_of)}T09:00:00+08:00" if status == "approved" else "",
        }
    )


def _decided(number: str, as_of: date) -> date:
    """Return the day of an approval, the same for the same student in every run that is late enough."""
    return min(as_of, OPENS + timedelta(days=3 + int(hashlib.sha256(number.encode()).hexdigest()[:4], 16) % 45))


def _write(folder: Path, as_of: date, registry, roster, findings, submissions) -> Path:
    run = folder / "runs" / f"{as_of:%Y%m%d}-080000-abcd"
    (run / "tables").mkdir(parents=True, exist_ok=True)
    people = pd.DataFrame(roster)
    frames = {"roster": people, "findings": pd.DataFrame(findings), "submissions": pd.DataFrame(submissions)}
    frames["headcount"] = _headcount(people)
    frames["course"] = make_course(people, tables.empty("submissions") if not submissions else frames["submissions"])
    frames["colleges"] = _colleges(people, as_of)
    tables.write_table(run / "tables", "colleges", tables.typed(frames["colleges"]))
    for name in ("roster", "findings", "submissions", "headcount", "course"):
        frame = frames[name] if len(frames[name]) else tables.empty(name)
        tables.write_table(run / "tables", name, tables.conform(frame, name))
    for name in ("changes", "certifications"):
        tables.write_table(run / "tables", name, tables.empty(name))
    tables.write_table(run / "tables", "registry", tables.typed(registry))
    classes = people[["school", "college", "class_name", "counselor"]].drop_duplicates()
    counselors = classes.rename(columns={"counselor": "name"}).assign(email="counselor@example.edu.cn")
    tables.write_table(run / "tables", "counselors", tables.typed(counselors))
    colleges = (
        people[["school", "college"]]
        .drop_duplicates()
        .assign(aliases="", secretary="李书记", email="college@example.edu.cn")
    )
    tables.write_table(run / "tables", "college_people", tables.typed(colleges))
    (run / "summary.json").write_text(
        json.dumps(_summary(run.name, as_of, people), ensure_ascii=False), encoding="utf-8"
    )
    return run


def _headcount(people: pd.DataFrame) -> pd.DataFrame:
    def count(group: pd.DataFrame) -> pd.Series:
        status = group["status"]
        return pd.Series(
            {
                "registered": len(group),
                "male": (group["gender"] == "男").sum(),
                "female": (group["gender"] == "女").sum(),
                "submitted": (status != "missing").sum(),
                "certified": status.isin(["approved", "awaiting", "returned"]).sum(),
                "awaiting": (status == "awaiting").sum(),
                "approved": (status == "approved").sum(),
                "missing": (status == "missing").sum(),
                "extra": 0,
                "equal": bool((status == "approved").all()),
            }
        )

    keys = ["school", "college", "education_level", "major"]
    return people.groupby(keys)[["gender", "status"]].apply(count).reset_index()


def _colleges(people: pd.DataFrame, as_of: date) -> pd.DataFrame:
    rows = []
    for (school, college), group in people.groupby(["school", "college"]):
        status = group["status"]
        rows.append(
            {
                "school": school,
                "college": college,
                "registered": len(group),
                "submitted": (status != "missing").sum(),
                "certified": status.isin(["approved", "awaiting", "returned"]).sum(),
                "approved": (status == "approved").sum(),
                "open_findings": group["open_findings"].sum(),
                "first_pass_rate": 0.84 + len(rows) / 40,
                "submitted_on_time": (status != "missing").mean(),
                "days_left": (DUE - as_of).days,
                "signed_at": "",
                "accepted_at": "",
                "rank": 0,
                "score": 70.0 + 5 * (status == "approved").mean() + len(rows),
                "rework": 0.1,
                "score_low": 60.0,
                "score_high": 90.0,
            }
        )
    frame = pd.DataFrame(rows)
    return frame.assign(rank=frame["score"].rank(ascending=False, method="min").astype(int))


def _summary(run_id: str, as_of: date, people: pd.DataFrame) -> dict[str, object]:
    codes = {name: code for code, name in SCHOOLS.items()}
    states = {
        f"{codes[school]}/{college}": group["status"].value_counts().to_dict()
        for (school, college), group in people.groupby(["school", "college"])
    }
    return {
        "run_id": run_id,
        "command": "run",
        "as_of": as_of.isoformat(),
        "started_at": f"{as_of}T08:00:00+08:00",
        "finished_at": f"{as_of}T08:00:12+08:00",
        "complete": True,
        "partial": False,
        "colleges": "all",
        "cohort": {
            "name": "2017届",
            "year": 2017,
            "window": {"opens": str(OPENS), "closes": str(CLOSES), "college_due": str(DUE)},
            "schools": [{"code": code, "name": name} for code, name in SCHOOLS.items()],
            "standing": {"first_pass": 0.5, "on_time": 0.3, "rework": 0.2},
        },
        "inputs": [{"name": "registry/10534.csv", "sha256": "0" * 64, "size": 12345, "detail": "UTF-8"}],
        "counts": {"submissions": int((people["status"] != "missing").sum())},
        "timings": {},
        "versions": {},
        "stages": {},
        "not_checked": [{"rule": "photo.file", "school": "湖南科技大学", "reason": "没有设置证件照文件夹"}],
        "notes": [
            {
                "level": "warning",
                "file": "submissions.xlsx",
                "sheet": "说明",
                "row": 0,
                "message": "工作表没有数据，已跳过",
            }
        ],
        "colleges_state": {
            key: {"statuses": counts} | ({"digest": "5" * 64} if set(counts) == {"approved"} else {})
            for key, counts in states.items()
        },
    }


def make_season(folder: Path, last: date = date(2016, 10, 28)) -> Path:
    """Write runs every third day up to `last`; return the last one."""
    for back in (24, 20, 16, 12, 8, 5, 3, 1):
        make_run(folder, last - timedelta(days=back))
    return make_run(folder, last)


if __name__ == "__main__":
    print(make_season(Path(sys.argv[1])))
