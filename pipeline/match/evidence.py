"""Find the registry row that each submission may be, and the evidence for it. Nothing is judged here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz.distance import OSA

from pipeline.knowledge.identifiers import IdNumbers, id_prefix
from pipeline.knowledge.names import matching_key, pinyin_readings
from pipeline.match.keys import EXAM, ID, NAME, PERSON_KEYS, SCHOOL, STUDENT, candidate_pairs, key_frame
from pipeline.tables import Frame

NO_ROW = -1
"""The position of no registry row: none fits, or several fit equally well (`SEVERAL` tells which)."""

POSITIONS = [
    "id_row", "id_name_row", "elsewhere_row", "elsewhere_id_row", "numbers_row", "both_numbers_row", "similar_row",
]  # fmt: skip
SEVERAL = {name: f"several_{name.removesuffix('_row')}" for name in POSITIONS}
"""By position, the column that says whether several rows fit equally well."""
_MAX_WRONG_DIGITS = 2  # errors in one ID number (Verhoeff: 79 + 10 % of all mistyped numbers have one error)
CORROBORATING = ["class_name", "gender", "origin_city", "origin_county"]
"""Fields that a student gives correctly even where a number is mistyped."""
_WEIGHTS = {"id_number": 40, "name": 25, "student_number": 20, "exam_number": 15}


def find_evidence(submissions: Frame, registry: Frame) -> Frame:
    """Return the evidence for each submission, indexed like `submissions`.

    Columns hold positions in `registry`, or `NONE` if no row fits or several do (then `several_…` is true). In the
    named school, `id_row` has the ID number, `id_name_row` ID number and name. In another school, `elsewhere_id_row`
    has the ID number, `elsewhere_row` both. `numbers_row`: student or exam number, with the name. `both_numbers_row`:
    both numbers. `similar_row`: the name and nearly the ID number. `matched_row`: the most probable. `roster_row`:
    the row that the submission stands on in the roster. `conflicting`: a number points to another row than `id_row`.
    `score`: 0 to 100, and 100 only for an exact match.
    """
    pairs = candidate_pairs(key_frame(submissions, PERSON_KEYS), key_frame(registry, PERSON_KEYS))
    evidence = {
        name: np.full(len(submissions), NO_ROW, dtype=np.int64) for name in [*POSITIONS, "matched_row", "candidate_row"]
    }
    evidence |= {name: np.zeros(len(submissions), dtype=bool) for name in ["conflicting", *SEVERAL.values()]}
    exact = _resolve_exact(pairs, evidence)
    compare = _Comparison(submissions, registry)
    candidates: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for left, right, shares in pairs[~pairs["left"].isin(exact)].itertuples(index=False):
        candidates[left].append((right, shares))
    for at, rows in candidates.items():
        _resolve(at, rows, compare, evidence)
    _propose_similar(submissions, registry, evidence)
    evidence["matched_row"] = _most_probable(evidence)
    _unmatch_foreign_ids(compare, evidence)
    # where several fit, the row of the given student number: its student is not missing
    ambiguous = np.logical_or.reduce([evidence[name] for name in SEVERAL.values()]) | (evidence["id_row"] >= 0)
    claimed = np.where(ambiguous & (evidence["candidate_row"] >= 0), evidence["candidate_row"], NO_ROW)
    evidence["roster_row"] = np.where(evidence["matched_row"] >= 0, evidence["matched_row"], claimed)
    evidence["score"] = _scores(submissions, registry, evidence["matched_row"])
    return pd.DataFrame(evidence, index=submissions.index).drop(columns="candidate_row")


def _resolve_exact(pairs: Frame, evidence: dict[str, np.ndarray]) -> np.ndarray:
    """Fill the evidence of submissions that meet one row only and share ID number and name; return their positions."""
    single = ~pairs["left"].duplicated(keep=False)
    identified = (pairs["shares"] & (ID | SCHOOL | NAME)) == (ID | SCHOOL | NAME)
    exact = pairs[single & identified]
    at, row = exact["left"].to_numpy(), exact["right"].to_numpy()
    evidence["id_row"][at] = evidence["id_name_row"][at] = row
    numbers = (exact["shares"] & (STUDENT | EXAM)).to_numpy()
    evidence["numbers_row"][at] = np.where(numbers > 0, row, NO_ROW)
    evidence["both_numbers_row"][at] = np.where(numbers == (STUDENT | EXAM), row, NO_ROW)
    return at


class _Comparison:
    """Compares a submission and a registry row by all fields except the ID number."""

    def __init__(self, submissions: Frame, registry: Frame) -> None:
        self._left, self._right = submissions["name"].array, registry["name"].array
        numbers = ["student_number", "exam_number"]
        self._numbers = [(submissions[name].array, registry[name].array) for name in numbers]
        self._corroborating = [(submissions[name].array, registry[name].array) for name in CORROBORATING]

    def similar_names(self, left: int, right: int) -> bool:
        """Return whether the two names are one in another script or sound, or differ in one character."""
        left_name, right_name = str(self._left[left]), str(self._right[right])
        return matching_key(left_name) == matching_key(right_name) != "" or _similar_names(left_name, right_name)

    def same_background(self, left: int, right: int) -> bool:
        """Return whether the class agrees, and all other fields of `CORROBORATING` that both rows give."""
        pairs = [(str(one[left]), str(other[right])) for one, other in self._corroborating]
        return bool(pairs[0][0]) and all(one == other for one, other in pairs if one and other)

    def plausible(self, left: int, right: int) -> bool:
        """Return whether anything except the ID number agrees, or the submission gives neither number nor class."""
        equal = any(str(one[left]) == str(other[right]) != "" for one, other in self._numbers)
        uninformative = not any(str(one[left]) for one, _ in [*self._numbers, self._corroborating[0]])
        return equal or uninformative or self.similar_names(left, right) or self.same_background(left, right)


def _resolve(at: int, candidates: list[tuple[int, int]], compare: _Comparison, evidence: dict[str, np.ndarray]) -> None:
    def sharing(bits: int, *without: int) -> list[int]:
        return [row for row, shares in candidates if shares & bits == bits and not any(shares & bit for bit in without)]

    id_here, id_elsewhere, student, exam = sharing(ID | SCHOOL), sharing(ID, SCHOOL), sharing(STUDENT), sharing(EXAM)
    named, numbers, both = set(sharing(NAME)), {*student, *exam}, {*student} & {*exam}
    fitting = {
        "id_row": _preferred(set(id_here), both, numbers),
        "id_name_row": _preferred(named & set(id_here), both, numbers),
        "elsewhere_row": named & set(id_elsewhere),
        "elsewhere_id_row": set(id_elsewhere),
        "numbers_row": _preferred(named & numbers, both) or {row for row in numbers if compare.similar_names(at, row)},
        "both_numbers_row": both,
    }
    for name, rows in fitting.items():
        _set_row(evidence, name, at, rows)
    claimed = set(student or exam)
    plausible = [row for row in claimed if not id_here or compare.same_background(at, row)]
    evidence["candidate_row"][at] = plausible[0] if len(claimed) == len(plausible) == 1 else NO_ROW
    evidence["conflicting"][at] = not numbers <= set(id_here or id_elsewhere)


@lru_cache(maxsize=100_000)
def _similar_names(left: str, right: str) -> bool:
    """Return whether two names sound alike in one reading, or differ in one character of three or more."""
    if not left or not right:
        return False
    if pinyin_readings(left) & pinyin_readings(right):
        return True
    return len(left) > 2 and len(left) == len(right) and OSA.distance(left, right) == 1


def _preferred(rows: set[int], *preferences: set[int]) -> set[int]:
    """Return, of several rows, those in the first of `prefer` that has any of them."""
    return next((rows & group for group in preferences if len(rows) > 1 and rows & group), rows)


def _set_row(evidence: dict[str, np.ndarray], name: str, at: int, rows: set[int]) -> None:
    evidence[name][at] = next(iter(rows)) if len(rows) == 1 else NO_ROW
    evidence[SEVERAL[name]][at] = len(rows) > 1


def _propose_similar(submissions: Frame, registry: Frame, evidence: dict[str, np.ndarray]) -> None:
    """Fill `similar_row` for rows without a key match: same school and name, nearly the same ID number.

    Both other numbers replace a masked or misspelt name. A damaged ID number's first 15 digits need gender and name.
    """
    resolved = [has_candidate(evidence, name) for name in ("id_row", "elsewhere_id_row", "numbers_row")]
    open_rows = np.flatnonzero(~np.logical_or.reduce(resolved))
    if not len(open_rows):
        return
    left = submissions.iloc[open_rows]
    wanted = np.flatnonzero((registry["name"].isin(left["name"].unique()) & (registry["name"] != "")).to_numpy())
    blocks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, school, name in zip(wanted, registry["school"].iloc[wanted], registry["name"].iloc[wanted], strict=True):
        blocks[school, name].append(int(row))
    prefixes, genders = id_prefix(left["id_number"]).array, left["gender"].array
    numbers = registry["id_number"].array
    known = {row for rows in blocks.values() for row in rows} | {*evidence["both_numbers_row"][open_rows].tolist()}
    rows = sorted(known - {NO_ROW})
    gender_of = dict(zip(rows, IdNumbers(registry["id_number"].iloc[rows]).gender, strict=True))
    for n, (at, school, name, number) in enumerate(
        zip(open_rows, left["school"], left["name"], left["id_number"], strict=True)
    ):
        both = int(evidence["both_numbers_row"][at])
        candidates = blocks.get((school, name)) or ([both] if both >= 0 else [])
        if prefixes[n]:
            fitting = [
                row
                for row in candidates
                if str(numbers[row]).startswith(prefixes[n]) and genders[n] in ("", gender_of[row])
            ]
        else:
            distances = {row: OSA.distance(number, str(numbers[row])) for row in candidates if number and numbers[row]}
            least = min([*distances.values(), _MAX_WRONG_DIGITS])
            fitting = [row for row in candidates if distances.get(row) == least]
        _set_row(evidence, "similar_row", int(at), set(fitting))


def _most_probable(evidence: dict[str, np.ndarray]) -> np.ndarray:
    """Return the most probable row of each submission, in the order of the contract's causes."""
    by_id, one, both = (evidence[name] for name in ("id_row", "numbers_row", "both_numbers_row"))
    choices = [
        ((both >= 0) & (by_id >= 0) & (both != by_id) & ~_certified_for_others(evidence, both), both),
        (has_candidate(evidence, "id_name_row"), evidence["id_name_row"]),
        (has_candidate(evidence, "elsewhere_row"), evidence["elsewhere_row"]),
        ((one >= 0) & (by_id >= 0) & (one != by_id), one),
        ((by_id >= 0) & ~evidence["conflicting"], by_id),
        (has_candidate(evidence, "id_row"), np.full_like(both, NO_ROW)),
        (has_candidate(evidence, "numbers_row"), one),
        ((evidence["elsewhere_id_row"] >= 0) & ~evidence["conflicting"], evidence["elsewhere_id_row"]),
        (np.ones(len(both), dtype=bool), evidence["similar_row"]),
    ]
    return np.select([condition for condition, _ in choices], [rows for _, rows in choices], NO_ROW)


def _unmatch_foreign_ids(compare: _Comparison, evidence: dict[str, np.ndarray]) -> None:
    """Unmatch submissions with another's ID number and nothing else in common (contract, Whose row counts)."""
    matched = evidence["matched_row"]
    by_id = (matched >= 0) & ((matched == evidence["id_row"]) | (matched == evidence["elsewhere_id_row"]))
    corroborated = ["id_name_row", "elsewhere_row", "numbers_row", "both_numbers_row", "similar_row"]
    by_id &= ~np.logical_or.reduce([matched == evidence[name] for name in corroborated])
    for at in np.flatnonzero(by_id).tolist():
        row = int(matched[at])
        if not compare.plausible(at, row):
            matched[at] = NO_ROW


def has_candidate(evidence: Mapping[str, Any] | Frame, name: str) -> Any:  # noqa: ANN401 - a column of what is given
    """Return where one row or several fit this position."""
    return (evidence[name] >= 0) | evidence[SEVERAL[name]]


def _certified_for_others(evidence: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return which `rows` have a certified submission, while the row of the ID number and name has none."""
    named, both = evidence["id_name_row"], evidence["both_numbers_row"]
    certified = named[(named >= 0) & ((both < 0) | (both == named))]
    return (named >= 0) & np.isin(rows, certified) & ~np.isin(named, certified)


def _scores(submissions: Frame, registry: Frame, rows: np.ndarray) -> np.ndarray:
    """Return how well each matched row fits: similarity of four keys by weight, 100 only where all are equal."""
    matched = np.flatnonzero(rows >= 0)
    total = np.zeros(len(rows))
    exact = np.ones(len(matched), dtype=bool)
    for column, weight in _WEIGHTS.items():
        left = submissions[column].iloc[matched].to_numpy(dtype=object)
        right = registry[column].iloc[rows[matched]].to_numpy(dtype=object)
        equal = left == right
        exact &= equal
        part = equal.astype(float)
        for n in np.flatnonzero(~equal):
            part[n] = OSA.normalized_similarity(left[n], right[n]) if left[n] and right[n] else 0.0
        total[matched] += weight * part
    total[matched] = np.where(exact, 100, np.minimum(99, np.floor(total[matched])))
    return total
