"""Who must act, by when, and why: the counts behind the top of every page."""

from __future__ import annotations

import itertools
from datetime import date

import pandas as pd
import pytest

from pipeline.cohort_sections import Window
from pipeline.states import states, theme, tint
from pipeline.tables import STATUSES
from pipeline.view import remaining_work
from pipeline.view.people import People, open_reasons
from pipeline.view.remaining_work import course_of

OPENS, CLOSES, DUE = date(2016, 9, 20), date(2016, 10, 31), date(2016, 11, 20)
WINDOW = Window(opens=OPENS, closes=CLOSES, college_due=DUE)


def duties(statuses: dict[str, int], as_of: date) -> list[tuple[str, int, date, int]]:
    found = remaining_work.duties(statuses, as_of, WINDOW)
    return [(duty.who, duty.count, duty.due, duty.days_left) for duty in found]


def test_nearest_deadline_first_then_most_people() -> None:
    statuses = {
        "approved": 400,
        "awaiting": 90,
        "missing": 19,
        "correct": 30,
        "returned": 2,
        "counselor": 4,
        "stale": 3,
    }
    assert duties(statuses, date(2016, 10, 28)) == [
        ("学生", 32, CLOSES, 3),
        ("辅导员", 19, CLOSES, 3),
        ("学院", 93, DUE, 23),
        ("辅导员", 4, DUE, 23),
    ]


def test_last_day_of_the_window_is_inside_it() -> None:
    assert duties({"missing": 1}, CLOSES) == [("辅导员", 1, CLOSES, 0)]
    assert remaining_work.days_left_in_words(0) == "今天截止"


def test_after_the_window_students_must_still_mend_before_the_hand_in() -> None:
    assert duties({"missing": 1, "correct": 2}, date(2016, 11, 1)) == [("学生", 2, DUE, 19), ("辅导员", 1, DUE, 19)]
    assert duties({"correct": 1}, date(2016, 11, 22)) == [("学生", 1, DUE, -2)]
    assert remaining_work.days_left_in_words(-2) == "已过 2 天"


def test_every_status_has_a_state_with_work_words_and_a_family() -> None:
    """The contract's order of statuses; a state that is not done says who acts, until when, and what."""
    assert set(states()) == set(STATUSES) == {
        "missing", "approved", "stale", "not_checked", "counselor", "registrar", "correct", "returned", "awaiting",
    }  # fmt: skip
    assert {state.family for state in states().values()} == {family.name for family in theme().families}
    for state in states().values():
        assert state.word and state.headline and state.lead
        if state.needs_work:
            assert state.who and state.until in ("closes", "college_due")
            assert state.task and state.reason and state.advice and "{}" in state.short
    assert [state.name for state in states().values() if not state.needs_work] == ["approved"]
    assert remaining_work.tasks({"approved": 5}, CLOSES, WINDOW) == []


def course(approved: dict[str, int], total: int, as_of: date):
    days = pd.Series(list(approved), dtype="str")
    rows = pd.DataFrame({"day": days, "submitted": 0, "approved": list(approved.values())})
    return course_of(rows, total, as_of, WINDOW)


@pytest.mark.parametrize(
    ("approved", "verdict", "words"),
    [
        ({}, "", "已通过 0%"),
        ({"2016-10-20": 100}, "全部通过", "学院上报截止 11月20日（还有 23 天）。"),
        ({"2016-10-01": 60, "2016-10-25": 30}, "进度正常", "近 7 天平均每天 4.3 人，按现在的速度 10月31日完成"),
        ({"2016-10-25": 10}, "进度偏慢", "按期完成每天要通过 3.9 人；近 7 天平均每天 1.4 人"),
        ({"2016-09-25": 90}, "进度偏慢", "近 7 天平均每天 0 人"),
    ],
)
def test_pace(approved: dict[str, int], verdict: str, words: str) -> None:
    found = course(approved, 100, date(2016, 10, 28))
    assert remaining_work.pace(found).verdict == verdict
    assert words in remaining_work.pace_sentence(found)


def test_the_course_ends_with_the_numbers_of_the_tables() -> None:
    """What has no day counts from the opening; what is dated later counts today; nothing is lost."""
    rows = pd.DataFrame(
        {
            "day": ["", "2016-01-01", "2016-10-01", "2099-01-01"],
            "submitted": [1, 2, 3, 4],
            "approved": [0, 0, 1, 1],
        }
    )
    found = course_of(rows, 20, date(2016, 10, 2), WINDOW)
    assert found.submitted[0] == (OPENS, 3)
    assert found.submitted[-2:] == [(date(2016, 10, 1), 6), (date(2016, 10, 2), 10)]
    assert found.approved[-1] == (date(2016, 10, 2), 2)
    assert course_of(rows, 20, date(2016, 9, 1), WINDOW).submitted == [(date(2016, 9, 1), 10)]


def test_reasons_say_whom_each_alone_would_free() -> None:
    roster = pd.DataFrame(
        {
            "submission_id": ["a", "b", "c", "", "e"],
            "status": ["correct", "correct", "counselor", "missing", "approved"],
            "school": "甲大学",
            "student_number": ["1", "2", "3", "4", "5"],
        }
    )
    rule = lambda s, r, actor="student", excepted=False: {  # noqa: E731
        "submission_id": s,
        "school": "甲大学",
        "student_number": "",
        "rule": r,
        "severity": "critical",
        "actor": actor,
        "field": r,
        "message": r,
        "excepted": excepted,
    }
    findings = pd.DataFrame(
        [rule("a", "x"), rule("b", "x"), rule("b", "y"), rule("c", "z", "counselor"), rule("a", "w", excepted=True)]
    )
    columns = ["reason", "students", "freed", "share"]
    rows = open_reasons(roster, findings)[columns].itertuples(index=False, name=None)
    found = {reason: (students, freed, share) for reason, students, freed, share in rows}
    assert found == {"x": (2, 1, 0.25), "y": (1, 0, 0.0), "z": (1, 1, 0.25), "还没有提交信息": (1, 1, 0.25)}


def test_one_slip_is_one_line() -> None:
    one = {"submission_id": "a", "school": "甲大学", "student_number": "1"}
    roster = pd.DataFrame([{**one, "status": "correct"}])
    month = {**one, "field": "graduation_month", "severity": "critical", "actor": "student"}
    rules = ["graduation_month.june", "graduation_month.registry"]
    findings = pd.DataFrame([{**month, "rule": rule, "message": rule, "excepted": False} for rule in rules])
    assert open_reasons(roster, findings)[["reason", "students", "freed"]].values.tolist() == [[rules[0], 1, 1]]


def test_a_shared_fault_is_no_students_own_reason() -> None:
    """Contract, tables/shared_faults: it is the office's. Who breaks the same rule in his own way keeps his reason."""
    places = {"school": "甲大学", "college": "乙", "class_name": "丙", "counselor": "", "name": "某"}
    states = {"1": "not_checked", "2": "not_checked", "3": "correct"}
    roster = pd.DataFrame([places | {"student_number": n, "submission_id": n, "status": s} for n, s in states.items()])
    rule = {"school": "甲大学", "field": "college", "rule": "college.registry", "severity": "critical"}
    shared = {"actor": "office", "message": "院系不符", "excepted": False, "shared_fault": "a1b2"}
    own = {"actor": "student", "message": "院系应为乙", "shared_fault": ""}
    rows = [rule | shared | {"submission_id": n, "student_number": n} | (own if n == "3" else {}) for n in "123"]
    more = {"rule": "class_name.college", "field": "class_name", "shared_fault": "c3d4"}  # one cause breaks two rules
    rows += [row | more for row in rows[:2]]
    people = People(roster, pd.DataFrame(rows), pd.DataFrame(), OPENS, WINDOW)
    told = "院系：多数人是同一种不符，是整体问题，等就业办处理，学生不用改"
    assert people.reasons()[["reason", "who", "students"]].values.tolist() == [
        [told, "就业办", 2],
        ["院系应为乙", "学生", 1],
    ]
    assert {row.student_number: row.reasons for row in people.chase} == {
        "1": (told,),
        "2": (told,),
        "3": ("院系应为乙",),
    }


def test_who_is_stale_is_told_with_what_is_open() -> None:
    """The exception under which he was approved lapsed: nothing of his has changed, and the reviewer must know what."""
    student = {"school": "甲大学", "student_number": "1", "submission_id": "a", "status": "stale", "name": "某"}
    roster = pd.DataFrame([student | {"college": "乙", "class_name": "丙", "counselor": ""}])
    open_now = {"field": "study_years", "rule": "study_years.span", "severity": "critical", "actor": "student"}
    finding = student | open_now | {"message": "学制不符", "excepted": False, "shared_fault": ""}
    people = People(roster, pd.DataFrame([finding]), pd.DataFrame(), OPENS, WINDOW)
    assert [row.reasons for row in people.chase] == [("审核通过后有改动，需要复核", "学制不符")]


def test_percent_never_rounds_to_done_or_nothing() -> None:
    assert [remaining_work.percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == [
        "0%",
        "<1%",
        "50%",
        ">99%",
        "100%",
    ]


def _luminance(colour: str) -> float:
    linear = [(int(colour[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _lightness(colour: str) -> float:
    return 116 * _luminance(colour) ** (1 / 3) - 16


def test_neighbours_in_a_bar_part_in_grey_and_signs_differ() -> None:
    families = theme().families
    light = [_lightness(family.fill) for family in families]
    assert all(abs(a - b) > 15 for a, b in itertools.pairwise(light))
    assert len({family.sign for family in families}) == len(families)


def test_the_darkest_shade_of_a_cell_can_be_read() -> None:
    """WCAG AA: 4.5 to 1 between the text and its ground."""
    ink = _luminance(theme().ink["text"])
    grounds = [_luminance(tint(family.fill, 1)) for family in theme().families]
    assert min((ground + 0.05) / (ink + 0.05) for ground in grounds) >= 4.5
