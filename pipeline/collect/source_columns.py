"""A source's columns: known ones and how they are known, unknown ones with their likely field, missing fields."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false
from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa

from pipeline import fields
from pipeline.collect.header import Header
from pipeline.collect.headings import Basis, clean_heading, likely_field, similar_field
from pipeline.knowledge.codes import without_placeholders
from pipeline.knowledge.identifiers import IdNumbers
from pipeline.knowledge.regions import LEVELS, split_regions
from pipeline.logs import mask

KEYS = ("name", "id_number", "student_number")
REGISTRY_FIELDS = ("student_number", "id_number", "name", "college", "class_name", "major", "education_level")
"""What a registry must have; a constant will do (contract, *Columns*)."""
_MAX_HEADING = 40  # characters of a heading in a message
_MAX_LISTED = 40  # headings in one message
_PROOF_SHARE = 0.9  # share of a column's filled cells that must prove it
_HINT_ROWS = 4  # hint rows between a header and its first student
_LEVEL_SHARE = 0.5  # share of a column's places that must name the other level
_ROWS_READ = 5_000  # rows of a column that are read
_CELLS_CHECKED = 2_000  # filled cells from the top that are checked


@dataclass(frozen=True)
class SourceColumn:
    """One column of a source; `at` is 0-based, or -1 for a constant of `cohort.toml`.

    `field` is what it is read as ("" for nothing), `right` how that is known, `likely` the field to ask about.
    """

    index: int
    heading: str
    field: str = ""
    basis: Basis = ""
    likely: str = ""


@dataclass(frozen=True)
class SourceColumns:
    """One worksheet's columns. `row` is the 1-based row of its headings, `exports` are those that it may be.

    `refused` says why it is not read, or is "". `unused`: none of its rows is a person's. `joined` fields are in
    another field's column. `numbered` fields are not read, because they hold only option numbers.
    """

    file: str
    sheet: str
    row: int
    columns: tuple[SourceColumn, ...]
    exports: tuple[str, ...] = ()
    refused: str = ""
    unused: bool = False
    joined: frozenset[str] = frozenset()
    numbered: tuple[str, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        """The fields that are read."""
        return frozenset(column.field for column in self.columns if column.field) | self.joined

    @property
    def questions(self) -> list[SourceColumn]:
        """The columns whose likely field no other column is read as."""
        return [column for column in self.columns if column.likely and column.likely not in self.fields]

    @property
    def place(self) -> str:
        """File and worksheet, for messages."""
        return f"{self.file} 工作表 {self.sheet}" if self.sheet else self.file


def resolved(
    header: Header, body: pa.Table, filled: Collection[int], place: tuple[str, str, int], fixed: Mapping[str, str]
) -> tuple[Header, SourceColumns]:
    """Return the header and its columns, corrected by the rows `body`: an ID column added, option numbers removed.

    `filled` are the columns with text, `place` is (file, worksheet, row of the header), `fixed` constants by field.
    """
    samples = {at: body.column(at).slice(0, _ROWS_READ).to_pandas() for at in header.unknown if at in filled}
    header = _with_id_column(header, samples)
    numbered = _option_numbers(header, body)
    header = replace(header, columns={name: at for name, at in header.columns.items() if name not in numbered})
    asked_columns = header.unknown.keys() & samples.keys()
    read = {column: name for name, column in header.columns.items() if name not in fixed}
    columns: list[SourceColumn] = []
    for at, label in header.labels.items():
        name, likely = read.get(at, ""), likely_field(label) if at in asked_columns else ""
        columns.append(SourceColumn(at, label, name, header.basis.get(name, ""), likely))
    columns += [SourceColumn(-1, value, name, "declared") for name, value in fixed.items()]
    exports = tuple(export.name for export in header.dictionary.exports)
    joined = _joined_levels(header, body)
    return header, SourceColumns(*place, tuple(columns), exports, joined=joined, numbered=tuple(numbered))


def _joined_levels(header: Header, body: pa.Table) -> frozenset[str]:
    """Return the levels of a place that have no column, but are in another level's cells (湖南省湘潭市)."""
    found: set[str] = set()
    for place in ("origin", "home"):
        names = {level: f"{place}_{level}" for level in LEVELS}
        missing = [level for level, name in names.items() if name not in header.columns]
        if 0 < len(missing) < len(names):
            cells = pd.concat([_values_of(header, body, name) for name in names.values()], axis=1)
            rows = cells[(cells != "").any(axis=1)].head(_CELLS_CHECKED)
            split = split_regions(*(rows.iloc[:, at] for at in range(len(names))))
            found |= {names[level] for level in missing if split[level].ne("").mean() > _LEVEL_SHARE}
    return frozenset(found)


def _values_of(header: Header, body: pa.Table, name: str) -> pd.Series:
    at = header.columns.get(name, body.num_columns)
    if at >= body.num_columns:
        return pd.Series("", index=range(min(body.num_rows, _ROWS_READ)), dtype="str")
    return body.column(at).slice(0, _ROWS_READ).to_pandas().str.strip()


def _option_numbers(header: Header, body: pa.Table) -> list[str]:
    """Return the coded fields whose columns hold a form tool's option numbers, which have no known meaning.

    Columns that `cohort.toml` declares are read: the office's aliases give each number its meaning.
    """
    if not any(export.numbered for export in header.dictionary.exports):
        return []
    found: list[str] = []
    for name, field in fields.fields().items():
        if field.type == "code" and name in header.columns and header.basis.get(name) != "declared":
            values = without_placeholders(name, _values_of(header, body, name), None)
            filled = values[values != ""]
            if len(filled) and filled.str.fullmatch("[0-9]{1,2}").all():
                found.append(name)
    return found


def _with_id_column(header: Header, samples: Mapping[int, pd.Series]) -> Header:
    """Return the header plus the one nearly named column that right check characters prove to be 身份证号码."""
    if "id_number" in header.columns:
        return header
    candidates = [at for at, label in header.unknown.items() if similar_field(label) == "id_number" and at in samples]
    proved = [at for at in candidates if are_id_numbers(samples[at])]
    if len(proved) != 1:
        return header
    basis_of: dict[str, Basis] = {**header.basis, "id_number": "values"}
    return replace(header, columns={**header.columns, "id_number": proved[0]}, basis=basis_of)


def are_id_numbers(values: pd.Series) -> bool:
    """Return whether almost all values are ID numbers of 18 characters with the right check character.

    A first value without a number is a hint or a type (18位, C(18)) and does not count.
    """
    filled = values.str.strip().str.upper()
    filled = filled[filled != ""].head(_CELLS_CHECKED).reset_index(drop=True)
    filled = filled[filled.str.contains("[0-9]{6}") | (filled.index >= _HINT_ROWS)].reset_index(drop=True)
    if filled.empty:
        return False
    numbers = IdNumbers(filled)
    right = numbers.is_kind("resident", "residence_permit", "foreigner") & numbers.checksum_ok
    return bool(right.mean() >= _PROOF_SHARE)


def declared_headings(declared: Mapping[str, str]) -> dict[str, str]:
    """Return `columns` of `cohort.toml` without constants ("=本科", "@sheet", "@title")."""
    return {name: text for name, text in declared.items() if text[:1] not in ("=", "@")}


def constants(declared: Mapping[str, str], sheet: str, titles: Sequence[str]) -> dict[str, str]:
    """Return the constants in `columns` of `cohort.toml` by field: "=本科", "@sheet", "@title"."""
    places = {"@sheet": [sheet], "@title": titles}
    return {
        name: text[1:].strip() if text.startswith("=") else labelled(name, places[text])
        for name, text in declared.items()
        if text.startswith("=") or text in places
    }


def labelled(name: str, texts: Sequence[str]) -> str:
    """Return a field's value in titles: the text after its label (班级：13土木1班), else the last without a label."""
    parts = [
        part for text in texts for part in re.split(r"\s{2,}|[ \t\u3000]+(?=[^ \t\u3000]{1,8}[:：])", text) if part
    ]
    pairs = [(clean_heading(part[: colon.start()]), part[colon.end() :].strip()) for part in parts
             if (colon := re.search("[:：]", part))]  # fmt: skip
    labels = {clean_heading(label) for label in fields.field_of(name).labels}
    values = [value for label, value in pairs if label in labels and value]
    plain = [part.strip() for part in parts if not re.search("[:：]", part)]
    return values[0] if values else plain[-1] if plain else ""


def fields_read(sources: Iterable[SourceColumns]) -> frozenset[str]:
    """Return all fields of the sources that are not refused."""
    return frozenset(name for source in sources if not source.refused for name in source.fields)


def undeclared(declared: Mapping[str, str], sources: Sequence[SourceColumns], where: str) -> list[str]:
    """Return a line for each heading declared in `where` that no source has; none if no source was read."""
    found = {clean_heading(column.heading): column.heading for source in sources for column in source.columns}
    return [
        f"{where} {name}（{fields.label(name)}）= “{text}”：没有一个来源有这一列。找到的列名：{headings_found(sources)}"
        for name, text in declared_headings(declared).items()
        if sources and clean_heading(text) not in found
    ]


def number_questions(sources: Iterable[SourceColumns]) -> list[str]:
    """Return the question about the fields that hold only option numbers, or none."""
    names = dict.fromkeys(name for source in sources for name in source.numbered)
    if not names:
        return []
    return [
        f"{'、'.join(map(fields.label, names))}里只有选项的序号，不知道各是哪一项，没有读取。请在表单工具里"
        "按选项文字下载；只有序号的，在 [submissions.columns] 里写明是哪一列，"
        "并在 [rules] 文件夹的 aliases.csv 里写明每个序号的意思"
    ]


def headings_found(sources: Iterable[SourceColumns]) -> str:
    """Return the headings of sources for a message."""
    headings = list(dict.fromkeys(c.heading for source in sources for c in source.columns if c.index >= 0))
    more = f" 等 {len(headings)} 列" if len(headings) > _MAX_LISTED else ""
    return "、".join(map(shortened, headings[:_MAX_LISTED])) + more


def missing_labels(source: SourceColumns, required: Collection[str]) -> str:
    """Return the labels of required fields that a source lacks, each with the heading that may mean it."""
    likely = {column.likely: column.heading for column in source.questions}
    return "、".join(
        fields.label(name) + (f"（“{shortened(likely[name])}”是不是？）" if name in likely else "")
        for name in required
        if name not in source.fields
    )


def shortened(heading: str) -> str:
    """Return a heading for a message, shortened and with numbers masked."""
    return mask(heading if len(heading) <= _MAX_HEADING else f"{heading[:_MAX_HEADING]}…")
