"""Causes of a failed identity, in the order of the contract: exactly one of them where a row is not certified."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.check.facts import Facts
from pipeline.check.rule import Broken, Mask, RuleFunction, rule
from pipeline.knowledge.identifiers import IdNumbers
from pipeline.knowledge.text_columns import fits_pattern, flag
from pipeline.match.evidence import SEVERAL, held
from pipeline.tables import Frame

REGISTRAR, UNNAMED = "registrar", "unnamed"
"""No causes, the identity is not checked: the registry's own name is blank or damaged; no school is named at all,
which `school.required` or `school.vocabulary` tells."""


def certified(table: Frame) -> Mask:
    """Return where ID number and name both equal one row of the named school and both numbers are no one else's."""
    elsewhere = (table["both_numbers_row"] >= 0) & (table["both_numbers_row"] != table["id_name_row"])
    return (table["id_name_row"] >= 0) & ~elsewhere & table["registry_read"]


def cause(table: Frame) -> pd.Series:
    """Return the cause of each row's failed identity, blank where it is certified."""
    id_row, numbers, both = table["id_row"], table["numbers_row"], table["both_numbers_row"]
    away = table["elsewhere_id_row"]
    owned = (id_row >= 0) | (~held(table, "id_row") & (away >= 0))
    owner = id_row.where(id_row >= 0, away)
    other = ((numbers >= 0) & (numbers != owner)) | ((both >= 0) & (both != owner))
    candidate = (numbers >= 0) | (~held(table, "numbers_row") & (table["similar_row"] >= 0))
    unheld = ~held(table, "id_row") & ~held(table, "elsewhere_id_row") & candidate
    unnamed = ~held(table, "id_name_row")
    valid = _valid(table, unheld)
    nameless = flag(table["registry_faults"], fits_pattern(table["registry_faults"], ".* name .*"))
    conditions = {
        "": certified(table),
        UNNAMED: ~table["school_named"],
        "not_checked": ~table["registry_read"],
        "wrong_school": held(table, "elsewhere_row") & unnamed,
        REGISTRAR: owned & ~table["strays"] & unnamed & nameless,
        "name_differs": owned & ~table["strays"] & unnamed,
        "id_of_another": owned & other,
        "id_mistyped": unheld & ~valid,
        "registry_outdated": unheld & valid,
        "ambiguous": _ties(table) | (owned & table["strays"]),
    }
    found = np.select(list(conditions.values()), list(conditions), "unknown")
    return pd.Series(found, index=table.index, dtype="str")


def _valid(table: Frame, where: Mask) -> Mask:
    """Return which of the ID numbers `where` marks may be a student's: right, and of an age to graduate."""
    asked = table[where]
    numbers = IdNumbers(asked["id_number"])
    right = numbers.valid & numbers.birth_ok(asked["registry_graduation_month"])
    return right.reindex(table.index, fill_value=False)


def _ties(table: Frame) -> Mask:
    names = ["id_row", "id_name_row", "elsewhere_id_row", "numbers_row", "similar_row"]
    return table[[SEVERAL[name] for name in names]].any(axis=1)


_CAUSES = {
    "not_checked": "The registry could not be read: never the same as unknown.",
    "wrong_school": "ID number and name stand in the registry of the other school.",
    "name_differs": "The registry has the ID number under another name; other numbers point to that row or none.",
    "id_of_another": "The ID number is one row's; other numbers with the name (or both) point to one other row.",
    "id_mistyped": "No row has the ID number, one has a number and the name; the given one is not valid, or blank.",
    "registry_outdated": "As mistyped, but the given ID number is valid: another one, or the registry's is wrong.",
    "ambiguous": "Two rows fit equally well, or the numbers point to different rows and the name to neither.",
    "unknown": "Nothing fits.",
}


def _rule_of(name: str, about: str) -> RuleFunction:
    """Return the rule `identity_<name>`: the row's cause is this one."""

    def told(table: Frame, facts: Facts) -> Broken:
        return Broken(table["identity_cause"] == name, expected=table["identity_evidence"])

    told.__name__, told.__doc__ = f"identity_{name}", about
    return told


for _name, _about in _CAUSES.items():
    rule(_rule_of(_name, _about))
