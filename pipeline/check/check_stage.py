"""The check stage: build the tables, judge every rule once, derive certifications."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pipeline.check.findings import (
    NotChecked,
    certify,
    findings_of,
    records_without_columns,
    registry_findings_of,
    rules_without_columns,
    without_lacking,
)
from pipeline.check.registrar import eased, faults_of, registrar_findings, schools_of_another_month, without_june
from pipeline.check.rule import Facts, Rule, Subject
from pipeline.check.rules.identity_rules import REGISTRAR, UNNAMED
from pipeline.check.shared import SIGNS, places_of, signs_of
from pipeline.check.subjects import subject_tables, submissions_table
from pipeline.check.validate import RuleVerdict, validate_rules
from pipeline.collect.missing_fields import NOTHING, Lacking
from pipeline.match.evidence import find_evidence
from pipeline.match.match_stage import MARKS, Matched, first_submissions, standing_submissions
from pipeline.tables import Frame

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
    skipped += [NotChecked("graduation_month.june", school, _asked(month, facts)) for school, month in another.items()]
    registry, results = _validated("registry", matched.registry, judged, facts, another)
    matched = replace(matched, registry=matched.registry.assign(faults=faults_of(registry, len(matched.registry))))
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
    own = eased(without_lacking(found["submissions"], table, lacking), table, facts, matched.registry)
    own = found["submissions"] = registrar_findings(table, registry, own)
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


def _asked(month: str, facts: Facts) -> str:
    set_month = facts.undergraduate_month
    remedy = f"确实是这个月的，请把 cohort.toml 的 undergraduate_month 改为 {month}；不是的，请教务处更正学籍"
    return f"学籍中多数本科、专科生的毕业年月是 {month}，本届设定为 {set_month}，请就业办确认：{remedy}"


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
    found = eased(without_lacking(findings_of(table, verdicts), table, lacking), table, facts, matched.registry)
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
