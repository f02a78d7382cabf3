"""Finding the header of a worksheet: which row (or rows) it is, and which field each of its columns means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import product

from rapidfuzz.distance import OSA

from pipeline import fields

LOOK_DOWN = 40  # rows from the top in which the header is looked for
_ENOUGH = 4  # fields that make a header certain, so that nothing further down is looked at
_DEPTH = 3  # a header has at most so many rows
_LONGEST = 200  # characters of a label that are looked at
_INVISIBLE = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_FRONT = re.compile(
    r"^(?:[*★☆※●◆■▲·]+|[(\[【]?q?[0-9]{1,2}[)\]】]?[.、:]|[(\[【][0-9]{1,2}[)\]】]|[(\[【](?:必填|选填)[^)\]】]*[)\]】]"
    r"|请(?:如实)?(?:输入|填写|选择|上传)|[您你]的)+"
)
_LAST = re.compile(r"(?:[*★☆※:;,。?!]|\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】)$")
_BRACKETS = re.compile(r"[(\[【]([^()\[\]【】]*)[)\]】]")
_ABOUT = r"[一二三四0-9]?的?(?:基本|相关)?(?:信息|情况|联系方式|阶段)?"
_RELATIVES = re.compile(r"(?:主要)?(?:父亲?|母亲?|父母亲?|家长|监护人|亲属|配偶|家庭(?:主要)?成员|紧急联系人)" + _ABOUT)
_ELSEWHERE = re.compile(
    r"(?:辅导员|班主任|导师|(?:毕业)?(?:高中|中学)|(?:就业|工作|用人|接收|实习|签约)单位|籍贯|出生地|户[口籍](?:所在地?)?"
    r"|现(?:居住|住)[地址]?|转(?:专业|系|学)前|(?:变更|调整)前|原|旧|曾用名?|以前)" + _ABOUT
)
_DWELLING = re.compile(r"(?:户[口籍](?:所在地?)?|现(?:居住|住)[地址]?)的?(?:地址?)?")
_LEVELS = {"home_province": "省", "home_city": "市", "home_county": "县"}  # by what 区县 and 市（地区） mean alone
_NUMBER = re.compile(r"'?[0-9]{8,}[0-9Xx]")
_JOINTS = re.compile(r"[/、\\|_\-—·.]+")


@dataclass(frozen=True)
class Header:
    """A header as found: 0-based first and last row in the grid, and what the columns are.

    `columns` maps field to 0-based column; `unknown` maps column to its label. `near` are (label, field) taken
    although one character differs; `beside` are (label, field, column) whose field stands in a better-named column;
    `twice` are (field, columns) with literally the same label. `others` counts the columns that would be a field but
    for their group's name (父亲信息 over 联系电话).
    """

    top: int
    bottom: int
    columns: dict[str, int]
    unknown: dict[int, str]
    labels: dict[int, str]
    near: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    beside: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])
    twice: list[tuple[str, list[int]]] = field(default_factory=list[tuple[str, list[int]]])
    others: int = 0


def clean(label: str) -> str:
    """Return a label without width, spaces, marks and case; brackets that belong to it stay."""
    flat = _INVISIBLE.sub("", unicodedata.normalize("NFKC", label[:_LONGEST])).lower()
    return _FRONT.sub("", flat).rstrip(":*")


@cache
def _known() -> dict[str, str]:
    """Return every cleaned label with its field; a label's own form goes before its shortened ones."""
    known: dict[str, str] = {}
    for shorten in (clean, _bare):
        for each in fields.fields().values():
            for label in each.labels:
                known.setdefault(shorten(label), each.name)
        for each in fields.fields().values():
            known.setdefault(each.name, each.name)
    return known


def _shorter(label: str) -> Iterator[str]:
    """Yield a cleaned label, then with one mark or bracket less at its end each time."""
    flat = clean(label)
    yield flat
    while (shorter := _LAST.sub("", flat)) != flat:
        flat = shorter
        yield flat


def _bare(label: str) -> str:
    *_, shortest = _shorter(label)
    return _JOINTS.sub("", shortest)


@lru_cache(maxsize=20_000)
def field_of(label: str) -> str:
    """Return the field that a label means, or the empty string."""
    known = _known()
    found = next((known[each] for each in _shorter(label) if each in known), known.get(_bare(label), ""))
    return "" if _in_brackets_others(label, found) else found


def _is_others(whose: str, name: str) -> bool:
    """Say whether a group's name or a remark gives a field to somebody or some place that is not asked about.

    A relative's telephone is no student's, but the family's telephone and address are what the form asks for.
    """
    if _RELATIVES.fullmatch(whose):
        return name not in ("family_phone", "postcode") and not name.startswith("home_")
    return bool(_ELSEWHERE.fullmatch(whose))


def _in_brackets_others(label: str, name: str) -> bool:
    """Say whether a remark in brackets gives a field to others; 家庭住址（户籍所在地） only says which address."""
    remarks = [remark for remark in _BRACKETS.findall(clean(label)) if _is_others(remark, name)]
    if name.startswith("home_"):
        remarks = [remark for remark in remarks if not _DWELLING.fullmatch(remark)]
    return bool(remarks)


def near_field(label: str) -> str:
    """Return the one field whose label differs by one character (added, left out, changed, swapped), or ""."""
    bare = _bare(label)
    if len(bare) < 4:
        return ""
    close = {
        name for known, name in _known().items() if len(known) >= 3 and OSA.distance(bare, known, score_cutoff=1) <= 1
    }
    name = close.pop() if len(close) == 1 else ""
    return "" if _in_brackets_others(label, name) else name


def joined_field(upper: str, lower: str) -> str:
    """Return the field of a label that stands in two rows, such as 生源地 over 省."""
    if not lower:
        return field_of(upper)
    if not upper or clean(upper) == clean(lower):
        return field_of(lower)
    stems = [upper, *(_bare(upper).removesuffix(tail) for tail in ("", "地", "信息", "地址"))]
    lowers = dict.fromkeys([lower, _LEVELS.get(field_of(lower), lower)])
    for stem, part in product(stems, lowers):
        # As brackets, `part` must be in the label: what stands in a label's brackets is left out otherwise, and a
        # person's row below the header would read as its second row.
        found = field_of(f"{stem}{part}") or field_of(f"{stem}所在{part}") or _known().get(clean(f"{stem}({part})"))
        if found:
            return found
    return "" if _is_part_of_other(upper, lower) else field_of(lower)


def _is_part_of_other(upper: str, lower: str) -> bool:
    """Say whether a bare 省, 市, 县 stands under a group that is not the home address."""
    bare = field_of(lower) in ("home_province", "home_city", "home_county") and "家" not in lower
    return bare and "家" not in upper and "通" not in upper


def find_header(rows: Sequence[Sequence[str]], own: Mapping[str, str] | None = None) -> Header | None:
    """Return the header among the first rows of a grid (merged cells filled), or None where nothing looks like one.

    `own` maps fields to labels that the source itself is known to use (`cohort.toml`); they go before all others.
    """
    best: Header | None = None
    mine = {clean(label): name for name, label in (own or {}).items()}
    for top in range(min(LOOK_DOWN, len(rows))):
        if best is not None and len(best.columns) >= _ENOUGH and top > best.top + _DEPTH:
            break
        for bottom in range(top, min(top + _DEPTH, len(rows))):
            if not any(rows[bottom]) or (bottom > top and _is_data(rows[bottom])):
                break
            found = _read(rows[top : bottom + 1], top, mine)
            # Others' columns count: read without its groups, the lower row would make them the student's.
            if len(found.columns) + found.others > (len(best.columns) + best.others if best else 1):
                best = found
    return _with_near(best) if best else None


def _is_data(row: Sequence[str]) -> bool:
    """Say whether a row holds a number of its own (ID card, student, phone), as no row of labels does."""
    return any(_NUMBER.fullmatch(unicodedata.normalize("NFKC", cell[:_LONGEST]).strip()) for cell in row)


def _with_near(header: Header) -> Header:
    """Return the header with the columns whose labels differ from a free field's by one character."""
    for column, label in list(header.unknown.items()):
        name = near_field(label)
        if name and name not in header.columns:
            header.columns[name] = column
            header.near.append((label, name))
            del header.unknown[column]
    return header


def _read(rows: Sequence[Sequence[str]], top: int, mine: Mapping[str, str]) -> Header:
    """Return what the columns of these header rows mean."""
    rows = _groups_filled(rows)
    width = max((len(row) for row in rows), default=0)
    stacks = {
        column: parts
        for column in range(width)
        if (parts := [row[column].strip() for row in rows if column < len(row) and row[column].strip()])
    }
    students = _groups_of_students(stacks)
    labels = {column: " ".join(dict.fromkeys(parts)) for column, parts in stacks.items()}
    meant: dict[int, str] = {}
    others = 0
    for column, parts in stacks.items():
        own = mine.get(clean(labels[column])) or mine.get(clean(parts[-1]))
        whose = "" if own or len(parts) == 1 or parts[-2] in students else clean(parts[-2])
        if _is_others(whose, name := own or _meaning(parts)):
            others += bool(field_of(parts[-1]))
        elif name:
            meant[column] = name
    return replace(_settle(top, top + len(rows) - 1, labels, meant, mine), others=others)


def _groups_of_students(stacks: Mapping[int, list[str]]) -> set[str]:
    """Return what stands over the one student number: a title (户籍信息), or the students' own group."""
    over = [parts[-2:-1] for parts in stacks.values() if field_of(parts[-1]) == "student_number"]
    return set(over[0]) if len(over) == 1 else set()


def _groups_filled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return header rows with a group's name over every label below it, where no merged range says so (csv, ods)."""
    filled = [list(row) for row in rows]
    for number, row in enumerate(filled[:-1]):
        row.extend([""] * (max(map(len, filled)) - len(row)))
        group = ""
        for column, cell in enumerate(row):
            below = any(column < len(lower) and lower[column].strip() for lower in filled[number + 1 :])
            group = cell if cell.strip() else group if below else ""
            row[column] = group
    return filled


def _meaning(parts: list[str]) -> str:
    return joined_field(parts[-2] if len(parts) > 1 else "", parts[-1])


def _settle(top: int, bottom: int, labels: dict[int, str], meant: dict[int, str], mine: Mapping[str, str]) -> Header:
    """Give each field its best column and name the others."""
    columns: dict[str, int] = {}
    beside: list[tuple[str, str, int]] = []
    twice: list[tuple[str, list[int]]] = []
    for name in dict.fromkeys(meant.values()):
        own = sorted(
            (column for column in meant if meant[column] == name), key=lambda c: (_rank(name, labels[c], mine), c)
        )
        columns[name] = own[0]
        same = [column for column in own if clean(labels[column]) == clean(labels[own[0]])]
        if len(same) > 1:
            twice.append((name, same))
        known = set(same)  # a merged heading may span all 16,384 columns
        beside += [(labels[column], name, column) for column in own if column not in known]
    taken = set(columns.values())
    unknown = {column: label for column, label in labels.items() if column not in taken}
    return Header(top, bottom, columns, unknown, labels, beside=beside, twice=twice)


def _rank(name: str, label: str, mine: Mapping[str, str]) -> int:
    """Return how well a label names its field: the source's own, the field's label, then its aliases in order."""
    if mine.get(clean(label)) == name:
        return -1
    labels = [clean(each) for each in fields.fields()[name].labels]
    return labels.index(clean(label)) if clean(label) in labels else len(labels)
