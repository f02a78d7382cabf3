"""The meaning of a heading: a field's label or alias, `columns` of `cohort.toml`, or a known export's heading.

A merely similar heading becomes a question (`likely_field`). `expectations/other_columns.csv` lists words for others
(父亲, 辅导员, 单位), `expectations/exports` the headings of registries and form tools.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import product
from typing import Literal

from rapidfuzz.distance import OSA

from pipeline import fields, resources
from pipeline.knowledge.names import matching_key
from pipeline.knowledge.text_columns import clean_text
from pipeline.resources import expectation_rows

Basis = Literal["label", "alias", "declared", "export", "values", ""]

_MAX_LABEL = 200  # characters of a label that are compared
_PREFIX = re.compile(
    r"^(?:[*★☆※●◆■▲·]+|[(\[【]?q?[0-9]{1,2}[)\]】]?[.、:]|[(\[【][0-9]{1,2}[)\]】]|[(\[【](?:必填|选填)[^)\]】]*[)\]】]"
    r"|请(?:如实)?(?:输入|填写|选择|上传)|[您你]的)+"
)
_SUFFIX = re.compile(r"(?:[*★☆※:;,。?!]|是(?:什么|多少|哪个)?|为|\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】)$")
_BRACKETS = re.compile(r"[(\[【]([^()\[\]【】]*)[)\]】]")
_GROUP = re.compile(r"^(?:主要)?(.+?)[一二三四0-9]?的?(?:基本|相关)?(?:信息|情况|联系方式|阶段)?$")
_NEGATION = re.compile(r"不|非|勿|别|除")
_LEVELS = {"home_province": "省", "home_city": "市", "home_county": "县"}  # what 区县 or 市（地区） alone means
_SEPARATORS = re.compile(r"[/、\\|_\-—·.]+")
_MIN_PART = 2  # characters of a partial match, at least


@dataclass(frozen=True)
class Meaning:
    """The field of a heading ("" for an unused column of an export), and what it is based on."""

    field: str
    basis: Basis


@dataclass(frozen=True)
class Export:
    """A kind of file that a registry or form tool writes. Its header has at least two of `marks`.

    `columns` maps cleaned headings to fields, unused ones to "". `states` maps a status heading to the words for
    withdrawn or rejected. `numbered`: the file may hold an option's number instead of its text.
    """

    name: str
    marks: frozenset[str]
    columns: dict[str, str]
    states: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    numbered: bool = False


@dataclass(frozen=True)
class Dictionary:
    """The headings of one source: `declared` (cleaned heading to field) and the exports that it may be."""

    declared: Mapping[str, str] = field(default_factory=dict[str, str])
    exports: tuple[Export, ...] = ()

    def matching(self, headings: Iterable[str]) -> Dictionary:
        """Return the dictionary with the known exports that have at least two marks among these headings."""
        names = {clean_heading(heading) for heading in headings}
        return Dictionary(self.declared, tuple(export for export in known_exports() if len(names & export.marks) >= 2))

    def meaning(self, upper: str, lower: str) -> Meaning | None:
        """Return the meaning of the heading `lower` under the group `upper` ("" for none), or None."""
        for text in (f"{upper} {lower}", lower):
            if name := self.declared.get(clean_heading(text)):
                return Meaning(name, "declared")
        for export in self.exports:
            if (name := export.columns.get(clean_heading(lower))) is not None:
                return Meaning(name, "export")
        name = joined_field(upper, lower)
        if not name:
            return None
        return Meaning(name, "label" if clean_heading(lower) == clean_heading(fields.label(name)) else "alias")


@cache
def known_exports() -> tuple[Export, ...]:
    """Return the exports of `expectations/exports`, in file order."""
    exports: list[Export] = []
    for path in sorted((resources.expectations() / "exports").glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        columns = {clean_heading(heading): name for name, headings in data["columns"].items() for heading in headings}
        columns |= {clean_heading(heading): "" for heading in data.get("nobody", [])}
        states = {clean_heading(state["heading"]): frozenset(state["withdrawn"]) for state in data.get("states", [])}
        marks, numbered = frozenset(map(clean_heading, data["marks"])), bool(data.get("option_numbers"))
        exports.append(Export(data["name"], marks, columns, states, numbered))
    return tuple(exports)


def clean_heading(label: str) -> str:
    """Return a label in NFKC and lower case, without spaces and marks. Its own brackets stay."""
    flat = clean_text(unicodedata.normalize("NFKC", label[:_MAX_LABEL])).replace(" ", "").lower()
    return _PREFIX.sub("", flat).rstrip(":*_")


@cache
def _labels() -> dict[str, str]:
    """Return fields by cleaned label. Complete labels take precedence over shortened ones."""
    labels: dict[str, str] = {}
    for shorten in (clean_heading, _shortest):
        for entry in (*fields.fields().values(), *fields.registry_fields().values()):
            for label in entry.labels:
                labels.setdefault(shorten(label), entry.name)
        for entry in fields.fields().values():
            labels.setdefault(entry.name, entry.name)
    return labels


def _forms(label: str) -> Iterator[str]:
    flat = clean_heading(label)
    yield flat
    while (shorter := _SUFFIX.sub("", flat)) != flat:
        flat = shorter
        yield flat


def _shortest(label: str) -> str:
    *_, shortest = _forms(label)
    return _SEPARATORS.sub("", shortest)


@lru_cache(maxsize=20_000)
def field_of_heading(label: str) -> str:
    """Return the field that a label means by itself (in traditional characters, too), or ""."""
    known = _labels()
    found = next((known[each] for each in _forms(label) if each in known), known.get(_shortest(label), ""))
    beyond = label.encode("gb2312", errors="ignore").decode("gb2312") != label  # most traditional characters are
    if not found and beyond and (simplified := matching_key(label[:_MAX_LABEL])) != label:
        return field_of_heading(simplified)
    return "" if found and _names_another(label, found) else found


@cache
def _words_of_others() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return for each word of `other_columns.csv` the fields that remain the student's `under` and `beside` it."""
    return {
        row["word"]: {where: tuple(filter(None, row[where].split("|"))) for where in ("under", "beside")}
        for row in expectation_rows("other_columns.csv")
    }


def is_of_another(group: str, name: str) -> bool:
    """Return whether the field `name` under this group belongs to another person or place."""
    match = _GROUP.match(clean_heading(group))
    word = next((text for text in (clean_heading(group), match[1] if match else "") if text in _words_of_others()), "")
    return bool(word) and not _stays_with_student(word, "under", name)


def _stays_with_student(word: str, where: str, name: str) -> bool:
    return any(name == still or name.startswith(f"{still}_") for still in _words_of_others()[word][where])


def _names_another(label: str, name: str) -> bool:
    """Return whether a remark in brackets assigns the field to others. 家庭住址（户籍所在地） does not."""
    for remark in _BRACKETS.findall(clean_heading(label)):
        if _NEGATION.search(remark):
            continue
        match = _GROUP.match(remark)
        subject = match[1] if match else remark
        words = [word for word in _words_of_others() if (word in remark if len(word) > 1 else subject == word)]
        if words and not any(_stays_with_student(word, "beside", name) for word in words):
            return True
    return False


def joined_field(upper: str, lower: str) -> str:
    """Return the field of a label in two rows, such as 生源地 over 省, or "". `upper` may be ""."""
    if not lower:
        return field_of_heading(upper)
    if not upper or clean_heading(upper) == clean_heading(lower):
        return field_of_heading(lower)
    groups = [upper, *(_shortest(upper).removesuffix(tail) for tail in ("", "地", "信息", "地址"))]
    lowers = dict.fromkeys([lower, _LEVELS.get(field_of_heading(lower), lower)])
    for stem, part in product(groups, lowers):
        # The last form must be a label itself: brackets are ignored otherwise, and a person's row below the header
        # would be read as its second row.
        name = (
            field_of_heading(f"{stem}{part}")
            or field_of_heading(f"{stem}所在{part}")
            or _labels().get(clean_heading(f"{stem}({part})"))
        )
        if name:
            return name
    # A bare 省, 市 or 县 under a group other than the home address is that group's.
    bare = field_of_heading(lower) in _LEVELS and "家" not in lower
    return "" if bare and "家" not in upper and "通" not in upper else field_of_heading(lower)


@lru_cache(maxsize=20_000)
def similar_field(label: str) -> str:
    """Return the one field whose label differs by one character (added, left out, changed, swapped), or ""."""
    bare = _shortest(label)
    if len(bare) < 3 or field_of_heading(label):
        return ""
    long = ((known, name) for known, name in _labels().items() if len(known) >= 3)
    names = {name for known, name in long if OSA.distance(bare, known, score_cutoff=1) <= 1}
    return names.pop() if len(names) == 1 else ""


@lru_cache(maxsize=20_000)
def likely_field(label: str) -> str:
    """Return the field that an unknown heading may mean (common part, or one wrong character), or ""."""
    bare = _shortest(label)
    others = any(word in bare for word in _words_of_others() if len(word) > 1)
    contained = [known for known in _labels() if len(known) >= _MIN_PART and known in bare and not others]
    if contained:
        return _labels()[max(contained, key=len)]
    if near := similar_field(label):
        return near
    if len(bare) < _MIN_PART or others:
        return ""
    containing = {name for known, name in _labels().items() if bare in known}
    return containing.pop() if len(containing) == 1 else ""
