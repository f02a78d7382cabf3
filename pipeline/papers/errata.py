"""学籍勘误汇总表: the errors of one school's registry, the day since which each waits, and what a new export corrects.

A row is one field of one student. It disappears once the registry is corrected. The ledger records when a row was
first listed and first reported: school, student number and field, no values.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pipeline import fields
from pipeline.check.logic import compared_form
from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.resources import expectation_rows
from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger, entries_of
from pipeline.tables import Frame
from pipeline.view.remaining_work import month_day
from pipeline.view.run_tables import Run, load_run
from pipeline.workbook_writer import PrintedList

KIND = "errata"
LISTED, REPORTED = "listed", "reported"
_LATER = "cohort.later_uncertified"
_STATUS_RULES = ("cohort.outside", "registry.scope")
_CAUSES = {"registry_outdated": "id_number", "name_differs": "name"}
_COUNTED = ("critical", "warning")
_COLUMNS = ["submission_id", "student_number", "field", "message"]


@dataclass(frozen=True)
class Erratum:
    """One faulty field of one student in the registry. `submitted` is "" without submission, `since` a day."""

    code: str
    student_number: str
    name: str
    college: str
    class_name: str
    field: str
    registered: str
    submitted: str
    message: str
    since: str
    reported: str = ""
    """The day of the first report, such as 2016-10-12, or ""."""
    awaited: bool = False
    """Whether a submission of the student waits for the correction."""

    @property
    def key(self) -> str:
        """The key of the row in the ledger."""
        return _key(self.code, self.student_number, self.field)

    @property
    def proof(self) -> str:
        """The document that proves the correct value."""
        return _proofs().get(self.field, "相关证明材料")


@cache
def _proofs() -> dict[str, str]:
    return {row["field"]: row["proof"] for row in expectation_rows("proofs.csv")}


def errata_of(run: Run, school: School, entries: Frame) -> list[Erratum]:
    """Return a school's errata, sorted by field, college, class, student number. `entries`: the ledger's of `KIND`."""
    findings = _findings(run, school.name)
    ids = [submission for submission in findings["submission_id"].unique() if submission]
    submitted = run.rows_in("submissions", "submission_id", ids, ["submission_id", *fields.names()], school.name)
    submissions: dict[Any, dict[Any, Any]] = submitted.set_index("submission_id").to_dict("index")
    registry = run.rows("registry", school=school.name).drop_duplicates("student_number")
    registry_rows: dict[Any, dict[Any, Any]] = registry.set_index("student_number", drop=False).to_dict("index")
    days, rows = _days(entries), list[Erratum]()
    for place, group in findings.groupby(["student_number", "field"], sort=False):
        number, name = map(str, cast("tuple[object, object]", place))
        registry_row = registry_rows.get(number, {})
        submission = next((submissions[key] for key in group["submission_id"] if key in submissions), {})
        awaited, key = bool(group["awaited"].any()), _key(school.code, number, name)
        submitted_on = str(submission.get("submitted_at", ""))[:10] if awaited else ""
        rows.append(
            Erratum(
                code=school.code,
                student_number=number,
                name=str(registry_row.get("name", "")),
                college=str(registry_row.get("college", "")),
                class_name=str(registry_row.get("class_name", "")),
                field=name,
                registered=str(registry_row.get(name, "")),
                submitted=str(submission.get(name, "")),
                message="；".join(dict.fromkeys(group["message"])),
                since=submitted_on or days[LISTED].get(key, run.as_of.isoformat()),
                reported=days[REPORTED].get(key, ""),
                awaited=awaited,
            )
        )
    order = {name: position for position, name in enumerate([*fields.registry_columns(), ""])}
    return sorted(
        rows, key=lambda row: (order.get(row.field, len(order)), row.college, row.class_name, row.student_number)
    )


def _findings(run: Run, school: str) -> Frame:
    """Return the registrar's findings: on submissions, on unused later submissions, and on the registry itself.

    Columns: `_COLUMNS` and `awaited`. Without submission `submission_id` is "".
    """
    findings = run.rows("findings", school=school)
    findings = findings[~findings["excepted"]]
    reported = findings[(findings["actor"] == "registrar") & findings["severity"].isin(_COUNTED)]
    reported = reported.assign(field=reported["field"].mask(reported["rule"].isin(_STATUS_RULES), "enrolment_status"))
    faults = run.rows("registry_findings", school=school)
    faults = faults[faults["severity"].isin(_COUNTED)].assign(submission_id="")
    roster = run.rows("roster", school=school, columns=["student_number", "submission_id"])
    ids = roster.drop_duplicates("student_number").set_index("student_number")["submission_id"]
    faults = faults.assign(submission_id=faults["student_number"].map(ids).fillna(""), awaited=False)
    parts = [reported.assign(awaited=reported["submission_id"] != ""), _later_unused(run, findings, school), faults]
    return pd.concat([part[[*_COLUMNS, "awaited"]] for part in parts], ignore_index=True)


def _later_unused(run: Run, findings: Frame, school: str) -> Frame:
    """Return later submissions that were not used although the registry may be outdated."""
    later = findings[findings["rule"] == _LATER]
    cause = later["expected"].str.extract(f"({'|'.join(_CAUSES)})", expand=False)
    later = later[cause.notna()]
    rows = later.assign(submission_id=later["given"], field=cause.dropna().map(_CAUSES), awaited=True)
    return rows.assign(message="后来提交的与学籍不一致，没有采用；学籍已变更的请更正")


def _key(code: str, number: str, field: str) -> str:
    return f"{code}/{number}/{field}"


def _days(entries: Frame) -> dict[str, dict[str, str]]:
    """Return by action and row key the day of the first ledger entry."""
    days: dict[str, dict[str, str]] = {LISTED: {}, REPORTED: {}}
    for action, timestamp, data in entries[["action", "at", "data"]].itertuples(index=False):
        for key in json.loads(str(data)).get("rows", []):
            days[str(action)].setdefault(str(key), str(timestamp)[:10])
    return days


def record_errata(ledger: Ledger, rows: Iterable[Erratum], action: str, *, by: str) -> None:
    """Append a ledger entry with the keys of the rows that are listed, or reported, for the first time."""
    listed = list(rows)

    def first_entries(entries: Frame) -> list[Entry]:
        recorded = _days(entries)[action]
        keys = [row.key for row in listed if row.key not in recorded]
        data = {"rows": keys}
        return [Entry(KIND, action=action, by=by, school_code=listed[0].code, data=data)] if keys else []

    if listed:
        ledger.append_if(first_entries, KIND)


def reported_students(cohort: Cohort, run: Run) -> dict[tuple[str, str], str]:
    """Return `first_reported` of all schools."""
    entries = entries_of(cohort, KIND)
    any_reported = (entries["action"] == REPORTED).any()
    schools = cohort.schools if any_reported else ()
    return first_reported({school.name: errata_of(run, school, entries) for school in schools})


def first_reported(errata: Mapping[str, Iterable[Erratum]]) -> dict[tuple[str, str], str]:
    """Return by (school name, student number) the first day on which an awaited erratum was reported."""
    days: dict[tuple[str, str], str] = {}
    for school, rows in errata.items():
        for row in [row for row in rows if row.awaited and row.reported]:
            key = (school, row.student_number)
            days[key] = min(row.reported, days.get(key, row.reported))
    return days


ERRATA = "学籍勘误汇总表"
_SHEET = PrintedList(
    {
        "序号": 5, "项目": 11, "学号": 13, "姓名": 9, "院系": 14, "班级": 14, "学籍库现值": 20, "学生提交": 20,
        "问题": 26, "需要的证明": 22, "自何时起": 12, "处理结果": 14,
    },
    font={"font_name": "宋体", "font_size": 10, "valign": "vcenter"},
    head={"bold": True, "border": 1, "bg_color": "#ECECEC", "align": "center"},
    cell={"border": 1, "text_wrap": True, "num_format": "@"},
    line=14,
    minimum=24,
)  # fmt: skip


def errata_workbook(rows: list[Erratum], cohort: Cohort, school: School, as_of: date) -> bytes:
    """Return the workbook of one school: title, addressee and instructions above its rows."""
    office, people = cohort.office, len({row.student_number for row in rows})
    contact = " ".join(filter(None, (office.name, office.contact, office.phone)))
    note = (
        "请照证明材料核对后更正学籍库；不更正的请在“处理结果”写明。学籍库更正并重新导出后，这一行自动消去。"
        f"含身份信息，请勿外传。联系：{contact}"
    )
    counted = f"教务处：　　　　共 {len(rows)} 处，{people} 人　　　　{office.name}　{as_of.year}年{month_day(as_of)}"
    titles = [
        (f"{school.name}{cohort.name}{ERRATA}", {"font_size": 18, "bold": True, "align": "center"}, 34),
        (counted, {"font_size": 11}, 20),
        (note, {"text_wrap": True}, 30),
    ]
    return _SHEET.book(ERRATA, titles, map(_cells, count(1), rows))


def _cells(number: int, row: Erratum) -> list[str]:
    field = fields.label(row.field)
    reported = f"\n{month_day(date.fromisoformat(row.reported))}已上报" if row.reported else ""
    return [
        str(number), field, row.student_number, row.name, row.college, row.class_name, row.registered or "（空白）",
        row.submitted, row.message, row.proof, row.since + reported, "",
    ]  # fmt: skip


FIXED, DIFFERENT, SAME, MISSING, UNKNOWN = "已更正", "已改动，与学生提交的不同", "没有改", "没有这个学号", "没有比较"
_OUTCOMES = (FIXED, DIFFERENT, SAME, MISSING, UNKNOWN)


def outcomes(cohort: Cohort, run: Path, export: Frame) -> list[tuple[Erratum, str]]:
    """Return each erratum of a run with its outcome in the new export (rows of `read_export`)."""
    from pipeline.collect.school_tables import read_people
    from pipeline.normalise.normalise_rows import normalise_registry, vocabulary

    rows = normalise_registry(export, vocabulary(cohort, read_people(cohort)[0]))
    in_export = {str(name) for name in rows["school"].unique()} & {school.name for school in cohort.schools}
    export_rows = rows.drop_duplicates("student_number").set_index("student_number", drop=False)
    loaded = load_run(run)
    entries = entries_of(cohort, KIND)
    wanted = [school for school in cohort.schools if not in_export or school.name in in_export]
    return [(row, _outcome(row, export_rows)) for school in wanted for row in errata_of(loaded, school, entries)]


def _outcome(row: Erratum, export_rows: Frame) -> str:
    if row.field not in export_rows.columns:
        return UNKNOWN
    if row.student_number not in export_rows.index:
        return MISSING
    now = str(export_rows.loc[row.student_number, row.field])
    if _equal(now, row.registered, row.field):
        return SAME
    return FIXED if not row.submitted or _equal(now, row.submitted, row.field) else DIFFERENT


def _equal(value: str, other: str, name: str) -> bool:
    left, right = compared_form(pd.Series([value, other], dtype="str"), name)
    return bool(left == right)


def outcome_lines(results: list[tuple[Erratum, str]]) -> Iterator[str]:
    """Yield Chinese lines without values: the number of each outcome, then each row."""
    counts = Counter(outcome for _, outcome in results)
    totals = [f"{outcome} {counts[outcome]} 处" for outcome in _OUTCOMES if counts[outcome]]
    yield f"勘误 {len(results)} 处：{'，'.join(totals)}" if results else "没有等待更正的勘误"
    for row, outcome in results:
        yield f"  {row.code}/{row.student_number} {fields.label(row.field)}：{outcome}"
