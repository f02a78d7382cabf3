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
    on_given_columns,
    records_without_columns,
    registrar_findings,
    registry_findings_of,
    rules_without_columns,
    schools_of_another_month,
    without_june,
)
from pipeline.check.rule import Facts, Rule, Subject
from pipeline.check.rules.identity_rules import REGISTRAR, UNNAMED, cause
from pipeline.check.shared import SIGNS, places_of, signs_of
from pipeline.check.validate import RuleVerdict, validate_rules
from pipeline.collect.missing_fields import NOTHING, Lacking
from pipeline.knowledge.text_columns import among
from pipeline.match.evidence import SEVERAL, find_evidence
from pipeline.match.match_stage import MARKS, PHOTOS, Matched, first_submissions, standing_submissions
from pipeline.match.membership import number_of_two_people
from pipeline.match.persons import WITHDRAWN
from pipeline.tables import Frame

_TOLD = ("school", "college", "class_name", "student_number")


def subject_tables(matched: Matched, standing: pd.Series) -> dict[Subject, Frame]:
    """Return the table of each subject. `standing` is from `match_stage.standing_submissions`."""
    superseded = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    return {
        "submissions": submissions_table(matched, matched.counting, matched.evidence, matched.marks, matched.photos),
        "superseded": _told(superseded.reset_index(drop=True)),
        "students": _in_doubt(_told(matched.students_with(standing))),
        "registry": matched.registry,
    }


def _in_doubt(students: Frame) -> Frame:
    """Add `matched_row`: the row of a student of the class that is to be mended before he can submit, else -1."""
    shared = number_of_two_people(students[students["outside"] == ""]).reindex(students.index, fill_value=False)
    asked = shared & (students["submission_id"] == "")
    return students.assign(matched_row=np.where(asked, np.arange(len(students)), -1))


def _told(rows: Frame) -> Frame:
    return rows.assign(**{f"told_{name}": rows[name] for name in _TOLD})


def submissions_table(
    matched: Matched, submissions: Frame, evidence: Frame, marks: Frame, photos: Frame | None
) -> Frame:
    """Return one row per submission with every column that rules read and findings report."""
    registry, unread = matched.registry, list(matched.unread)
    blank = pd.Series("", index=submissions.index, dtype="str")
    rows, standing = evidence["matched_row"], evidence["standing_row"]
    held = {f"registry_{name}": registry[name] for name in fields.in_registry()}
    held["registry_faults"] = registry["faults"] if "faults" in registry else pd.Series("", registry.index, dtype="str")
    parts = {name: _taken(column, rows, blank) for name, column in held.items()}
    parts["matched_school"] = parts["registry_school"]
    parts["lookup_school"] = parts["registry_school"].where(parts["registry_school"] != "", submissions["school"])
    named = {*registry["school"].unique(), *matched.classes["school"].unique(), *unread}
    parts["school_named"] = submissions["school"].isin(list(named))
    parts["registry_read"] = ~submissions["school"].isin(unread) | (rows >= 0)
    parts |= _class_columns(parts["lookup_school"], submissions["class_name"], matched.classes)
    parts |= {str(name): marks[name] for name in marks}
    for name, kind in PHOTOS.items():
        none = pd.Series(np.zeros(len(submissions), dtype=kind), submissions.index)
        parts[f"photo_{name}"] = none if photos is None else photos[name]
    parts |= {name: _taken(registry[name], standing, blank) for name in ("outside", "outside_source")}
    parts |= {f"told_{name}": _taken(registry[name], standing, submissions[name]) for name in _TOLD}
    table = pd.concat([submissions, evidence, pd.DataFrame(parts, index=submissions.index)], axis=1)
    table["identity_cause"] = cause(table)
    table["identity_evidence"] = describe(table, registry)
    return table


def _taken(column: pd.Series, rows: pd.Series, otherwise: pd.Series) -> pd.Series:
    if not len(column):
        return otherwise
    taken = column.take(rows.clip(lower=0).to_numpy()).set_axis(rows.index)
    return taken.where(rows >= 0, otherwise)


def _class_columns(schools: pd.Series, names: pd.Series, classes: Frame) -> dict[str, pd.Series]:
    """Return the registry's college and major of each class. A class with two majors (a registry fault) has none."""
    keys = schools + "\x1f" + names
    classes = classes[classes["class_name"] != ""]
    known = classes["school"] + "\x1f" + classes["class_name"]
    columns = {"class_known": among(keys, known)}
    for column in ("college", "major"):
        pairs = pd.DataFrame({"key": known, "value": classes[column]}).drop_duplicates()
        pairs = pairs[pairs["value"] != ""]
        single = pairs[~pairs["key"].duplicated(keep=False)].set_index("key")["value"]
        columns[f"class_{column}"] = keys.map(single).astype("str").fillna("")
    return columns


def describe(table: Frame, registry: Frame) -> pd.Series:
    """Return the evidence for each `identity_cause` in words. It holds registry values: students never see it."""
    told = pd.Series("", index=table.index, dtype="str")
    failed = table[(table["identity_cause"] != "") & (table["identity_cause"] != "not_checked")]
    words = [_describe(row, registry) for row in failed.to_dict("records")]
    return told.mask(told.index.isin(failed.index), pd.Series(words, index=failed.index, dtype="str"))


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
    owner = get("id_row") if get("id_row") >= 0 else get("elsewhere_id_row")
    if owner >= 0 and owner != get("matched_row"):
        other = registry.iloc[owner]
        parts.append(f"所填身份证号码在学籍中属于 {other['school']} 学号 {other['student_number']} {other['name']}")
    if not parts and any(get(name) for name in SEVERAL.values()):
        return "学籍中有多条记录同样相符，请逐条核对"
    if not parts and get("strays"):
        return "所填号码在学籍中不属于同一人"
    return "；".join(parts) or "学籍中没有身份证号码、学号、考生号或姓名相符的记录"


def _differences(label: str, given: str, held: str) -> list[str]:
    if given == held or not held:
        return []
    if len(given) != len(held):
        return [f"{label}填写 {given or '空'}，学籍为 {held}"]
    places = [str(n) for n, (one, other) in enumerate(zip(given, held, strict=True), 1) if one != other]
    return [f"{label}第 {'、'.join(places)} 位不同：填写 {given}，学籍为 {held}"]


_UNSPOKEN = "判断身份的规则已停用或未能运行，本条未核验"


@dataclass(frozen=True)
class Checked:
    """The tables and validation results of the check stage."""

    findings: Frame
    certifications: Frame
    registry_findings: Frame
    standing: pd.Series
    """By registry position: the index in `counting` of the submission that stands there."""
    first: Frame
    """`submission_id, rule`: what each first submission had for the student to mend, under the id that counts."""
    signs: Frame
    """`shared.signs_of` the findings of the submissions that count."""
    first_signs: Frame
    """The same of `first`, where another submission counts."""
    places: Frame
    """`shared.places_of` the submissions that count."""
    not_checked: list[NotChecked]
    results: dict[str, object] = field(default_factory=dict[str, object])
    """Great Expectations' own validation results by suite, for Data Docs."""


def judge_parts(matched: Matched, rules: list[Rule], facts: Facts, lacking: Lacking = NOTHING) -> Checked:
    """Judge every rule on its table: counting submissions, superseded ones, registry students, registry rows."""
    judged, skipped = _judged(rules, matched)
    skipped += rules_without_columns(judged, lacking)
    another = schools_of_another_month(matched.students, facts)
    skipped += [NotChecked("graduation_month.june", school, question) for school, question in another.items()]
    registry, results = _validated("registry", matched.registry, judged, facts, another)
    matched = replace(matched, registry=matched.registry.assign(faults=faults_of(registry, matched.registry)))
    matched = replace(matched, marks=matched.marks.assign(later_cause=_later_causes(matched)))
    standing = standing_submissions(matched.made_at, matched.evidence)
    tables = subject_tables(matched, standing)
    found: dict[Subject, Frame] = {}
    not_run: set[str] = set()
    skipped += _not_judged(registry)
    for subject in ("submissions", "superseded", "students"):
        verdicts, judged_so = _validated(subject, tables[subject], judged, facts, another)
        results |= judged_so
        skipped += _not_judged(verdicts)
        if subject == "submissions":
            not_run = {verdict.rule.name for verdict in verdicts if verdict.could_not_run}
            verdicts += _unspoken(tables[subject], verdicts, rules)
        found[subject] = findings_of(tables[subject], verdicts)
    table = tables["submissions"]
    own = on_given_columns(found["submissions"], table, lacking, judged)
    own = downgraded(own, table, facts, matched.registry, judged)
    own = found["submissions"] = registrar_findings(table, registry, own)
    found["students"] = registrar_findings(tables["students"], registry, found["students"])
    first, first_signs = _first(matched, own, judged, facts, lacking)
    return Checked(
        findings=pd.concat(found.values(), ignore_index=True),
        certifications=certify(table, own, not_run, records_without_columns(table, lacking)),
        registry_findings=registry_findings_of(matched.registry, registry, matched.own, lacking),
        standing=standing,
        first=first,
        signs=signs_of(own, table),
        first_signs=first_signs,
        places=places_of(table),
        not_checked=skipped,
        results=results,
    )


def _validated(
    subject: Subject, table: Frame, rules: list[Rule], facts: Facts, another: Collection[str]
) -> tuple[list[RuleVerdict], dict[str, object]]:
    verdicts, results = validate_rules(table, [rule for rule in rules if rule.table == subject], facts, subject)
    return without_june(verdicts, table["told_school" if "told_school" in table else "school"], another), results


def _unspoken(table: Frame, verdicts: list[RuleVerdict], rules: list[Rule]) -> list[RuleVerdict]:
    """Return `identity.not_checked` for rows whose cause has no rule that ran: they must not be ready for approval."""
    told = {verdict.rule.name.removeprefix("identity.") for verdict in verdicts if not verdict.could_not_run}
    rows = np.flatnonzero(~table["identity_cause"].isin(["", REGISTRAR, UNNAMED, *told]))
    ask = next((rule for rule in rules if rule.name == "identity.not_checked"), None)
    if ask is None or not len(rows):
        return []
    return [RuleVerdict(replace(ask, message=_UNSPOKEN), rows)]


def _judged(rules: list[Rule], matched: Matched) -> tuple[list[Rule], list[NotChecked]]:
    skipped: list[NotChecked] = []
    judged: list[Rule] = []
    for rule in rules:
        if rule.known_issue:
            skipped.append(NotChecked(rule.name, "", f"已知问题，暂不计：{rule.known_issue}"))
        elif rule.needs == "photos" and matched.photos is None:
            skipped.append(NotChecked(rule.name, "", "没有设置照片文件夹"))
        else:
            judged.append(rule)
            if rule.needs == "registry" or rule.table in ("students", "registry"):
                skipped += [NotChecked(rule.name, school, why) for school, why in matched.unread.items()]
    return judged, skipped


def _not_judged(verdicts: list[RuleVerdict]) -> list[NotChecked]:
    told = {
        verdict.rule.name: f"规则未能运行（{verdict.could_not_run}），请联系维护人员"
        if verdict.could_not_run
        else verdict.left_out
        for verdict in verdicts
    }
    return [NotChecked(name, "", why) for name, why in told.items() if why]


def _first(matched: Matched, findings: Frame, rules: list[Rule], facts: Facts, lacking: Lacking) -> tuple[Frame, Frame]:
    """Return `submission_id, rule` of what first submissions had to mend (contract, tables/colleges), and the signs."""
    firsts = first_submissions(matched)
    now = _to_mend(findings)
    if firsts.empty:
        return now, pd.DataFrame(columns=pd.Index(SIGNS), dtype="str")
    strict = [rule for rule in rules if rule.actor == "student" and rule.severity == "critical"]
    strict = [rule for rule in strict if rule.needs != "photos"]
    table = _unmarked(matched, firsts)
    another = schools_of_another_month(matched.students, facts)
    verdicts, _ = _validated("submissions", table, strict, facts, another)
    found = on_given_columns(findings_of(table, verdicts), table, lacking, strict)
    found = downgraded(found, table, facts, matched.registry, strict)
    later = dict(zip(firsts["submission_id"], firsts["superseded_by"], strict=True))
    then, signs = (
        frame.assign(submission_id=frame["submission_id"].map(later).astype("str"))
        for frame in (_to_mend(found), signs_of(found, table))
    )
    return pd.concat([now[~now["submission_id"].isin(list(later.values()))], then], ignore_index=True), signs


def _unmarked(matched: Matched, rows: Frame) -> Frame:
    marks = pd.DataFrame(MARKS, index=rows.index)
    return submissions_table(matched, rows, find_evidence(rows, matched.registry), marks, None)


def _later_causes(matched: Matched) -> pd.Series:
    told = matched.marks["later_id"]
    later = matched.later[matched.later["submission_id"].isin(told[told != ""])]
    if later.empty:
        return told
    table = _unmarked(matched, later)
    causes = "identity." + table["identity_cause"] + "：" + table["identity_evidence"]
    return told.map(causes.set_axis(table["submission_id"])).astype("str").fillna("")


def _to_mend(findings: Frame) -> Frame:
    mend = (findings["severity"] == "critical") & (findings["actor"] == "student") & (findings["submission_id"] != "")
    return findings.loc[mend, ["submission_id", "rule"]].drop_duplicates()
