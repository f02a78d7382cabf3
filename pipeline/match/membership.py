"""The registry's people: each once, and which of them belong to the class (contract, tables/outside)."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline import fields, resources
from pipeline.errors import ConfigurationError
from pipeline.knowledge.codes import office_rows, without_placeholders
from pipeline.knowledge.text_columns import by_distinct, flag_by_distinct, joined_text
from pipeline.match.keys import key_values, person_id
from pipeline.tables import Frame

DIFFERING, DOUBTED = "differing_fields", "doubted"
"""Columns of a registry row: the fields, between spaces, in which the person's other row differs (not compared); if
the ID number or name differ, or another person has the student number (not certified until it is corrected)."""

_KEY, _KEYS = ["school", "student_number"], ("id_number", "name")
_ROSTER_FIELDS = ["school", "student_number", "id_number", "name", "gender", "college", "class_name", "major"]
"""The fields that the roster needs of every row, doubted or not."""


def merge_rows(rows: Frame) -> tuple[Frame, Frame]:
    """Return one registry's rows (of `scope_by_registry`) with each person once, and the equal rows that were dropped.

    Unequal rows of one student number are one person if ID number or name agree: the first one in the class remains,
    lists the `differing_fields`, and is blank in those not in `_ROSTER_FIELDS`. If one row is inside the class and one
    outside, the registrar is asked (`status_unknown`). Else they are two people, both `doubted` (contract,
    tables/outside).
    """
    names = [name for name in fields.registry_columns() if name in rows]
    equal = rows.duplicated(["school_code", *names])
    kept = rows[~equal].reset_index(drop=True)
    kept = kept.assign(**{DIFFERING: "", DOUBTED: False})
    shared = kept[has_shared_number(kept)]
    duplicates: list[object] = []
    for _, group in shared.groupby(_KEY, sort=False):
        inside_first = group.iloc[group["outside_registry"].ne("").argsort(kind="stable")]
        duplicates += _merge(kept, inside_first, [name for name in names if name not in _KEY])
    return kept.drop(index=duplicates).reset_index(drop=True), rows[equal]


def _merge(kept: Frame, group: Frame, names: list[str]) -> list[object]:
    first, at = group.iloc[0], group.index[0]
    people = person_id(group["id_number"])
    same = ((people == people.iloc[0]) & (people != "")) | ((group["name"] == first["name"]) & (group["name"] != ""))
    same |= group.index == at
    others, strangers, reasons = group[same].iloc[1:], group[~same], sorted({*group["outside_registry"][same]})
    differing = [name for name in names if (others[name] != first[name]).any()]
    kept.loc[at, [name for name in differing if name not in _ROSTER_FIELDS]] = ""
    kept.loc[at, DIFFERING] = "".join(f" {name} " for name in differing if name not in _KEYS)
    kept.loc[at, "outside_registry"] = "、".join(reasons) if reasons[0] else ""
    kept.loc[at, "status_unknown"] = bool(group["status_unknown"][same].any()) or reasons[0] == "" != reasons[-1]
    duplicates = [*others.index, *(_merge(kept, strangers, names) if len(strangers) else [])]
    kept.loc[[at, *strangers.index], DOUBTED] = bool(len(strangers)) or bool({*_KEYS} & set(differing))
    return duplicates


def has_shared_number(rows: Frame) -> pd.Series:
    """Return which of a registry's merged rows have a student number that is another person's, too."""
    return rows.duplicated(_KEY, keep=False) & (key_values("student_number", rows["student_number"]) != "")


STATUS = "enrolment_status"
ANOTHER_YEAR = "非本届"
REGISTRY_SCOPE = ["outside_registry", "status_unknown"]
"""Columns of a registry row: why the registry puts the person outside (blank: inside); whether its status is a word
that nobody has explained."""
SCOPE_COLUMNS = ["outside", "outside_source", "outside_by", "outside_at", "scope_stale"]
"""Columns of a registry row: why the person is outside the class (blank: inside), who says so (registry, decision),
by whom and when that was decided, and whether the row has changed since."""
DECISIONS = ["school_code", "student_number", "inside", "reason", "row_digest", "by", "at"]
_DIGESTED = [STATUS, "graduation_month", "id_number", "name"]
_STATUS_NOISE = re.compile(r"[\s（）()、，,：:/.~～—–－_-]+|[0-9]+[年月日]?|至|^已(?!故)")
_YEAR = re.compile(r"((?:19|20)[0-9]{2})(?:-[0-9]{2}|年|届.*)?")


class Status(NamedTuple):
    """The meaning of one word of 学籍状态: whether its students belong to the class (yes, no, ask), and the reason."""

    belongs: str
    reason: str


def status_key(word: str) -> str:
    """Return a status without spaces, brackets, codes, dates, 已: 03退学（2016-09） is 退学. A bare code stays."""
    return _STATUS_NOISE.sub("", word.strip()) or word.strip()


@cache
def status_meanings(folder: Path | None = None) -> dict[str, Status]:
    """Return the meaning of each status by its plain word. The file in the office's `folder` adds and replaces words.

    Raises ConfigurationError if a row of the office's file cannot be understood.
    """
    known = _read_statuses(resources.expectations() / "enrolment_status.csv")
    office_file = folder / "enrolment_status.csv" if folder else None
    return known | _read_statuses(office_file) if office_file and office_file.is_file() else known


def _read_statuses(path: Path) -> dict[str, Status]:
    rows = office_rows(path, ("value", "belongs", "reason"), "value")
    wrong = [
        f"第 {line} 行：value、belongs（yes、no 或 ask）、reason 三列要填好，belongs 为 no 的要写原因"
        for line, row in rows
        if not row["value"]
        or row["belongs"] not in ("yes", "no", "ask")
        or (row["belongs"] == "no" and not row["reason"])
    ]
    if wrong:
        raise ConfigurationError(wrong, where=str(path))
    return {status_key(row["value"]): Status(row["belongs"], row["reason"]) for _, row in rows}


def scope_by_registry(rows: Frame, known: dict[str, Status], year: int) -> Frame:
    """Return registry rows with `BY_REGISTRY`. A graduation month of another year puts a student outside."""

    def meaning(word: str) -> Status:
        key = status_key(word)
        return known.get(key, Status("ask" if key else "yes", ""))

    given = without_placeholders(STATUS, rows[STATUS], None)
    reason = by_distinct(given, lambda word: meaning(word).reason if meaning(word).belongs == "no" else "")

    def ends_otherwise(month: str) -> bool:
        found = _YEAR.fullmatch(month)
        return found is not None and found[1] != f"{year:04d}"

    other_year = flag_by_distinct(rows["graduation_month"], ends_otherwise)
    outside = reason.mask((reason == "") & other_year, ANOTHER_YEAR).astype("str")
    unknown = flag_by_distinct(given, lambda word: meaning(word).belongs == "ask")
    return rows.assign(outside_registry=outside, status_unknown=unknown & (outside == ""))


def other_years(rows: Frame) -> dict[str, int]:
    """Return how many rows of a registry end in each other year, if over a tenth of it: the office must confirm."""
    others = rows[rows["outside_registry"] == ANOTHER_YEAR]
    counted = others["graduation_month"].str.slice(0, 4).value_counts().sort_index()
    return {str(year): int(n) for year, n in counted.items()} if len(others) > len(rows) / 10 else {}


def scope_digests(rows: Frame) -> pd.Series:
    """Return the digest of what a scope decision depends on: status, graduation month and identity."""
    texts = joined_text(rows.reindex(columns=_DIGESTED, fill_value=""), _DIGESTED)
    return pd.Series([hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts], index=rows.index, dtype="str")


def apply_scope(rows: Frame, decisions: Frame) -> Frame:
    """Return registry rows with `LAID`. The last decision on each student overrides the registry, now and later."""
    key = ["school_code", "student_number"]
    joined = rows[key].merge(decisions, on=key, how="left", validate="m:1").set_axis(rows.index)
    decided = joined["inside"].notna()
    inside = joined["inside"].fillna(True).astype(bool)
    reason = rows["outside_registry"].where(~decided, joined["reason"].fillna("").where(~inside, ""))
    source = pd.Series("registry", index=rows.index, dtype="str").mask(decided, "decision").where(reason != "", "")
    stale = decided & (joined["row_digest"].fillna("") != scope_digests(rows))
    return rows.assign(
        outside=reason.astype("str"),
        outside_source=source,
        outside_by=joined["by"].fillna("").astype("str"),
        outside_at=joined["at"].fillna("").astype("str"),
        scope_stale=stale,
        status_unknown=rows["status_unknown"] & ~decided,
    )


def with_scope(rows: Frame) -> Frame:
    """Return registry rows with this module's columns. Rows without them are inside."""
    flags = ("status_unknown", "scope_stale")
    missing = [name for name in (STATUS, *REGISTRY_SCOPE, *SCOPE_COLUMNS) if name not in rows]
    return rows.assign(**{name: False if name in flags else "" for name in missing})


def names_by_reason(outside: Frame) -> list[tuple[str, list[str]]]:
    """Return each reason in the table `outside` with its people's names, the most frequent reason first."""
    order = outside["reason"].value_counts().index
    return [(str(reason), sorted(outside["name"][outside["reason"] == reason])) for reason in order]
