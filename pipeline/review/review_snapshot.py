"""The review snapshot: a run's tables with today's decisions. Command line, worksheets and desk decide on it alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pipeline import fields
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.errors import InputError, RefusedError, UsageError
from pipeline.knowledge.text_columns import is_in
from pipeline.review.chain import digest
from pipeline.review.decisions import (
    KEY,
    decision_states,
    open_critical,
    owners_of,
    registry_digest,
    standing_decisions,
    statuses,
    withdrawn_submission_ids,
)
from pipeline.review.exceptions import apply_exceptions
from pipeline.run_folder import latest_run, newer_runs, newest_full_run, read_summary, unread_of
from pipeline.tables import AS_GIVEN, read_table

Student = Mapping[str, Any]  # one row of a snapshot's people
SeenStates = Mapping[str, str]
"""SCHOOL/NUMBER to the `_basis` of that student at the moment of looking: a decision applies to that state only."""
KINDS = ("decision", "reading", "exception", "withdrawal", "scope", "signature", "acceptance")
"""Kinds of ledger entries that a snapshot reads."""
OUTSIDE = "cohort.outside"
"""The rule that reports submissions of registered people who are outside the class."""


class StudentNumbers:
    """The positions of students in `rows` of a roster or registry. A number may begin with a code in `schools`."""

    def __init__(self, rows: pd.DataFrame, schools: Collection[str]) -> None:
        self._codes, self._schools = rows["school_code"].tolist(), schools
        self._positions = rows.groupby("student_number").indices

    def position(self, text: str) -> int:
        """Return the position of NUMBER or SCHOOL/NUMBER in `rows`. Raises UsageError if none or several have it."""
        code, number = self.split(text)
        at = [position for position in self._positions.get(number, ()) if code in ("", self._codes[position])]
        if not at:
            raise UsageError(f"名册中没有学号 {text}", remedy="请核对学号；刚加入学籍库的学生，请先运行 mingce run")
        if len(schools := sorted({self._codes[position] for position in at})) > 1:
            candidates = "、".join(f"{code}/{number}" for code in schools)
            raise UsageError(f"学号 {text} 不止一人", remedy=f"请写明学校：{candidates}")
        if len(at) > 1:
            raise UsageError(f"学籍库里学号 {text} 有 {len(at)} 人", remedy="请先由教务更正学籍库，再运行 mingce run")
        return int(at[0])

    def split(self, text: str) -> tuple[str, str]:
        """Split SCHOOL/NUMBER. The school is "" if no school has this code."""
        code, _, number = text.partition("/")
        return (code.strip(), number.strip()) if code.strip() in self._schools else ("", text.strip())


@dataclass(frozen=True)
class RunTables:
    """The tables of a run. `people`: the roster with `school_code`, `registry_digest` and the registry's fields."""

    run_id: str
    people: pd.DataFrame
    submissions: pd.DataFrame
    findings: pd.DataFrame
    schools: dict[str, str]
    """School code to name."""
    extras: pd.DataFrame | None = None
    """Rows of `headcount` (school, college, education_level, major, extra); None where it is not known yet."""
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The run's summary."""

    def contains(self, text: str) -> bool:
        """Return whether a student has this number, or a submission id begins with this text."""
        _, number = self.numbers.split(text)
        known = self.people["student_number"].eq(number).any() or self.submissions["student_number"].eq(number).any()
        return bool(known or self.submissions["submission_id"].str.startswith(text).any())

    def refuse_unread(self, college: College) -> None:
        """Raise RefusedError if the college's registry or a source of its students could not be read."""
        unread = unread_of(self.summary, college.code, college.name)
        if unread:
            raise RefusedError(f"最近一次运行{unread}", where=str(college), remedy="请处理后重新运行 mingce run")

    @cached_property
    def numbers(self) -> StudentNumbers:
        """The positions of students in `people`."""
        return StudentNumbers(self.people, self.schools)


@dataclass(frozen=True)
class ReviewSnapshot:
    """A run under current decisions. `people`: registry students with `status` and columns of `decision_states`."""

    tables: RunTables
    people: pd.DataFrame
    findings: pd.DataFrame
    withdrawn: frozenset[str] = frozenset()
    """Submissions that were withdrawn by a decision."""

    def student(self, text: str) -> Student:
        """Return the row of NUMBER or SCHOOL/NUMBER. Raises the errors of `StudentNumbers.place`."""
        return self.students([self.tables.numbers.position(text)])[0]

    def students(self, positions: Iterable[int]) -> list[Student]:
        """Return the rows at these positions of `people`."""
        return records(self.people.iloc[list(positions)])

    def reasons(self, row: Student, submission_id: str = "") -> list[str]:
        """Return the messages of the student's open critical findings, or of another submission's."""
        owner = submission_id or str(row["submission_id"]) or f"{row['school']}/{row['student_number']}"
        return self._blocking.get(owner, [])

    def submission(self, submission_id: str) -> Mapping[str, Any]:
        """Return the row of one submission."""
        return cast("dict[str, Any]", self.tables.submissions.iloc[self._positions[submission_id]].to_dict())

    def extras(self, college: College) -> pd.DataFrame:
        """Return the counting submissions that claim this college and match no registry row (名单外)."""
        submissions, people = self.tables.submissions, self.people
        counting = (submissions["superseded_by"] == "") & ~is_in(submissions["submission_id"], self.withdrawn)
        outside = self.findings["submission_id"][self.findings["rule"] == OUTSIDE]
        standing = pd.concat([people["submission_id"], people["approved_submission_id"], outside])
        return college.rows_of(submissions[counting & ~is_in(submissions["submission_id"], standing)])

    @cached_property
    def _blocking(self) -> dict[str, list[str]]:
        blocking = open_critical(self.findings)
        messages = pd.DataFrame({"owner": owners_of(blocking), "message": blocking["message"].to_numpy()})
        return {str(key): list(group) for key, group in messages.drop_duplicates().groupby("owner")["message"]}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(self.tables.submissions["submission_id"])}


def build_snapshot(tables: RunTables, entries: pd.DataFrame, today: date) -> ReviewSnapshot:
    """Return the run's tables under the ledger's entries (of `KINDS`) as of `today`."""
    findings, lapsed = apply_exceptions(tables.findings, entries, today)
    withdrawn = withdrawn_submission_ids(entries)
    counting = tables.people["submission_id"].mask(tables.people["submission_id"].isin(withdrawn), "")
    # the later submission of each student that was neither taken nor withdrawn
    found = findings[(findings["rule"] == "cohort.later_uncertified") & ~findings["given"].isin(list(withdrawn))]
    later = counting.map(found.drop_duplicates("submission_id").set_index("submission_id")["given"])
    people = tables.people.assign(submission_id=counting, later_id=later.astype("str").fillna(""))
    known = set(tables.submissions["submission_id"]) - withdrawn
    states = decision_states(people, known, standing_decisions(entries), submissions=tables.submissions, lapsed=lapsed)
    people = people.assign(**{str(column): states[column] for column in states.columns})
    refused = (people["decision_state"] == "approved") & (people["submission_id"] == "")  # the newer one was withdrawn
    people = people.assign(submission_id=counting.mask(refused, people["approved_submission_id"]))
    status = statuses(people, people["decision_state"], findings)
    return ReviewSnapshot(tables, people.assign(status=status), findings, frozenset(withdrawn))


def open_tables(cohort: Cohort, required: str = "") -> tuple[RunTables, date]:
    """Return the newest run's tables and the day of decisions: `as_of` if the run set one, else today.

    If that run lacks the student or submission `required`, the newest partial run that has it is returned.
    """
    run = newest_run(cohort)
    summary = read_summary(run) or {}
    as_of, started = str(summary.get("as_of", "")), str(summary.get("started_at", ""))[:10]
    day = date.fromisoformat(as_of) if as_of and as_of != started else datetime.now(SHANGHAI).date()
    tables = load_tables(cohort, run)
    if required and not tables.contains(required):
        newer = sorted((run.parent / name for name in newer_runs(cohort.reports_folder, run.name)), reverse=True)
        others = (load_tables(cohort, path) for path in newer if (path / "tables" / "roster.parquet").is_file())
        tables = next((other for other in others if other.contains(required)), tables)
    return tables, day


def newest_run(cohort: Cohort) -> Path:
    """Return the folder of the newest complete run or check of all colleges. Raises RefusedError if there is none."""
    if newest := newest_full_run(cohort.reports_folder):
        return newest[0]
    raise RefusedError("还没有一次完整的运行", where=str(cohort.folder), remedy="请先运行 mingce run，再作决定")


def load_tables(cohort: Cohort, run: Path) -> RunTables:
    """Read the tables of a run folder."""
    people = _people_in(cohort, run)
    submissions, findings = read_table(run, "submissions"), read_table(run, "findings")
    extras = read_table(run, "headcount", ["school", "college", "education_level", "major", "extra"])
    return RunTables(run.name, people, submissions, findings, cohort.school_names, extras, read_summary(run) or {})


def records(people: pd.DataFrame) -> list[Student]:
    """Return people rows as dictionaries."""
    return cast("list[Student]", people.to_dict("records"))


def student_name(row: Student) -> str:
    """Return SCHOOL/NUMBER, the name of a student in messages and lists."""
    return f"{row['school_code']}/{row['student_number']}"


def people_of(roster: pd.DataFrame, registry: pd.DataFrame, schools: dict[str, str]) -> pd.DataFrame:
    """Return the roster with `school_code`, `registry_digest` (computed if absent) and the registry's other fields."""
    codes = {name: code for code, name in schools.items()}
    digests = registry["registry_digest"] if "registry_digest" in registry.columns else registry_digest(registry)
    extra = [*fields.in_registry(), AS_GIVEN]
    extra = [name for name in extra if name in registry.columns and name not in roster.columns]
    rows = registry.assign(registry_digest=digests)[[*KEY, *extra, "registry_digest"]].drop_duplicates(KEY)
    coded = roster.assign(school_code=roster["school"].map(codes).fillna("").astype("str"))
    joined = coded.merge(rows, on=KEY, how="left", validate="m:1")
    return joined.assign(**{name: joined[name].fillna("").astype("str") for name in [*extra, "registry_digest"]})


def of_college(people: pd.DataFrame, code: str, college: str) -> pd.DataFrame:
    """Return the rows of one college of one school."""
    return people[(people["school_code"] == code) & (people["college"] == college)]


def college_students(people: pd.DataFrame, college: College) -> pd.DataFrame:
    """Return the rows of one college. Raises UsageError if it has no registry students."""
    rows = of_college(people, college.code, college.name)
    if rows.empty:
        known = people[["school_code", "college"]].drop_duplicates().sort_values(["school_code", "college"])
        listed = "、".join("/".join(key) for key in known.itertuples(index=False, name=None))
        raise UsageError(f"名册中没有院系 {college} 的学生", remedy=f"名册中有：{listed}")
    return rows


def _state_digest(row: Student) -> str:
    """Return the digest of what a decision is made on: the counting submission and the registry row."""
    return digest(str(row["submission_id"]), str(row["registry_digest"]))


def seen_states(people: pd.DataFrame) -> dict[str, str]:
    """Return the `SeenStates` of people rows of a snapshot or a run."""
    rows = records(people[[*KEY, "submission_id", "registry_digest"]])
    return {student_name(row): _state_digest(row) for row in rows}


def why_unseen(row: Student, seen: SeenStates | None) -> str:
    """Return why the student's current state was not `seen`, or "". None means no check."""
    if seen is None or seen.get(student_name(row)) == _state_digest(row):
        return ""
    if student_name(row) in seen:
        return "您看过之后，提交或学籍又有改动，请重新查看"
    return "还没有看过，请先查看"


def seen_in_run(cohort: Cohort, run_id: str) -> dict[str, str]:
    """Return the `SeenStates` of all students in an earlier run. Raises UsageError if there is none of this name."""
    runs = cohort.reports_folder / "runs"
    if run_id not in {path.name for path in runs.glob("[!.]*")}:
        raise UsageError(f"没有运行 {run_id}", where="--seen", remedy="运行编号见 mingce review list 的最后一行")
    return seen_states(_people_in(cohort, runs / run_id))


def seen_in_latest(cohort: Cohort, numbers: set[str] | None = None) -> dict[str, str] | None:
    """Return the `SeenStates` (of these numbers) in the run of `latest.txt`, the default; None if there is no run."""
    latest = latest_run(cohort.reports_folder)
    if latest is None:
        return None
    try:
        people = _people_in(cohort, latest[0])
    except InputError:  # damaged tables: the next `run` writes new ones
        return None
    return seen_states(people if numbers is None else people[people["student_number"].isin(list(numbers))])


def _people_in(cohort: Cohort, run: Path) -> pd.DataFrame:
    return people_of(read_table(run, "roster"), read_table(run, "registry"), cohort.school_names)
