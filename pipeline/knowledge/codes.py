"""The meaning of an answer: code tables, the office's aliases, and placeholders, which count as blank.

A cohort's `FIELD.csv` replaces the one in `expectations/codes` (code, label, aliases, source; `docs/code-tables.md`).
"""

from __future__ import annotations

import csv
import dataclasses
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import fields, resources
from pipeline.errors import ConfigurationError, reason_of
from pipeline.knowledge.text_columns import by_distinct, fits_pattern, flag, flag_by_distinct, lengths
from pipeline.resources import expectation_rows

CODE_COLUMNS = ("code", "label", "aliases", "source")

SPECIAL: dict[str, dict[str, frozenset[str]]] = {"education_level": {"研究生": frozenset({"硕士研究生", "博士研究生"})}}
"""By field: accepted general terms, and the labels that each covers (fields.csv, note of education_level)."""


def covers(field: str, word: pd.Series, label: pd.Series) -> pd.Series:
    """Return a mask of rows whose `word` is a general term, such as 研究生, that covers `label`."""
    covered = pd.Series(False, index=word.index)
    for special, labels in SPECIAL.get(field, {}).items():
        covered |= (word == special) & label.isin(list(labels))
    return covered


@dataclass(frozen=True)
class CodeTable:
    """The table of one field: labels in order, the label of every known word, and the code of each label."""

    field: str
    labels: tuple[str, ...]
    words: dict[str, str]
    numbers: dict[str, str] = dataclasses.field(default_factory=dict[str, str])

    @cached_property
    def _labels_by_code(self) -> dict[str, str]:
        return {_without_zeros(code): label for label, code in reversed(self.numbers.items())}

    def canonical(self, values: pd.Series) -> pd.Series:
        """Return each answer as its label. An answer that equals no label or alias is returned unchanged."""
        return by_distinct(values, self._meaning)

    def known(self, values: pd.Series) -> pd.Series:
        """Return whether each answer is a label or an alias. True for blank, which `FIELD.required` judges."""
        accepted = {"", *self.words.values(), *SPECIAL.get(self.field, ())}
        return flag_by_distinct(values, lambda value: self._meaning(value) in accepted)

    def has(self, word: str) -> bool:
        """Return whether a word is one of the table's labels or aliases."""
        return _fold(word) in self.words

    def _meaning(self, value: str) -> str:
        return self.words.get(_fold(value)) or self._with_code(value) or value

    def _with_code(self, value: str) -> str:
        """Return the label of an answer with its code, such as 31-本科 or 英语(English); "" if the two disagree."""
        match = _WITH_CODE.fullmatch(value.strip())
        if match is None:
            return ""
        word, code = match["word"] or match["front"], match["code"] or match["behind"]
        label = self.words.get(_fold(word), "")
        if code.isascii() and code[0].isdigit():
            return label if self._labels_by_code.get(_without_zeros(code), label) == label else ""
        return label if self.words.get(_fold(code)) == label else ""


_WITH_CODE = re.compile(
    r"(?P<code>[0-9]{1,6}[A-Z]{0,2})\s*[-–—_.．、|｜:：/]?\s*(?P<word>[^\W\d_].*)"
    r"|(?P<front>[^\W\d_][^()（）]*?)\s*[(（]\s*(?P<behind>[^()（）]+?)\s*[)）]"
)


def _without_zeros(code: str) -> str:
    return code.lstrip("0") or "0"


def _fold(word: str) -> str:
    return "".join(word.split()).casefold()


def load_codes(folder: Path | None = None) -> dict[str, CodeTable]:
    """Return every code table by field name. A `FIELD.csv` in `folder` or in its `codes` replaces the built-in one.

    Raises ConfigurationError for files that are no code table, each mistake with file and line.
    """
    tables = dict(_built_in())
    if folder is None or not folder.is_dir():
        return tables
    field_names = {*tables, *fields.names()}
    nested = list((folder / "codes").glob("*.csv"))
    paths = [path for path in folder.glob("*.csv") if path.stem in field_names] + nested
    stems = [path.stem for path in paths]
    replacements, mistakes = dict[str, CodeTable](), list[str]()
    for path in sorted(paths):
        try:
            replacements[path.stem] = _read_table(path)
        except ConfigurationError as error:
            mistakes += error.mistakes
    mistakes += [
        f"codes/{path.name}：没有字段 {path.stem}，请用字段名作文件名（见 fields.csv），如 ethnicity.csv"
        for path in sorted(nested)
        if path.stem not in field_names
    ]
    mistakes += [
        f"字段 {stem} 有两张代码表（{stem}.csv 和 codes/{stem}.csv），请保留一张"
        for stem in dict.fromkeys(stems)
        if stems.count(stem) > 1
    ]
    if mistakes:
        raise ConfigurationError(mistakes, where=str(folder))
    return {**tables, **replacements}


@cache
def _built_in() -> dict[str, CodeTable]:
    return {path.stem: _read_table(path) for path in sorted((resources.expectations() / "codes").glob("*.csv"))}


def office_rows(path: Path, columns: Iterable[str], required: str) -> list[tuple[int, dict[str, str]]]:
    """Return line and stripped `columns` of each row of an office's CSV, which must have the column `required`.

    Raises ConfigurationError, with file and line, if the file cannot be read as such a table.
    """
    mistakes: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    line = 1
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        reader.fieldnames = [str(name).strip() for name in reader.fieldnames or []]
        if required not in reader.fieldnames:
            mistakes.append(f"{path.name} 第 1 行：缺少 {required} 列，表头应为 {','.join(columns)}")
        for row in reader if not mistakes else ():
            line = reader.line_num
            if None in row:
                mistakes.append(f"{path.name} 第 {line} 行：比表头多出一列，含逗号的内容请加双引号")
            rows.append((line, {key: (row.get(key) or "").strip() for key in columns}))
    except UnicodeDecodeError:
        mistakes = [f"{path.name}：不是 UTF-8 编码，请在表格软件中另存为“CSV UTF-8”"]
    except OSError as error:
        mistakes = [f"{path.name}：打不开（{reason_of(error)}），请核对权限"]
    except csv.Error:
        mistakes = [f"{path.name} 第 {line} 行之后：有一行读不出，请核对引号"]
    if mistakes:
        raise ConfigurationError(mistakes, where=str(path))
    return rows


def _read_table(path: Path) -> CodeTable:
    table = CodeTable(path.stem, (), {})
    labels: list[str] = []
    mistakes: list[str] = []
    for line, row in office_rows(path, CODE_COLUMNS, "label"):
        label = row["label"]
        if not label:
            mistakes.append(f"{path.name} 第 {line} 行：label 为空，请填写规范名称")
            continue
        for word in (label, *filter(None, (alias.strip() for alias in row["aliases"].split("|")))):
            existing = table.words.setdefault(_fold(word), label)
            if existing != label:
                mistakes.append(f"{path.name} 第 {line} 行：“{word}”已是“{existing}”的名称或别名，一个词只能指一项")
        if label in labels:
            mistakes.append(f"{path.name} 第 {line} 行：“{label}”出现了两次，请合并为一行")
        labels.append(label)
        if row["code"]:
            table.numbers[label] = row["code"]
    if not labels and not mistakes:
        mistakes.append(f"{path.name}：表中没有内容")
    if mistakes:
        raise ConfigurationError(mistakes, where=str(path))
    return dataclasses.replace(table, labels=tuple(labels))


ALIASES = "aliases.csv"
ALIAS_COLUMNS = ("field", "word", "meant")


def read_aliases(folder: Path | None) -> dict[tuple[str, str], str]:
    """Return the meaning of each (field, word); {} without a table. Raises ConfigurationError with file and line."""
    path = folder / ALIASES if folder else None
    if path is None or not path.is_file():
        return {}
    rows = office_rows(path, ALIAS_COLUMNS, "field")
    mistakes = [
        f"{ALIASES} 第 {line} 行：应有 {','.join(ALIAS_COLUMNS)} 三列，字段名见 fields.csv"
        for line, row in rows
        if row["field"] not in fields.fields() or not row["word"] or not row["meant"]
    ]
    if mistakes:
        raise ConfigurationError(mistakes, where=str(path))
    return {(row["field"], row["word"]): row["meant"] for _, row in rows}


_MAX_BYTES = 64  # bytes: no placeholder has more
_PUNCTUATION = r"[!-/:-@\[-`{-~]*"


def without_placeholders(name: str, values: pd.Series, table: CodeTable | None) -> pd.Series:
    """Return values with placeholders (`expectations/placeholders.csv`) replaced by blanks.

    Brackets, width, case and spaces are ignored. Punctuation alone is a placeholder, a word of the code table is not.
    """
    size = lengths(values)
    short = np.flatnonzero((size > 0) & (size <= _MAX_BYTES) & fits_pattern(values, _candidate_pattern()))
    if not len(short):
        return values
    words = _placeholder_words()[""] | _placeholder_words().get(name, set())
    are_placeholders = flag_by_distinct(
        values.iloc[short], lambda value: _is_placeholder(value, words) and not (table is not None and table.has(value))
    )
    blank = np.zeros(len(values), dtype=bool)
    blank[short] = are_placeholders
    return values.mask(flag(values, blank), "") if blank.any() else values


@cache
def _candidate_pattern() -> str:
    """Return a pattern (RE2) that every placeholder fits: signs, a word between signs, or any unusual character.

    `_is_placeholder` decides. Calling it for every distinct value took a tenth of the time of reading a sheet.
    """
    words = "|".join(sorted({re.escape(word) for words in _placeholder_words().values() for word in words}))
    return rf"(?is).*[^!-~\x{{4e00}}-\x{{9fff}}].*|{_PUNCTUATION}(?:{words})?{_PUNCTUATION}"


def _is_placeholder(value: str, words: set[str]) -> bool:
    if re.fullmatch(r"[\W_]+", value):
        return True
    folded = "".join(unicodedata.normalize("NFKC", value).split()).casefold().rstrip("。.!")
    return folded.strip("()[]{}<>（）【】〔〕《》「」『』“”\"'") in words


@cache
def _placeholder_words() -> dict[str, set[str]]:
    words: dict[str, set[str]] = defaultdict(set)
    for row in expectation_rows("placeholders.csv"):
        words[row["field"]].add(row["word"].casefold())
    return words
