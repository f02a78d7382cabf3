"""The page of all colleges: progress, quality, risks, state of the registry. A province lists schools instead."""

from __future__ import annotations

from typing import Any

from pipeline.cohort_sections import Standing
from pipeline.render import figures, sections
from pipeline.render.fragments import Fragment, section
from pipeline.render.parameters import require_parameters
from pipeline.render.registry_page import show_problems
from pipeline.review.standing import formula_text
from pipeline.summary import questions
from pipeline.view import remaining_work
from pipeline.view.all_colleges import Overview
from pipeline.view.moves import COMPARED, Move, moves, registry_changes
from pipeline.view.run_tables import load_run, token
from pipeline.view.signature import next_step

_MAX_NOTES = 30
_RATES = (
    "一次通过：有提交的学生中，第一次提交就没有要学生更正的项的比例。按时提交：在册学生中，在登记时间内提交的比例。"
    "返工率：有提交的学生中，重新提交过或被退回过的比例。未解决：还要有人处理的问题数，不计分。"
)
_WEIGHTED = "一次通过按已提交人数、按时提交和得分按在册人数，由各院系的数加权平均。"
_MAX_RISKS = 40
_MAX_COLLEGES = 6  # colleges named per change
_MAX_ROWS = 200  # rows of one table; index.html and the tables have all


def open_overview(run: str, school: str = "") -> Overview:
    """Read the run folder `run`, of one school (a code) or of all. Raises InputError if either does not exist."""
    require_parameters(run=run)
    run_tables = load_run(run)
    sections.set_up_notebook()
    return Overview(run_tables, run_tables.of_school("colleges", school), school)


def show_head(page: Overview) -> Fragment:
    """Return the heading with cohort, schools and day."""
    run = page.run
    title = run.school_name(page.school) if page.school else f"{run.cohort}毕业生信息核对"
    subtitle = f"{run.cohort}毕业生信息核对" if page.school else run.schools_in_words
    all_schools = [{"href": "overview.html", "title": "全部学校"}] if page.school and run.many_schools else []
    line = f"{subtitle} · {len(page.entries)} 个院系"
    links = [sections.FIRST_PAGE, *all_schools]
    return sections.page_head(run, title, line, school=page.school, links=links, banners=banners(page))


def banners(page: Overview) -> list[dict[str, str]]:
    """Return banners for inputs that could not be read and for doubtful results."""
    unread = [note["message"] for note in page.run.summary.get("notes", []) if note.get("level") == "error"]
    rows = [("请先处理", str(message)) for message in unread[:5]]
    rows += [("请先核对", line) for line in questions(page.run.summary, page.school)[:12]]
    colours = {"line": "#8b1a2b", "ground": "#fdf1f1", "sign": "!"}
    return [{"head": head, "text": text, **colours} for head, text in rows]


def show_today(page: Overview) -> Fragment:
    """Return the work left in all colleges, who acts first, the deadline, and colleges that wait for a signature."""
    first, text = next_step(entry["at"] for entry in page.entries)
    if number := page.extras.total():
        text += f"名单外的提交共 {number} 条，请辅导员核实；是哪些人，见 tables.xlsx 的“名单差异”。"
    nothing_left = f"所有院系的学生都已审核通过。{text}"
    day, window = page.run.as_of, page.run.window
    return sections.show_work(page.statuses, day, window, first, nothing_left, after=text, headline=page.headline)


def show_progress(page: Overview) -> Fragment:
    """Return the students per family of states and past each gate."""
    name, gates = "progress", page.gates
    return section("gates", "走到哪一步", name, gates=gates, counts=page.counts, total=page.total, unit=page.unit)


def show_changes(page: Overview) -> Fragment | None:
    """Return the changes since the previous run by college; None for many schools, whose own pages have them."""
    before = page.run.previous
    if page.by_school:
        return None
    if before is None:
        return sections.page_changes()
    found = moves(*(run.of_school("roster", page.school, COMPARED) for run in (page.run, before)))
    lines = [{"move": move, "people": [], "where": _moved_by_college(page, move)} for move in found]
    return sections.page_changes(f"与 {before.title}相比{'；点院系看是哪些学生' if found else ''}。", lines)


def _moved_by_college(page: Overview, move: Move) -> list[tuple[str, str, int]]:
    href = {(str(entry["school"]), str(entry["college"])): str(entry["href"]) for entry in page.entries}
    places = move.by_college()
    listed = [
        (f"{name}（{school}）" if page.several_schools else name, f"{link}#changes" if link else "", number)
        for school, college, number in places[:_MAX_COLLEGES]
        for link, name in [(href.get((school, college), ""), remaining_work.group_name(college, "college"))]
    ]
    more = sum(number for _, _, number in places[_MAX_COLLEGES:])
    return [*listed, (f"另外 {len(places) - _MAX_COLLEGES} 个院系", "", more)] if more else listed


def show_colleges(page: Overview) -> Fragment:
    """Return the table of colleges with links to their dashboards, or of schools with links to their pages."""
    leads_to = "它的各院系" if page.by_school else "它的看板"
    return section(
        "colleges",
        f"各{page.unit}",
        lead=f"还差人数多的在前；点{page.unit}名称打开{leads_to}。",
        unit=page.unit,
        entries=page.units[:_MAX_ROWS],
        hidden=max(len(page.units) - _MAX_ROWS, 0),
        counts=page.counts,
    )


def show_risks(page: Overview) -> Fragment:
    """Return colleges or schools by state as a heat map of the share that is not approved."""
    people = "colleges" if page.by_school else "chase"  # the section of an entry's page where its people are
    entries = [
        {
            **entry,
            "name": f"{entry['name']}（{entry['note']}）" if entry["note"] else entry["name"],
            "href": f"{entry['href']}#{people}" if entry["href"] else "",
        }
        for entry in page.units[:_MAX_RISKS]
    ]
    base = "本校" if page.by_school else "本院系"
    lead = f"只列还差最多的 {_MAX_RISKS} 个。" if len(page.units) > _MAX_RISKS else ""
    lead += f"颜色越深，没做完的人占{base}越多。"
    return section("matrix", "风险在哪里", "risks", kind=page.unit, lead=lead, entries=entries)


def show_standing(page: Overview) -> Fragment:
    """Return the ranking of colleges or schools with its formula."""
    begun = page.statuses.get("missing", 0) < page.total
    ranked = sorted(page.units if begun else [], key=lambda entry: (int(entry["rank"]) or 10**6, entry["name"]))
    weights = Standing(**page.run.summary["cohort"]["standing"])
    lines = [_RATES, formula_text(weights, intervals=not page.by_school)]
    if page.by_school:
        lines.append(_WEIGHTED)
    if page.school and len(page.run.schools) > 1:
        lines.append("名次是在全部学校的院系中的名次。")
    return section(
        "standing",
        "名次",
        entries=ranked[:_MAX_ROWS],
        hidden=max(len(ranked) - _MAX_ROWS, 0),
        unit=page.unit,
        nothing="还没有学生提交；有人提交以后才有名次。",
        lines=lines,
    )


def show_years(page: Overview) -> Fragment | None:
    """Return majors whose headcount changed by 20 % or more, with explanations; None without a year before."""
    table = page.run.of_school("years", page.school) if page.run.has("years") else None
    if table is None:
        return None
    table = table[table["explain"] | (table["explanation"] != "")]
    columns = ["school", "college", "education_level", "major", "registered_before", "registered", "explanation"]
    return sections.listing(
        "与上一届相比",
        "years",
        "人数增减达到 20% 的专业，请学院说明；就业办用 mingce except add --college 院系 --major 专业 登记。",
        sections.rows_of(table, columns),
        ("学校", "院系", "学历", "专业", "上一届", "本届", "说明"),
        "没有增减达到 20% 的专业。",
    )


def show_outside(page: Overview) -> Fragment | None:
    """Return registry students outside the class with the reason and its source; None when there are none."""
    table = page.run.of_school("outside", page.school) if page.run.has("outside") else None
    if table is None or table.empty:
        return None
    decided = table["by"] + " " + table["at"].str.slice(0, 10) + " 登记"
    table = table.assign(said=decided.where(table["source"] == "decision", "学籍库"))
    columns = ["college", "class_name", "student_number", "name", "reason", "said"]
    return sections.listing(
        "不在本届",
        "outside",
        "学籍库里有、不计入本届人数的人；要列入或列出，用 mingce scope，或在办公台登记。",
        sections.rows_of(table, columns),
        ("院系", "班级", "学号", "姓名", "原因", "依据"),
        "没有。",
    )


def show_moved(page: Overview) -> Fragment | None:
    """Return students who came, left or changed class; None without any and on the page of many schools."""
    if page.by_school:
        return None
    moved = registry_changes(page.run, page.run.school_name(page.school) if page.school else "")
    if moved.empty:
        return None
    return sections.listing(
        "谁变动了",
        "moved",
        "来了谁、走了谁、从哪个班到了哪个班。只供就业办核对，请不要转发。",
        sections.rows_of(moved, ["student_number", "name", "since", "before", "now"]),
        ("学号", "姓名", "相比", "原来", "现在"),
        "没有。",
    )


show_registry, show_trend = show_problems, figures.show_trend


def show_notes(page: Overview) -> Fragment:
    """Return the notes on inputs and the rules that were not checked."""
    notes = [] if page.school else page.run.summary.get("notes", [])
    lines = [_note(note) for note in notes[:_MAX_NOTES]]
    if len(notes) > _MAX_NOTES:
        lines.append(f"另有 {len(notes) - _MAX_NOTES} 条，见 summary.json。")
    lines += page.run.not_checked(page.run.school_name(page.school) if page.school else "")
    lines.append(remaining_work.page_reference(page.run.run_id, token(page.run.run_id, page.school, "")))
    return section("notes", "口径与说明", lines=lines)


def _note(note: dict[str, Any]) -> str:
    row = f"第 {note['row']} 行" if note.get("row") else ""
    place = " ".join(str(part) for part in (note.get("file"), note.get("sheet"), row) if part)
    return f"{place}：{note['message']}" if place else str(note["message"])
