"""All that a run and the ledger hold about one student, for `mingce explain`. Nothing is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pipeline import fields
from pipeline.deliver.recipients import KIND_NAMES, Kind, Recipient, staff
from pipeline.errors import UsageError
from pipeline.logs import mask, mask_id, mask_phone
from pipeline.resources import report_table
from pipeline.review.chain import name_checked
from pipeline.review.decisions import withdrawn_submission_ids
from pipeline.review.exceptions import LAPSED
from pipeline.review.review_snapshot import ReviewSnapshot, RunTables, build_snapshot
from pipeline.review.signatures import college_states
from pipeline.run_folder import read_summary
from pipeline.summary import skipped_with_numbers
from pipeline.tables import SUBMISSIONS, Frame, read_table

Facts = dict[str, Any]

_WORDS = report_table("words")
_KINDS: dict[str, str] = _WORDS["ledger_kinds"]
ROLES: dict[str, str] = _WORDS["roles"]
_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?=(?:[A-Za-z]*[0-9]){10})[0-9A-Za-z]{15,19}(?![0-9A-Za-z])")
_MOBILE = re.compile(r"(?<![0-9A-Za-z])(?<!学号 )1[3-9][0-9]{9}(?![0-9A-Za-z])")
_PLAIN = (
    "submission_id", "superseded_by", "file", "student_number", "matched_student_number", "exam_number", "email", "qq",
)  # fmt: skip


@dataclass(frozen=True)
class FoundStudent:
    """The student to explain. `person` is the row of `people`, None if no registry has the student."""

    school_code: str
    school: str
    number: str
    person: Frame | None


def student_facts_of(tables: RunTables, run: Path, entries: Frame, number: str, today: date) -> Facts:
    """Return unmasked facts for JSON about NUMBER or SCHOOL/NUMBER.

    `tables` are of the newest run, `run` is its folder, `entries` are all of the ledger. Exceptions count by `today`.
    Raises UsageError if nobody has the number, or several schools have it (all are listed).
    """
    student = _find_student(tables, number, skipped_with_numbers(read_summary(run) or {}))
    certifications = read_table(run, "certifications")
    is_named = (entries["student_number"] == student.number) & (entries["school_code"] == student.school_code)
    named = entries[is_named & (student.number != "")]
    ids = _submissions_of(student, tables, certifications, named)
    related = pd.concat([named, entries[entries["submission_id"].isin(ids)]]).drop_duplicates("seq").sort_values("seq")
    snapshot = _snapshot(tables, entries, student, ids, today)
    is_own = (snapshot.findings["submission_id"] == "") & (snapshot.findings["student_number"] == student.number)
    listed = related[related["kind"].isin(list(_KINDS)) & (related["action"] != "seen")]
    return {
        "run": run.name,
        "student": _student(student, snapshot),
        "registry": _registry_row(student, run),
        "submissions": _submissions(snapshot, run, certifications, entries, ids),
        "findings": _records(snapshot.findings[is_own & (snapshot.findings["school"] == student.school)], _FINDING),
        "ledger": [_ledger_entry(row) for row in listed.to_dict("records")],
        "college": _college(student, entries),
        "deliveries": _deliveries(student, run, entries, tables),
    }


def masked_facts(facts: Facts) -> Facts:
    """Return `facts` with ID numbers and phones masked. Student numbers stay, even those like a phone number."""
    return {key: value if key in ("run", "college") else _masked(value, "") for key, value in facts.items()}


def _masked(value: object, field: str) -> object:
    if isinstance(value, dict):
        record = cast("dict[str, Any]", value)
        subject = str(record.get("field", ""))
        renamed = {"given": subject, "kept": subject, "expected": subject if subject in _PLAIN else ""}
        return {key: _masked(item, renamed.get(key, key)) for key, item in record.items()}
    if isinstance(value, list):
        return [_masked(item, field) for item in cast("list[Any]", value)]
    if not isinstance(value, str) or field in _PLAIN:
        return value
    if field == "id_number":
        return mask_id(value)
    if field in ("phone", "family_phone"):
        return mask_phone(value)
    return _MOBILE.sub(lambda hit: mask_phone(hit[0]), _NUMBER.sub(lambda hit: mask_id(hit[0][:18]), value))


def _find_student(tables: RunTables, text: str, skipped: list[tuple[str, str]]) -> FoundStudent:
    people = tables.people
    code, number = tables.numbers.split(text)
    registered = (people["student_number"] == number) & ((people["school_code"] == code) if code else True)
    if registered.any():
        row = people.iloc[[tables.numbers.position(text)]]
        return FoundStudent(str(row["school_code"].iloc[0]), str(row["school"].iloc[0]), number, row)
    claims = tables.submissions[tables.submissions["student_number"] == number]
    schools = claims[claims["school"] == tables.schools.get(code)] if code else claims
    names = sorted(schools["school"].unique())
    places = "；".join(place for place, given in skipped if given in (number, mask(number)))
    if not names and places:
        raise UsageError(f"{text} 所在的行没有读作学生：{places}", remedy="是学生的，请改正这一行，再运行 mingce run")
    if not names:
        raise UsageError(f"学籍库和登记表中都没有学号 {text}", remedy="请核对学号；刚登记的学生，请先运行 mingce run")
    if len(names) > 1:
        codes = {name: key for key, name in tables.schools.items()}
        listed = "、".join(f"{codes.get(name, name or '未写学校')}/{number}" for name in names)
        raise UsageError(f"学号 {text} 不止一人", remedy=f"请写明学校：{listed}")
    code_found = next((key for key, name in tables.schools.items() if name == names[0]), "")
    return FoundStudent(code_found, names[0], number, None)


def _submissions_of(student: FoundStudent, tables: RunTables, certifications: Frame, own_entries: Frame) -> list[str]:
    """Return the ids of submissions that match, were replaced for, or claim this student, oldest first."""
    submissions = tables.submissions
    elsewhere = submissions["school"].isin(list(tables.schools.values())) & (submissions["school"] != student.school)
    is_own = (submissions["student_number"] == student.number) & ~elsewhere
    ids = set(submissions["submission_id"][is_own]) | set(own_entries["submission_id"])
    if student.person is not None:
        person = student.person.iloc[0]
        ids.add(str(person["submission_id"]))
        if person["id_number"]:
            ids |= set(submissions["submission_id"][submissions["id_number"] == person["id_number"]])
        matched = certifications["matched_school"] == student.school
        matched &= certifications["matched_student_number"] == student.number
        ids |= set(certifications["submission_id"][matched])
    while more := set(submissions["submission_id"][submissions["superseded_by"].isin(ids - {""})]) - ids:
        ids |= more
    rows = submissions[submissions["submission_id"].isin(ids - {""})]
    return list(rows.sort_values(["submitted_at", "row"], kind="stable")["submission_id"])


def _snapshot(tables: RunTables, entries: Frame, student: FoundStudent, ids: list[str], today: date) -> ReviewSnapshot:
    """Return the review snapshot of this student only."""
    people = tables.people.iloc[0:0] if student.person is None else student.person
    findings = tables.findings
    related = findings["submission_id"].isin(ids) | (findings["student_number"] == student.number)
    submissions = tables.submissions[tables.submissions["submission_id"].isin(ids)]
    narrowed = RunTables(tables.run_id, people, submissions, findings[related], tables.schools)
    return build_snapshot(narrowed, entries, today)


_PERSON = (
    "school_code", "school", "college", "class_name", "major", "education_level", "student_number", "name", "status",
    "submission_id", "approved_submission_id", "change_request", *LAPSED, "changed_fields", "counselor",
    "decided_by", "decided_at", "decided_why",
)  # fmt: skip
_VERDICT = ("identity", "cause", "record", "matched_school", "matched_student_number", "score")
_FINDING = ("field", "rule", "severity", "actor", "message", "given", "expected", "excepted")


def _student(student: FoundStudent, snapshot: ReviewSnapshot) -> Facts:
    if student.person is None:
        named = {"school_code": student.school_code, "school": student.school, "student_number": student.number}
        return {**named, "status": ""}
    return _records(snapshot.people, [name for name in _PERSON if name in snapshot.people.columns])[0]


def _registry_row(student: FoundStudent, run: Path) -> Facts:
    if student.person is None:
        return {}
    registry = read_table(run, "registry")
    matching = registry[(registry["school"] == student.school) & (registry["student_number"] == student.number)]
    rows = _records(matching, [name for name in ("file", "row", *fields.in_registry()) if name in matching.columns])
    return rows[0] if rows else {}


def _submissions(shot: ReviewSnapshot, run: Path, certifications: Frame, entries: Frame, ids: list[str]) -> list[Facts]:
    standing = set(shot.people["submission_id"])
    withdrawn = withdrawn_submission_ids(entries)
    changes = read_table(run, "changes")
    extras = read_table(run, "extras") if (run / "tables" / "extras.parquet").is_file() else None
    submissions: list[Facts] = []
    for submission_id in ids:
        row = _records(shot.tables.submissions, SUBMISSIONS, submission_id)[0]
        match = _records(certifications, _VERDICT, submission_id)
        superseded = bool(row["superseded_by"])
        role = "superseded" if superseded else "counts" if submission_id in standing else "other"
        role = "withdrawn" if submission_id in withdrawn else role
        submissions.append(
            {name: row[name] for name in SUBMISSIONS if name not in fields.names()}
            | {"role": role, "fields": {name: str(row[name]) for name in fields.names()}}
            | {"match": match[0] if match else {}}
            | {"changes": _records(changes, ("field", "given", "kept", "why"), submission_id)}
            | {"findings": _records(shot.findings, _FINDING, submission_id)}
            | {"unknown_columns": _extra_cells(extras, row)}
        )
    return submissions


def _extra_cells(extras: Frame | None, row: Mapping[str, Any]) -> dict[str, str]:
    if extras is None or extras.empty:
        return {}
    cells = extras[(extras["file"] == row["file"]) & (extras["sheet"] == row["sheet"])]
    cells = cells[cells["row"].astype("str") == str(row["row"])]
    return dict(zip(cells["column"], cells["value"], strict=True))


_ENTRY = ("seq", "at", "kind", "action", "by", "account", "rule", "submission_id", "why")


def _json_columns(row: dict[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return json.loads(row["data"] or "{}"), json.loads(row["values"] or "{}")


def _ledger_entry(row: dict[Any, Any]) -> Facts:
    data, values = _json_columns(row)
    entry = {name: row[name] for name in _ENTRY} | {"name_checked": name_checked(data)}
    entry |= {name: data[name] for name in ("proof", "expires", "revokes", "run") if data.get(name)}
    return entry | {name: values[name] for name in ("opinion", "refused") if values.get(name)}


def _college(student: FoundStudent, entries: Frame) -> Facts:
    if student.person is None:
        return {}
    college = str(student.person.iloc[0]["college"])
    states = college_states(entries)
    matching = states[(states["school_code"] == student.school_code) & (states["college"] == college)]
    row = dict.fromkeys(states.columns, "") if matching.empty else matching.iloc[0]
    signatures = {name: str(row[name]) for name in ("signed_at", "signed_by", "accepted_at", "accepted_by")}
    return {"college": college, **signatures}


def _deliveries(student: FoundStudent, run: Path, entries: Frame, tables: RunTables) -> list[Facts]:
    """Return the mails about this student, to the class's counselor, the college and the student."""
    sent = entries[entries["kind"] == "delivery"]
    if sent.empty:
        return []
    keys = _people_keys(student, run, tables)
    mails: list[Facts] = []
    for row in sent.to_dict("records"):
        data, values = _json_columns(row)
        key = str(data.get("recipient", ""))
        kind = key.partition(":")[0]
        address = str(values.get("address", ""))
        own = frozenset({(student.school, student.number)})
        to_him = kind in ("student", "invite", "confirm", "changed") and key == Recipient(kind, address, (), own).key
        if key in keys or (address and to_him):
            mail = {"at": row["at"], "to": kind, "action": row["action"], "run": data.get("run", "")}
            mails.append({**mail, "whom": keys.get(key)})
    return mails


def _people_keys(student: FoundStudent, run: Path, tables: RunTables) -> dict[str, str]:
    """Return the names of staff who receive mail about this student, by their keys in the ledger."""
    if student.person is None:
        return {}
    row = student.person.iloc[0]
    scope = (student.school, str(row["college"]), str(row["class_name"]))
    recipients: list[Recipient] = []
    kinds: dict[str, Kind] = {"counselors": "counselor", "college_people": "secretary"}
    for name, kind in kinds.items():
        if (run / "tables" / f"{name}.parquet").is_file():
            recipients += staff(kind, read_table(run, name), tables.people)[0]
    concerned = [person for person in recipients if scope in person.scope or scope[:2] in person.scope]
    return {person.key: "、".join(person.names) for person in concerned}


def _records(frame: Frame, names: Sequence[str], submission_id: str = "") -> list[Facts]:
    rows = frame[frame["submission_id"] == submission_id] if submission_id else frame
    return cast("list[Facts]", rows[list(names)].to_dict("records"))


def action_in_words(kind: str, action: str) -> str:
    """Return a ledger entry in Chinese, such as 审核通过, 取消审核, 例外撤销."""
    noun, verb = kind_name(kind), _WORDS["ledger_actions"].get(action, "")
    return verb if noun in verb or kind == "scope" else f"{noun}{verb}"


def author_of(entry: Facts) -> str:
    """Return a ledger entry's author, with a note if the name is unchecked."""
    return str(entry["by"]) + ("（手工填写，未核对）" if entry["by"] and not entry["name_checked"] else "")


def kind_name(kind: str) -> str:
    """Return the Chinese name of a ledger entry's or a recipient's kind."""
    return _KINDS.get(kind) or KIND_NAMES.get(kind, kind)
