"""The check stage: build the tables, judge every rule once, derive certifications."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.check.findings import (
    NotChecked,
    certify,
    downgraded,
    faults_of,
    findings_of,
    on_existing_columns,
    records_without_columns,
    registrar_findings,
    registry_findings_of,
    rules_without_columns,
    schools_with_other_month,
    without_june,
)
from pipeline.check.rule import Facts, Rule, Subject
from pipeline.check.rules.identity_rules import REGISTRAR, UNNAMED, cause
from pipeline.check.shared import SIGNS, places_of, signs_of
from pipeline.check.validate import RuleVerdict, validate_rules
from pipeline.collect.missing_fields import NONE_MISSING, MissingFields
from pipeline.knowledge.text_columns import is_in
from pipeline.match.evidence import SEVERAL, find_evidence
from pipeline.match.match_stage import MARKS, PHOTOS, Matched, first_submissions, roster_submissions
from pipeline.match.membership import has_shared_number
from pipeline.match.persons import WITHDRAWN
from pipeline.tables import Frame

_REPORTED = ("school", "college", "class_name", "student_number")


def subject_tables(matched: Matched, standing: pd.Series) -> dict[Subject, Frame]:
    """Return the table of each subject. `standing` is from `match_stage.roster_submissions`."""
    superseded = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    return {
        "submissions": submissions_table(matched, matched.counting, matched.evidence, matched.marks, matched.photos),
        "superseded": _with_reported(superseded.reset_index(drop=True)),
        "students": _with_ambiguous_rows(_with_reported(matched.students_with(standing))),
        "registry": matched.registry,
    }


def _with_ambiguous_rows(students: Frame) -> Frame:
    """Add `matched_row`: the student's row if he shares his number and must wait for its correction, else -1."""
    shared = has_shared_number(students[students["outside"] == ""]).reindex(students.index, fill_value=False)
    ambiguous = shared & (students["submission_id"] == "")
    return students.assign(matched_row=np.where(ambiguous, np.arange(len(students)), -1))


def _with_reported(rows: Frame) -> Frame:
    return rows.assign(**{f"reported_{name}": rows[name] for name in _REPORTED})


def submissions_table(
    matched: Matched, submissions: Frame, evidence: Frame, marks: Frame, photos: Frame | None
) -> Frame:
    """Return one row per submission with every column that rules read and findings report."""
    registry, unread = matched.registry, list(matched.unread)
    blank = pd.Series("", index=submissions.index, dtype="str")
    rows, standing = evidence["matched_row"], evidence["roster_row"]
    columns = {f"registry_{name}": registry[name] for name in fields.in_registry()}
    faults = registry["faults"] if "faults" in registry else pd.Series("", registry.index, dtype="str")
    columns["registry_faults"] = faults
    parts = {name: _values_at(column, rows, blank) for name, column in columns.items()}
    parts["matched_school"] = parts["registry_school"]
    parts["lookup_school"] = parts["registry_school"].where(parts["registry_school"] != "", submissions["school"])
    schools = {*registry["school"].unique(), *matched.classes["school"].unique(), *unread}
    parts["school_named"] = submissions["school"].isin(list(schools))
    parts["registry_read"] = ~submissions["school"].isin(unread) | (rows >= 0)
    parts |= _class_columns(parts["lookup_school"], submissions["class_name"], matched.classes)
    parts |= {str(name): marks[name] for name in marks}
    for name, kind in PHOTOS.items():
        blank_marks = pd.Series(np.zeros(len(submissions), dtype=kind), submissions.index)
        parts[f"photo_{name}"] = blank_marks if photos is None else photos[name]
    parts |= {name: _values_at(registry[name], standing, blank) for name in ("outside", "outside_source")}
    parts |= {f"reported_{name}": _values_at(registry[name], standing, submissions[name]) for name in _REPORTED}
    table = pd.concat([submissions, evidence, pd.DataFrame(parts, index=submissions.index)], axis=1)
    table["identity_cause"] = cause(table)
    table["identity_evidence"] = describe(table, registry)
    return table


def _values_at(column: pd.Series, rows: pd.Series, otherwise: pd.Series) -> pd.Series:
    if not len(column):
        return otherwise
    values = column.take(rows.clip(lower=0).to_numpy()).set_axis(rows.index)
    return values.where(rows >= 0, otherwise)


def _class_columns(schools: pd.Series, names: pd.Series, classes: Frame) -> dict[str, pd.Series]:
    """Return the registry's college and major of each class. A class with two majors (a registry fault) has none."""
    keys = schools + "\x1f" + names
    classes = classes[classes["class_name"] != ""]
    known = classes["school"] + "\x1f" + classes["class_name"]
    columns = {"class_known": is_in(keys, known)}
    for column in ("college", "major"):
        pairs = pd.DataFrame({"key": known, "value": classes[column]}).drop_duplicates()
        pairs = pairs[pairs["value"] != ""]
        single = pairs[~pairs["key"].duplicated(keep=False)].set_index("key")["value"]
        columns[f"class_{column}"] = keys.map(single).astype("str").fillna("")
    return columns


def describe(table: Frame, registry: Frame) -> pd.Series:
    """Return the evidence for each `identity_cause` in Chinese. It holds registry values: students never see it."""
    texts = pd.Series("", index=table.index, dtype="str")
    failed = table[(table["identity_cause"] != "") & (table["identity_cause"] != "not_checked")]
    words = [_describe(row, registry) for row in failed.to_dict("records")]
    return texts.mask(texts.index.isin(failed.index), pd.Series(words, index=failed.index, dtype="str"))


def _describe(row: dict[Hashable, Any], registry: Frame) -> str:
    get = row.__getitem__
    parts: list[str] = []
    if get("matched_row") >= 0:
        parts.append(
            f"最接近的学籍：{get('matched_school')} 学号 {get('registry_student_number')} {get('registry_name')}"
        )
        parts += _differences("身份证号码", get("id_number"), get("registry_id_number"))
        for name, label in (("student_number", "学号"), ("exam_number", "考生号")):
            parts += _differences(label, get(name), get(f"registry_{name}"))
    id_owner = get("id_row") if get("id_row") >= 0 else get("elsewhere_id_row")
    if id_owner >= 0 and id_owner != get("matched_row"):
        other = registry.iloc[id_owner]
        parts.append(f"所填身份证号码在学籍中属于 {other['school']} 学号 {other['student_number']} {other['name']}")
    if not parts and any(get(name) for name in SEVERAL.values()):
        return "学籍中有多条记录同样相符，请逐条核对"
    if not parts and get("conflicting"):
        return "所填号码在学籍中不属于同一人"
    return "；".join(parts) or "学籍中没有身份证号码、学号、考生号或姓名相符的记录"


def _differences(label: str, given: str, registered: str) -> list[str]:
    if given == registered or not registered:
        return []
    if len(given) != len(registered):
        return [f"{label}填写 {given or '空'}，学籍为 {registered}"]
    places = [str(n) for n, (left, right) in enumerate(zip(given, registered, strict=True), 1) if left != right]
    return [f"{label}第 {'、'.join(places)} 位不同：填写 {given}，学籍为 {registered}"]


_NO_RULE_RAN = "判断身份的规则已停用或未能运行，本条未核验"


@dataclass(frozen=True)
class Checked:
    """The tables and validation results of the check stage."""

    findings: Frame
    certifications: Frame
    registry_findings: Frame
    standing: pd.Series
    """By registry position: the index in `counting` of the submission matched to that row."""
    first: Frame
    """`submission_id, rule`: the student's errors in each first submission, under the id that counts."""
    signs: Frame
    """`shared.signs_of` the findings of the submissions that count."""
    first_signs: Frame
    """`shared.signs_of` the findings of first submissions that no longer count."""
    places: Frame
    """`shared.places_of` the submissions that count."""
    not_checked: list[NotChecked]
    results: dict[str, object] = field(default_factory=dict[str, object])
    """Great Expectations' own validation results by suite, for Data Docs."""


def judge_parts(matched: Matched, rules: list[Rule], facts: Facts, lacking: MissingFields = NONE_MISSING) -> Checked:
    """Judge every rule on its table: counting submissions, superseded ones, registry students, registry rows."""
    to_run, skipped = _select_rules(rules, matched)
    skipped += rules_without_columns(to_run, lacking)
    other_months = schools_with_other_month(matched.students, facts)
    skipped += [NotChecked("graduation_month.june", school, question) for school, question in other_months.items()]
    registry, results = _validated("registry", matched.registry, to_run, facts, other_months)
    matched = replace(matched, registry=matched.registry.assign(faults=faults_of(registry, matched.registry)))
    matched = replace(matched, marks=matched.marks.assign(later_cause=_later_causes(matched)))
    standing = roster_submissions(matched.order_time, matched.evidence)
    tables = subject_tables(matched, standing)
    found: dict[Subject, Frame] = {}
    not_run: set[str] = set()
    skipped += _not_run(registry)
    for subject in ("submissions", "superseded", "students"):
        verdicts, validated = _validated(subject, tables[subject], to_run, facts, other_months)
        results |= validated
        skipped += _not_run(verdicts)
        if subject == "submissions":
            not_run = {verdict.rule.name for verdict in verdicts if verdict.could_not_run}
            verdicts += _undecided_identities(tables[subject], verdicts, rules)
        found[subject] = findings_of(tables[subject], verdicts)
    table = tables["submissions"]
    corrected = on_existing_columns(found["submissions"], table, lacking, to_run)
    corrected = downgraded(corrected, table, facts, matched.registry, to_run)
    corrected = found["submissions"] = registrar_findings(table, registry, corrected)
    found["students"] = registrar_findings(tables["students"], registry, found["students"])
    first, first_signs = _first(matched, corrected, to_run, facts, lacking)
    return Checked(
        findings=pd.concat(found.values(), ignore_index=True),
        certifications=certify(table, corrected, not_run, records_without_columns(table, lacking)),
        registry_findings=registry_findings_of(matched.registry, registry, matched.local_count, lacking),
        standing=standing,
        first=first,
        signs=signs_of(corrected, table),
        first_signs=first_signs,
        places=places_of(table),
        not_checked=skipped,
        results=results,
    )


def _validated(
    subject: Subject, table: Frame, rules: list[Rule], facts: Facts, other_months: Collection[str]
) -> tuple[list[RuleVerdict], dict[str, object]]:
    verdicts, results = validate_rules(table, [rule for rule in rules if rule.table == subject], facts, subject)
    schools = table["reported_school" if "reported_school" in table else "school"]
    return without_june(verdicts, schools, other_months), results


def _undecided_identities(table: Frame, verdicts: list[RuleVerdict], rules: list[Rule]) -> list[RuleVerdict]:
    """Return `identity.not_checked` for rows whose cause has no rule that ran: they must not be ready for approval."""
    causes = {verdict.rule.name.removeprefix("identity.") for verdict in verdicts if not verdict.could_not_run}
    rows = np.flatnonzero(~table["identity_cause"].isin(["", REGISTRAR, UNNAMED, *causes]))
    fallback = next((rule for rule in rules if rule.name == "identity.not_checked"), None)
    if fallback is None or not len(rows):
        return []
    return [RuleVerdict(replace(fallback, message=_NO_RULE_RAN), rows)]


def _select_rules(rules: list[Rule], matched: Matched) -> tuple[list[Rule], list[NotChecked]]:
    skipped: list[NotChecked] = []
    selected: list[Rule] = []
    for rule in rules:
        if rule.known_issue:
            skipped.append(NotChecked(rule.name, "", f"已知问题，暂不计：{rule.known_issue}"))
        elif rule.needs == "photos" and matched.photos is None:
            skipped.append(NotChecked(rule.name, "", "没有设置照片文件夹"))
        else:
            selected.append(rule)
            if rule.needs == "registry" or rule.table in ("students", "registry"):
                skipped += [NotChecked(rule.name, school, why) for school, why in matched.unread.items()]
    return selected, skipped


def _not_run(verdicts: list[RuleVerdict]) -> list[NotChecked]:
    reasons = {
        verdict.rule.name: f"规则未能运行（{verdict.could_not_run}），请联系维护人员"
        if verdict.could_not_run
        else verdict.left_out
        for verdict in verdicts
    }
    return [NotChecked(name, "", why) for name, why in reasons.items() if why]


def _first(
    matched: Matched, findings: Frame, rules: list[Rule], facts: Facts, lacking: MissingFields
) -> tuple[Frame, Frame]:
    """Return the student's errors in first submissions (`submission_id, rule`; contract, tables/colleges), signs."""
    firsts = first_submissions(matched)
    current = _student_errors(findings)
    if firsts.empty:
        return current, pd.DataFrame(columns=pd.Index(SIGNS), dtype="str")
    strict = [rule for rule in rules if rule.actor == "student" and rule.severity == "critical"]
    strict = [rule for rule in strict if rule.needs != "photos"]
    table = _table_without_marks(matched, firsts)
    other_months = schools_with_other_month(matched.students, facts)
    verdicts, _ = _validated("submissions", table, strict, facts, other_months)
    found = on_existing_columns(findings_of(table, verdicts), table, lacking, strict)
    found = downgraded(found, table, facts, matched.registry, strict)
    later = dict(zip(firsts["submission_id"], firsts["superseded_by"], strict=True))
    first, signs = (
        frame.assign(submission_id=frame["submission_id"].map(later).astype("str"))
        for frame in (_student_errors(found), signs_of(found, table))
    )
    return pd.concat([current[~current["submission_id"].isin(list(later.values()))], first], ignore_index=True), signs


def _table_without_marks(matched: Matched, rows: Frame) -> Frame:
    marks = pd.DataFrame(MARKS, index=rows.index)
    return submissions_table(matched, rows, find_evidence(rows, matched.registry), marks, None)


def _later_causes(matched: Matched) -> pd.Series:
    ids = matched.marks["later_id"]
    later = matched.later[matched.later["submission_id"].isin(ids[ids != ""])]
    if later.empty:
        return ids
    table = _table_without_marks(matched, later)
    causes = "identity." + table["identity_cause"] + "：" + table["identity_evidence"]
    return ids.map(causes.set_axis(table["submission_id"])).astype("str").fillna("")


def _student_errors(findings: Frame) -> Frame:
    errors = (findings["severity"] == "critical") & (findings["actor"] == "student") & (findings["submission_id"] != "")
    return findings.loc[errors, ["submission_id", "rule"]].drop_duplicates()
