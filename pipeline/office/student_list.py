"""The office's student list: filter, search, tick, and open one student."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as widgets

from pipeline.errors import MingceError
from pipeline.office.deciding import DecisionForm
from pipeline.office.desk_cohort import (
    EVERY,
    PAGE,
    REQUEST,
    DeskCohort,
    ListFilter,
    Listing,
    button,
    error_box,
    show_in,
)
from pipeline.office.one import change_request, one_student
from pipeline.render.pieces import Piece
from pipeline.review.review_snapshot import Student, records, student_name
from pipeline.tables import STATUSES

_GRID = "display:grid;grid-template-columns:150px 150px 130px 1fr;gap:12px;align-items:center;line-height:1.5"
_GAP = '<div style="height:12px"></div>'
_CUT = 60  # a line shows so many characters of the reasons


def show_students(office: DeskCohort) -> widgets.Widget:
    """Return the student list, the decision form and the view of one student."""
    table = _Table(office)
    office.on_change(table.reload)
    parts = [table.filters, table.head, table.body, table.feet, DecisionForm(office, table).widget, table.detail]
    return widgets.VBox(parts, layout=widgets.Layout(max_width="1080px"))


class _Table:
    """The widgets of the list. Each page has new ones, so a late tick on an old page has no effect."""

    def __init__(self, office: DeskCohort) -> None:
        self._office = office
        self.listing: Listing | None = None
        self.on_tick: Callable[[], None] = lambda: None
        self._filling = False
        wide = widgets.Layout(width="320px")
        self._words = widgets.Text(
            placeholder="姓名、学号、班级、电话尾号，可只写一部分",
            description="查找",
            layout=wide,
            continuous_update=True,
        )
        self._college = widgets.Dropdown(options=[EVERY], description="院系", layout=wide)
        states = [EVERY, *STATUSES.values(), REQUEST]
        self._status = widgets.Dropdown(options=states, description="状态", layout=widgets.Layout(width="220px"))
        again = button("刷新", self.reload)
        again.tooltip = "按最新的运行和审核记录重新列出"
        self.filters = widgets.HBox(
            [self._words, self._college, self._status, again], layout=widgets.Layout(flex_flow="row wrap")
        )
        self.head = widgets.HTML()
        self.body = widgets.VBox()
        self._at = widgets.Label()
        self.ticked = widgets.HTML()
        buttons = [
            ("上一页", lambda: self._turn(-1)),
            ("下一页", lambda: self._turn(1)),
            ("勾选找到的全部", self._tick_found),
            ("全部不勾", lambda: self._tick_only([])),
        ]
        self.feet = widgets.VBox([widgets.HBox([self._at, *(button(*each) for each in buttons)]), self.ticked])
        self.detail = widgets.VBox()
        for box in (self._words, self._college, self._status):
            box.observe(self._asked, names="value")
        self.reload()

    def reload(self) -> None:
        """Load the newest run and current decisions. Ticks and filters stay."""
        try:
            desk = self._office.desk()
        except MingceError as error:
            self.listing, self.body.children, self.detail.children = None, (), ()
            self.head.value = error_box(error).html
            return
        ticked = self.listing.ticked if self.listing else {}
        known = set(desk.people["school_code"] + "/" + desk.people["student_number"])
        self.listing = Listing(desk, ticked={name: who for name, who in ticked.items() if name in known})
        self._filling = True
        chosen = self._college.value
        self._college.options = self.listing.colleges
        self._college.value = chosen if chosen in self.listing.colleges else EVERY
        self._filling = False
        self._asked(None)

    def _asked(self, _: object) -> None:
        if self.listing is None or self._filling:
            return
        self.listing.wanted = ListFilter(str(self._college.value), str(self._status.value), str(self._words.value))
        self.listing.page = 0
        self._fill()

    def _turn(self, pages: int) -> None:
        if self.listing:
            self.listing.page += pages
            self._fill()

    def _tick_found(self) -> None:
        if self.listing:
            self._office.remember(self.listing.found())
            self.listing.tick_found()
            self._fill()

    def _tick_only(self, students: list[Student]) -> None:
        if self.listing:
            self.listing.ticked.clear()
            self.listing.tick(students)
            self._fill()

    def _fill(self) -> None:
        if self.listing is None:
            return
        rows, total = self.listing.shown(), len(self.listing.found())
        self._office.remember(rows)
        old = self.body.children
        heads = "".join(f"<span>{head}</span>" for head in ("学号", "班级", "状态", "未解决"))
        self.head.value = f'<div style="{_GRID};padding-left:130px;color:#5a6675;font-size:13px">{heads}</div>'
        self.body.children = tuple(self._row(student) for student in records(rows))
        for line in old:
            for part in (*line.children, line):
                part.close()
        pages = (total + PAGE - 1) // PAGE
        self._at.value = f"找到 {total} 人，第 {self.listing.page + 1 if pages else 0} / {pages} 页"
        self._say_ticked()

    def _say_ticked(self) -> None:
        if self.listing:
            self.ticked.value = f"<b>{escape(self.listing.said())}</b>"
        self.on_tick()

    def _row(self, student: Student) -> widgets.Widget:
        listing = self.listing
        assert listing is not None
        name = student_name(student)
        layout = widgets.Layout(width="130px", margin="0")
        tick = widgets.Checkbox(
            value=name in listing.ticked, description=str(student["name"])[:12], indent=False, layout=layout
        )

        def changed(change: dict[str, object]) -> None:
            listing.tick([student], bool(change["new"]))
            self._say_ticked()

        tick.observe(changed, names="value")
        look = button("查看", lambda: self._open(student))
        words = widgets.HTML(_cells(student, listing.desk.reasons(str(student["submission_id"]))))
        words.layout.flex = "1 1 auto"
        line = widgets.Layout(border_bottom="1px solid #e3e8ee", align_items="center", width="100%")
        return widgets.HBox([tick, words, look], layout=line)

    def _open(self, student: Student) -> None:
        output = widgets.Output()
        try:
            shown, picture = one_student(self._office, student)
            asked = change_request(self.listing.desk, student) if self.listing else None
            shown = Piece(f"{asked.html}{_GAP}{shown.html}", shown.title) if asked else shown
        except MingceError as error:
            shown, picture = error_box(error), None
        show_in(output, shown)
        ways = [
            button("上一名", lambda: self._beside(student, -1)),
            button("下一名", lambda: self._beside(student, 1)),
            button("只勾选这名学生", lambda: self._tick_only([student])),
        ]
        photo = [widgets.Image(value=picture, layout=widgets.Layout(width="150px"))] if picture else []
        self.detail.children = (widgets.HBox(ways), *photo, output)

    def _beside(self, student: Student, step: int) -> None:
        """Open the student `step` rows further in the filtered list."""
        if self.listing is None:
            return
        found = records(self.listing.found())
        names = list(map(student_name, found))
        at = names.index(student_name(student)) + step if student_name(student) in names else 0
        if 0 <= at < len(found):
            self._office.remember(self.listing.found().iloc[[at]])
            self._open(found[at])


def _cells(student: Student, reasons: list[str]) -> str:
    state = STATUSES[str(student["status"])] + (f"，{REQUEST}" if student["change_request"] else "")
    why = "；".join(reasons)
    short = why if len(why) <= _CUT else f"{why[:_CUT]}……"
    cells = (student_name(student), str(student["class_name"]), state, short)
    spans = "".join(f'<span style="overflow-wrap:anywhere">{escape(cell)}</span>' for cell in cells)
    return f'<div style="{_GRID}" title="{escape(why)}">{spans}</div>'
