"""What is left to do, for whom and by when: counts over a roster, for pages, mail and notebooks alike.

A scope is the roster of a college, of a counselor's classes, or of a school: every function takes such a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from pipeline.render.theme import FAMILY_OF, theme
from pipeline.review.status import open_critical
from pipeline.tables import Frame

SEND_BY_STUDENTS, HAND_IN = "closes", "college_due"


@dataclass(frozen=True)
class Kind:
    """One kind of work: the statuses it covers, who does it, what is to be done, which date of the window binds it."""

    statuses: tuple[str, ...]
    who: str
    what: str
    short: str
    until: str


# In the order in which a row travels; `short` takes the number.
KINDS = (
    Kind(("missing",), "辅导员", "催还没提交的学生", "催 {} 人提交", SEND_BY_STUDENTS),
    Kind(("correct",), "学生", "按提示更正后重新提交", "{} 人更正重交", SEND_BY_STUDENTS),
    Kind(("returned",), "学生", "按退回意见改好重交", "{} 人改好重交", SEND_BY_STUDENTS),
    Kind(("counselor",), "辅导员", "与学生当面核实", "核实 {} 人", HAND_IN),
    Kind(("registrar",), "教务处", "更正学籍库中的信息", "更正 {} 人学籍", HAND_IN),
    Kind(("not_checked",), "就业办", "读入学籍库后重新核验", "补核验 {} 人", HAND_IN),
    Kind(("awaiting",), "学院", "审核已核对无误的学生", "审核 {} 人", HAND_IN),
    Kind(("stale",), "学院", "复核通过后又改动的学生", "复核 {} 人", HAND_IN),
)

# What to call the work of one who has several kinds of it by the same date.
_SEVERAL = {"学生": "{} 人改好重交", "辅导员": "{} 人要催、要核实", "学院": "审核 {} 人"}


@dataclass(frozen=True)
class Task:
    """Work that is left: who, what, how many people, the last day (inclusive) and how many days that leaves."""

    who: str
    what: str
    short: str
    count: int
    due: date
    days_left: int
    family: str

    @property
    def when(self) -> str:
        """The deadline in words."""
        return f"{month_day(self.due)} {left_in_words(self.days_left)}"


@dataclass(frozen=True)
class Duty:
    """All that one person or office has to do by one date, largest part first."""

    who: str
    parts: tuple[Task, ...]

    @property
    def count(self) -> int:
        """People concerned."""
        return sum(task.count for task in self.parts)

    @property
    def due(self) -> date:
        """The last day, inclusive."""
        return self.parts[0].due

    @property
    def days_left(self) -> int:
        """Days left until `due`."""
        return self.parts[0].days_left

    @property
    def short(self) -> str:
        """The work in a few words."""
        return self.parts[0].short if len(self.parts) == 1 else _SEVERAL[self.who].format(grouped(self.count))


@dataclass(frozen=True)
class Pace:
    """Progress against the deadline: people a day that are needed, and people a day of late (None: not known)."""

    needed: float
    recent: float | None
    recent_days: int
    verdict: str


@dataclass(frozen=True)
class Reason:
    """A reason why students are held up: students it touches, and those whom mending it alone would free."""

    label: str
    who: str
    students: int
    freed: int
    share: float
    family: str


def month_day(day: date) -> str:
    """Return a date as 10月31日."""
    return f"{day.month}月{day.day}日"


def left_in_words(days: int) -> str:
    """Return days left as 还有 3 天, 今天截止, 已过 2 天."""
    return f"还有 {days} 天" if days > 0 else "今天截止" if days == 0 else f"已过 {-days} 天"


def grouped(number: float) -> str:
    """Return a number of people as read: 9654, 12,000; where few come a day, with one decimal: 4.7, but 5."""
    if isinstance(number, float) and number < 100:
        return f"{number:.1f}".removesuffix(".0")
    return f"{number:,.0f}" if number >= 10_000 else f"{number:.0f}"


def status_counts(roster: Frame) -> dict[str, int]:
    """Return students per status."""
    return {str(status): int(n) for status, n in roster["status"].value_counts().items()}


def family_counts(statuses: dict[str, int]) -> dict[str, int]:
    """Return students per family of states, every family present, in the theme's order."""
    counts = {family.name: 0 for family in theme().families}
    for status, number in statuses.items():
        counts[FAMILY_OF[status]] += number
    return counts


def tasks(statuses: dict[str, int], as_of: date, closes: date, college_due: date) -> list[Task]:
    """Return the work that is left, what binds first at the top: by deadline, then by number of people.

    Once the students' window is over, what was theirs must still be done until the college hands in.
    """
    found: list[Task] = []
    for kind in KINDS:
        count = sum(statuses.get(status, 0) for status in kind.statuses)
        due = closes if kind.until == SEND_BY_STUDENTS and as_of <= closes else college_due
        if count:
            family = FAMILY_OF[kind.statuses[0]]
            short = kind.short.format(grouped(count))
            found.append(Task(kind.who, kind.what, short, count, due, (due - as_of).days, family))
    return sorted(found, key=lambda task: (task.due, -task.count))


def duties(found: list[Task]) -> list[Duty]:
    """Return the tasks gathered by date and person: by deadline, then by number of people."""
    gathered: dict[tuple[date, str], list[Task]] = {}
    for task in found:
        gathered.setdefault((task.due, task.who), []).append(task)
    made = [Duty(who, tuple(parts)) for (_, who), parts in gathered.items()]
    return sorted(made, key=lambda duty: (duty.due, -duty.count))


def pace(left: int, as_of: date, college_due: date, past: list[tuple[date, int]], approved: int) -> Pace:
    """Return how fast approvals must come and how fast they came.

    Args:
        left: students not approved yet.
        as_of: today.
        college_due: the last day, inclusive.
        past: earlier (day, approved) of the same scope, oldest first.
        approved: approved today.
    """
    days = (college_due - as_of).days
    needed = left / max(days, 1)
    window = [(day, number) for day, number in past if 0 < (as_of - day).days <= 7]
    span = (as_of - window[0][0]).days if window else 0
    recent = (approved - window[0][1]) / span if span else None
    if left == 0:
        verdict = "全部通过"
    elif days < 0:
        verdict = "已过上报截止"
    elif recent is None:
        verdict = ""
    else:
        verdict = "进度正常" if recent >= needed else "进度偏慢"
    return Pace(needed, recent, span, verdict)


def pace_sentence(pace: Pace, approved: int, total: int, as_of: date, college_due: date) -> str:
    """Return the pace in words: share approved, deadline, people a day needed and of late."""
    days = (college_due - as_of).days
    due = f"学院上报截止 {month_day(college_due)}（{left_in_words(days)}）"
    if approved >= total:
        return f"{due}。"
    recent = "" if pace.recent is None else f"；近 {pace.recent_days} 天平均每天 {grouped(pace.recent)} 人"
    needed = f"，按期完成每天要通过 {grouped(pace.needed)} 人" if days >= 0 and pace.needed >= 0.1 else ""
    return f"已通过 {percent(approved / total)}。{due}{needed}{recent}。"


def asked_for(run: str, token: str) -> str:
    """Return the line that tells which page of which run this is, for who asks about it."""
    return f"运行编号 {run}，页面校验 {token}：询问这一页时，请一起说明。"


def percent(share: float) -> str:
    """Return a share as a percentage that never claims 100 % or 0 % before it is so."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1:
        return ">99%"
    return f"{share:.0%}"


def reasons(roster: Frame, findings: Frame, labels: dict[str, str]) -> list[Reason]:
    """Return the reasons that hold students up, the most students first.

    Args:
        roster: the scope.
        findings: its findings (open critical ones count).
        labels: actor to Chinese name.
    """
    left = roster[~roster["status"].isin(["approved"])]
    if left.empty:
        return []
    held = left[left["submission_id"] != ""]
    held = held[held["status"].isin(["correct", "counselor", "registrar", "not_checked", "returned"])]
    mine = open_critical(findings)
    mine = mine[mine["submission_id"].isin(held["submission_id"])].drop_duplicates(["submission_id", "rule"])
    alone = mine.groupby("submission_id")["rule"].transform("size").eq(1)
    found: list[Reason] = []
    for _, group in mine.assign(alone=alone).groupby("rule"):
        first = group.iloc[0]
        freed = int(group["alone"].sum())
        found.append(
            Reason(
                str(first["message"]),
                labels[str(first["actor"])],
                len(group),
                freed,
                freed / len(left),
                "fix" if first["actor"] == "student" else "verify",
            ),
        )
    missing = int((left["status"] == "missing").sum())
    if missing:
        found.append(Reason("还没有提交信息", "辅导员", missing, missing, missing / len(left), "missing"))
    return sorted(found, key=lambda reason: (-reason.students, reason.label))


def by_group(roster: Frame, column: str) -> list[dict[str, object]]:
    """Return one entry per value of `column`: name, total and students per family, the most left first."""
    families = roster["status"].map(FAMILY_OF)
    crossed = pd.crosstab(roster[column], families)
    entries: list[dict[str, object]] = []
    for name, row in crossed.iterrows():
        counts = {family.name: int(row.get(family.name, 0)) for family in theme().families}
        total = sum(counts.values())
        entries.append({"name": str(name), "total": total, "counts": counts, "left": total - counts["done"]})
    return sorted(entries, key=lambda entry: (-int(str(entry["left"])), str(entry["name"])))
