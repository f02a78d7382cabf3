"""学籍勘误汇总表: what is wrong in one school's registry, for the registrar, and since when each row waits.

A row is one field of one student. It leaves the list when the registry is right. The ledger remembers when a row was
first listed and when it was first reported, by school, student number and field; it holds no value.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from pipeline import fields, resources
from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.tables import Frame
from pipeline.view.run_tables import Run

KIND = "errata"
LISTED, REPORTED = "listed", "reported"
_LATER = "cohort.later_uncertified"
_OF_STATUS = ("cohort.outside", "registry.scope")
_CAUSES = {"registry_outdated": "id_number", "name_differs": "name"}
_COUNTED = ("critical", "warning")
_COLUMNS = ["submission_id", "student_number", "field", "message"]


@dataclass(frozen=True)
class Erratum:
    """One field of one student: what the registry has, what the student submitted (blank: nothing), what is wrong."""

    code: str
    student_number: str
    name: str
    college: str
    class_name: str
    field: str
    held: str
    given: str
    message: str
    since: str
    reported: str = ""
    """The day on which it was first reported, 2016-10-12; blank: not yet."""
    own: bool = False
    """Whether a submission of the student's waits for it."""

    @property
    def key(self) -> str:
        """What the ledger knows the row by."""
        return _key(self.code, self.student_number, self.field)

    @property
    def proof(self) -> str:
        """The proof that is needed."""
        return _proofs().get(self.field, "相关证明材料")


@cache
def _proofs() -> dict[str, str]:
    with (resources.expectations() / "proofs.csv").open(encoding="utf-8", newline="") as lines:
        return {row["field"]: row["proof"] for row in csv.DictReader(lines)}


def errata_of(run: Run, school: School, entries: Frame) -> list[Erratum]:
    """Return the errata of one school, by field, college, class and student number.

    Args:
        run: the run that found them.
        school: whose registry it is.
        entries: the ledger's, of `KIND`.
    """
    found = _found(run, school.name)
    ids = [one for one in found["submission_id"].unique() if one]
    submitted = run.rows_in("submissions", "submission_id", ids, ["submission_id", *fields.names()], school.name)
    given = submitted.set_index("submission_id").to_dict("index")
    registry = run.rows("registry", school=school.name).drop_duplicates("student_number")
    held = registry.set_index("student_number", drop=False).to_dict("index")
    lookup = _Lookup(school.code, held, given, _days(entries), run.as_of.isoformat())
    groups = found.groupby(["student_number", "field"], sort=False)
    rows = [lookup.erratum(group) for _, group in groups]
    order = {name: at for at, name in enumerate([*fields.registry_columns(), ""])}
    return sorted(
        rows, key=lambda row: (order.get(row.field, len(order)), row.college, row.class_name, row.student_number)
    )


def _found(run: Run, school: str) -> Frame:
    """Return what is the registrar's: findings of submissions, later ones that were not taken, faults of the registry.

    Columns: `_COLUMNS`; a fault without a submission has a blank `submission_id`.
    """
    findings = run.rows("findings", school=school)
    findings = findings[~findings["excepted"]]
    asked = findings[(findings["actor"] == "registrar") & findings["severity"].isin(_COUNTED)]
    status = asked["rule"].isin(_OF_STATUS)
    asked = asked.assign(field=asked["field"].mask(status, "enrolment_status"))
    faults = run.rows("registry_findings", school=school)
    faults = faults[faults["severity"].isin(_COUNTED)].assign(submission_id="")
    roster = run.rows("roster", school=school, columns=["student_number", "submission_id"])
    ids = roster.drop_duplicates("student_number").set_index("student_number")["submission_id"]
    faults = faults.assign(submission_id=faults["student_number"].map(ids).fillna(""), own=False)
    parts = [asked.assign(own=asked["submission_id"] != ""), _later(run, findings, school), faults]
    return pd.concat([part[[*_COLUMNS, "own"]] for part in parts], ignore_index=True)


def _later(run: Run, findings: Frame, school: str) -> Frame:
    """Return later submissions that were not taken because the registry may be outdated."""
    told = findings[findings["rule"] == _LATER]
    cause = told["expected"].str.extract(f"({'|'.join(_CAUSES)})", expand=False)
    told = told[cause.notna()]
    rows = told.assign(submission_id=told["given"], field=cause.dropna().map(_CAUSES), own=True)
    return rows.assign(message="后来提交的与学籍不一致，没有采用；学籍已变更的请更正")


@dataclass(frozen=True)
class _Lookup:
    """What is known of a school's students: registry rows by number, submissions by id, days by action and row."""

    code: str
    held: Mapping[Any, Mapping[Any, Any]]
    given: Mapping[Any, Mapping[Any, Any]]
    days: Mapping[str, Mapping[str, str]]
    today: str

    def erratum(self, group: Frame) -> Erratum:
        """Return the row for the findings of one field of one student."""
        number, name = str(group["student_number"].iloc[0]), str(group["field"].iloc[0])
        held = self.held.get(number, {})
        given = next((self.given[one] for one in group["submission_id"] if one in self.given), {})
        own, key = bool(group["own"].any()), _key(self.code, number, name)
        asked = str(given.get("submitted_at", ""))[:10] if own else ""
        return Erratum(
            code=self.code,
            student_number=number,
            name=str(held.get("name", "")),
            college=str(held.get("college", "")),
            class_name=str(held.get("class_name", "")),
            field=name,
            held=str(held.get(name, "")),
            given=str(given.get(name, "")),
            message="；".join(dict.fromkeys(group["message"])),
            since=asked or self.days[LISTED].get(key, self.today),
            reported=self.days[REPORTED].get(key, ""),
            own=own,
        )


def _key(code: str, number: str, field: str) -> str:
    return f"{code}/{number}/{field}"


def _days(entries: Frame) -> dict[str, dict[str, str]]:
    """Return the first day of each row in the ledger, by action."""
    days: dict[str, dict[str, str]] = {LISTED: {}, REPORTED: {}}
    for action, at, data in entries[["action", "at", "data"]].itertuples(index=False):
        for key in json.loads(str(data)).get("rows", []):
            days[str(action)].setdefault(str(key), str(at)[:10])
    return days


def remember(ledger: Ledger, rows: Iterable[Erratum], action: str, *, by: str, why: str = "") -> None:
    """Write into the ledger which rows are listed, or reported, for the first time."""
    listed = list(rows)

    def new(entries: Frame) -> list[Entry]:
        known = _days(entries)[action]
        keys = [row.key for row in listed if row.key not in known]
        data = {"rows": keys}
        return [Entry(KIND, action=action, by=by, why=why, school_code=listed[0].code, data=data)] if keys else []

    if listed:
        ledger.append_if(new, KIND)


def reported_students(cohort: Cohort, run: Run) -> dict[tuple[str, str], str]:
    """Return by (school, student number) the day on which the registrar was told of what a submission waits for."""
    with open_ledger(cohort) as ledger:
        entries = ledger.entries(KIND)
    days: dict[tuple[str, str], str] = {}
    if not (entries["action"] == REPORTED).any():
        return days
    for school in cohort.schools:
        for row in errata_of(run, school, entries):
            if row.own and row.reported:
                key = (school.name, row.student_number)
                days[key] = min(row.reported, days.get(key, row.reported))
    return days
