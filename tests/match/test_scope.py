"""Who belongs to the class: the registry's words, the year, and what people decide."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.errors import ConfigurationError, RefusedError, UsageError
from pipeline.match.membership import apply_scope, other_years, scope_by_registry, scope_digests, status_meanings
from pipeline.normalise.normalise_rows import vocabulary
from pipeline.review.actions import Actor
from pipeline.review.ledger import open_ledger
from pipeline.review.scope_decisions import answer_years, answered_years, decide_scope, scope_decisions
from pipeline.review.worksheet import import_scope
from pipeline.scale.layout import RunSettings
from pipeline.scale.reading import read_registries
from pipeline.scale.spool import open_spool
from tests.cohorts import settings


def rows(*told: tuple[str, str]) -> pd.DataFrame:
    """Return registry rows of (status, graduation month)."""
    return pd.DataFrame(
        {
            "school_code": "10534",
            "college": "商学院",
            "student_number": [f"13{at:03d}" for at in range(len(told))],
            "id_number": [f"4301{at:04d}" for at in range(len(told))],
            "name": [f"人{at}" for at in range(len(told))],
            "enrolment_status": pd.Series([status for status, _ in told], dtype="str"),
            "graduation_month": pd.Series([month for _, month in told], dtype="str"),
        }
    )


@pytest.mark.parametrize(
    ("status", "month", "outside", "unknown"),
    [
        ("", "2017-06", "", False),
        ("注册学籍", "2017-06", "", False),
        ("在籍在校", "2017-12", "", False),
        ("休学", "2017-06", "休学", False),
        ("已退学", "2017-06", "退学", False),
        ("保留学籍（参军）", "2017-06", "参军入伍", False),
        ("保留学籍(参军)", "2017-06", "参军入伍", False),
        (" 参军入伍 ", "2017-06", "参军入伍", False),
        ("延期毕业", "2018-06", "延长学习年限", False),
        ("注册学籍", "2018-06", "非本届", False),
        ("", "", "", False),
        ("-", "2017-06", "", False),
        ("无", "2017-06", "", False),
        ("挂起", "2017-06", "", True),
        ("结业", "2017-06", "", True),
        ("挂起", "2018-06", "非本届", False),
        ("02休学", "2017-06", "休学", False),
        ("休学（2016-09至2017-09）", "2017-06", "休学", False),
        ("保留学籍-应征入伍", "2017-06", "参军入伍", False),
        ("已注册", "2017-06", "", False),
        ("02", "2017-06", "", True),
        ("在籍（注册学籍）", "2017-06", "", False),
        ("在籍-注册学籍", "2017-06", "", False),
        ("在籍(休学)", "2017-06", "休学", False),
        ("不在籍（毕业）", "2017-06", "非本届", False),
        ("不在籍(退学)", "2017-06", "退学", False),
        ("在校(注册)", "2017-06", "", False),
        ("转专业（转出）", "2017-06", "", True),
        ("", "2018", "非本届", False),
        ("", "2018届", "非本届", False),
        ("", "2017届", "", False),
        ("", "明年", "", False),
    ],
)
def test_what_the_registry_says(status: str, month: str, outside: str, unknown: bool):
    found = scope_by_registry(rows((status, month)), status_meanings(), 2017).iloc[0]
    assert (found["outside_registry"], bool(found["status_unknown"])) == (outside, unknown)


_HEADINGS = ["学号", "身份证号码", "姓名", "院系", "班级", "专业", "学历", "毕业年份"]
_SAID = [
    ("在读", ""), ("在校", ""), ("注册学籍", ""), ("正常", ""), ("", ""), ("/", ""), ("复学", ""),
    ("休学", "休学"), ("已休学", "休学"), ("休学（创业）", "休学"), ("保留学籍", "保留学籍"),
    ("应征入伍", "参军入伍"), ("入伍保留学籍", "参军入伍"), ("退学处理", "退学"), ("开除学籍", "退学"),
    ("转学（转出）", "转学"), ("延缓毕业", "延长学习年限"), ("降级", "留级或降级"), ("病故", "死亡"),
    ("挂起", "?"), ("交流生", "?"), ("未注册", "?"), ("待定", "?"), ("7", "?"),
]  # fmt: skip
"""What registries say, with what it means: the reason why he is outside; ?: the registrar is asked."""
_LABELS = ["学籍状态", "在籍状态", "学籍异动类型", "当前状态", "学籍变动情况", " 学籍 状态 ", "异动类别"]


@settings_of(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schools=st.lists(
        st.tuples(
            st.sampled_from(_LABELS),
            st.sampled_from(["csv", "xlsx"]),
            st.lists(st.tuples(st.sampled_from(_SAID), st.sampled_from(["2017-06", "2017.06", "2018-06", "2018"]))),
        ),
        min_size=2,
        max_size=2,
    )
)
def test_each_schools_own_export_under_its_own_heading(
    tmp_path_factory: pytest.TempPathFactory,
    schools: list[tuple[str, str, list[tuple[tuple[str, str], str]]]],
):
    """Both schools number their students alike: one's status says nothing of the other's student."""
    folder = tmp_path_factory.mktemp("registries")
    text = settings("registry/1.csv")
    second = '[[schools]]\ncode = "12649"\nname = "湖南科技大学潇湘学院"\nregistry = "registry/2.*"\n[submissions]'
    text = text.replace("registry/1.csv", "registry/1.*").replace("[submissions]", second)
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    (folder / "registry").mkdir()
    expected: list[list[str]] = []
    for at, (label, form, students) in enumerate(schools, 1):
        students = [*students, (("在读", ""), "2017-06")]
        named = [f"{at}{n}" for n in range(len(students))]
        table = [
            (f"13{n:02d}", f"4303021995{at:02d}{n:04d}", f"学生{each}", "商学院", "13会计1班", "会计学", "本科", month)
            for n, (each, (_, month)) in enumerate(zip(named, students, strict=True))
        ]
        frame = pd.DataFrame(table, columns=pd.Index(_HEADINGS), dtype="str")
        frame.insert(3, label, [word for (word, _), _ in students])
        path = folder / "registry" / f"{at}.{form}"
        frame.to_csv(path, index=False) if form == "csv" else frame.to_excel(path, index=False)
        told = [meant or ("" if month.startswith("2017") else "非本届") for (_, meant), month in students]
        late = [
            "非本届" if meant == "?" and month.startswith("2018") else meant
            for meant, (_, month) in zip(told, students, strict=True)
        ]
        expected.append(late)
    for name in ("colleges", "counselors"):
        (folder / f"{name}.csv").write_text("", encoding="utf-8")
    cohort = load_cohort(folder)
    with open_spool(folder / "spool") as spool:
        words = vocabulary(cohort, pd.DataFrame(columns=["school", "college", "aliases"], dtype="str"))
        now = datetime(2016, 11, 1, tzinfo=SHANGHAI)
        spool.share(RunSettings(cohort, words, folder, pd.DataFrame(), now.date(), (), (), now))
        (spool.folder / "registry").mkdir()
        (spool.folder / "classes").mkdir()
        read = read_registries(spool, [0, 1])
        found = [spool.read(f"registry/{at}") for at in (0, 1)]
    assert [school.error for school in read] == ["", ""]
    assert [list(rows["outside_registry"].mask(rows["status_unknown"], "?")) for rows in found] == expected


def test_the_office_explains_its_own_words(tmp_path: Path):
    (tmp_path / "enrolment_status.csv").write_text(
        "value,belongs,reason\n挂起,no,休学\n结业,yes,\n02,no,退学\n", encoding="utf-8"
    )
    own = status_meanings(tmp_path)
    found = scope_by_registry(rows(("挂起", "2017-06"), ("结业", "2017-06"), ("02", "2017-06")), own, 2017)
    assert list(found["outside_registry"]) == ["休学", "", "退学"] and not found["status_unknown"].any()
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "enrolment_status.csv").write_text("value,belongs,reason\n挂起,maybe,\n停,no,\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        status_meanings(wrong)
    assert "第 2 行" in str(refused.value) and "第 3 行" in str(refused.value)


def test_a_table_of_statuses_in_another_encoding_is_told(tmp_path):
    (tmp_path / "enrolment_status.csv").write_bytes("value,belongs,reason\n挂起,yes,\n".encode("gbk"))
    with pytest.raises(ConfigurationError, match="不是 UTF-8"):
        status_meanings(tmp_path)


def test_a_decision_goes_before_the_registry_and_outlives_its_changes(tmp_path: Path):
    (tmp_path / "cohort.toml").write_text(settings("registry/10534.csv"), encoding="utf-8")
    for name in ("colleges", "counselors"):
        (tmp_path / f"{name}.csv").write_text("", encoding="utf-8")
    cohort = load_cohort(tmp_path)
    registry = scope_by_registry(rows(("休学", "2017-06"), ("", "2017-06"), ("", "2017-06")), status_meanings(), 2017)
    actor = Actor("王老师", "校教字 12 号", date(2016, 11, 1))
    with open_ledger(cohort, lambda: datetime(2016, 11, 1, tzinfo=SHANGHAI)) as ledger:
        proof = "学籍异动证明"
        decide_scope(registry, ledger, ["13000"], actor, inside=True, proof=proof)
        decide_scope(registry, ledger, ["10534/13001"], actor, inside=False, proof=proof, reason="参军入伍")
        again = decide_scope(registry, ledger, ["13001"], actor, inside=False, proof=proof, reason="参军入伍")
        assert again.already == ["10534/13001"] and not again.done
        with pytest.raises(RefusedError, match="本来就在本届"):
            decide_scope(registry, ledger, ["13002"], actor, inside=True, proof=proof)
        with pytest.raises(UsageError):
            decide_scope(registry, ledger, ["13002"], actor, inside=False, proof=proof, reason="去旅游")
        with pytest.raises(UsageError):
            decide_scope(registry, ledger, ["99"], actor, inside=False, proof=proof, reason="休学")
        decisions = scope_decisions(ledger.entries())
    laid = apply_scope(registry, decisions)
    assert list(laid["outside"]) == ["", "参军入伍", ""]
    assert list(laid["outside_source"]) == ["", "decision", ""]
    assert laid["outside_by"].iloc[1] == "王老师" and not laid["scope_stale"].any()
    changed = apply_scope(registry.assign(name="改名"), decisions)
    assert list(changed["outside"]) == ["", "参军入伍", ""] and list(changed["scope_stale"]) == [True, True, False]
    assert scope_digests(registry).nunique() == 3


def test_more_than_a_tenth_of_another_year_is_asked_about():
    def others(*told: tuple[str, str]) -> dict[str, int]:
        return other_years(scope_by_registry(rows(*told), status_meanings(), 2017))

    mine, next_year, suspended = ("", "2017-06"), ("", "2018-06"), ("休学", "2018-06")
    assert others(*[mine] * 9, next_year) == {}
    assert others(*[mine] * 8, next_year) == {"2018": 1}
    assert others(*[mine] * 8, next_year, ("", "2016-06"), suspended) == {"2016": 1, "2018": 1}
    assert others(mine, suspended) == {}  # outside for another reason


@pytest.mark.parametrize(
    ("rows_now", "years", "year", "fits"),
    [
        (100, {"2018": 30, "2019": 20}, 2017, True),
        (100, {"2018": 33, "2019": 24, "2020": 2}, 2017, True),  # a few came: the same export
        (2000, {"2018": 600, "2019": 400}, 2017, True),  # more students, spread alike
        (100, {"2018": 26, "2019": 18}, 2017, True),
        (100, {"2018": 20, "2019": 15}, 2017, False),  # more than a tenth is back in the class
        (100, {"2018": 35, "2019": 26}, 2017, False),  # a tenth more of the registry is outside
        (100, {"2018": 30, "2020": 20}, 2017, False),  # another year in the place of one
        (100, {"2019": 20, "2020": 12}, 2017, False),
        (100, {"2018": 30, "2019": 20}, 2020, False),  # the cohort is another one
    ],
)
def test_an_answer_about_other_years_holds_while_the_registry_is_about_the_same(
    tmp_path: Path, rows_now: int, years: dict[str, int], year: int, fits: bool
):
    (tmp_path / "cohort.toml").write_text(settings("registry/10534.csv"), encoding="utf-8")
    for name in ("colleges", "counselors"):
        (tmp_path / f"{name}.csv").write_text("", encoding="utf-8")
    before = {code: {"rows": 100, "years": {"2018": 30, "2019": 20}} for code in ("1", "2")}
    now = {code: {"rows": rows_now, "years": years} for code in before}
    with open_ledger(load_cohort(tmp_path)) as ledger:

        def answered(asked: dict[str, dict[str, object]], of: int) -> list[bool]:
            return [one["answered"] for one in answered_years(asked, of, ledger.entries()).values()]

        with pytest.raises(UsageError, match="写明原因"):
            answer_years(before, 2017, ledger, [], Actor("王老师", " "))
        with pytest.raises(UsageError, match="没有要确认的"):
            answer_years(before, 2017, ledger, ["3"], Actor("王老师", "全校导出"))
        assert answer_years(before, 2017, ledger, ["1"], Actor("王老师", "全校导出")).done == ["1"]
        assert answered(before, 2017) == [True, False] and answered(now, year) == [fits, False]
        again = answer_years(before, 2017, ledger, [], Actor("王老师", "全校导出"))
        assert (again.done, again.already) == (["2"], ["1"])
        assert answered(now, year) == [fits, fits]
        assert scope_decisions(ledger.entries()).empty


def opinions(*cells: tuple[str, str, str, str, str]) -> pd.DataFrame:
    """Return rows of the table of decisions: number, opinion, by, why, proof."""
    frame = pd.DataFrame(cells, columns=["学号", "意见", "审核人", "说明", "证明"], dtype="str")
    return frame.assign(学校名称="", 提交编号="", row=range(2, len(frame) + 2))


def test_the_table_of_decisions_says_who_belongs_each_row_once(tmp_path: Path):
    (tmp_path / "cohort.toml").write_text(settings("registry/10534.csv"), encoding="utf-8")
    for name in ("colleges", "counselors"):
        (tmp_path / f"{name}.csv").write_text("", encoding="utf-8")
    registry = scope_by_registry(rows(("休学", "2017-06"), ("", "2017-06"), ("", "2017-06")), status_meanings(), 2017)
    proof = "学籍异动证明"
    back = ("13000", "在本届", "王老师", "已复学，教字 3 号", proof)
    army = ("10534/13001", "不在本届", "王老师", "参军入伍，武装部 12 号", proof)
    wrong = [
        ("99", "不在本届", "王老师", "休学", proof),
        ("13002", "不在本届", "", "休学", proof),
        ("13002", "不在本届", "王老师", "", proof),
        ("13002", "不在本届", "王老师", "休学", "口头"),
        ("13002", "在本届", "王老师", "本来就在", proof),
    ]
    with open_ledger(load_cohort(tmp_path)) as ledger:

        def take(*cells: tuple[str, str, str, str, str]) -> list[str]:
            report = import_scope(registry, {"10534": "湖南科技大学"}, ledger, opinions(*cells), "decisions.csv")
            return [read.outcome for read in report]

        def outside() -> list[str]:
            return list(apply_scope(registry, scope_decisions(ledger.entries()))["outside"])

        assert take(back, army, *wrong) == ["applied", "applied", *["refused"] * 5]
        assert outside() == ["", "参军入伍", ""]
        assert take(back, army) == ["seen", "seen"]
        strange = opinions(("13002", "不在本届", "王老师", "休学", proof)).assign(学校名称="别的学校")
        (read,) = import_scope(registry, {"10534": "湖南科技大学"}, ledger, strange, "other.csv")
        assert read.outcome == "refused" and "没有学校" in read.why and outside()[2] == ""
        decide_scope(registry, ledger, ["13001"], Actor("李", "退伍返校"), inside=True, proof=proof)
        assert take(back, army) == ["seen", "seen"] and outside() == ["", "", ""]
        assert take(back) == ["seen"]  # taken out of the table, and written again: it counts again
        assert take(back, army) == ["seen", "applied"] and outside() == ["", "参军入伍", ""]
        other = ("13001", "不在本届", "王老师", "家里有事", proof)
        assert take(back, other) == ["seen", "applied"] and outside()[1] == "其他"
