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
from pipeline.office.desk_cohort import ALL, PAGE, REQUEST, DeskCohort, box, button, error_box, in_a_row, show_in
from pipeline.render.fragments import Fragment, fragment
from pipeline.review.ledger import entries_of
from pipeline.review.review_snapshot import ReviewSnapshot, Student, open_tables, records, student_name
from pipeline.states import ACTORS
from pipeline.student_facts import ROLES, action_in_words, author_of, student_facts_of
from pipeline.tables import STATUSES

_WIDTHS = ("0 0 150px", "0 0 150px", "0 0 130px", "1 1 150px")  # columns of the list; a narrow window breaks them
_GAP = '<div style="height:12px"></div>'
_MAX_PICTURE = 4_000_000  # bytes
_MAX_REASONS = 60  # a line shows so many characters of the reasons


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
        self._college = box(widgets.Dropdown, "院系", options=[ALL])
        self._status = box(widgets.Dropdown, "状态", "220px", options=[ALL, *STATUSES.values(), REQUEST])
        refresh = button("刷新", self.reload)
        refresh.tooltip = "按最新的运行和审核记录重新列出"
        filters = (self._words, self._college, self._status)
        self.filters = in_a_row(*filters, refresh)
        self.head, self.body, self.ticked, self.detail = widgets.HTML(), widgets.VBox(), widgets.HTML(), widgets.VBox()
        self._position = widgets.Label()
        buttons = [
            button("上一页", lambda: self._turn(-1)),
            button("下一页", lambda: self._turn(1)),
            button("勾选找到的全部", self._tick_found),
            button("全部不勾", lambda: self._tick_only([])),
        ]
        self.feet = widgets.VBox([in_a_row(self._position, *buttons), self.ticked])
        for widget in filters:
            widget.observe(self._filter, names="value")
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
        self._college.value = chosen if chosen in colleges else ALL
        self._filter()

    def _filter(self, _: object = None) -> None:
        listing = self._office.listing
        listing.college, listing.status = str(self._college.value), str(self._status.value)
        listing.words, listing.page = str(self._words.value), 0
        self._fill()

    def _turn(self, pages: int) -> None:
        self._office.listing.page += pages
        self._fill()

    def _tick_found(self) -> None:
        students = self._office.listing.matching()
        self._office.mark_seen(students)
        self._office.listing.tick(records(students))
        self._fill()

    def _tick_only(self, students: list[Student]) -> None:
        self._office.listing.ticked.clear()
        self._office.listing.tick(students)
        self._fill()

    def _fill(self) -> None:
        listing, snapshot = self._office.listing, self._office.listing.snapshot
        rows, total = listing.page_rows(), len(listing.matching())
        self._office.mark_seen(rows)
        old = self.body.children
        self.body.children = tuple(self._row(snapshot, student) for student in records(rows)) if snapshot else ()
        for line in old:
            for part in (*line.children, line):
                part.close()
        pages = (total + PAGE - 1) // PAGE
        self._position.value = f"找到 {total} 人，第 {listing.page + 1 if pages else 0} / {pages} 页"
        self._show_ticked()

    def _show_ticked(self) -> None:
        self.ticked.value = f"<b>{escape(self._office.listing.ticked_text())}</b>"
        self._on_tick()

    def _row(self, snapshot: ReviewSnapshot, student: Student) -> widgets.Widget:
        ticked = student_name(student) in self._office.listing.ticked
        layout = widgets.Layout(width="130px", margin="0")
        tick = widgets.Checkbox(value=ticked, description=str(student["name"])[:12], indent=False, layout=layout)

        def changed(change: dict[str, object]) -> None:
            self._office.listing.tick([student], bool(change["new"]))
            self._show_ticked()

        tick.observe(changed, names="value")
        words = widgets.HTML(_cells(student, snapshot.reasons(student)))
        words.layout.flex, words.layout.min_width = "1 1 0", "0"
        line = widgets.Layout(border_bottom="1px solid #e3e8ee", align_items="center", width="100%")
        return widgets.HBox([tick, words, button("查看", lambda: self._open(snapshot, student))], layout=line)

    def _open(self, snapshot: ReviewSnapshot, student: Student) -> None:
        output, picture = widgets.Output(), None
        try:
            content, picture = student_view(self._office, student)
            request = change_request(snapshot, student)
            content = Fragment(f"{request.html}{_GAP}{content.html}", content.title) if request else content
        except MingceError as error:
            content = error_box(error)
        show_in(output, content)
        buttons = [
            button("上一名", lambda: self._open_neighbour(snapshot, student, -1)),
            button("下一名", lambda: self._open_neighbour(snapshot, student, 1)),
            button("只勾选这名学生", lambda: self._tick_only([student])),
        ]
        photo = [widgets.Image(value=picture, layout=widgets.Layout(width="150px"))] if picture else []
        self.detail.children = (widgets.HBox(buttons), *photo, output)

    def _open_neighbour(self, desk: ReviewSnapshot, student: Student, step: int) -> None:
        """Open the student `step` rows further in the filtered list."""
        found = self._office.listing.matching()
        names = list(map(student_name, records(found)))
        at = names.index(student_name(student)) + step if student_name(student) in names else 0
        if 0 <= at < len(found):
            self._office.mark_seen(found.iloc[[at]])
            self._open(desk, records(found)[at])


def _cells(student: Student, reasons: list[str]) -> str:
    state = STATUSES[str(student["status"])] + (f"，{REQUEST}" if student["change_request"] else "")
    why = "；".join(reasons)
    short = why if len(why) <= _MAX_REASONS else f"{why[:_MAX_REASONS]}……"
    cells = (student_name(student), str(student["class_name"]), state, short)
    return f'<div title="{escape(why)}">{_line(cells)}</div>'


def _line(cells: tuple[str, str, str, str]) -> str:
    spans = "".join(
        f'<span style="flex:{width};overflow-wrap:anywhere">{escape(cell)}</span>'
        for width, cell in zip(_WIDTHS, cells, strict=True)
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:0 12px;line-height:1.5">{spans}</div>'


def student_view(office: DeskCohort, student: Student) -> tuple[Fragment, bytes | None]:
    """Return a fragment with a student's facts, and the photo if there is one. Raises RefusedError without a run."""
    name = student_name(student)
    tables, today = open_tables(office.cohort)
    entries = entries_of(office.cohort)
    facts = student_facts_of(tables, office.cohort.reports_folder / "runs" / tables.run_id, entries, name, today)
    person = facts["student"]
    state = STATUSES[person["status"]] + ("，申请修改" if person["change_request"] else "")
    counselor = f"辅导员 {person['counselor'] or '未登记'}"
    place = f"{person['college']}　{person['class_name']}　{person['major']}　{counselor}　{state}"
    counting = next((submission for submission in facts["submissions"] if submission["role"] == "counts"), None)
    values: dict[str, Any] = counting["fields"] if counting else {}
    view = fragment(
        "student",
        f"{student['name']}（{name}）",
        title=f"{student['name']}　{name}",
        place=place,
        rows=_side_by_side(values, facts["registry"]),
        findings=[_finding(finding) for finding in [*(counting["findings"] if counting else []), *facts["findings"]]],
        submissions=[
            (row["fields"]["submitted_at"], ROLES[row["role"]], row["submission_id"]) for row in facts["submissions"]
        ],
        history=[_entry(entry) for entry in facts["ledger"]],
    )
    return view, _picture(office, values, student)


def change_request(snapshot: ReviewSnapshot, student: Student) -> Fragment | None:
    """Return a fragment that compares approved and requested submission, or None if no change is requested."""
    if not student["change_request"]:
        return None
    newer = str(student["later_id"] or student["submission_id"])
    approved = snapshot.submission(str(student["approved_submission_id"] or student["submission_id"]))
    requested = snapshot.submission(newer)
    pairs = [
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
        changed=[pair for pair in pairs if pair["approved"] != pair["requested"]],
        same=[pair for pair in pairs if pair["approved"] == pair["requested"]],
        reasons=snapshot.reasons(student, newer),
    )


def _side_by_side(values: dict[str, Any], registry: dict[str, Any]) -> list[dict[str, Any]]:
    compared = {*fields.compared(), "id_number", "name"}
    lines: list[dict[str, Any]] = []
    for name in fields.names():
        submitted, registered = str(values.get(name, "")), str(registry.get(name, ""))
        if submitted or registered:
            differs = bool(values and submitted and registered and submitted != registered and name in compared)
            lines.append({"label": fields.label(name), "given": submitted, "registry": registered, "differs": differs})
    return sorted(lines, key=lambda line: not line["differs"])


def _finding(row: dict[str, Any]) -> dict[str, str]:
    family = "done" if row["excepted"] else {"critical": "fix", "warning": "verify"}.get(str(row["severity"]), "review")
    text = f"{row['message']}{'（已准予例外）' if row['excepted'] else ''}"
    return {"family": family, "who": ACTORS[row["actor"]], "said": text, "rule": str(row["rule"])}


def _entry(row: dict[str, Any]) -> tuple[str, str, str, str]:
    what = f"{action_in_words(row['kind'], row['action'])} {row['rule']}".strip()
    return str(row["at"])[:16].replace("T", " "), what, author_of(row), str(row["why"])


def _picture(office: DeskCohort, values: dict[str, Any], student: Student) -> bytes | None:
    folder = office.cohort.photos_folder
    if folder is None or not values.get("photo"):
        return None
    photo, number, id_number = str(values["photo"]), str(student["student_number"]), str(values.get("id_number", ""))
    found = PhotoFolder(folder).find(photo, number, id_number)
    if found is None or found.stat().st_size > _MAX_PICTURE:
        return None
    return found.read_bytes()
