"""The office's cohort with the students that were shown, its student list, and helpers of all forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import ipywidgets as widgets
import pandas as pd
from IPython.core.formatters import DisplayFormatter

from pipeline.cohort import Cohort, load_cohort
from pipeline.errors import MingceError
from pipeline.render.fragments import Fragment, fragment
from pipeline.review.ledger import entries_of
from pipeline.review.review_snapshot import (
    KINDS,
    ReviewSnapshot,
    Student,
    build_snapshot,
    open_tables,
    seen_states,
    student_name,
)
from pipeline.tables import COLUMNS, STATUSES

ALL = "全部"
REQUEST = "申请修改"
PAGE = 15
Box = TypeVar("Box", widgets.Text, widgets.Dropdown)
_SEARCHED = ["name", "student_number", "class_name", "phone"]
_ADDED = ["school_code", "registry_digest", "change_request", "phone", "searched"]
"""Columns that the desk adds to the roster."""
_LABELS = {"--why": "说明", "--by": "经办人", "--proof": "证明", "--reason": "原因", "--rule": "例外的问题"}
"""The form's labels for options of a command."""


@dataclass
class Listing:
    """The snapshot's students (none without one), filtered by college, status and words.

    `college` is `code/college`, `status` a word of `STATUSES` or 申请修改. Decisions apply to `ticked` (SCHOOL/NUMBER
    to name), which stays across pages, searches and desks.
    """

    snapshot: ReviewSnapshot | None = None
    college: str = ALL
    status: str = ALL
    words: str = ""
    page: int = 0
    ticked: dict[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def people(self) -> pd.DataFrame:
        """The snapshot's people, with `searched`: the text in which search words are looked up."""
        if self.snapshot is None:
            return pd.DataFrame(columns=[*COLUMNS["roster"], *_ADDED])
        phones = self.snapshot.tables.submissions.drop_duplicates("submission_id").set_index("submission_id")["phone"]
        people = self.snapshot.people
        parts = people.assign(phone=people["submission_id"].map(phones).astype("str").fillna(""))[_SEARCHED]
        return people.assign(searched=["\n".join(row).casefold() for row in parts.to_numpy()])

    @property
    def colleges(self) -> list[str]:
        """The colleges as `code/college`, after 全部."""
        return [ALL, *sorted((self.people["school_code"] + "/" + self.people["college"]).unique())]

    def matching(self) -> pd.DataFrame:
        """Return the people rows that match the filter. Each search word must occur in a column of `_SEARCHED`."""
        people = self.people
        keep = pd.Series(True, index=people.index)
        if self.college != ALL:
            keep &= people["school_code"] + "/" + people["college"] == self.college
        if self.status == REQUEST:
            keep &= people["change_request"].astype(bool)
        elif self.status != ALL:
            keep &= people["status"].map(STATUSES) == self.status
        for word in self.words.casefold().split():
            school, _, number = word.rpartition("/")
            in_school = people["school_code"].eq(school) | (school == "")
            keep &= in_school & people["searched"].str.contains(number, regex=False)
        return people[keep]

    def page_rows(self) -> pd.DataFrame:
        """Return the rows of this page, or of the last page if it is past the end."""
        rows = self.matching()
        self.page = max(0, min(self.page, (len(rows) - 1) // PAGE))
        return rows.iloc[self.page * PAGE : (self.page + 1) * PAGE]

    def tick(self, students: Iterable[Student], on: bool = True) -> None:
        """Tick or untick these students."""
        for student in students:
            if on:
                self.ticked[student_name(student)] = str(student["name"])
            else:
                self.ticked.pop(student_name(student), None)

    def ticked_text(self) -> str:
        """Return in Chinese which students are ticked."""
        if not self.ticked:
            return "还没有勾选学生"
        names = list(self.ticked.values())
        return f"已勾选 {len(names)} 人：{'、'.join(names[:10])}{' 等' if len(names) > 10 else ''}"


@dataclass
class DeskCohort:
    """The cohort of the office's notebook."""

    cohort: Cohort
    seen: dict[str, str] = field(default_factory=dict[str, str])
    """The state of every student that was shown (`seen_states`). Decisions apply to these states only."""
    listing: Listing = field(default_factory=Listing)
    _listeners: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def on_change(self, act: Callable[[], None]) -> None:
        """Call `act` after each run and each recorded decision."""
        self._listeners.append(act)

    def notify(self) -> None:
        """Call the functions of `on_change`."""
        for act in self._listeners:
            act()

    def mark_seen(self, people: pd.DataFrame) -> None:
        """Record that these people rows were shown."""
        self.seen.update(seen_states(people))

    def build_snapshot(self) -> ReviewSnapshot:
        """Return the newest run's tables under the current decisions."""
        tables, today = open_tables(self.cohort)
        return build_snapshot(tables, entries_of(self.cohort, *KINDS), today)

    def reload(self) -> None:
        """List the current snapshot. Filter, page and ticks of its people stay. Nobody is listed if that raises."""
        self.listing = replace(self.listing, snapshot=None)
        snapshot = self.build_snapshot()
        known = set(snapshot.people["school_code"] + "/" + snapshot.people["student_number"])
        ticked = {name: who for name, who in self.listing.ticked.items() if name in known}
        self.listing = replace(self.listing, snapshot=snapshot, ticked=ticked)


def open_office(cohort: str) -> DeskCohort:
    """Open the cohort of a `cohort.toml` or its folder. Raises ConfigurationError with all mistakes."""
    return DeskCohort(load_cohort(Path(cohort or ".")))


def error_box(error: MingceError) -> Fragment:
    """Return the error and its remedy as a piece."""
    error.where = _LABELS.get(error.where, error.where)
    return fragment("notes", heading="请看这里", lines=str(error).splitlines())


def button(label: str, act: Callable[[], None], style: str = "") -> widgets.Button:
    """Return a button that calls `act`."""

    def pressed(_: object) -> None:
        act()

    widget = widgets.Button(description=label, button_style=style, layout=widgets.Layout(width="auto"))
    widget.on_click(pressed)
    return widget


def box(kind: type[Box], label: str, width: str = "320px", **options: object) -> Box:
    """Return a labelled box of a form."""
    return kind(description=label, layout=widgets.Layout(width=width, max_width="100%"), **options)


def in_a_row(*parts: widgets.Widget) -> widgets.Widget:
    """Return a box with the parts in a row, which wraps in a narrow window."""
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap"))


def show_in(output: widgets.Output, content: object) -> None:
    """Replace the content of `output` in one message: a clear and an append are two, and may come in reverse order."""
    if isinstance(content, str):
        output_data: dict[str, Any] = {"output_type": "stream", "name": "stdout", "text": content}
    else:
        data, metadata = DisplayFormatter().format(content)
        output_data = {"output_type": "display_data", "data": data, "metadata": metadata}
    output.outputs = (output_data,)
