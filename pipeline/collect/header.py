"""Finds the header of a worksheet: its row or rows, and the field that each column means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline import fields
from pipeline.collect.headings import Basis, Dictionary, Meaning, clean_heading, field_of_heading, is_of_another

SEARCHED_ROWS = 40  # rows from the top that are searched
_CERTAIN = 4  # fields that make a header certain and end the search
_DEPTH = 3  # rows of a header, at most
_MAX_CELL = 200  # characters of a cell that are read
_NUMBER = re.compile(r"'?[0-9]{8,}[0-9Xx]")
_TYPE = re.compile(r"(?:c|n|d|l|m|char|varchar2?|nvarchar|number|字符型?|数值型?|日期型?|文本)(?:\([0-9, .]*\))?")


@dataclass(frozen=True)
class Header:
    """A header's 0-based first and last row, and its columns (0-based).

    `columns` maps field to column, `rights` field to how it is known, `labels` column to heading. `alternatives` are
    (heading, field, column) whose field has a better column. `duplicates` are (field, columns) with one heading.
    `set_aside` are columns of no field, and columns of another person or place. `other_count` counts the latter.
    """

    top: int
    bottom: int
    columns: dict[str, int]
    basis: dict[str, Basis]
    labels: dict[int, str]
    dictionary: Dictionary
    alternatives: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    duplicates: list[tuple[str, list[int]]] = field(default_factory=list[tuple[str, list[int]]])
    set_aside: frozenset[int] = frozenset()
    other_count: int = 0

    @property
    def unknown(self) -> dict[int, str]:
        """The headings of columns that mean no field and are not set aside."""
        explained = {*self.columns.values(), *self.set_aside, *(column for _, _, column in self.alternatives)}
        explained.update(*(same for _, same in self.duplicates))
        return {column: label for column, label in self.labels.items() if column not in explained}


def find_header(rows: Sequence[Sequence[str]], declared: Mapping[str, str] | None = None) -> Header | None:
    """Return the header among the first rows, or None. `declared` maps fields to headings (`cohort.toml`)."""
    best: Header | None = None
    dictionary = Dictionary({clean_heading(label): name for name, label in (declared or {}).items()})
    for top in range(min(SEARCHED_ROWS, len(rows))):
        if best is not None and len(best.columns) >= _CERTAIN and top > best.top + _DEPTH:
            break
        for bottom in range(top, min(top + _DEPTH, len(rows))):
            if not any(rows[bottom]) or is_data(rows[bottom]):
                break
            if bottom > top and _is_title(rows[top], rows[bottom]):
                break
            found = _read(rows[top : bottom + 1], top, dictionary)
            # Other people's columns count: without its group row, a header would give them to the student.
            if len(found.columns) + found.other_count > (len(best.columns) + best.other_count if best else 1):
                best = found
    return best


def is_data(row: Sequence[str]) -> bool:
    """Return whether a row holds a long number (ID card, student, phone), as no header does."""
    return any(_NUMBER.fullmatch(unicodedata.normalize("NFKC", cell[:_MAX_CELL]).strip()) for cell in row)


def _is_title(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Return whether a row is one text over the whole table: in its first cell only, or over all columns."""
    filled = [column for column, cell in enumerate(upper) if cell.strip()]
    labelled = [column for column, cell in enumerate(lower) if cell.strip()]
    if not filled or not labelled or len({upper[column].strip() for column in filled}) > 1:
        return False
    return filled[0] <= labelled[0] and (len(filled) == 1 or len(filled) >= 0.8 * len(labelled))


def is_code_row(row: Sequence[str]) -> bool:
    """Return whether a row names the columns for a program: field codes (XM) or types (C(16))."""
    filled = [clean_heading(cell) for cell in row if cell.strip()]
    if len(filled) < _DEPTH or is_data(row):
        return False
    codes = all(re.fullmatch(r"[a-z][a-z0-9_]*", cell) or _TYPE.fullmatch(cell) for cell in filled)
    return codes or all(_TYPE.fullmatch(cell) or cell.isdigit() for cell in filled)


def texts_above(rows: Sequence[Sequence[str]], bottom: int) -> list[str]:
    """Return the distinct texts above the last row of a header, from top to bottom."""
    texts = [
        cell.strip() for row in rows[:bottom] if len(set(filter(None, row))) <= _DEPTH for cell in row if cell.strip()
    ]
    return list(dict.fromkeys(texts))


def _read(rows: Sequence[Sequence[str]], top: int, dictionary: Dictionary) -> Header:
    rows = _fill_groups(rows)
    dictionary = dictionary.matching(rows[-1])
    width = max((len(row) for row in rows), default=0)
    stacks = {
        column: parts
        for column in range(width)
        if (parts := [row[column].strip() for row in rows if column < len(row) and row[column].strip()])
    }
    # The group over the only student number (户籍信息): its columns are the students'.
    groups = [parts[-2:-1] for parts in stacks.values() if field_of_heading(parts[-1]) == "student_number"]
    own_group = groups[0] if len(groups) == 1 else []
    meanings: dict[int, Meaning] = {}
    labels: dict[int, str] = {}
    foreign: list[int] = []
    for column, parts in stacks.items():
        upper = parts[-2] if len(parts) > 1 else ""
        meaning = dictionary.meaning(upper, parts[-1])
        labels[column] = parts[-1]
        declared = meaning is not None and meaning.basis == "declared"
        if upper and not declared and upper not in own_group and is_of_another(upper, meaning.field if meaning else ""):
            foreign.append(column)
            labels[column] = f"{upper} {parts[-1]}"
        elif meaning is not None:
            meanings[column] = meaning
            if meaning.field != field_of_heading(parts[-1]) and meaning.basis in ("label", "alias"):
                labels[column] = f"{upper} {parts[-1]}"
        elif field_of_heading(parts[-1]):
            labels[column] = f"{upper} {parts[-1]}"
    others = sum(bool(field_of_heading(stacks[column][-1])) for column in foreign)
    return _build_header((top, top + len(rows) - 1), labels, meanings, dictionary, (frozenset(foreign), others))


def _fill_groups(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Repeat a group's name over every label below it, where no merged range does (csv, ods)."""
    filled = [list(row) for row in rows]
    for number, row in enumerate(filled[:-1]):
        row.extend([""] * (max(map(len, filled)) - len(row)))
        group = ""
        for column, cell in enumerate(row):
            below = any(column < len(lower) and lower[column].strip() for lower in filled[number + 1 :])
            group = cell if cell.strip() else group if below else ""
            row[column] = group
    return filled


def _build_header(
    place: tuple[int, int],
    labels: dict[int, str],
    meanings: dict[int, Meaning],
    dictionary: Dictionary,
    foreign: tuple[frozenset[int], int],
) -> Header:
    columns: dict[str, int] = {}
    alternatives: list[tuple[str, str, int]] = []
    duplicates: list[tuple[str, list[int]]] = []
    for name in dict.fromkeys(meaning.field for meaning in meanings.values() if meaning.field):
        found = sorted(
            (c for c, meaning in meanings.items() if meaning.field == name),
            key=lambda c: (_rank(meanings[c], labels[c]), c),
        )
        columns[name] = found[0]
        same = [column for column in found if clean_heading(labels[column]) == clean_heading(labels[found[0]])]
        if len(same) > 1:
            duplicates.append((name, same))
        known = set(same)  # a merged heading may span all 16,384 columns
        alternatives += [(labels[column], name, column) for column in found if column not in known]
    rights: dict[str, Basis] = {name: meanings[column].basis for name, column in columns.items()}
    set_aside = foreign[0] | {column for column, meaning in meanings.items() if not meaning.field}
    return Header(*place, columns, rights, labels, dictionary, alternatives, duplicates, set_aside, foreign[1])


def _rank(meaning: Meaning, label: str) -> int:
    """Return how well a heading names its field, best first: declared, export, label, aliases in order."""
    if meaning.basis in ("declared", "export"):
        return -2 if meaning.basis == "declared" else -1
    labels = [clean_heading(each) for each in fields.field_of(meaning.field).labels]
    return labels.index(clean_heading(label)) if clean_heading(label) in labels else len(labels)
