"""The office's student list: filter, search, tick, and open one student with comparison, findings and history."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

from pipeline import fields
from pipeline.errors import MingceError
from pipeline.knowledge.photos import PhotoFolder
from pipeline.office.decision_form import DecisionForm
from pipeline.office.desk_cohort import EVERY, PAGE, REQUEST, DeskCohort, box, button, error_box, in_a_row, show_in
from pipeline.render.fragments import Fragment, fragment
from pipeline.review.ledger import entries_of
from pipeline.review.review_snapshot import ReviewSnapshot, Student, open_tables, records, student_name
from pipeline.states import ACTORS
from pipeline.student_facts import ROLES, action_in_words, author_of, student_facts_of
from pipeline.tables import STATUSES

_WIDTHS = ("0 0 150px", "0 0 150px", "0 0 130px", "1 1 150px")  # columns of the list; a narrow window breaks them
_GAP = '<div style="height:12px"></div>'
_LONGEST_PICTURE = 4_000_000  # bytes
_CUT = 60  # a line shows so many characters of the reasons


def show_students(office: DeskCohort) -> widgets.Widget:
    """Return the student list, the decision form and the view of one student."""
    form = DecisionForm(office)
    table = _Table(office, form.renew)
    office.on_change(table.reload)
    parts = [table.filters, table.head, table.body, table.feet, form.widget, table.detail]
    return widgets.VBox(parts, layout=widgets.Layout(max_width="1080px"))


class _Table:
    """The widgets of the office's listing. Each page has new ones, so a late tick on an old page has no effect."""

    def __init__(self, office: DeskCohort, on_tick: Callable[[], None]) -> None:
        self._office, self._on_tick = office, on_tick
        self._words = box(widgets.Text, "查找", placeholder="姓名、学号、班级、电话尾号，可只写一部分")
        self._college = box(widgets.Dropdown, "院系", options=[EVERY])
        self._status = box(widgets.Dropdown, "状态", "220px", options=[EVERY, *STATUSES.values(), REQUEST])
        again = button("刷新", self.reload)
        again.tooltip = "按最新的运行和审核记录重新列出"
        asked = (self._words, self._college, self._status)
        self.filters = in_a_row(*asked, again)
        self.head, self.body, self.ticked, self.detail = widgets.HTML(), widgets.VBox(), widgets.HTML(), widgets.VBox()
        self._at = widgets.Label()
        buttons = [
            button("上一页", lambda: self._turn(-1)),
            button("下一页", lambda: self._turn(1)),
            button("勾选找到的全部", self._tick_found),
            button("全部不勾", lambda: self._tick_only([])),
        ]
        self.feet = widgets.VBox([in_a_row(self._at, *buttons), self.ticked])
        for each in asked:
            each.observe(self._asked, names="value")
        self.reload()

    def reload(self) -> None:
        """Load the newest run and current decisions. Ticks and filters stay."""
        heads = _line(("学号", "班级", "状态", "未解决"))
        self.head.value = f'<div style="margin-left:130px;color:#5a6675;font-size:13px">{heads}</div>'
        try:
            self._office.reload()
        except MingceError as error:
            self.detail.children, self.head.value = (), error_box(error).html
        chosen, colleges = self._college.value, self._office.listing.colleges
        self._college.options = colleges  # other ones than before: the first is chosen
        self._college.value = chosen if chosen in colleges else EVERY
        self._asked()

    def _asked(self, _: object = None) -> None:
        listing = self._office.listing
        listing.college, listing.status = str(self._college.value), str(self._status.value)
        listing.words, listing.page = str(self._words.value), 0
        self._fill()

    def _turn(self, pages: int) -> None:
        self._office.listing.page += pages
        self._fill()

    def _tick_found(self) -> None:
        found = self._office.listing.found()
        self._office.remember(found)
        self._office.listing.tick(records(found))
        self._fill()

    def _tick_only(self, students: list[Student]) -> None:
        self._office.listing.ticked.clear()
        self._office.listing.tick(students)
        self._fill()

    def _fill(self) -> None:
        listing, desk = self._office.listing, self._office.listing.desk
        rows, total = listing.shown(), len(listing.found())
        self._office.remember(rows)
        old = self.body.children
        self.body.children = tuple(self._row(desk, student) for student in records(rows)) if desk else ()
        for line in old:
            for part in (*line.children, line):
                part.close()
        pages = (total + PAGE - 1) // PAGE
        self._at.value = f"找到 {total} 人，第 {listing.page + 1 if pages else 0} / {pages} 页"
        self._say_ticked()

    def _say_ticked(self) -> None:
        self.ticked.value = f"<b>{escape(self._office.listing.said())}</b>"
        self._on_tick()

    def _row(self, desk: ReviewSnapshot, student: Student) -> widgets.Widget:
        ticked = student_name(student) in self._office.listing.ticked
        layout = widgets.Layout(width="130px", margin="0")
        tick = widgets.Checkbox(value=ticked, description=str(student["name"])[:12], indent=False, layout=layout)

        def changed(change: dict[str, object]) -> None:
            self._office.listing.tick([student], bool(change["new"]))
            self._say_ticked()

        tick.observe(changed, names="value")
        words = widgets.HTML(_cells(student, desk.reasons(student)))
        words.layout.flex, words.layout.min_width = "1 1 0", "0"
        line = widgets.Layout(border_bottom="1px solid #e3e8ee", align_items="center", width="100%")
        return widgets.HBox([tick, words, button("查看", lambda: self._open(desk, student))], layout=line)

    def _open(self, desk: ReviewSnapshot, student: Student) -> None:
        output, picture = widgets.Output(), None
        try:
            shown, picture = one_student(self._office, student)
            asked = change_request(desk, student)
            shown = Fragment(f"{asked.html}{_GAP}{shown.html}", shown.title) if asked else shown
        except MingceError as error:
            shown = error_box(error)
        show_in(output, shown)
        ways = [
            button("上一名", lambda: self._beside(desk, student, -1)),
            button("下一名", lambda: self._beside(desk, student, 1)),
            button("只勾选这名学生", lambda: self._tick_only([student])),
        ]
        photo = [widgets.Image(value=picture, layout=widgets.Layout(width="150px"))] if picture else []
        self.detail.children = (widgets.HBox(ways), *photo, output)

    def _beside(self, desk: ReviewSnapshot, student: Student, step: int) -> None:
        """Open the student `step` rows further in the filtered list."""
        found = self._office.listing.found()
        names = list(map(student_name, records(found)))
        at = names.index(student_name(student)) + step if student_name(student) in names else 0
        if 0 <= at < len(found):
            self._office.remember(found.iloc[[at]])
            self._open(desk, records(found)[at])


def _cells(student: Student, reasons: list[str]) -> str:
    state = STATUSES[str(student["status"])] + (f"，{REQUEST}" if student["change_request"] else "")
    why = "；".join(reasons)
    short = why if len(why) <= _CUT else f"{why[:_CUT]}……"
    cells = (student_name(student), str(student["class_name"]), state, short)
    return f'<div title="{escape(why)}">{_line(cells)}</div>'


def _line(cells: tuple[str, str, str, str]) -> str:
    spans = "".join(
        f'<span style="flex:{width};overflow-wrap:anywhere">{escape(cell)}</span>'
        for width, cell in zip(_WIDTHS, cells, strict=True)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 12px;line-height:1.5">{spans}</div>'


def one_student(office: DeskCohort, student: Student) -> tuple[Fragment, bytes | None]:
    """Return the facts about a student as a piece, and his photo if there is one. Raises RefusedError without a run."""
    name = student_name(student)
    tables, today = open_tables(office.cohort)
    entries = entries_of(office.cohort)
    facts = student_facts_of(tables, office.cohort.reports_folder / "runs" / tables.run_id, entries, name, today)
    about = facts["student"]
    state = STATUSES[about["status"]] + ("，申请修改" if about["change_request"] else "")
    led = f"辅导员 {about['counselor'] or '未登记'}"
    place = f"{about['college']}　{about['class_name']}　{about['major']}　{led}　{state}"
    counting = next((one for one in facts["submissions"] if one["role"] == "counts"), None)
    given: dict[str, Any] = counting["fields"] if counting else {}
    shown = fragment(
        "student",
        f"{student['name']}（{name}）",
        title=f"{student['name']}　{name}",
        place=place,
        rows=_side_by_side(given, facts["registry"]),
        findings=[_finding(one) for one in [*(counting["findings"] if counting else []), *facts["findings"]]],
        submissions=[
            (one["fields"]["submitted_at"], ROLES[one["role"]], one["submission_id"]) for one in facts["submissions"]
        ],
        history=[_entry(one) for one in facts["ledger"]],
    )
    return shown, _picture(office, given, student)


def change_request(desk: ReviewSnapshot, student: Student) -> Fragment | None:
    """Return the approved and the requested submission as a piece, or None if the student requests no change."""
    if not student["change_request"]:
        return None
    newer = str(student["later_id"] or student["submission_id"])
    approved = desk.submission(str(student["approved_submission_id"] or student["submission_id"]))
    requested = desk.submission(newer)
    both = [
        {"label": fields.label(name), "approved": str(approved[name]), "requested": str(requested[name])}
        for name in fields.names()
        if name in approved and name != "submitted_at" and (approved[name] or requested[name])
    ]
    title = f"{student['name']}（{student_name(student)}）申请修改"
    return fragment(
        "comparison",
        title,
        title=title,
        lead=f"{approved['submitted_at']} 提交的已通过，仍然有效；{requested['submitted_at']} 又提交了一次。",
        changed=[one for one in both if one["approved"] != one["requested"]],
        same=[one for one in both if one["approved"] == one["requested"]],
        reasons=desk.reasons(student, newer),
    )


def _side_by_side(given: dict[str, Any], registry: dict[str, Any]) -> list[dict[str, Any]]:
    compared = {*fields.compared(), "id_number", "name"}
    lines: list[dict[str, Any]] = []
    for name in fields.names():
        one, other = str(given.get(name, "")), str(registry.get(name, ""))
        if one or other:
            differs = bool(given and one and other and one != other and name in compared)
            lines.append({"label": fields.label(name), "given": one, "registry": other, "differs": differs})
    return sorted(lines, key=lambda line: not line["differs"])


def _finding(row: dict[str, Any]) -> dict[str, str]:
    family = "done" if row["excepted"] else {"critical": "fix", "warning": "verify"}.get(str(row["severity"]), "review")
    said = f"{row['message']}{'（已准予例外）' if row['excepted'] else ''}"
    return {"family": family, "who": ACTORS[row["actor"]], "said": said, "rule": str(row["rule"])}


def _entry(row: dict[str, Any]) -> tuple[str, str, str, str]:
    what = f"{action_in_words(row['kind'], row['action'])} {row['rule']}".strip()
    return str(row["at"])[:16].replace("T", " "), what, author_of(row), str(row["why"])


def _picture(office: DeskCohort, given: dict[str, Any], student: Student) -> bytes | None:
    folder = office.cohort.photos_folder
    if folder is None or not given.get("photo"):
        return None
    found = PhotoFolder(folder).find(
        str(given["photo"]), str(student["student_number"]), str(given.get("id_number", ""))
    )
    if found is None or found.stat().st_size > _LONGEST_PICTURE:
        return None
    return found.read_bytes()
