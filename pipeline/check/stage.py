"""The check stage: build the tables, have Great Expectations judge every rule once, derive certifications."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from pipeline.check.certify import certify
from pipeline.check.facts import Facts
from pipeline.check.findings import findings_of
from pipeline.check.suites import Rule, Subject
from pipeline.check.table import check_table
from pipeline.check.validate import Verdict, validate
from pipeline.match.clashes import CLASHES
from pipeline.match.evidence import find_evidence
from pipeline.match.matched import Matched
from pipeline.match.standing import first_submissions, standing_submissions
from pipeline.tables import Frame


@dataclass(frozen=True)
class NotChecked:
    """A rule that could not be judged, for which school (blank: all), and why."""

    rule: str
    school: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """What check found."""

    findings: Frame
    certifications: Frame
    standing: pd.Series
    """By registry position: the index in `counting` of the submission that stands there."""
    first_failed: set[str]
    """Ids of counting submissions whose person's first one had a critical finding for the student to mend."""
    not_checked: list[NotChecked]
    results: dict[str, object] = field(default_factory=dict[str, object])
    """Great Expectations' own validation results by suite, for Data Docs."""


def check(matched: Matched, rules: list[Rule], facts: Facts) -> Checked:
    """Judge every rule on the submissions that count, the superseded ones and the registry's students."""
    judged, skipped = _judged(rules, matched)
    table = _submissions_table(matched, matched.counting, matched.evidence, matched.clashes)
    standing = standing_submissions(matched.counting, matched.evidence)
    subjects: dict[Subject, Frame] = {
        "submissions": table,
        "superseded": _superseded(matched.submissions),
        "students": _students(matched, standing),
    }
    parts: list[Frame] = []
    results: dict[str, object] = {}
    for subject, frame in subjects.items():
        verdicts, results[subject] = validate(frame, [rule for rule in judged if rule.table == subject], facts, subject)
        parts.append(findings_of(frame, verdicts))
        skipped += [_could_not_run(verdict) for verdict in verdicts if verdict.could_not_run]
    findings = pd.concat(parts, ignore_index=True)
    return Checked(
        findings=findings,
        certifications=certify(table, parts[0]),
        standing=standing,
        first_failed=_first_failed(matched, parts[0], judged, facts),
        not_checked=skipped,
        results=results,
    )


def _judged(rules: list[Rule], matched: Matched) -> tuple[list[Rule], list[NotChecked]]:
    """Return the rules to judge and those that cannot be, each with its reason."""
    skipped: list[NotChecked] = []
    judged: list[Rule] = []
    for rule in rules:
        if rule.known_issue:
            skipped.append(NotChecked(rule.name, "", f"已知问题，暂不计：{rule.known_issue}"))
        elif rule.needs == "photos" and matched.photos is None:
            skipped.append(NotChecked(rule.name, "", "没有设置照片文件夹"))
        else:
            judged.append(rule)
            if rule.needs == "registry" or rule.table == "students":
                skipped += [NotChecked(rule.name, school, why) for school, why in matched.unread.items()]
    return judged, skipped


def _could_not_run(verdict: Verdict) -> NotChecked:
    return NotChecked(verdict.rule.name, "", f"规则未能运行（{verdict.could_not_run}），请联系维护人员")


def _submissions_table(matched: Matched, submissions: Frame, evidence: Frame, clashes: Frame) -> Frame:
    photos = matched.photos if submissions is matched.counting else None
    table = check_table(
        submissions, evidence, clashes, matched.registry, matched.classes, frozenset(matched.unread), photos
    )
    told = {
        f"told_{name}": _taken(matched.registry[name], table["standing_row"], table[name])
        for name in ("school", "college", "class_name", "student_number")
    }
    return table.assign(**told)


def _taken(registry: pd.Series, rows: pd.Series, otherwise: pd.Series) -> pd.Series:
    """Return the registry's values at `rows`, `otherwise` where there is no row."""
    if not len(registry):
        return otherwise
    taken = registry.take(rows.clip(lower=0).to_numpy()).set_axis(rows.index)
    return taken.where(rows >= 0, otherwise)


def _superseded(submissions: Frame) -> Frame:
    rows = submissions[(submissions["superseded_by"] != "") & (submissions["superseded_by"] != "withdrawn")]
    told = {f"told_{name}": rows[name] for name in ("school", "college", "class_name", "student_number")}
    return rows.assign(**told).reset_index(drop=True)


def _students(matched: Matched, standing: pd.Series) -> Frame:
    """Return the registry's students with the id of the submission that stands on each, blank where none does."""
    students = matched.students
    submission = pd.Series("", index=students.index, dtype="str")
    identifiers = matched.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
    submission.iloc[standing.index.to_numpy()] = identifiers
    told = {f"told_{name}": students[name] for name in ("school", "college", "class_name", "student_number")}
    return students.assign(submission_id=submission, **told)


def _first_failed(matched: Matched, findings: Frame, rules: list[Rule], facts: Facts) -> set[str]:
    """Return the counting submissions whose person's first one the student had to mend (tables/colleges)."""
    firsts = first_submissions(matched.submissions)
    again = set(firsts["superseded_by"])
    now = _to_mend(findings)
    if firsts.empty:
        return now
    strict = [
        replace(rule)
        for rule in rules
        if rule.table == "submissions"
        and rule.actor == "student"
        and rule.severity == "critical"
        and rule.needs != "photos"
    ]
    clashes = pd.DataFrame({name: False for name in CLASHES}, index=firsts.index)
    table = _submissions_table(matched, firsts, find_evidence(firsts, matched.registry), clashes)
    verdicts, _ = validate(table, strict, facts, "first")
    failed = _to_mend(findings_of(table, verdicts))
    later = dict(zip(firsts["submission_id"], firsts["superseded_by"], strict=True))
    return (now - again) | {later[submission] for submission in failed}


def _to_mend(findings: Frame) -> set[str]:
    mend = (findings["severity"] == "critical") & (findings["actor"] == "student")
    return set(findings["submission_id"][mend]) - {""}
