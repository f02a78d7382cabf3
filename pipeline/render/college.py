"""A college's page and a counselor's: `open_…` reads their rows, each `show_…` returns one fragment."""

from __future__ import annotations

from typing import Any

from pipeline.errors import InputError
from pipeline.logs import mask_id, mask_phone
from pipeline.render.figures import show_trend as show_trend
from pipeline.render.fragments import INDEX_LINK, Fragment, section
from pipeline.render.frames import DIFFERENCES, heading
from pipeline.render.parameters import require_parameters
from pipeline.render.printed_headcount import COLUMNS, Headcount, headcount_lines, outside_in_words
from pipeline.render.sections import listing, page_changes, page_head, rows_of, set_up_notebook, show_work
from pipeline.states import theme
from pipeline.tables import Frame, empty
from pipeline.view import remaining_work
from pipeline.view.moves import COMPARED, moves
from pipeline.view.people import Group, Scope, by_class, by_counselor, count_extras
from pipeline.view.run_tables import load_run

_MAX_REASONS = 8
_FEW_REASONS = 3  # not taller than the trend in the next column
_MAX_CHASE_ROWS = 1000
_CHASE_FAMILIES = ("missing", "fix", "verify")
_LISTED_KINDS = [kind for kind in DIFFERENCES if kind != "not_approved"]
_MAX_NAMED = 12  # people named in one line of changes
_EXTRAS_ADVICE = "提交人不在本届学籍名单里，请辅导员核实；不是本届学生的，由就业办撤销。"


def open_page(run: str, college: str, school: str) -> Scope:
    """Read one college's rows of the run `run`. Raises InputError if it does not exist or has no students."""
    require_parameters(run=run, school=school)  # a college may be blank in a registry
    run_tables = load_run(run)
    name = run_tables.school_name(school)
    roster = run_tables.rows("roster", school=name, college=college)
    if roster.empty:
        require_parameters(college=college)
        raise InputError(f"{name}没有院系“{college}”的学生", remedy="请核对院系名称，或查看 overview.html 中的院系")
    page = Scope(
        roster=roster,
        findings=run_tables.rows("findings", school=name, college=college),
        course_rows=run_tables.rows("course", school=name, college=college),
        as_of=run_tables.as_of,
        window=run_tables.window,
        extras=count_extras(run_tables, school)[name, college],
        run=run_tables,
        school=school,
        college=college,
    )
    set_up_notebook(f"已打开 {college}（{name}，{run_tables.cohort}，数据截至 {run_tables.as_of}）", page.token)
    return page


def open_counselor(run: str, college: str, school: str, counselor: str) -> Scope:
    """Read the students of a counselor's classes in one college. `counselor` is a name or an e-mail address.

    Raises InputError if no class or student of this college has this counselor, or two have this name.
    """
    require_parameters(run=run, school=school, counselor=counselor)
    page = open_page(run, college, school)
    staff = page.run.rows("counselors", school=page.run.school_name(school), college=college)
    rows = staff[(staff["email"].str.lower() == counselor.strip().lower()) | (staff["name"] == counselor.strip())]
    if rows.empty:
        raise InputError(f"{college}没有这位辅导员的班级", remedy="请按 counselors.csv 中的姓名或邮箱填写")
    if rows["email"].nunique() > 1:
        raise InputError(f"{college}有不止一位同名的辅导员", remedy="请改用邮箱")
    scope = page.of_classes(set(rows["class_name"]), str(rows["name"].iloc[0]))
    if scope.roster.empty:
        raise InputError("这位辅导员的班级里没有本届学生", remedy="请核对 counselors.csv 中的班级名称")
    return scope


def show_head(page: Scope) -> Fragment:
    """Return the heading with the day, the signature and changes since it."""
    line = f"{page.school_name} · {page.run.cohort}毕业生信息核对"
    college = remaining_work.group_name(page.college, "college")
    title = f"{college} · {page.counselor}" if page.counselor else college
    links = [] if page.counselor else [INDEX_LINK]
    place = {"school": page.school, "college": page.college}
    return page_head(page.run, title, line, **place, links=links, banners=_banners(page))


def _banners(page: Scope) -> list[dict[str, str]]:
    signature, stale = page.signature, page.statuses.get("stale", 0)
    rows: list[tuple[str, str, str, str, str]] = []
    if signature.signed and signature.broken:
        text = f"{signature.signed} 签字之后数据有改动，签字的表已不作数。请核对“比上次变了什么”，重新打印、重新签字。"
        rows.append(("签字后有改动", text, "missing", "#fdf1f1", "!"))
    elif signature.signed:
        then = f"就业办已于 {signature.accepted} 接收" if signature.accepted else "等就业办接收"
        rows.append(("已签字", f"学院已于 {signature.signed} 签字，{then}。", "done", "#f0f6fc", "✓"))
    if stale:
        text = f"{stale} 名学生审核通过后，提交的信息或学籍又有改动，请学院复核。"
        rows.append(("通过后有改动", text, "fix", "#fff8ea", "!"))
    return [
        {"head": head, "text": text, "line": theme().family(family).text, "ground": ground, "sign": sign}
        for head, text, family, ground, sign in rows
    ]


def show_today(page: Scope) -> Fragment:
    """Return today's work: students left, who acts first, the deadline, and all open work in that order."""
    students = "您班级的" if page.counselor else "所有"
    after = f"另有名单外的提交 {page.extras} 条：{_EXTRAS_ADVICE}见下面“要找的学生”。" if page.extras else ""
    signature = None if page.counselor else page.signature
    nothing_left = f"{students}学生都已审核通过。{page.step.text}"
    day, window = page.as_of, page.window
    return show_work(page.statuses, day, window, page.step, nothing_left, signature, after=after, people="#chase")


def show_progress(page: Scope) -> Fragment:
    """Return the pace in a sentence and the students by state as one bar."""
    sentence = page.signature.text(page.window.college_due) if page.signature.valid else ""
    return section(
        "progress",
        "离截止的进度",
        verdict=remaining_work.pace(page.trend).verdict,
        sentence=sentence or remaining_work.pace_sentence(page.trend),
        counts=page.counts,
        total=page.total,
    )


def show_reasons(reasons: Frame | Scope, title: str = "", lead: str = "", rows: int = _MAX_REASONS) -> Fragment:
    """Return bars of reasons, with the students that each alone would free. A Scope stands for all its reasons."""
    found = reasons.reasons() if isinstance(reasons, Scope) else reasons
    return section(
        "reasons",
        title,
        short=len(found) <= _FEW_REASONS,
        lead=lead if len(found) else "",
        reasons=list(found.head(rows).itertuples(index=False)),
        hidden=max(len(found) - rows, 0),
        most=max(found["students"], default=1),
    )


_SECTION_OF = {"class_name": "classes", "major": "majors"}


def show_matrix(groups: Frame, title: str, lead: str = "") -> Fragment:
    """Return groups (`page.by_class()`, `page.by_major()`) by state as a table with shaded cells."""
    column = str(groups.columns[0])
    entries = [{**entry, "href": "#chase"} for entry in remaining_work.group_entries(groups)]
    return section("matrix", title, _SECTION_OF.get(column, column), kind=heading(column), lead=lead, entries=entries)


def show_bars(groups: Frame, title: str, lead: str = "") -> Fragment:
    """Return groups of students by state as bars."""
    column = str(groups.columns[0])
    entries = remaining_work.group_entries(groups)
    counts = {name: int(groups[name].sum()) for name in remaining_work.family_counts({})}
    name = _SECTION_OF.get(column, "groups")
    return section("bars", title, name, kind=heading(column), lead=lead, entries=entries, counts=counts)


def show_chase(page: Scope, title: str = "", lead: str = "") -> Fragment:
    """Return the unapproved students by counselor and class, with masked numbers."""
    groups, hidden = _limit_groups(by_counselor(page.chase, _CHASE_FAMILIES))
    waiting = by_class([student for student in page.chase if student.state.family == "review"])
    number = sum(len(group.students) for group in groups)
    columns = ["student_number", "id_number"]
    registry = page.run.rows("registry", columns=columns, school=page.school_name, college=page.college)
    return section(
        "chase",
        title,
        lead=lead,
        groups=groups,
        families=_CHASE_FAMILIES,
        hidden=hidden,
        waiting=waiting,
        extras=page.listed_extras,
        extras_advice=_EXTRAS_ADVICE,
        open=number <= 60 or bool(page.counselor),
        id_numbers=dict(zip(registry["student_number"], registry["id_number"].map(mask_id), strict=True)),
        phones=dict(zip(page.submissions["submission_id"], page.submissions["phone"].map(mask_phone), strict=True)),
    )


def _limit_groups(groups: list[Group]) -> tuple[list[Group], int]:
    kept_groups: list[Group] = []
    room = _MAX_CHASE_ROWS
    for group in groups:
        if room > 0:
            kept_groups.append(Group(group.counselor, group.students[:room]))
        room -= len(group.students)
    return kept_groups, max(-room, 0)


def headcount_of(page: Scope) -> Headcount:
    """Return the college's headcount as it is printed and signed."""
    run = page.run
    school = page.school_name
    table = run.rows("headcount", school=school, college=page.college)
    signature = page.signature
    outside = run.rows("outside", school=school, college=page.college) if run.has("outside") else empty("outside")
    return Headcount(
        cohort=run.cohort,
        school=school,
        college=remaining_work.group_name(page.college, "college"),
        as_of=run.as_of,
        lines=headcount_lines(table),
        digest=str(run.state(page.school, page.college).get("digest", "")),
        office=str(run.summary["cohort"].get("office", "")),
        outside=outside_in_words(outside),
        signed_on=signature.signed.isoformat() if signature.signed and signature.valid else "",
    )


def show_headcount(
    page: Scope,
    title: str = "人数统计",
    lead: str = "按专业；与同一文件夹的 headcount.xlsx、headcount.pdf 同一份数据。",
) -> Fragment:
    """Return the headcount by major, with the numbers and digest of the printed one."""
    return section("headcount", title, lead=lead, headcount=headcount_of(page), columns=COLUMNS)


def show_differences(page: Scope) -> Fragment:
    """Return a college's rows of the table `differences`, without students who only await approval."""
    lines: list[tuple[str, ...]] = []
    if page.run.has("differences"):
        columns = ["major", "kind", "student_number", "name", "elsewhere"]
        rows = page.run.rows("differences", columns=columns, school=page.school_name, college=page.college)
        rows = rows[rows["kind"].isin(_LISTED_KINDS)]
        lines = rows_of(rows.assign(kind=rows["kind"].map(DIFFERENCES)), columns)
    return listing(
        "名单差异",
        "differences",
        "人数相同而人不同，也不算一致。",
        lines,
        ("专业", "差异", "学号", "姓名", "另一处"),
        "在册的人和提交的人一个不多、一个不少。",
    )


def show_changes(page: Scope) -> Fragment:
    """Return the students whose state changed since the previous run."""
    before = page.run.previous
    if before is None:
        return page_changes()
    before_roster = before.rows("roster", columns=COMPARED, school=page.school_name, college=page.college)
    if page.counselor:
        before_roster = before_roster[before_roster["student_number"].isin(page.roster["student_number"])]
    lines: list[dict[str, Any]] = []
    for move in moves(page.roster, before_roster):
        named = move.people if move.after and move.count <= _MAX_NAMED else move.people.iloc[:0]
        people = list(zip(named["student_number"], named["name"], strict=True))
        lines.append({"move": move, "people": people, "where": []})
    return page_changes(f"与 {before.title}相比。", lines)


def show_notes(page: Scope, title: str = "", lead: str = "") -> Fragment:
    """Return how the figures are counted, and which rules were not checked."""
    run, window = page.run, page.window
    lines = [
        "在册：学籍库中本届学生；已提交：有有效提交的学生；已认证：身份与学籍信息都与学籍库一致。",
        "已通过：学院审核通过，且通过后数据没有改动。还差：在册减去已通过。",
        "名单外：提交人不在本届学籍名单里。校验码：与打印的人数表上的相同，就是同一份名单。",
        f"学生提交 {remaining_work.month_day(window.opens)}至 {remaining_work.month_day(window.closes)}，"
        f"学院 {remaining_work.month_day(window.college_due)}前上报。",
    ]
    lines += run.not_checked(page.school_name)
    excepted = int(page.findings["excepted"].astype(bool).sum())
    if excepted:
        lines.append(f"有 {excepted} 处情况已凭证明登记为例外，不再提示。")
    lines.append(remaining_work.page_reference(run.run_id, page.token))
    return section("notes", title, heading=title, lead=lead, lines=lines)
