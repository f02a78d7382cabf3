"""The contents of `summary.json`: inputs, results and failures of a run."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.check.shared import shared_fault_lines
from pipeline.cohort import Cohort
from pipeline.errors import InputError
from pipeline.imports import lazily
from pipeline.logs import mask
from pipeline.resources import report_table
from pipeline.review.ledger import RESTORE
from pipeline.review.signatures import signed_digest
from pipeline.tables import Frame, read_table

with lazily():  # pages import this module and read no input
    from pipeline.check import findings as check_findings
    from pipeline.collect import collected, missing_fields
    from pipeline.review import scope_decisions

_PACKAGES = ("mingce", "pandas", "pyarrow", "great-expectations", "papermill", "nbconvert", "python-calamine", "typst")
_MAX_FAILURES = 10  # the most lines of failures


def head(cohort: Cohort, run_id: str, command: str, as_of: date, started_at: datetime) -> dict[str, Any]:
    """Return the summary's entries that are known before reading."""
    return {
        "run_id": run_id,
        "command": command,
        "as_of": as_of.isoformat(),
        "started_at": started_at.isoformat(timespec="seconds"),
        "cohort": {
            "name": cohort.name,
            "office": cohort.office.name,
            "asked": cohort.office.model_dump(exclude={"name"}),
            "year": cohort.year,
            "window": cohort.window.model_dump(mode="json"),
            "schools": [{"code": school.code, "name": school.name} for school in cohort.schools],
            "standing": cohort.standing.model_dump(),
        },
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def input_entries(read: missing_fields.SourcesRead) -> dict[str, Any]:
    """Return the entries about inputs: digests, notes, unknown columns, skipped rows."""
    unread = [
        collected.Note("error", "", "", 0, f"{school}：学籍库未能读取。{why}") for school, why in read.unread.items()
    ]
    return {
        "inputs": [{"name": mask(i.name), "sha256": i.sha256, "size": i.size, "detail": i.detail} for i in read.inputs],
        "notes": [
            {"level": n.level, "file": mask(n.file), "sheet": n.sheet, "row": n.row, "message": n.message}
            for n in [*read.notes, *unread]
        ],
        "unknown_columns": [_masked_row(row) for row in read.unknown.to_dict("records")],
        "columns": missing_fields.as_summary(read.columns),
        "column_notes": read.questions,
        "skipped_rows": [_masked_row(row) for row in read.skipped.to_dict("records")],
        "other_years": read.other_years,
    }


def _masked_row(row: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a row with the file's name masked, because it may contain an ID number."""
    return {**row, "file": mask(str(row["file"]))} if "file" in row else dict(row)


def unread(
    read: missing_fields.SourcesRead, cohort: Cohort, before: list[tuple[Path, dict[str, Any]]]
) -> dict[str, Any]:
    """Return the inputs that were not read and the colleges concerned. `before` are earlier runs and their summaries.

    `registries` has code, school, reason. `sources` has name, sheet, reason, and `colleges` (school code/college) with
    students in it in these runs or by `cohort.toml`.
    """
    registries = [
        {"code": cohort.code_of(school), "school": school, "reason": reason} for school, reason in read.unread.items()
    ]
    faults = {(note.file, note.sheet): note.message for note in read.notes if note.level == "error"}
    sources = [
        {"name": file, "sheet": sheet, "reason": why, "colleges": sorted(_declared_colleges(file, cohort) | known)}
        for (file, sheet), why in faults.items()
        for known in [{college for run in before for college in _colleges_in_source(file, sheet, cohort, *run)}]
    ]
    return {"registries": registries, "sources": sources}


def _declared_colleges(file: str, cohort: Cohort) -> set[str]:
    """Return the colleges that `cohort.toml` declares for a source."""
    codes = [school.code for school in cohort.schools]
    declared = [source for source in cohort.submissions.sources if source.college and fnmatch(file, source.path)]
    return {f"{code}/{source.college}" for source in declared for code in ([source.school] if source.school else codes)}


def _colleges_in_source(file: str, sheet: str, cohort: Cohort, run: Path, summary: dict[str, Any]) -> set[str]:
    """Return the colleges with students in one source in an earlier run, or listed there as unread."""
    sources = (summary.get("unread") or {}).get("sources", [])
    listed = {college for source in sources if source["name"] == file for college in source["colleges"]}
    try:
        submissions = read_table(run, "submissions", ["submission_id", "file", "sheet"])
        roster = read_table(run, "roster", ["school", "college", "submission_id"])
    except InputError:  # that run is damaged
        return listed
    in_source = submissions["file"].map(lambda name: file == name or fnmatch(str(name), file))
    in_source &= (submissions["sheet"] == sheet) | (sheet == "")
    rows = roster[roster["submission_id"].isin(submissions["submission_id"][in_source])]
    colleges = rows[["school", "college"]].drop_duplicates().itertuples(index=False, name=None)
    return {f"{cohort.code_of(str(school))}/{college}" for school, college in colleges} | listed


def failures(summary: Mapping[str, Any]) -> list[str]:
    """Return a Chinese line per failure of a run (unread inputs, failed pages), at most `_FAILURES`."""
    lines = [
        str(collected.Note(note["level"], note["file"], note["sheet"], note["row"], note["message"]))
        for note in summary["notes"]
        if note["level"] == "error"
    ]
    rendered = summary["stages"].get("render") or {"failed": [], "pages": {}}
    lines += [f"页面 {name} 没有生成：{rendered['pages'][name].get('error', '')}" for name in rendered["failed"]]
    left = len(lines) - _MAX_FAILURES
    return [*lines[:_MAX_FAILURES], f"还有 {left} 处，见 summary.json"] if left > 0 else lines


def not_checked(found: Iterable[check_findings.NotChecked]) -> dict[str, Any]:
    """Return each rule that could not be checked, with its reason."""
    reasons = dict.fromkeys((entry.rule, entry.school, entry.reason) for entry in found)
    return {"not_checked": [{"rule": rule, "school": school, "reason": reason} for rule, school, reason in reasons]}


def count_tables(tables: Mapping[str, Frame]) -> dict[str, Any]:
    """Return the counts of these tables."""
    submissions, findings, roster = tables["submissions"], tables["findings"], tables["roster"]
    certifications = tables["certifications"]
    return {
        "submissions": len(submissions),
        "superseded": int((submissions["superseded_by"] != "").sum()),
        "registered": len(roster),
        "outside": _counts(tables["outside"], "school"),
        "findings": len(findings),
        "findings_by_rule": _counts(findings, "rule"),
        "findings_by_severity": _counts(findings, "severity"),
        "excepted": int(findings["excepted"].sum()),
        "identity": _counts(certifications, "identity"),
        "causes": {cause: n for cause, n in _counts(certifications, "cause").items() if cause},
        "record": _counts(certifications, "record"),
        "status": _counts(roster, "status"),
    }


def sum_counts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of the counts of all parts, at every depth."""
    total: dict[str, Any] = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        values = [part[name] for part in parts if name in part]
        if isinstance(values[0], dict):
            sums = sum_counts(values)
            total[name] = {key: sums[key] for key in sorted(sums)}
        else:
            total[name] = sum(values)
    return total


def college_entries(people: Frame, signatures: Frame) -> dict[str, dict[str, Any]]:
    """Return the state of each `school code/college`.

    Keys: `statuses`; `digest` to sign, if all are approved; if signed, `signed_digest`, `signed_files` (SHA-256 by
    name), `signature_broken` (data changed since), `only_listed` (an older version signed names only). `people` are the
    roster with `school_code`, `registry_digest` and `approved_submission_id`; `signatures` are of `college_states`.
    """
    columns = ["school_code", "college", "signed_digest", "signed_at", "signed_files", "only_listed"]
    signed = {(row[0], row[1]): row for row in signatures[columns].itertuples(index=False, name=None) if row[3]}
    states: dict[str, dict[str, Any]] = {}
    for (code, college), rows in people.groupby(["school_code", "college"], sort=True):
        state: dict[str, Any] = {"statuses": _counts(rows, "status")}
        digest = signed_digest(rows) if (rows["status"] == "approved").all() else ""
        state |= {"digest": digest} if digest else {}
        if found := signed.get((str(code), str(college))):
            state |= {"signed_digest": found[2], "signed_files": json.loads(found[4])}
            state |= {"signature_broken": found[2] != digest, "only_listed": bool(found[5])}
        states[f"{code}/{college}"] = state
    return states


def shrunk_registries(summary: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return `before` and `now` by school code of shrunk registries. Only this shows a truncated export."""
    now, then = _registered(summary), _registered(before)
    return {code: {"before": then[code], "now": number} for code, number in now.items() if 0 < number < then[code]}


YEARS_REMEDY = str(report_table("words")["remedies"]["years"])
_MAX_SKIPPED = 20  # the most rows in one line


def questions(summary: Mapping[str, Any], school: str = "") -> list[str]:
    """Return a Chinese line per question to the office, of one school (a code) or of all."""
    names = _names(summary)
    faults = summary.get("shared_faults", [])
    faults = [fault for fault in faults if fault["school"] in ("", names.get(school, fault["school"]))]
    lines = [f"{line}，不能签字。{RESTORE}" for line in summary.get("ledger_lost", [])]
    lines += year_questions(summary, school) + shared_fault_lines(faults)
    lines += [
        f"{entry['school']}：{entry['reason']}"
        for entry in summary.get("not_checked", [])
        if entry["rule"] == "graduation_month.june" and entry["school"] == names.get(school, entry["school"]) != ""
    ]
    notes = summary.get("column_notes", [])
    lines += [note["message"] for note in notes if school in ("", note["school"]) or not note["school"]]
    skipped = [place for place, _ in skipped_with_numbers(summary)] if not school else []
    if skipped:
        more = f" 等 {len(skipped)} 行" if len(skipped) > _MAX_SKIPPED else ""
        lines.append(f"有号码而没有读作学生的行：{'；'.join(skipped[:_MAX_SKIPPED])}{more}。是学生的，请改正后重新运行")
    return lines + [
        f"{names.get(code, code)}的学籍库比上一次运行少了 {sizes['before'] - sizes['now']} 人"
        f"（原 {sizes['before']} 人，现 {sizes['now']} 人）。若没有这么多人离开，多半是没有导出完整，请重新导出；"
        "少了谁，可用 mingce registry diff 比较新旧两份"
        for code, sizes in summary.get("shrunk_registries", {}).items()
        if school in ("", code)
    ]


def with_answers(summary: Mapping[str, Any], entries: Frame) -> dict[str, Any]:
    """Return the summary with the ledger's answers in `other_years` (`answered`)."""
    year = int(summary.get("cohort", {}).get("year", 0))
    return {
        **summary,
        "other_years": scope_decisions.answered_years(summary.get("other_years", {}), year, entries),
    }


def year_questions(summary: Mapping[str, Any], school: str = "") -> list[str]:
    """Return a Chinese line per unanswered question about registries with many rows of another year."""
    return [
        f"{_names(summary).get(code, code)}的学籍库共 {registry['rows']} 人，其中 {sum(registry['years'].values())} 人"
        f"（{'、'.join(f'{year} 年 {n} 人' for year, n in registry['years'].items())}）"
        f"不在 {summary['cohort']['year']} 年毕业，先按不在本届处理；就业办确认以前不寄任何邮件。{YEARS_REMEDY}"
        for code, registry in summary.get("other_years", {}).items()
        if not registry.get("answered") and school in ("", code)
    ]


def _names(summary: Mapping[str, Any]) -> dict[str, str]:
    return {school["code"]: school["name"] for school in summary["cohort"]["schools"]}


def skipped_with_numbers(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return place with reason, and the number, of each skipped row that contains a number."""
    return [
        (f"{' '.join(filter(None, [row['file'], row['sheet']]))} 第 {row['row']} 行（{row['why']}）", row["number"])
        for row in summary.get("skipped_rows", [])
        if row.get("number")
    ]


def _registered(summary: Mapping[str, Any]) -> Counter[str]:
    """Return the number of registry students by school code, with those who are outside the class."""
    counted: Counter[str] = Counter()
    try:
        outside, names = Counter(summary.get("counts", {}).get("outside")), _names(summary)
        for key, state in summary["colleges_state"].items():
            registered = sum(number for status, number in state["statuses"].items() if status != "extra")
            counted[key.partition("/")[0]] += registered
        counted.update({code: outside[name] for code, name in names.items() if code in counted})
    except (AttributeError, KeyError, TypeError):
        return Counter()
    return counted


def _counts(frame: Frame, column: str) -> dict[str, int]:
    return {str(value): int(count) for value, count in frame[column].value_counts().sort_index().items()}
