"""The guard of pages: a page shows its own college only. Anything that it cannot read fails the page."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import MingceError
from pipeline.render.fragments import render
from pipeline.view.run_tables import Run, token

if TYPE_CHECKING:
    from pandas.core.groupby import DataFrameGroupBy

_MIN_PATHS = 5  # an empty frame of a chart has fewer paths
_INLINES = "a abbr b code del em font i ins kbd mark s samp small span strong sub sup u var wbr"
_INLINE = frozenset(_INLINES.split())
_HIDDEN_TAGS = frozenset(("style", "script"))
_IGNORED_ATTRS = frozenset(("d", "style", "points", "transform", "class", "href", "xlink:href", "clip-path", "content"))
_SVG = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]*)")
_CHART = re.compile(rf"<figure[^>]*><img [^>]*{_SVG.pattern}")
_WORD = re.compile(r"[0-9A-Za-z]+")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_ID = re.compile(
    r"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]"
    r"|[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3})(?![0-9A-Za-z])"
)
_CACHED_SCHOOLS, _CACHED_COLLEGES = 4, 16  # those whose people are cached
_MIN_NUMBER, _MIN_SECRET = 6, 8  # shorter numbers are too common to identify a person


class PageError(MingceError):
    """The page failed a check and is replaced by the failure page."""


class HashedWords:
    """A set of very many words, stored as 8-byte hashes."""

    def __init__(self, parts: Iterable[pd.Series]) -> None:
        hashes: list[npt.NDArray[np.uint64]] = [_hashes(part) for part in parts]
        self._sorted = np.unique(np.concatenate(hashes)) if hashes else np.array([], dtype=np.uint64)

    def intersection(self, words: Iterable[str]) -> set[str]:
        """Return those of `words` that are in the set."""
        wanted = sorted({*words} - {""})
        hashes = _hashes(pd.Series(wanted, dtype="str"))
        first, last = (np.searchsorted(self._sorted, hashes, side) for side in ("left", "right"))
        return {word for word, known in zip(wanted, first < last, strict=True) if known}


def _hashes(words: pd.Series) -> npt.NDArray[np.uint64]:
    return pd.util.hash_array(words[words != ""].to_numpy(dtype=object))


@dataclass(frozen=True)
class AllowedContent:
    """A page's token (blank: not a college's page), the college's own numbers and words, and its student numbers."""

    token: str
    numbers: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    students: frozenset[str] = frozenset()


class Guard:
    """The checks of one run's pages."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._published = frozenset(_WORD.findall("\n".join(run.office.values())))
        self._school = lru_cache(_CACHED_SCHOOLS)(self._read_school)  # pages are made school by school
        self._college = lru_cache(_CACHED_COLLEGES)(self._read_college)
        self._hashed = cache(self._hash_columns)

    def allowed(self, school: str, college: str, only: frozenset[str] | None = None) -> AllowedContent:
        """Return what a college's page may show. `school` is a code, `only` limits its student numbers (None: all)."""
        if not college:
            return AllowedContent("")
        content = self._college(school, college)
        return content if only is None else replace(content, numbers=content.numbers - (content.students - only))

    def _read_college(self, school: str, college: str) -> AllowedContent:
        words: set[str] = set()
        students: frozenset[str] = frozenset()
        for table, rows in self._school(school).items():
            if college in rows.indices:
                values = rows.get_group(college)[_COLLEGE_COLUMNS[table]]
                words.update(value for column in values.columns for value in values[column].unique())
                students |= frozenset(values["student_number"]) if table == "roster" else frozenset()
        numbers = frozenset(_WORD.findall("\n".join(words)))
        named = words | {college, self._run.school_name(school)}
        return AllowedContent(token(self._run.run_id, school, college), numbers, frozenset(named), students)

    def _read_school(self, school: str) -> dict[str, DataFrameGroupBy[Any, Any]]:
        """Return one school's tables, by college. They are read once for all its pages."""
        run, name = self._run, self._run.school_name(school)
        return {
            table: run.rows(table, columns=[*columns, "college"], school=name).groupby("college")
            for table, columns in _COLLEGE_COLUMNS.items()
            if run.has(table)
        }

    def check(self, html: str, expected: AllowedContent) -> None:
        """Raise PageError for a page without its token, with another college, or with a whole ID or phone number."""
        reader = PageReader(html)
        if not reader.sections:
            raise PageError("页面是空的")
        if any(b64decode(chart).count(b"<path") < _MIN_PATHS for chart in _CHART.findall(html)):
            raise PageError("页面的图是空白的")
        words = reader.words
        candidates = {word for word in words if len(word) >= _MIN_SECRET} - expected.numbers - self._published
        secrets = self._hashed("secrets").intersection(candidates)
        secrets -= self._hashed("numbers").intersection(secrets)  # student numbers may look like phones
        if _ID.search(reader.text) or secrets:
            raise PageError("页面里有完整的证件号或手机号，已停止发布", remedy="请在 notebook 里不显示这一列，或先遮盖")
        if not expected.token:
            return
        if reader.tokens != {expected.token}:
            raise PageError("页面的院系标记不对，已停止发布", remedy="请检查 notebook 打开的是不是参数给的学院")
        numbers = reader.numbers | {word for word in words if len(word) >= _MIN_NUMBER}
        foreign = self._hashed("numbers").intersection(numbers - expected.numbers) | (reader.numbers - expected.numbers)
        if foreign or self._hashed("words").intersection(reader.cells - expected.words):
            raise PageError("页面里有别的院系的人或班级，已停止发布", remedy="请在 notebook 里只取本学院的行")

    def _hash_columns(self, kind: str) -> HashedWords:
        return HashedWords(
            rows[column]
            for table, columns in _COHORT_COLUMNS[kind].items()
            if self._run.has(table)
            for rows in self._run.batches(table, columns=columns)
            for column in columns
        )


_COHORT_COLUMNS = {
    "numbers": {"registry": ["student_number"], "roster": ["student_number"]},
    "words": {"roster": ["name", "class_name", "college"]},
    "secrets": {"registry": ["id_number"], "submissions": ["id_number", "phone", "family_phone"]},
}
"""The columns with the numbers, words and secrets of the whole cohort."""
_COLLEGE_COLUMNS = {
    "roster": ["student_number", "name", "class_name", "major", "counselor", "decided_by"],
    "registry": ["student_number", "name", "class_name", "major"],
    "submissions": ["student_number", "name", "class_name", "major"],
    "differences": ["student_number", "name", "major", "elsewhere"],
    "findings": ["student_number", "class_name", "message", "given", "expected"],
    "counselors": ["class_name", "name"],
    "registry_findings": ["student_number", "class_name", "message"],
}
"""The columns whose values a college's own pages may show."""


class PageReader(HTMLParser):
    """Reads a page's tokens, student numbers, words, table cells and number of sections."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tokens: set[str] = set()
        self.numbers: set[str] = set()
        self.sections = 0
        self._hidden_depth = 0
        self._text_parts: list[str] = []
        self._separate_texts: list[str] = []
        self._cell: list[str] | None = None
        self._pre_depth = 0
        self.cells: set[str] = set()
        self.feed(html)
        self.close()
        for drawing in _SVG.findall(html):
            inner = PageReader(b64decode(drawing).decode(errors="replace"))
            self._text_parts += ["\n", inner.text]
            self._separate_texts += inner._separate_texts

    @cached_property
    def text(self) -> str:
        """The visible text. Inline tags do not split words."""
        return _HIDDEN.sub("", "".join(self._text_parts))

    @cached_property
    def words(self) -> set[str]:
        """Runs of letters and digits in the text, with and without splits at tags."""
        return {word for text in (self.text, *self._separate_texts) for word in _WORD.findall(text)}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a tag and its attribute values."""
        attributes = {name: value or "" for name, value in attrs}
        if tag == "meta" and attributes.get("name") == "data-college":
            self.tokens.add(attributes.get("content", ""))
        if "data-college" in attributes:
            self.tokens.add(attributes["data-college"])
        if "data-s" in attributes:
            self.numbers.add(attributes["data-s"])
        self._hidden_depth += tag in _HIDDEN_TAGS
        self._pre_depth += tag == "pre"
        self.sections += tag == "section"
        if tag not in _INLINE:
            self._text_parts.append("\n")
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()
            self._cell = [] if tag in ("td", "th") else None
        texts = [value for name, value in attributes.items() if name not in _IGNORED_ATTRS]
        self._separate_texts += [text for text in texts if not text.startswith("data:")]

    def handle_endtag(self, tag: str) -> None:
        """Close a block or invisible element."""
        self._hidden_depth -= tag in _HIDDEN_TAGS and self._hidden_depth > 0
        self._pre_depth -= tag == "pre" and self._pre_depth > 0
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()
        if tag not in _INLINE:
            self._text_parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Record visible text."""
        if self._hidden_depth:
            return
        self._text_parts.append(data)
        self._separate_texts.append(data)
        if self._cell is not None:
            self._cell.append(data)
        if self._pre_depth:  # what `print` shows of a frame
            self.cells |= set(_HIDDEN.sub("", data).split())

    def handle_comment(self, data: str) -> None:
        """Record comments, which are sent although they are not visible."""
        self._separate_texts.append(data)

    def _end_cell(self) -> None:
        if self._cell is not None:
            self.cells.add(_HIDDEN.sub("", "".join(self._cell)).strip())
        self._cell = None


def guard_page(path: Path, guard: Guard, title: str, school: str = "", college: str = "") -> str:
    """Check the page in `path`. If it fails, write the failure page and return the reason in Chinese, else a blank."""
    try:
        guard.check(path.read_text(encoding="utf-8"), guard.allowed(school, college))
    except (MingceError, OSError, UnicodeDecodeError) as error:
        reason = error.what if isinstance(error, MingceError) else "页面没有生成"
        write_failure(path, title, reason, f"{error.remedy}。" if isinstance(error, PageError) and error.remedy else "")
        return reason
    return ""


def write_failure(path: Path, title: str, reason: str, remedy: str = "") -> None:
    """Write the failure page with title, reason and remedy."""
    html = render("page/failure.html.j2", title=title, reason=reason, remedy=remedy)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8", newline="\n")
