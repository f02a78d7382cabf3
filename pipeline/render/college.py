"""The page of one college: `open_page` gathers its rows once, each `show_…` returns one piece of the page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from pipeline.render import figures, work
from pipeline.render.chase import Group, chase_groups, waiting
from pipeline.render.headcount import COLUMNS
from pipeline.render.history import Day
from pipeline.render.pieces import Picture, Piece, piece
from pipeline.render.scope import Scope, headcount_of, open_page
from pipeline.render.theme import FAMILY_OF, theme
from pipeline.render.today import show_work
from pipeline.tables import ACTORS, STATUSES, Frame

__all__ = ["SECTIONS", "Scope", "headcount_of", "open_page"]  # notebooks take all from here

SECTIONS = ("today", "progress", "trend", "reasons", "changes", "classes", "majors", "chase", "headcount", "notes")
_REASONS = 8
_FEW_REASONS = 3  # no taller than the trend beside them: the changes stand below them, not below the trend
_CHASED = 1000
_NAMED = 12  # people named in one line of changes
_SETTLE = "提交人不在本届学籍名单里，请辅导员核实；不是本届学生的，由就业办撤销。"


def show_head(page: Scope) -> Piece:
    """Return the heading: which college, which day, what stands signed or has changed since."""
    run = page.run
    line = f"{run.school_name(page.school)} · {run.cohort}毕业生信息核对"
    title = f"{page.college} · {page.counselor}" if page.counselor else page.college
    facts = {
        "token": page.token,
        "school": page.school,
        "college": page.college,
        "title": title,
        "as_of": str(run.as_of),
    }
    return piece(
        "head",
        title,
        facts,
        title=title,
        line=line,
        as_of=run.as_of.isoformat(),
        token=page.token,
        banners=_banners(page),
    )


def _banners(page: Scope) -> list[dict[str, str]]:
    """Return what must be known before the figures: a signature, and whether the data still equal it."""
    signature = page.signature
    fix, done = theme().family("missing"), theme().family("done")
    banners: list[dict[str, str]] = []
    stale = page.statuses.get("stale", 0)
    if signature.signed and signature.broken:
        text = f"{signature.signed} 签字之后数据有改动，签字的表已不作数。请核对“比上次变了什么”，重新打印、重新签字。"
        banners.append({"head": "签字后有改动", "text": text, "line": fix.text, "ground": "#fdf1f1", "sign": "!"})
    elif signature.signed:
        text = f"学院已于 {signature.signed} 签字" + (
            f"，就业办已于 {signature.accepted} 接收。" if signature.accepted else "，等就业办接收。"
        )
        banners.append({"head": "已签字", "text": text, "line": done.text, "ground": "#f0f6fc", "sign": "✓"})
    if stale:
        text = f"{stale} 名学生审核通过后，提交的信息或学籍又有改动，请学院复核。"
        banners.append(
            {"head": "通过后有改动", "text": text, "line": theme().family("fix").text, "ground": "#fff8ea", "sign": "!"}
        )
    return banners


def show_today(page: Scope) -> Piece:
    """Return what is left to do today: how many, who first, by when; then everybody's work in that order."""
    whose = "您班级的" if page.counselor else "所有"
    after = f"另有名单外的提交 {page.extra} 条：{_SETTLE}见下面“要找的学生”。" if page.extra else ""
    signature = None if page.counselor else page.signature
    nothing_left = f"{whose}学生都已审核通过。{page.step.told}"
    return show_work(page.run, page.statuses, page.step, nothing_left, signature, after=after)


def show_progress(page: Scope) -> Piece:
    """Return progress against the deadline: a sentence on the pace, and the whole scope as one bar."""
    pace = work.pace(page.left, page.run.as_of, page.run.college_due, page.approved_before, page.counts["done"])
    due, signature = page.run.college_due, page.signature
    sentence = work.pace_sentence(pace, page.counts["done"], page.total, page.run.as_of, due)
    if signature.stands:
        sentence = signature.told(due)
    return piece(
        "progress",
        "离截止的进度",
        {"section": "progress"},
        verdict=pace.verdict,
        sentence=sentence,
        counts=page.counts,
        total=page.total,
    )


def show_trend(page: Scope) -> Picture:
    """Return the picture of submissions and approvals against the deadlines."""
    run = page.run
    approved = [(day, number) for day, number in page.approved_before if day < run.as_of]
    start = [] if approved and approved[0][0] <= run.opens else [(run.opens, 0)]
    course = figures.Course(
        submitted=_submitted_byday_of(page),
        approved=[*start, *approved, (run.as_of, page.counts["done"])],
        total=page.total,
        as_of=run.as_of,
        opens=run.opens,
        closes=run.closes,
        college_due=run.college_due,
    )
    return figures.trend(course)


def _submitted_byday_of(page: Scope) -> list[tuple[date, int]]:
    """Return the students who have submitted by the end of each day from the opening to today."""
    run = page.run
    last = max(run.as_of, run.opens)
    span = [run.opens + timedelta(days=n) for n in range((last - run.opens).days + 1)]
    dated = page.submissions["submitted_at"].str.slice(0, 10)
    dated = dated[dated.str.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")]
    first, end = run.opens.isoformat(), last.isoformat()
    by_day = dated.mask(dated < first, first).mask(dated > end, end).value_counts()
    number = page.total - page.statuses.get("missing", 0) - len(dated)  # a row without a time counts from the first day
    course: list[tuple[date, int]] = []
    for day in span:
        number += int(by_day.get(day.isoformat(), 0))
        course.append((day, number))
    return course


def show_reasons(page: Scope) -> Piece:
    """Return the main reasons that hold students up, with those whom each alone would free."""
    found = work.reasons(page.roster, page.findings, ACTORS)
    return piece(
        "reasons",
        "卡在哪里",
        {"section": "reasons", "short": len(found) <= _FEW_REASONS},
        reasons=found[:_REASONS],
        others=max(len(found) - _REASONS, 0),
        most=max((reason.students for reason in found), default=1),
    )


def show_classes(page: Scope) -> Piece:
    """Return states by class as a table with shaded cells."""
    return piece(
        "matrix",
        "各班级",
        {"section": "classes"},
        title="各班级",
        section="classes",
        kind="班级",
        lead="还差人数多的班级在前；颜色越深，没做完的人占本班越多。",
        entries=work.by_group(page.roster, "class_name"),
    )


def show_majors(page: Scope) -> Piece:
    """Return states by major as bars."""
    return piece(
        "majors", "各专业", {"section": "majors"}, entries=work.by_group(page.roster, "major"), counts=page.counts
    )


def show_chase(page: Scope) -> Piece:
    """Return the students to chase by counselor and class, numbers masked."""
    groups, hidden = _capped(_groups(page))
    queue = [
        {"name": each.class_name, "count": len(each.people), "people": each.people} for each in waiting(page.roster)
    ]
    listed = sum(len(group.students) for group in groups)
    return piece(
        "chase",
        "要找的学生",
        {"section": "chase"},
        groups=groups,
        hidden=hidden,
        waiting=queue,
        extras=page.extras,
        settle=_SETTLE,
        open=listed <= 60 or bool(page.counselor),
    )


def _groups(page: Scope) -> list[Group]:
    school = page.run.school_name(page.school)
    registry = page.run.rows("registry", columns=["student_number", "id_number"], school=school, college=page.college)
    identities = dict(zip(registry["student_number"], registry["id_number"], strict=True))
    phones = dict(zip(page.submissions["submission_id"], page.submissions["phone"], strict=True))
    return chase_groups(page.roster, page.findings, identities, phones)


def _capped(groups: list[Group]) -> tuple[list[Group], int]:
    """Return as many groups as a page can carry and the number of students left out."""
    shown: list[Group] = []
    room = _CHASED
    for group in groups:
        if room > 0:
            shown.append(Group(group.counselor, group.students[:room], group.classes, group.counts))
        room -= len(group.students)
    return shown, max(-room, 0)


def show_headcount(page: Scope) -> Piece:
    """Return the headcount by major, the same numbers and digest as the printed ones."""
    return piece("headcount", "人数统计", {"section": "headcount"}, headcount=headcount_of(page), columns=COLUMNS)


def show_changes(page: Scope) -> Piece:
    """Return which students moved between states since the last run."""
    before = next((day for day in reversed(page.days) if page.run.has_roster(day)), None)
    if before is None:
        nothing = "这是第一次运行，没有可比的上一次。"
        return piece("changes", "比上次变了什么", {"section": "changes"}, lead="", moves=[], nothing=nothing)
    moves = _moves(page, before)
    return piece(
        "changes",
        "比上次变了什么",
        {"section": "changes"},
        lead=f"与 {page.run.named(before)}相比。",
        moves=moves,
        nothing="没有学生的状态变化。",
    )


def _moves(page: Scope, before: Day) -> list[dict[str, Any]]:
    columns = ["school", "college", "student_number", "name", "status"]
    school = page.run.school_name(page.school)
    old = page.run.rows_before(before, "roster", columns=columns, school=school, college=page.college)
    if page.counselor:
        old = old[old["student_number"].isin(page.roster["student_number"])]
    both = old.merge(page.roster[columns], on="student_number", how="outer", suffixes=("_old", "_new")).fillna("")
    moved = both[both["status_old"] != both["status_new"]]
    moves = [
        _move(str(old_status), str(new_status), group)
        for (old_status, new_status), group in moved.groupby(["status_old", "status_new"])
    ]
    return sorted(moves, key=lambda move: -int(move["count"]))


def _move(before: str, after: str, group: Frame) -> dict[str, Any]:
    """Return one line of changes; people are named where they are few, and only those still on the roster."""
    present = group[group["status_new"] != ""] if after else group
    named = list(zip(present["student_number"], present["name_new" if after else "name_old"], strict=True))
    return {
        "before": STATUSES.get(before, "不在册"),
        "before_family": FAMILY_OF.get(before, ""),
        "after": STATUSES.get(after, "不再在册"),
        "after_family": FAMILY_OF.get(after, ""),
        "count": len(group),
        "people": named if after and len(named) <= _NAMED else [],
    }


def show_notes(page: Scope) -> Piece:
    """Return how the figures are counted, and what could not be checked."""
    run = page.run
    school = run.school_name(page.school)
    lines = [
        "在册：学籍库中本届学生；已提交：有有效提交的学生；已认证：身份与学籍信息都与学籍库一致。",
        "已通过：学院审核通过，且通过后数据没有改动。还差：在册减去已通过。",
        "名单外：提交人不在本届学籍名单里。校验码：与打印的人数表上的相同，就是同一份名单。",
        f"学生提交 {work.month_day(run.opens)} 至 {work.month_day(run.closes)}，"
        f"学院 {work.month_day(run.college_due)} 前上报。",
    ]
    lines += run.not_checked(school)
    excepted = int(page.findings["excepted"].astype(bool).sum())
    if excepted:
        lines.append(f"有 {excepted} 处情况已凭证明登记为例外，不再提示。")
    lines.append(work.asked_for(run.run_id, page.token))
    return piece("notes", "口径与说明", {"section": "notes"}, lines=lines)
