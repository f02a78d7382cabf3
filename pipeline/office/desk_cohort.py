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

EVERY = "全部"
REQUEST = "申请修改"
PAGE = 15
Box = TypeVar("Box", widgets.Text, widgets.Dropdown)
_SEARCHED = ["name", "student_number", "class_name", "phone"]
_ADDED = ["school_code", "registry_digest", "change_request", "phone", "searched"]
"""What the desk adds to the roster."""
_LABELS = {"--why": "说明", "--by": "经办人", "--proof": "证明", "--reason": "原因", "--rule": "例外的问题"}
"""What the form calls a command's options."""


@dataclass
class Listing:
    """A desk's students (none without a desk), filtered by college, status and words.

    `college` is `code/college`, `status` a word of `STATUSES` or 申请修改. Decisions apply to `ticked` (SCHOOL/NUMBER
    to name), which stays across pages, searches and desks.
    """

    desk: ReviewSnapshot | None = None
    college: str = EVERY
    status: str = EVERY
    words: str = ""
    page: int = 0
    ticked: dict[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def people(self) -> pd.DataFrame:
        """The desk's people, with `searched`: what search words are looked for in."""
        if self.desk is None:
            return pd.DataFrame(columns=[*COLUMNS["roster"], *_ADDED])
        phones = self.desk.tables.submissions.drop_duplicates("submission_id").set_index("submission_id")["phone"]
        people = self.desk.people
        parts = people.assign(phone=people["submission_id"].map(phones).astype("str").fillna(""))[_SEARCHED]
        return people.assign(searched=["\n".join(row).casefold() for row in parts.to_numpy()])

    @property
    def colleges(self) -> list[str]:
        """The colleges as `code/college`, after 全部."""
        return [EVERY, *sorted((self.people["school_code"] + "/" + self.people["college"]).unique())]

    def found(self) -> pd.DataFrame:
        """Return the people rows that match the filter. Each search word must occur in a column of `_SEARCHED`."""
        people = self.people
        keep = pd.Series(True, index=people.index)
        if self.college != EVERY:
            keep &= people["school_code"] + "/" + people["college"] == self.college
        if self.status == REQUEST:
            keep &= people["change_request"].astype(bool)
        elif self.status != EVERY:
            keep &= people["status"].map(STATUSES) == self.status
        for word in self.words.casefold().split():
            school, _, number = word.rpartition("/")
            keep &= people["searched"].str.contains(number, regex=False) & (
                people["school_code"].eq(school) | (school == "")
            )
        return people[keep]

    def shown(self) -> pd.DataFrame:
        """Return the rows of this page, or of the last page if it is past the end."""
        rows = self.found()
        self.page = max(0, min(self.page, (len(rows) - 1) // PAGE))
        return rows.iloc[self.page * PAGE : (self.page + 1) * PAGE]

    def tick(self, students: Iterable[Student], on: bool = True) -> None:
        """Tick or untick these students."""
        for student in students:
            if on:
                self.ticked[student_name(student)] = str(student["name"])
            else:
                self.ticked.pop(student_name(student), None)

    def said(self) -> str:
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
    """Every student that was shown, as he was then (`seen_in`): nothing is decided unseen."""
    listing: Listing = field(default_factory=Listing)
    _listeners: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def on_change(self, act: Callable[[], None]) -> None:
        """Call `act` after each run and each recorded decision."""
        self._listeners.append(act)

    def changed(self) -> None:
        """Call the functions of `on_change`."""
        for act in self._listeners:
            act()

    def remember(self, people: pd.DataFrame) -> None:
        """Record that these people rows were shown."""
        self.seen.update(seen_states(people))

    def desk(self) -> ReviewSnapshot:
        """Return the newest run's tables under the current decisions."""
        tables, today = open_tables(self.cohort)
        return build_snapshot(tables, entries_of(self.cohort, *KINDS), today)

    def reload(self) -> None:
        """List the current desk. Filter, page and ticks of its people stay. Nobody is listed if that raises."""
        self.listing = replace(self.listing, desk=None)
        desk = self.desk()
        known = set(desk.people["school_code"] + "/" + desk.people["student_number"])
        ticked = {name: who for name, who in self.listing.ticked.items() if name in known}
        self.listing = replace(self.listing, desk=desk, ticked=ticked)


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

    made = widgets.Button(description=label, button_style=style, layout=widgets.Layout(width="auto"))
    made.on_click(pressed)
    return made


def box(kind: type[Box], label: str, width: str = "320px", **more: object) -> Box:
    """Return a labelled box of a form."""
    return kind(description=label, layout=widgets.Layout(width=width, max_width="100%"), **more)


def in_a_row(*parts: widgets.Widget) -> widgets.Widget:
    """Return the parts beside each other, in several lines in a narrow window."""
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap"))


def show_in(output: widgets.Output, shown: object) -> None:
    """Replace the content of `output` in one message: a clear and an append are two, and may come in reverse order."""
    if isinstance(shown, str):
        one: dict[str, Any] = {"output_type": "stream", "name": "stdout", "text": shown}
    else:
        data, metadata = DisplayFormatter().format(shown)
        one = {"output_type": "display_data", "data": data, "metadata": metadata}
    output.outputs = (one,)
