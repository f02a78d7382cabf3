"""Shared faults: one transformation of a value in most rows of a source or a college. The office resolves it.

A fault needs 10 submissions and 80 % of one worksheet, or of one college (contract, *tables/shared_faults*). Each part
returns its signs (`signs_of`); all are counted together, then marked in each part's findings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping

import pandas as pd

from pipeline import fields, resources
from pipeline.knowledge.text_columns import joined_text
from pipeline.tables import Frame, conform, empty

MIN_ROWS = 10
MIN_SHARE = 0.8
MIN_SHARE_OF_KNOWN = 0.5  # a known fault stays down to this share
PLACE = ["file", "sheet", "school", "college"]
SIGN = ["rule", "kind", "word"]
SIGNS = ["submission_id", *PLACE, *SIGN, "given", "expected"]
_SCOPES = (["file", "sheet"], ["school", "college"])
_JUDGED = r".*\.(?:vocabulary|format|registry)|graduation_month\.(?:june|cohort)|class_name\.(?:college|major)"
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


def signs_of(findings: Frame, table: Frame) -> Frame:
    """Return the transformations that each finding fits, in columns `SIGNS`. A finding may fit several or none."""
    judged = findings[findings["rule"].str.fullmatch(_JUDGED) & (findings["severity"] != "info")]
    rows = table[(table["roster_row"] >= 0) & table["submission_id"].isin(list(judged["submission_id"].unique()))]
    texts = rows.drop(columns=[name for name in rows if rows[name].dtype != "str"])
    by_submission = {str(row["submission_id"]): row for row in texts.to_dict("records")}
    found: list[tuple[str, ...]] = []
    for submission, rule in judged[["submission_id", "rule"]].drop_duplicates().itertuples(index=False):
        row = by_submission.get(submission)
        if row is not None:
            name = judged_field(rule)
            column = f"class_{name}" if rule.startswith("class_name.") and name != "class_name" else f"registry_{name}"
            given, expected = row.get(name, ""), row.get(column, "")
            place = [row[name] for name in ("file", "sheet", "reported_school", "reported_college")]
            signs = _transformations(rule, given, expected, row)
            found += [(submission, *place, rule, *sign, given, expected) for sign in signs]
    return pd.DataFrame(found, columns=pd.Index(SIGNS), dtype="str")


def _transformations(rule: str, given: str, expected: str, row: Mapping[Hashable, str]) -> list[tuple[str, str]]:
    if not given or given == expected:
        return []
    signs = [("month" if _MONTH.fullmatch(given) else "word", given)]
    if not expected:
        return signs
    if expected.endswith(given):
        missing = expected.removesuffix(given)
        signs.append(("zeros", "0") if not missing.strip("0") else ("less_in_front", missing))
    if given.endswith(expected):
        signs.append(("more_in_front", given.removesuffix(expected)))
    if given.startswith(expected):
        signs.append(("more_behind", given.removeprefix(expected)))
    if expected.startswith(given):
        signs.append(("less_behind", expected.removeprefix(given)))
    others = [
        name for name in fields.in_registry() if name != judged_field(rule) and row.get(f"registry_{name}", "") == given
    ]
    return signs + [("column", fields.label(name)) for name in others]


def places_of(table: Frame) -> Frame:
    """Return the number of submissions with a registry row per place: columns `PLACE` and `of`."""
    standing = table[table["roster_row"] >= 0]
    names = {"reported_school": "school", "reported_college": "college"}
    places = standing[["file", "sheet", *names]].rename(columns=names)
    return places.groupby(PLACE, as_index=False).size().rename(columns={"size": "of"})


def count_signs(signs: Frame) -> Frame:
    """Count the signs of one part: columns `PLACE`, `SIGN`, `rows`, with one example each."""
    if signs.empty:
        return pd.DataFrame(columns=pd.Index([*PLACE, *SIGN, "rows", "given", "expected"]))
    groups = signs.groupby([*PLACE, *SIGN], as_index=False)
    return groups.agg(rows=("submission_id", "size"), given=("given", "first"), expected=("expected", "first"))


def shared_faults_of(
    counts: Iterable[Frame], places: Iterable[Frame], earlier: Iterable[str], resolved: Mapping[str, str]
) -> Frame:
    """Return `shared_faults` of all parts. Faults in `earlier` stay down to 50 %; `resolved` maps numbers to how."""
    all_counts, all_places = pd.concat(list(counts), ignore_index=True), pd.concat(list(places), ignore_index=True)
    known = set(earlier)
    advice_of: dict[str, str] = resources.report_table("words")["shared_faults"]  # in the order of preference
    found: list[Frame] = []
    for scope in _SCOPES:
        if all_counts.empty:
            break
        remaining = all_counts
        for faults in found:
            marked = remaining.merge(faults[["file", "sheet", "rule"]].drop_duplicates(), how="left", indicator=True)
            remaining = remaining[(marked["_merge"] == "left_only").to_numpy()]
        groups = remaining.groupby([*scope, *SIGN], as_index=False)
        faults = groups.agg(rows=("rows", "sum"), given=("given", "first"), expected=("expected", "first"))
        faults = faults.merge(all_places.groupby(scope, as_index=False)["of"].sum(), on=scope)
        faults = faults.assign(**{name: "" for name in PLACE if name not in scope})
        faults["number"] = [
            hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
            for text in joined_text(faults, [*PLACE, *SIGN])
        ]
        share = faults["rows"] / faults["of"]
        persists = faults["number"].isin(list(known)) & (share >= MIN_SHARE_OF_KNOWN)
        faults = faults[persists | ((faults["rows"] >= MIN_ROWS) & (share >= MIN_SHARE))]
        order = faults.assign(at=faults["kind"].map(list(advice_of).index)).sort_values(
            ["rows", "at"], ascending=[False, True]
        )
        found.append(order.drop_duplicates([*scope, "rule"]).drop(columns="at"))
    if not found or not any(map(len, found)):
        return empty("shared_faults").assign(kind="", word="")
    table = pd.concat(found, ignore_index=True)
    advice = [advice_of[kind].replace("{word}", word) for kind, word in zip(table["kind"], table["word"], strict=True)]
    table = table.assign(advice=advice, settled=[resolved.get(number, "") for number in table["number"]])
    return pd.concat([conform(table, "shared_faults"), table[["kind", "word"]]], axis=1)


def with_shared_faults(findings: Frame, signs: Frame, faults: Frame) -> Frame:
    """Set `shared_fault` by the findings' signs, and the office as actor. Resolved faults remain the students'."""
    open_faults = faults[faults["settled"] == ""]
    numbers: dict[tuple[str, str], tuple[str, str]] = {}
    for scope in reversed(_SCOPES):
        in_scope = open_faults[(open_faults[scope[0]] != "")]
        matching = signs.merge(in_scope[[*scope, *SIGN, "number"]], on=[*scope, *SIGN])
        keys = zip(matching["submission_id"], matching["rule"], strict=True)
        numbers |= dict(zip(keys, zip(matching["number"], matching["expected"], strict=True), strict=True))
    if not numbers:
        return findings
    rows = [numbers.get(key, ("", "")) for key in zip(findings["submission_id"], findings["rule"], strict=True)]
    marks = pd.DataFrame(rows, findings.index, pd.Index(["number", "expected"]), "str")
    return findings.assign(
        shared_fault=marks["number"],
        actor=findings["actor"].mask(marks["number"] != "", "office"),
        expected=findings["expected"].where(findings["expected"] != "", marks["expected"]),
    )


def cause_of(fault: Mapping[str, object]) -> tuple[str, ...]:
    """Return the key that groups faults of one cause: place, field and advice."""
    return (*(str(fault[name]) for name in PLACE), judged_field(str(fault["rule"])), str(fault["advice"]))


def shared_fault_lines(faults: Iterable[Mapping[str, object]]) -> list[str]:
    """Return one line for the office per open cause in `shared_faults`."""
    causes = {cause_of(fault): fault for fault in faults if not fault["settled"]}
    return [
        f"{' '.join(filter(None, where))}：{fault['of']} 条提交中有 {fault['rows']} 条的{fields.label(field)}"
        f"是同一种不符，{advice}。学生不用处理；"
        f"了结用 mingce columns --settle {fault['number']} --as alias（或 students）"
        for (*where, field, advice), fault in causes.items()
    ]


def judged_field(rule: str) -> str:
    """Return the field whose value a rule judges: the college for `class_name.college`."""
    base, _, kind = rule.partition(".")
    return kind if base == "class_name" and kind in ("college", "major") else base
