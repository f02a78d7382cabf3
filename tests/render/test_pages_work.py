"""Who must act, by when, and why: the counts behind the top of every page."""

from __future__ import annotations

import itertools
from datetime import date

import pandas as pd
import pytest

from pipeline.render import work
from pipeline.render.theme import FAMILY_OF, theme, tint
from pipeline.tables import ACTORS, STATUSES

CLOSES, DUE = date(2016, 10, 31), date(2016, 11, 20)


def duties(statuses: dict[str, int], as_of: date) -> list[tuple[str, int, date, int]]:
    found = work.duties(work.tasks(statuses, as_of, CLOSES, DUE))
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
    assert work.left_in_words(0) == "今天截止"


def test_after_the_window_students_must_still_mend_before_the_hand_in() -> None:
    assert duties({"missing": 1, "correct": 2}, date(2016, 11, 1)) == [("学生", 2, DUE, 19), ("辅导员", 1, DUE, 19)]
    assert duties({"correct": 1}, date(2016, 11, 22)) == [("学生", 1, DUE, -2)]
    assert work.left_in_words(-2) == "已过 2 天"


def test_every_status_has_work_and_a_family() -> None:
    assert set(FAMILY_OF) == set(STATUSES)
    covered = {status for kind in work.KINDS for status in kind.statuses}
    assert covered == set(STATUSES) - {"approved"}
    assert work.tasks({"approved": 5}, CLOSES, CLOSES, DUE) == []


@pytest.mark.parametrize(
    ("left", "past", "approved", "verdict"),
    [
        (10, [], 90, ""),
        (0, [], 100, "全部通过"),
        (10, [(date(2016, 10, 25), 80)], 90, "进度正常"),
        (90, [(date(2016, 10, 25), 9)], 10, "进度偏慢"),
        (10, [(date(2016, 9, 25), 0)], 90, ""),  # too long ago to say how fast it is now
    ],
)
def test_pace(left: int, past: list[tuple[date, int]], approved: int, verdict: str) -> None:
    assert work.pace(left, date(2016, 10, 28), DUE, past, approved).verdict == verdict


def test_reasons_say_whom_each_alone_would_free() -> None:
    roster = pd.DataFrame(
        {
            "submission_id": ["a", "b", "c", "", "e"],
            "status": ["correct", "correct", "counselor", "missing", "approved"],
        }
    )
    rule = lambda s, r, actor="student", excepted=False: {  # noqa: E731
        "submission_id": s,
        "rule": r,
        "severity": "critical",
        "actor": actor,
        "message": r,
        "excepted": excepted,
    }
    findings = pd.DataFrame(
        [rule("a", "x"), rule("b", "x"), rule("b", "y"), rule("c", "z", "counselor"), rule("a", "w", excepted=True)]
    )
    found = {
        reason.label: (reason.students, reason.freed, reason.share) for reason in work.reasons(roster, findings, ACTORS)
    }
    assert found == {"x": (2, 1, 0.25), "y": (1, 0, 0.0), "z": (1, 1, 0.25), "还没有提交信息": (1, 1, 0.25)}


def test_percent_never_rounds_to_done_or_nothing() -> None:
    assert [work.percent(share) for share in (0, 0.001, 0.5, 0.999, 1)] == ["0%", "<1%", "50%", ">99%", "100%"]


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
