"""Shared faults: one transformation of a value in most rows of a source or a college. The office ends it once.

A fault needs 10 submissions and 80 % of one worksheet, or of one college (contract, *tables/shared_faults*). Each part
returns its signs (`signs_of`); all are counted together, then marked in each part's findings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping

import pandas as pd

from pipeline import fields
from pipeline.knowledge.text_columns import joined_text
from pipeline.tables import Frame, conform, empty

LEAST_ROWS = 10
LEAST_SHARE = 0.8
KEPT_SHARE = 0.5  # a known fault stays down to this share
PLACE = ["file", "sheet", "school", "college"]
SIGN = ["rule", "kind", "word"]
SIGNS = ["submission_id", *PLACE, *SIGN, "given", "expected"]
_SCOPES = (["file", "sheet"], ["school", "college"])
_JUDGED = r".*\.(?:vocabulary|format|registry)|graduation_month\.(?:june|cohort)|class_name\.(?:college|major)"
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_ADVICE = {
    "zeros": "比学籍少了前面的 0：表格软件把这一列当成了数字，请把整列设为文本后重新导出，或请填表人重新提交",
    "more_in_front": "前面都多出“{word}”：多半是代码，请去掉后重新导出，或作为别名（--as alias）",
    "less_in_front": "前面都少了“{word}”：请补上后重新导出，或作为别名（--as alias）",
    "more_behind": "后面都多出“{word}”：请去掉后重新导出，或作为别名（--as alias）",
    "less_behind": "后面都少了“{word}”：请补上后重新导出，或作为别名（--as alias）",
    "column": "填的是学籍中{word}一列的值：请用 mingce columns 核对这一列读作什么",
    "month": "都写作 {word}：请核对通知里写的月份和 cohort.toml",
    "word": "都写作“{word}”：多半是另一套选项或代码，可作为别名（--as alias）",
}
KINDS = tuple(_ADVICE)


def signs_of(findings: Frame, table: Frame) -> Frame:
    """Return the transformations that each finding fits, in columns `SIGNS`. A finding may fit several or none."""
    asked = findings[findings["rule"].str.fullmatch(_JUDGED) & (findings["severity"] != "info")]
    rows = table[(table["standing_row"] >= 0) & table["submission_id"].isin(list(asked["submission_id"].unique()))]
    told = {str(row["submission_id"]): row for row in rows.astype("str").to_dict("records")}
    found: list[tuple[str, ...]] = []
    for submission, rule in asked[["submission_id", "rule"]].drop_duplicates().itertuples(index=False):
        row = told.get(submission)
        if row is not None:
            name = judged_field(rule)
            held = f"class_{name}" if rule.startswith("class_name.") and name != "class_name" else f"registry_{name}"
            given, expected = row.get(name, ""), row.get(held, "")
            place = [row[name] for name in ("file", "sheet", "told_school", "told_college")]
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
    """Return how many submissions of each place stand on a registry row: columns `PLACE` and `of`."""
    standing = table[table["standing_row"] >= 0]
    places = standing[["file", "sheet"]].assign(school=standing["told_school"], college=standing["told_college"])
    return places.groupby(PLACE, as_index=False).size().rename(columns={"size": "of"})


def counted(signs: Frame) -> Frame:
    """Count the signs of one part: columns `PLACE`, `SIGN`, `rows`, with one example each."""
    if signs.empty:
        return pd.DataFrame(columns=pd.Index([*PLACE, *SIGN, "rows", "given", "expected"]))
    groups = signs.groupby([*PLACE, *SIGN], as_index=False)
    return groups.agg(rows=("submission_id", "size"), given=("given", "first"), expected=("expected", "first"))


def shared_faults_of(
    counts: Iterable[Frame], places: Iterable[Frame], before: Iterable[str], settled: Mapping[str, str]
) -> Frame:
    """Return `shared_faults` of all parts. Numbers in `before` stay until below 50 %; `settled` maps numbers to how."""
    all_counts, all_places = pd.concat(list(counts), ignore_index=True), pd.concat(list(places), ignore_index=True)
    known = set(before)
    found: list[Frame] = []
    for scope in _SCOPES:
        if all_counts.empty:
            break
        left = _without(all_counts, found)
        groups = left.groupby([*scope, *SIGN], as_index=False)
        faults = groups.agg(rows=("rows", "sum"), given=("given", "first"), expected=("expected", "first"))
        faults = faults.merge(all_places.groupby(scope, as_index=False)["of"].sum(), on=scope)
        faults = faults.assign(**{name: "" for name in PLACE if name not in scope})
        faults["number"] = [
            hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
            for told in joined_text(faults, [*PLACE, *SIGN])
        ]
        share = faults["rows"] / faults["of"]
        stays = faults["number"].isin(list(known)) & (share >= KEPT_SHARE)
        faults = faults[stays | ((faults["rows"] >= LEAST_ROWS) & (share >= LEAST_SHARE))]
        order = faults.assign(at=faults["kind"].map(KINDS.index)).sort_values(["rows", "at"], ascending=[False, True])
        found.append(order.drop_duplicates([*scope, "rule"]).drop(columns="at"))
    if not found or not any(map(len, found)):
        return empty("shared_faults").assign(kind="", word="")
    table = pd.concat(found, ignore_index=True)
    advice = [_ADVICE[kind].replace("{word}", word) for kind, word in zip(table["kind"], table["word"], strict=True)]
    how = [settled.get(number, "") for number in table["number"]]
    table = table.assign(advice=advice, settled=how)
    return pd.concat([conform(table, "shared_faults"), table[["kind", "word"]]], axis=1)


def _without(counts: Frame, found: list[Frame]) -> Frame:
    for faults in found:
        taken = counts.merge(faults[["file", "sheet", "rule"]].drop_duplicates(), how="left", indicator=True)
        counts = counts[(taken["_merge"] == "left_only").to_numpy()]
    return counts


def with_shared_faults(findings: Frame, signs: Frame, faults: Frame) -> Frame:
    """Set `shared_fault` by the findings' signs, and the office as actor. A settled fault stays the students'."""
    open_faults = faults[faults["settled"] == ""]
    numbers: dict[tuple[str, str], tuple[str, str]] = {}
    for scope in reversed(_SCOPES):
        own = open_faults[(open_faults[scope[0]] != "")]
        both = signs.merge(own[[*scope, *SIGN, "number"]], on=[*scope, *SIGN])
        keys = zip(both["submission_id"], both["rule"], strict=True)
        numbers |= dict(zip(keys, zip(both["number"], both["expected"], strict=True), strict=True))
    if not numbers:
        return findings
    told = [numbers.get(key, ("", "")) for key in zip(findings["submission_id"], findings["rule"], strict=True)]
    number = pd.Series([one for one, _ in told], index=findings.index, dtype="str")
    should = pd.Series([other for _, other in told], index=findings.index, dtype="str")
    return findings.assign(
        shared_fault=number,
        actor=findings["actor"].mask(number != "", "office"),
        expected=findings["expected"].mask((number != "") & (findings["expected"] == ""), should),
    )


def cause_of(fault: Mapping[str, object]) -> tuple[str, ...]:
    """Return the key that groups faults of one cause: place, field and advice."""
    return (*(str(fault[name]) for name in PLACE), judged_field(str(fault["rule"])), str(fault["advice"]))


def shared_fault_lines(faults: Iterable[Mapping[str, object]]) -> list[str]:
    """Return one line for the office per open cause in `shared_faults`."""
    causes = {cause_of(fault): fault for fault in faults if not fault["settled"]}
    return [_line(key, fault) for key, fault in causes.items()]


def _line(cause: tuple[str, ...], fault: Mapping[str, object]) -> str:
    where, field, advice = " ".join(filter(None, cause[:-2])), fields.label(cause[-2]), cause[-1]
    return (
        f"{where}：{fault['of']} 条提交中有 {fault['rows']} 条的{field}是同一种不符，{advice}。"
        f"学生不用处理；了结用 mingce columns --settle {fault['number']} --as alias（或 students）"
    )


def judged_field(rule: str) -> str:
    """Return the field whose value a rule judges: the college for `class_name.college`."""
    base, _, kind = rule.partition(".")
    return kind if base == "class_name" and kind in ("college", "major") else base
