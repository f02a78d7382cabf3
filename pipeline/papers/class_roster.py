"""The students of one college or class as papers show them: what each submitted, and how it compares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.logic import compared_form
from pipeline.colleges import College
from pipeline.match.membership import names_by_reason
from pipeline.tables import STATUSES, Frame
from pipeline.view.run_tables import Run

EQUAL, UNLIKE, UNCOMPARED = "✓", "≠", "－"
NO_CLASS = "没有班级"
_AT_FAULT = {"name_differs": "name", "wrong_school": "school"}
"""By cause of a failed identity the field that differs; of every other cause it is the ID number."""


@dataclass(frozen=True)
class Students:
    """The registry's students of a college, or of one class of it.

    `submissions`: those that count of this college, superseded ones not, by `submission_id`. `findings`,
    `outside`, `registry`: the college's. `faults`: its `registry_findings`.
    """

    run: Run
    college: College
    roster: Frame
    submissions: Frame
    findings: Frame
    outside: Frame
    registry: Frame
    faults: Frame
    certified: frozenset[str]
    """The submissions whose identity is certified."""
    class_name: str = ""
    within: tuple[Students, np.ndarray] | None = None
    """Of a class: its college, which works out what is dear for all classes at once, and its rows of that roster."""

    @cached_property
    def submitted(self) -> Frame:
        """What each row of the roster submitted: the fields, blank where nothing was."""
        if self.within:
            college, rows = self.within
            return college.submitted.iloc[rows]
        return self.submissions[fields.names()].reindex(self.roster["submission_id"]).fillna("").astype("str")

    @property
    def counts(self) -> dict[str, int]:
        """Students by the word of their state, those that are there."""
        found = self.roster["status"].value_counts()
        return {word: int(found[name]) for name, word in STATUSES.items() if name in found}

    @property
    def counselors(self) -> str:
        """Who looks after them."""
        return "、".join(dict.fromkeys(filter(None, self.roster["counselor"])))

    def by_class(self) -> Iterator[Students]:
        """Yield each class by itself, in the order of names; who is outside may be a class's alone."""
        for name in sorted({*self.roster["class_name"], *self.outside["class_name"]}):
            yield self.of_class(str(name))

    def of_class(self, name: str) -> Students:
        """Return the students of one class."""
        own = {
            part: frame[frame["class_name"] == name].reset_index(drop=True)
            for part, frame in (("roster", self.roster), ("outside", self.outside), ("findings", self.findings))
        }
        rows = np.flatnonzero(self.roster["class_name"] == name)
        return replace(self, **own, class_name=name, within=(self, rows))

    def outside_by_name(self) -> str:
        """Return who is outside by reason: 休学：张三、李四；参军入伍：王五."""
        return "；".join(f"{reason}：{'、'.join(names)}" for reason, names in names_by_reason(self.outside))

    @cached_property
    def marks(self) -> Frame:
        """For each row of the roster, and each field of the registry, `EQUAL`, `UNLIKE` or `UNCOMPARED`.

        They say what the findings say. Of a submission whose identity is not certified no finding compares the record,
        so its values are held against the row that it stands on here.
        """
        if self.within:
            college, rows = self.within
            return college.marks.iloc[rows]
        names = fields.in_registry()
        given, held = self.submitted[names].reset_index(drop=True), self._held(names).reset_index(drop=True)
        ids = self.roster["submission_id"].reset_index(drop=True)
        told, judged = self._unlike(), self._judged(names)
        looked_at = np.flatnonzero(~ids.isin(list(self.certified)) & (ids != ""))
        marks: dict[str, pd.Series] = {}
        for name in names:
            unlike = ids.isin(list(told[name])).to_numpy(dtype=bool, copy=True)
            mine, other = (compared_form(side[name].iloc[looked_at], name) for side in (given, held))
            unlike[looked_at] |= mine.ne(other).to_numpy()
            asked = (given[name] != "") & (held[name] != "") & judged[name]
            marks[name] = pd.Series(np.where(asked, np.where(unlike, UNLIKE, EQUAL), UNCOMPARED), dtype="str")
        return pd.DataFrame(marks)

    @cached_property
    def lines(self) -> list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
        """For each row of the roster: itself, what was submitted, and the marks."""
        if self.within:
            college, rows = self.within
            return [college.lines[at] for at in rows]
        parts = (frame.to_dict("records") for frame in (self.roster, self.submitted, self.marks))
        return cast("list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]", list(zip(*parts, strict=True)))

    def _held(self, names: list[str]) -> Frame:
        rows = self.registry.drop_duplicates("student_number").set_index("student_number", drop=False)
        return rows[names].reindex(self.roster["student_number"]).fillna("")

    def _judged(self, names: list[str]) -> dict[str, np.ndarray]:
        """Return by field where it was compared: its rule ran, and the registry's value breaks no rule of its own."""
        told = self.run.summary.get("not_checked", [])
        lost = {str(one["rule"]) for one in told if str(one.get("school") or "") in ("", self.college.school)}
        faulty = {str(field): list(own) for field, own in self.faults.groupby("field")["student_number"]}
        numbers = self.roster["student_number"]
        return {
            name: ~numbers.isin(faulty.get(name, [])).to_numpy() & (f"{name}.registry" not in lost) for name in names
        }

    def _unlike(self) -> dict[str, set[str]]:
        """Return by field the submissions that differ in it, as the findings say."""
        found = defaultdict[str, set[str]](set)
        for submission, rule in self.findings[["submission_id", "rule"]].itertuples(index=False):
            base, _, kind = str(rule).partition(".")
            if kind == "registry" and base in fields.fields():
                found[base].add(str(submission))
            elif base == "identity" and kind != "not_checked":
                found[_AT_FAULT.get(kind, "id_number")].add(str(submission))
        return found


def paper_students(run: Run, college: College) -> Students:
    """Return the students of one college of a run."""
    own = {name: run.rows(name, school=college.school, college=college.name) for name in _TABLES}
    ids = [one for one in {*own["roster"]["submission_id"], *own["findings"]["submission_id"]} if one]
    rows = run.rows_in("submissions", "submission_id", ids, _COLUMNS, college.school)
    identity = run.rows_in("certifications", "submission_id", ids, ["submission_id", "identity"], college.school)
    certified = frozenset(identity["submission_id"][identity["identity"] == "certified"])
    return Students(
        run,
        college,
        own["roster"],
        rows.set_index("submission_id"),
        own["findings"],
        own["outside"],
        own["registry"],
        own["registry_findings"],
        certified,
    )


_TABLES = ("roster", "findings", "outside", "registry", "registry_findings")
_COLUMNS = ["submission_id", *fields.names()]
