"""Open work of students: tasks, course and pace, and the Chinese wording of days and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

import pandas as pd

from pipeline.cohort_sections import Window
from pipeline.resources import report_table
from pipeline.states import State, family_of, states, theme
from pipeline.tables import Frame

_RECENT_DAYS = 7  # days over which the recent speed is measured
_MAX_FORECAST = 90  # days: no forecast beyond
# The words for several tasks of one person with the same deadline.
_COMBINED = {"学生": "{} 人改好重交", "辅导员": "{} 人要催、要核实", "学院": "审核 {} 人"}


@dataclass(frozen=True)
class Task:
    """The open work in one state. `short` says it with the number `count`; `due` is the last day (inclusive)."""

    state: State
    short: str
    count: int
    due: date


@dataclass(frozen=True)
class Duty:
    """All tasks of one person or office with the same deadline, the largest first."""

    who: str
    parts: tuple[Task, ...]
    count: int
    """Students concerned."""
    due: date
    days_left: int
    short: str
    """The work in a few words."""


@dataclass(frozen=True)
class Course:
    """Cumulative submissions and approvals for each day from the opening to `as_of`, and the deadlines."""

    submitted: list[tuple[date, int]]
    approved: list[tuple[date, int]]
    total: int
    as_of: date
    opens: date
    closes: date
    college_due: date

    def approved_by(self, day: date) -> int:
        """Return the number of approvals by the end of `day`."""
        return max((number for at, number in self.approved if at <= day), default=0)


def course_of(rows: Frame, total: int, as_of: date, window: Window) -> Course:
    """Return the course. Rows before the opening (or without a day) count on it, rows after `as_of` on `as_of`."""
    opens = min(window.opens, as_of)
    days = [opens + timedelta(days=n) for n in range((as_of - opens).days + 1)]
    first, last = opens.isoformat(), as_of.isoformat()
    day_counted = rows["day"].mask(rows["day"] < first, first).mask(rows["day"] > last, last)
    by_day = rows[["submitted", "approved"]].groupby(day_counted).sum().cumsum()
    by_day = by_day.reindex([day.isoformat() for day in days]).ffill().fillna(0).astype("int64")
    submitted, approved = (list(zip(days, by_day[name].tolist(), strict=True)) for name in ("submitted", "approved"))
    return Course(submitted, approved, total, as_of, opens, window.closes, window.college_due)


@dataclass(frozen=True)
class Pace:
    """Approvals a day: `needed` until the deadline, and `recent` (None: unknown) over the last `recent_days`."""

    needed: float
    recent: float | None
    recent_days: int
    verdict: str


def month_day(day: date) -> str:
    """Return a date as 10月31日."""
    return f"{day.month}月{day.day}日"


def days_left_in_words(days: int) -> str:
    """Return days left as 还有 3 天, 今天截止, 已过 2 天."""
    return f"还有 {days} 天" if days > 0 else "今天截止" if days == 0 else f"已过 {-days} 天"


def format_count(number: float) -> str:
    """Format a number of people: 9654, 12,000. A float below 100 has one decimal: 4.7, but 5."""
    if isinstance(number, float) and number < 100:
        return f"{number:.1f}".removesuffix(".0")
    return f"{number:,.0f}" if number >= 10_000 else f"{number:.0f}"


def family_counts(statuses: dict[str, int]) -> dict[str, int]:
    """Return students per family of states, every family present, in the theme's order."""
    counts = {family.name: 0 for family in theme().families}
    for status, number in statuses.items():
        counts[family_of(status)] += number
    return counts


def tasks(statuses: dict[str, int], as_of: date, window: Window) -> list[Task]:
    """Return open work by deadline, then number. After the students' window their work is due with the college's."""
    found: list[Task] = []
    for state in states().values():
        count = statuses.get(state.name, 0)
        if count and state.needs_work:
            due = window.closes if state.until == "closes" and as_of <= window.closes else window.college_due
            found.append(Task(state, state.short.format(format_count(count)), count, due))
    return sorted(found, key=lambda task: (task.due, -task.count))


def duties(statuses: dict[str, int], as_of: date, window: Window) -> list[Duty]:
    """Return the `tasks` grouped by deadline and person, ordered by deadline, then the most students first."""
    by_person: dict[tuple[date, str], list[Task]] = {}
    for task in tasks(statuses, as_of, window):
        by_person.setdefault((task.due, task.state.who), []).append(task)
    result: list[Duty] = []
    for (due, who), parts in by_person.items():
        count = sum(task.count for task in parts)
        short = parts[0].short if len(parts) == 1 else _COMBINED[who].format(format_count(count))
        result.append(Duty(who, tuple(parts), count, due, (due - as_of).days, short))
    return sorted(result, key=lambda duty: (duty.due, -duty.count))


def pace(course: Course) -> Pace:
    """Compare the approvals a day needed until the deadline with those of the last seven days (if any)."""
    done, left = course.approved_by(course.as_of), course.total - course.approved_by(course.as_of)
    days = (course.college_due - course.as_of).days
    needed = left / max(days, 1)
    since = max(course.opens, course.as_of - timedelta(days=_RECENT_DAYS))
    span = (course.as_of - since).days
    recent = (done - course.approved_by(since)) / span if span > 0 and done else None
    if left == 0:
        verdict = "全部通过"
    elif days < 0:
        verdict = "已过上报截止"
    elif recent is None:
        verdict = ""
    else:
        verdict = "进度正常" if recent >= needed else "进度偏慢"
    return Pace(needed, recent, span, verdict)


def pace_sentence(course: Course) -> str:
    """Return the pace in Chinese: share approved, deadline, approvals a day, and the forecast."""
    speed, done, due_day = pace(course), course.approved_by(course.as_of), course.college_due
    days = (due_day - course.as_of).days
    due = f"学院上报截止 {month_day(due_day)}（{days_left_in_words(days)}）"
    left = course.total - done
    if left <= 0:
        return f"{due}。"
    needed = f"，按期完成每天要通过 {format_count(speed.needed)} 人" if days >= 0 and speed.needed >= 0.1 else ""
    return f"已通过 {percent(done / course.total)}。{due}{needed}{_forecast(course, speed, left)}。"


def _forecast(course: Course, speed: Pace, left: int) -> str:
    """Return the recent speed and the forecast date; blank when there are too few days for a forecast."""
    if speed.recent is None:
        return "；还没有人通过，推算不出哪天完成" if (course.as_of - course.opens).days >= _RECENT_DAYS else ""
    recent = f"；近 {speed.recent_days} 天平均每天 {format_count(speed.recent)} 人"
    if not speed.recent:
        return f"{recent}，照这样完不成"
    days = ceil(left / speed.recent)
    if days > _MAX_FORECAST:
        return f"{recent}，按现在的速度 {_MAX_FORECAST} 天内完不成"
    end = course.as_of + timedelta(days=days)
    late = (end - course.college_due).days
    return f"{recent}，按现在的速度 {month_day(end)}完成{f'，比上报截止晚 {late} 天' if late > 0 else ''}"


def page_reference(run: str, token: str) -> str:
    """Return the footer that identifies run and page for questions about them."""
    return f"运行编号 {run}，页面校验 {token}：询问这一页时，请一起说明。"


def percent(share: float) -> str:
    """Format a share as a percentage. Only exactly 1 is 100 % and only exactly 0 is 0 %."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def by_group(roster: Frame, *columns: str) -> Frame:
    """Return a row per group of students with equal values in `columns`, the most unapproved first.

    Columns: the last of `columns`, the first student's `counselor`, `registered`, the number per family of states,
    `left`, and the other `columns`.
    """
    rows: list[dict[str, Any]] = []
    for key, group in roster.groupby(list(columns)):
        counts = family_counts({str(status): int(n) for status, n in group["status"].value_counts().items()})
        labels = dict(zip(columns, map(str, key), strict=True))
        row = {**labels, "counselor": str(group["counselor"].iloc[0]), "registered": len(group)}
        rows.append({**row, **counts, "left": len(group) - counts["done"]})
    *others, name = columns
    rows.sort(key=lambda row: (-row["left"], row[name]))
    families = [family.name for family in theme().families]
    return pd.DataFrame(rows, columns=[name, "counselor", "registered", *families, "left", *others])


def group_name(name: str, column: str) -> str:
    """Return what a page calls a group of students (`column`: college, class_name, major, counselor) with this name."""
    return name or str(report_table("words")["unnamed"][column])


def group_entries(groups: Frame) -> list[dict[str, Any]]:
    """Return groups for templates: their columns, `name`, `total`, and `counts` by family of states."""
    families, name = [family.name for family in theme().families], str(groups.columns[0])
    return [
        {
            **{str(column): row[column] for column in row if column not in families},
            "name": group_name(str(row[name]), name),
            "total": int(row["registered"]),
            "counts": {family: int(row[family]) for family in families},
        }
        for row in groups.to_dict("records")
    ]
