"""The page of all colleges side by side: how far, how well, where the risk is, how sound the registry is.

Where a run holds more schools than can be read so (a province), it shows schools instead, and each school has this
page of its own with its colleges.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from pipeline.cohort import unmistakable
from pipeline.cohort_sections import Standing
from pipeline.render import figures
from pipeline.render.college import changes_piece
from pipeline.render.opened import ready_notebook
from pipeline.render.pieces import FIRST_PAGE, Picture, Piece, piece, token
from pipeline.render.today import show_work
from pipeline.review.standing import SMALL
from pipeline.review.standing import formula_text as standing_formula
from pipeline.summary import doubts
from pipeline.tables import Frame
from pipeline.view import remaining_work, schools
from pipeline.view.class_course import Course, course_of
from pipeline.view.run_tables import Run, load_run
from pipeline.view.signature import ACCEPTED, SIGNED, SigningStep, ahead, signature_of
from pipeline.view.status_moves import COLUMNS, Move, moves
from pipeline.view.strangers import count_extras

SECTIONS = ("today", "progress", "trend", "changes", "colleges", "risks", "standing", "registry", "notes")
_SHOWN_NOTES = 30
_RATES = (
    "一次通过：有提交的学生中，第一次提交就没有要学生更正的项的比例。按时提交：在册学生中，在登记时间内提交的比例。"
    "返工率：有提交的学生中，重新提交过或被退回过的比例。未解决：还要有人处理的问题数，不计分。"
)
_GATES = {"registered": "在册", "submitted": "提交", "certified": "认证", "approved": "通过"}
_AT_RISK = 40
_PLACES = 6  # colleges named beside a move
_SHOWN = 200  # schools or colleges in one table: what more there is stands in index.html and in the tables


@dataclass(frozen=True)
class Overview:
    """A run with its table of colleges: of all schools, or of the one whose code is `school`."""

    run: Run
    colleges: Frame
    school: str = ""

    @cached_property
    def statuses(self) -> dict[str, int]:
        """Students per status, everywhere."""
        total: dict[str, int] = {}
        for key, statuses in self.run.statuses.items():
            if not self.school or key.startswith(f"{self.school}/"):
                for status, number in statuses.items():
                    total[status] = total.get(status, 0) + number
        return total

    @cached_property
    def counts(self) -> dict[str, int]:
        """Students per family of states, everywhere."""
        return remaining_work.family_counts(self.statuses)

    @property
    def total(self) -> int:
        """Students, everywhere."""
        return sum(self.statuses.values())

    @cached_property
    def course(self) -> Course:
        """Submissions and approvals by day, everywhere."""
        run = self.run
        rows = run.rows("course", school=run.school_name(self.school)) if self.school else run.table("course")
        return course_of(rows, self.total, run.as_of, run.window)

    @property
    def headline(self) -> str:
        """How fast it goes and when that ends, in a sentence; blank where the run does not know its course."""
        if not self.run.has("course"):
            return ""
        verdict = remaining_work.pace(self.course).verdict
        return (
            f"{verdict}。{remaining_work.pace_sentence(self.course)}"
            if verdict
            else remaining_work.pace_sentence(self.course)
        )

    @cached_property
    def gates(self) -> list[tuple[str, int]]:
        """How many students are past each gate, from the registry to their college's signature."""
        counts = {name: int(self.colleges[name].sum()) for name in _GATES}
        signed = sum(int(entry["total"]) for entry in self.entries if entry["at"] in (SIGNED, ACCEPTED))
        return [*((word, counts[name]) for name, word in _GATES.items()), ("签字", signed)]

    @property
    def several(self) -> bool:
        """Whether the page is about more than one school."""
        return not self.school and len(self.run.schools) > 1

    @property
    def by_school(self) -> bool:
        """Whether the page shows schools instead of colleges."""
        return not self.school and schools.are_many(self.run)

    @property
    def unit(self) -> str:
        """What the page shows side by side, in Chinese."""
        return "学校" if self.by_school else "院系"

    @cached_property
    def units(self) -> list[dict[str, Any]]:
        """One entry per school or college, whichever the page shows side by side; the most left first."""
        return schools.school_entries(self.run, self.colleges, self.entries) if self.by_school else self.entries

    @cached_property
    def extras(self) -> Counter[tuple[str, str]]:
        """Submissions outside the rosters by school and college, those that name no college with students included."""
        return count_extras(self.run, **({"school": self.run.school_name(self.school)} if self.school else {}))

    @cached_property
    def steps(self) -> list[SigningStep]:
        """Where each college with students stands."""
        return [entry["at"] for entry in self.entries]

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """One entry per college: name, students per family, step, rank; the most left first."""
        entries = [self._entry(row) for row in self.colleges.to_dict("records")]
        return sorted((e for e in entries if e["total"]), key=lambda entry: (-int(entry["left"]), entry["college"]))

    def _entry(self, row: dict[Any, Any]) -> dict[str, Any]:
        school, college = str(row["school"]), str(row["college"])
        code = self.run.code_of(school)
        counts = remaining_work.family_counts(self.run.statuses_of(code).get(college, {}))
        total = sum(counts.values())
        extras = self.extras[school, college]
        step = signature_of(self.run, row).step(total - counts["done"], extras)
        return {
            **row,
            "name": college,
            "note": school if self.several else "",
            "interval": _interval(row),
            "counts": counts,
            "total": total,
            "extras": extras,
            "left": total - counts["done"],
            "href": college_href(self.run, code, college) if self.run.has_pages(code) else "",
            "at": step,
            "step": step.word,
        }


def college_folder(school: str, college: str) -> str:
    """Return the folder of a college's files in `site/`: school code and college, harmless on every system.

    A name that had to be changed for that carries a digest: two colleges never share a folder.
    """
    return unmistakable(f"{school}-{college}")


def college_href(run: Run, school: str, college: str) -> str:
    """Return the relative address of a college's dashboard from `site/`."""
    return f"{quote(college_folder(school, college))}/dashboard.html"


def open_overview(run: str, school: str = "") -> Overview:
    """Gather what the overview shows.

    Args:
        run: path of the run folder.
        school: the code of the school whose colleges are shown; blank: of all schools.

    Raises:
        InputError: no such run or school.
    """
    opened = load_run(run)
    ready_notebook()
    if not school:
        return Overview(opened, opened.table("colleges"))
    return Overview(opened, opened.rows("colleges", school=opened.school_name(school)), school)


def show_head(page: Overview) -> Piece:
    """Return the heading: which cohort, which schools, which day."""
    run = page.run
    mark = token(run.run_id, page.school, "")
    title = f"{run.cohort}毕业生信息核对"
    of = f"{len(run.schools)} 所学校" if page.by_school else "、".join(run.schools.values())
    if page.school:
        of, title = title, run.school_name(page.school)
    facts: dict[str, Any] = {"token": mark, "school": page.school, "college": "", "title": title}
    facts |= {"as_of": str(run.as_of), "links": _links(page), "office": run.office}
    line = f"{of} · {len(page.entries)} 个院系"
    return piece("head", title, facts, title=title, line=line, as_of=str(run.as_of), token=mark, banners=banners(page))


def _links(page: Overview) -> list[dict[str, str]]:
    """Return where else to go: back to the first page, and from a school of many to all of them."""
    every = [{"href": "overview.html", "title": "全部学校"}] if page.school and schools.are_many(page.run) else []
    return [FIRST_PAGE, *every]


def banners(page: Overview) -> list[dict[str, str]]:
    """Return what kept a part of the run from being judged, and what makes it doubtful."""
    unread = [note["message"] for note in page.run.summary.get("notes", []) if note.get("level") == "error"]
    colours = {"line": "#8b1a2b", "ground": "#fdf1f1", "sign": "!"}
    told = [("请先处理", str(message)) for message in unread[:5]]
    told += [("请先核对", line) for line in doubts(page.run.summary, page.school)[:12]]
    return [{"head": head, "text": text, **colours} for head, text in told]


def show_today(page: Overview) -> Piece:
    """Return what is left in all colleges: how many, who first, by when; and which wait for a signature."""
    first, told = ahead(page.steps)
    if number := page.extras.total():
        told += f"名单外的提交共 {number} 条，请辅导员核实；是哪些人，见 tables.xlsx 的“名单差异”。"
    nothing_left = f"所有院系的学生都已审核通过。{told}"
    day, window = page.run.as_of, page.run.window
    return show_work(page.statuses, day, window, first, nothing_left, after=told, headline=page.headline)


def show_progress(page: Overview) -> Piece:
    """Return how far all are: in each family of states, and past each gate from the registry to the signature."""
    facts, gates = {"section": "progress"}, page.gates
    return piece("gates", "走到哪一步", facts, gates=gates, counts=page.counts, total=page.total, unit=page.unit)


def show_trend(page: Overview, title: str = "") -> Picture:
    """Return the picture of everybody's submissions and approvals against the deadlines."""
    return figures.trend(page.course, title)


def show_changes(page: Overview) -> Piece | None:
    """Return who moved since the last run: how many, and in which colleges; None where schools stand side by side.

    A province's pages of single schools have it: all its students at once would be read for it twice.
    """
    before = page.run.previous
    if page.by_school:
        return None
    if before is None:
        return changes_piece("", [], "这是第一次运行，没有可比的上一次。")
    now, then = (_students(run, page.school) for run in (page.run, before))
    found = moves(now, then)
    lines = [{"move": move, "people": [], "where": _where(page, move)} for move in found]
    return changes_piece(
        f"与 {before.called}相比；点院系看是哪些学生。" if found else f"与 {before.called}相比。", lines
    )


def _students(run: Run, school: str) -> Frame:
    named = {"school": run.school_name(school)} if school else {}
    return run.rows("roster", columns=COLUMNS, **named) if named else run.table("roster", COLUMNS)


def _where(page: Overview, move: Move) -> list[tuple[str, str, int]]:
    """Return the colleges of those who moved, each with the way to their names and how many they are."""
    href = {(str(entry["school"]), str(entry["college"])): str(entry["href"]) for entry in page.entries}
    places = move.by_college()
    told = [
        (f"{college}（{school}）" if page.several else college, f"{way}#changes" if way else "", number)
        for school, college, number in places[:_PLACES]
        for way in [href.get((school, college), "")]
    ]
    more = sum(number for _, _, number in places[_PLACES:])
    return [*told, (f"另外 {len(places) - _PLACES} 个院系", "", more)] if more else told


def show_colleges(page: Overview) -> Piece:
    """Return the colleges side by side, each leading to its dashboard; or the schools, each to its colleges."""
    title = f"各{page.unit}"
    leads_to = "它的各院系" if page.by_school else "它的看板"
    return piece(
        "colleges",
        title,
        {"section": "colleges", "title": title},
        title=title,
        lead=f"还差人数多的在前；点{page.unit}名称打开{leads_to}。",
        unit=page.unit,
        entries=page.units[:_SHOWN],
        hidden=max(len(page.units) - _SHOWN, 0),
        counts=page.counts,
    )


def show_risks(page: Overview) -> Piece:
    """Return the map of risks: colleges or schools by state, the darker the larger the share that is left."""
    entries = [
        {
            **entry,
            "name": f"{entry['name']}（{entry['note']}）" if entry["note"] else entry["name"],
            "href": _chased(entry, page.by_school),
        }
        for entry in page.units[:_AT_RISK]
    ]
    whole = "本校" if page.by_school else "本院系"
    lead = f"只列还差最多的 {_AT_RISK} 个。" if len(page.units) > _AT_RISK else ""
    return piece(
        "matrix",
        "风险",
        {"section": "risks", "title": "风险"},
        title="风险在哪里",
        section="risks",
        kind=page.unit,
        lead=f"{lead}颜色越深，没做完的人占{whole}越多。",
        entries=entries,
    )


def _chased(entry: dict[str, Any], by_school: bool) -> str:
    """Return where the people of an entry are: a college's chase list, a school's colleges; blank without a page."""
    return f"{entry['href']}#{'colleges' if by_school else 'chase'}" if entry["href"] else ""


def show_standing(page: Overview) -> Piece:
    """Return the standing of the colleges or schools with its formula."""
    begun = page.statuses.get("missing", 0) < page.total
    ranked = sorted(page.units if begun else [], key=lambda entry: (int(entry["rank"]) or 10**6, entry["name"]))
    return piece(
        "standing",
        "名次",
        {"section": "standing", "title": "名次"},
        entries=ranked[:_SHOWN],
        hidden=max(len(ranked) - _SHOWN, 0),
        unit=page.unit,
        nothing="还没有学生提交；有人提交以后才有名次。",
        lines=[
            _RATES,
            show_formula(page.run, intervals=not page.by_school),
            *([schools.FORMULA] if page.by_school else []),
            *_among(page),
        ],
    )


def _among(page: Overview) -> list[str]:
    """Return among whom a school's colleges are ranked, where that is not plain."""
    return ["名次是在全部学校的院系中的名次。"] if page.school and len(page.run.schools) > 1 else []


def _interval(row: dict[Any, Any]) -> str:
    """Return the 95 % interval of the score of a small college, blank of a larger one."""
    return f"{row['score_low']:.0f}–{row['score_high']:.0f}" if int(row["submitted"]) < SMALL else ""


def show_formula(run: Run, *, intervals: bool = True) -> str:
    """Return the formula of the standing in words, with the weights of `cohort.toml`; of intervals where shown."""
    return standing_formula(Standing(**run.summary["cohort"]["standing"]), intervals=intervals)


def show_registry(page: Overview) -> Piece:
    """Return how sound the registry is: what is said of it in the run's findings about itself."""
    from pipeline.render import registry_page

    return registry_page.show_problems(registry_page.open_registry(str(page.run.path), page.school))


def show_notes(page: Overview) -> Piece:
    """Return what was read, skipped and not judged."""
    notes = [] if page.school else page.run.summary.get("notes", [])
    lines = [_note(note) for note in notes[:_SHOWN_NOTES]]
    if len(notes) > _SHOWN_NOTES:
        lines.append(f"另有 {len(notes) - _SHOWN_NOTES} 条，见 summary.json。")
    lines += page.run.not_checked(page.run.school_name(page.school) if page.school else "")
    lines.append(remaining_work.asked_for(page.run.run_id, token(page.run.run_id, page.school, "")))
    return piece("notes", "口径与说明", {"section": "notes"}, lines=lines)


def _note(note: dict[str, Any]) -> str:
    row = f"第 {note['row']} 行" if note.get("row") else ""
    place = " ".join(str(part) for part in (note.get("file"), note.get("sheet"), row) if part)
    return f"{place}：{note['message']}" if place else str(note["message"])
