"""The students that the desk lists: filtered, page by page, and which of them are ticked. No widget here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from pipeline.review.review_snapshot import Desk, Student, records, student_name
from pipeline.tables import STATUSES

EVERY = "全部"
REQUEST = "申请修改"
PAGE = 15
_SEARCHED = ["name", "student_number", "class_name", "phone"]


@dataclass(frozen=True)
class ListFilter:
    """What is asked for: a college (`code/college`), a state (a word of `STATUSES`, or 申请修改) and words."""

    college: str = EVERY
    status: str = EVERY
    words: str = ""


@dataclass
class Listing:
    """The desk's students, and who is ticked.

    `ticked` holds SCHOOL/NUMBER and name: whoever is ticked stays so while other pages and searches are looked at,
    and is acted on, whatever is on the screen.
    """

    desk: Desk
    wanted: ListFilter = ListFilter()
    page: int = 0
    ticked: dict[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def _texts(self) -> pd.Series:
        """What a search looks into, one text a student: name, number, class, and the telephone that was given."""
        phones = self.desk.tables.submissions.set_index("submission_id")["phone"]
        phones = phones[~phones.index.duplicated()]
        people = self.desk.people
        parts = people.assign(phone=people["submission_id"].map(phones).astype("str").fillna(""))[_SEARCHED]
        return pd.Series(["\n".join(row).casefold() for row in parts.to_numpy()], index=people.index, dtype="str")

    @property
    def colleges(self) -> list[str]:
        """The colleges to choose from: `code/college`, 全部 first."""
        pairs = self.desk.people[["school_code", "college"]].drop_duplicates().itertuples(index=False)
        return [EVERY, *sorted(f"{code}/{college}" for code, college in pairs)]

    def found(self) -> pd.DataFrame:
        """Return the rows of the desk's people that are asked for; every word stands in one of the searched cells."""
        people = self.desk.people
        keep = pd.Series(True, index=people.index)
        if self.wanted.college != EVERY:
            code, _, name = self.wanted.college.partition("/")
            keep &= (people["school_code"] == code) & (people["college"] == name)
        if self.wanted.status == REQUEST:
            keep &= people["change_request"].astype(bool)
        elif self.wanted.status != EVERY:
            keep &= people["status"].map(STATUSES) == self.wanted.status
        for word in self.wanted.words.casefold().split():
            school, _, number = word.rpartition("/")
            keep &= self._texts.str.contains(number, regex=False) & (people["school_code"].eq(school) | (school == ""))
        return people[keep]

    def shown(self) -> pd.DataFrame:
        """Return the rows of this page; a page past the end is the last one."""
        rows = self.found()
        self.page = max(0, min(self.page, (len(rows) - 1) // PAGE))
        return rows.iloc[self.page * PAGE : (self.page + 1) * PAGE]

    def tick(self, students: Iterable[Student], on: bool = True) -> None:
        """Tick these students, or take their ticks away."""
        for student in students:
            if on:
                self.ticked[student_name(student)] = str(student["name"])
            else:
                self.ticked.pop(student_name(student), None)

    def tick_found(self) -> None:
        """Tick all that are found, on other pages too."""
        self.tick(records(self.found()))

    def said(self) -> str:
        """Return who is ticked, in words."""
        if not self.ticked:
            return "还没有勾选学生"
        names = list(self.ticked.values())
        return f"已勾选 {len(names)} 人：{'、'.join(names[:10])}{' 等' if len(names) > 10 else ''}"
