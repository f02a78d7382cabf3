"""Skip rows below a header that are no person: totals, examples, repeated headers, remarks. Each one is reported."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import fields
from pipeline.collect.cell_text import filled_columns
from pipeline.collect.collected import SKIPPED, Collected, Note, text_frame
from pipeline.collect.header import Header, is_code_row
from pipeline.collect.headings import clean_heading, field_of_heading
from pipeline.logs import mask
from pipeline.tables import POSITION

_PERSON = re.compile(r"(?<![0-9])[0-9]{17}[0-9Xx](?![0-9])")
_TOTAL = re.compile(r"^\s*(?:[总合小共]\s*计|总\s*人\s*数|共\s*[0-9]+\s*[人名]|人数合计|total|sum)", re.IGNORECASE)
_REMARK = re.compile(
    r"^\s*(?:填表|制表|审核|负责人|经办|联系人|备注|说明|注意|注[:：]|签字|签名|日期|盖章|院系盖章|打印|统计)"
)
_SIGNED = re.compile(r"(?:签字|签名|盖章)\s*[:：(（)）]*\s*$|^\s*人数\s*[:：]")
_END = re.compile(r"^[（(\s]*(?:以下|此处以下)(?:空白|无正文|无内容|无数据)")
_EXAMPLE = re.compile(
    r"^[（(\[【]?(?:填写|填报|如)?(?:示例|样例|范例|举例|例子?)(?:行|数据)?[0-9]{0,2}[)）\]】]?$"
    r"|^[（(\[【]?(?:填写)?(?:示例|样例|范例|举例|例如?)[)）\]】]?\s*[:：]"
)
_EXAMPLE_NAME = re.compile(r"^.[*＊某xX]{1,3}$")
_MASKED_PATTERN = r"^\s*(?:\S[*＊×某]{1,3}\s*$|[（(【]?(?:填写)?(?:示例|样例|范例|举例))"
_HINT = re.compile(
    r"必填|选填|请填|填写|格式|例如|^如|如[:：]|下拉|不填|可空|文本|[0-9]\s*位|与.+(?:一致|相同)|^[^/、]{1,8}(?:[/、][^/、]{1,8})+$"
)
_HINTS = re.compile(r"^[（(\[【]?(?:填[写报表](?:要求|说明|须知|格式|规则)|要求|说明|格式|备注说明)[)）\]】]?[:：]?$")
_WITHDRAWN = "表单里已撤回或未通过"
_MASKED_NAME = "示例行（姓名不全）"
_OTHER_TABLE = "另一个表头，各列的顺序不同"
_NUMBERS = ("id_number", "student_number")
_KEYS = {"name", *_NUMBERS}  # a row with all three labels is a header
_TOP_ROWS = 3  # example and hint rows are right below the header
_SIX_DIGITS = "[0-9]{6}"
_LONG_DIGITS = "([0-9]{6,}[Xx]?)"
_THREE_DIGITS = "[0-9０-９].*[0-9０-９].*[0-9０-９]"  # three digits, whatever is between them
_LONG_NUMBER = re.compile(r"\s*[0-9]{8,15}\s*")
_NAME = re.compile(r"\s*[\u4e00-\u9fff]{2,4}\s*")
_MAX_FOOTER_CELLS = 9  # filled cells of a row below the table, at most
_MAX_CELL = 40  # characters of a cell that are normalised
_PORTION_ROWS = 50_000  # rows that are Python text at a time
_MAX_DOUBTFUL = 2_000_000  # rows that are checked one by one: more than an Excel sheet has


class FilteredRows(NamedTuple):
    """The rows below a header: `kept` is a mask, `why` the reason of each row to be skipped, `skipped` a table."""

    kept: np.ndarray
    why: np.ndarray
    skipped: pd.DataFrame
    notes: list[Note]


def filter_rows(body: pa.Table, header: Header, place: tuple[str, str], *, keep_numbered: bool) -> FilteredRows | str:
    """Return the rows below a header of `place` (file, worksheet), or the Chinese reason why none can be read.

    With `keep_numbered`, rows with a number are kept, and the registry decides. Else a row with a masked name is kept.
    """
    blank = _blank_rows(body)
    doubtful = np.flatnonzero(_doubtful_rows(body, header) & ~blank)
    if len(doubtful) > _MAX_DOUBTFUL:
        return f"有 {len(doubtful)} 行没有学号和身份证号码，不像登记表，本表未读取。请删去多余的行"
    why = _skip_reasons(body, header, doubtful)
    _mark_withdrawn(body, header, why)
    first, notes = header.bottom + 2, list[Note]()
    other_headers = np.flatnonzero(why == _OTHER_TABLE)
    if len(other_headers):
        why[other_headers[0] :] = _OTHER_TABLE
        message = "这一行是另一个表头，各列的顺序与上面的不同，从这一行起未读取。请移到另一个工作表"
        notes.append(Note("error", *place, int(other_headers[0]) + first, message))
    kept = ~blank & (why == "")
    numbered = ~blank & _with_numbers(body, header, why)
    kept |= numbered if keep_numbered else numbered & (why == _MASKED_NAME)
    skipped = np.flatnonzero(~blank & ~kept)
    numbers = zip(skipped, _numbers_in(body, skipped), strict=True)
    rows = ((*place, int(row) + first, why[row], number) for row, number in numbers)
    return FilteredRows(kept, why, text_frame(SKIPPED, rows, ["row"]), notes)


def looks_like_people(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether rows look like people: one has an ID number, or three have number and name.

    The examples of the collection workbook and columns with the heading 示例 are ignored.
    """
    samples = {field.example for field in fields.fields().values()}
    columns = {at for row in rows for at, cell in enumerate(row) if _EXAMPLE.search(cell.strip())}
    rows = [[cell for at, cell in enumerate(row) if at not in columns and cell.strip() not in samples] for row in rows]
    # Only a short piece is normalised: NFKC may turn one character into eighteen.
    texts = (text for row in rows for cell in row for text in (cell, unicodedata.normalize("NFKC", cell[:_MAX_CELL])))
    if any(map(_PERSON.search, texts)):
        return True
    return sum(any(map(_LONG_NUMBER.fullmatch, row)) and any(map(_NAME.fullmatch, row)) for row in rows) >= _TOP_ROWS


def _blank_rows(body: pa.Table) -> np.ndarray:
    """Return a mask of the rows without text."""
    blank = np.ones(body.num_rows, dtype=bool)
    for column in filled_columns(body):
        if not blank.any():
            break
        blank &= np.asarray(pc.equal(body.column(column), ""))
    return blank


def _doubtful_rows(body: pa.Table, header: Header) -> np.ndarray:
    """Return a mask of rows to check one by one: near the top, without a number, or with a masked name."""
    columns = {name: body.column(place) for name, place in header.columns.items() if place < body.num_columns}
    doubtful = np.ones(body.num_rows, dtype=bool)
    for name in _NUMBERS:
        if name in columns:
            doubtful &= ~np.asarray(pc.match_substring_regex(columns[name], _SIX_DIGITS))
    doubtful[:_TOP_ROWS] = True
    if "name" in columns:
        doubtful |= np.asarray(pc.match_substring_regex(columns["name"], _MASKED_PATTERN))
    return doubtful


def _skip_reasons(body: pa.Table, header: Header, doubtful: np.ndarray) -> np.ndarray:
    """Return for each row the reason to skip it, or "". Only `doubtful` rows are checked."""
    why = np.full(body.num_rows, "", dtype=object)
    if not len(doubtful):
        return why
    filled = filled_columns(body)
    layout = _RowLayout.from_header(header, filled)
    filled_table = body.select(filled)  # a stray heading may make thousands of blank columns
    for start in range(0, len(doubtful), _PORTION_ROWS):
        rows = doubtful[start : start + _PORTION_ROWS]
        columns = [column.to_pylist() for column in filled_table.take(pa.array(rows)).columns]
        for row, cells in zip(rows, zip(*columns, strict=True), strict=True):
            why[row] = _reason(cells, layout, near_top=bool(row < _TOP_ROWS))
    return why


def _mark_withdrawn(body: pa.Table, header: Header, why: np.ndarray) -> None:
    """Set `why` for rows that a form tool marks as withdrawn or rejected (`Export.states`)."""
    states = {heading: words for export in header.dictionary.exports for heading, words in export.states.items()}
    for column, label in header.labels.items():
        words = states.get(clean_heading(label))
        if words and column < body.num_columns:
            values = body.column(column).to_pandas().str.strip()
            for row in np.flatnonzero(values.isin(list(words)).to_numpy() & (why == "")):
                why[row] = f"{_WITHDRAWN}（{label}：{values.iloc[row]}）"


@dataclass(frozen=True)
class _RowLayout:
    """Positions among the filled columns: of the name, the two numbers, the cleaned labels, and the fields."""

    name: int | None
    numbers: list[int]
    labels: list[tuple[int, str]]
    fields: dict[int, str]
    slack: int
    """How many cells of a repeated header may differ from it. Negative if the header is too short to compare."""

    @classmethod
    def from_header(cls, header: Header, filled: list[int]) -> _RowLayout:
        index = {column: at for at, column in enumerate(filled)}
        position = {name: index[column] for name, column in header.columns.items() if column in index}
        labels = [(index[column], clean_heading(label)) for column, label in header.labels.items() if column in index]
        numbers = [position[name] for name in _NUMBERS if name in position]
        field_at = {at: name for name, at in position.items()}
        return cls(position.get("name"), numbers, labels, field_at, len(labels) - max(2, len(header.columns) // 2))


def _with_numbers(body: pa.Table, header: Header, why: np.ndarray) -> np.ndarray:
    """Return a mask of skipped rows with a student or ID number. Withdrawn and unread rows are left out."""
    numbered = np.zeros(body.num_rows, dtype=bool)
    for name in _NUMBERS:
        place = header.columns.get(name, body.num_columns)
        if place < body.num_columns:
            numbered |= np.asarray(pc.match_substring_regex(body.column(place), _THREE_DIGITS))
    withdrawn = np.array([str(reason).startswith(_WITHDRAWN) for reason in why], dtype=bool)
    return numbered & (why != "") & (why != _OTHER_TABLE) & ~withdrawn


def _numbers_in(body: pa.Table, rows: np.ndarray) -> list[str]:
    """Return each row's first number of six digits or more, masked if it may be an ID number."""
    if not len(rows):  # most sheets: 13 ms each
        return []
    numbers = pd.Series("", index=range(len(rows)), dtype="str")
    filled_table = body.select(filled_columns(body)).take(pa.array(rows))
    for column in filled_table.columns:
        numbers_found = column.to_pandas().str.extract(_LONG_DIGITS, expand=False).fillna("")
        numbers = numbers.where(numbers != "", numbers_found)
    return [mask(number) for number in numbers]


def with_people(collected: Collected, people: np.ndarray) -> Collected:
    """Return `collected` with the rows of the mask `people`. The others are moved to `skipped`."""
    rows = collected.rows
    rescued = rows[people & (rows["why"] != "").to_numpy()]
    message = "这一行像{}，但学号或身份证号码在学籍中，按学生的提交读取"
    notes = [
        Note("info", file, sheet, row, message.format(why))
        for file, sheet, row, why in zip(*(rescued[name] for name in [*POSITION, "why"]), strict=True)
    ]
    number = rows["student_number"].where(rows["student_number"] != "", rows["id_number"])
    others = rows.assign(number=number)[~people][SKIPPED]
    positions = pd.MultiIndex.from_frame(others[POSITION])
    extras, cells = collected.extras, collected.cells
    cells = cells[people[cells["at"].to_numpy()]]
    skipped = pd.concat([collected.skipped, others.assign(number=others["number"].map(mask))], ignore_index=True)
    return replace(
        collected,
        rows=rows[people].reset_index(drop=True),
        cells=cells.assign(at=(np.cumsum(people) - 1)[cells["at"].to_numpy()]).reset_index(drop=True),
        extras=extras[~pd.MultiIndex.from_frame(extras[POSITION]).isin(positions)].reset_index(drop=True),
        skipped=skipped.sort_values(POSITION, kind="stable", ignore_index=True),
        notes=[*collected.notes, *notes],
    )


def _reason(cells: Sequence[str], layout: _RowLayout, *, near_top: bool) -> str:
    filled = [cell for cell in cells if cell.strip()]
    if not filled:
        return "只有空格"
    name = "" if layout.name is None else cells[layout.name].strip()
    numbers = [cells[at].strip() for at in layout.numbers]
    if field_of_heading(name) and _heads_other_table(cells, layout):
        return _OTHER_TABLE
    if _repeats_header(cells, layout):
        return "重复的表头"
    if near_top and is_code_row(cells):
        return "字段代码或类型"
    if any(_EXAMPLE.search(cell.strip()) for cell in filled) or name.startswith(("示例", "样例", "范例")):
        return "示例行"
    if _EXAMPLE_NAME.search(name) and (near_top or not any(map(_PERSON.fullmatch, numbers[:1]))):
        return _MASKED_NAME
    if any(re.search(_SIX_DIGITS, number) for number in numbers):
        return ""
    if _ends_table(filled):
        return "表下备注"
    if any(_TOTAL.search(cell) for cell in filled[:3]):
        return "合计行"
    if near_top and _is_hint_row(filled, name):
        return "填写说明"
    if not (name or any(numbers)) and (len(filled) <= 2 or _REMARK.search(filled[0])):
        return "没有姓名、身份证号码和学号的备注行"
    if not name and any(numbers) and len(filled) <= _MAX_FOOTER_CELLS:
        return "没有姓名，号码也不像身份证号码和学号"  # of a small table below: 院系 男 女 合计
    return "表下备注" if len(filled) <= 3 and _REMARK.search(filled[0]) else ""


def _is_hint_row(filled: list[str], name: str) -> bool:
    """Return whether a row has instructions: in its first cell, or in half of its cells if it has no name."""
    if _HINTS.match(filled[0].strip()):
        return True
    has_name = bool(_NAME.fullmatch(name)) and not _HINT.search(name)
    return not has_name and sum(bool(_HINT.search(cell)) for cell in filled) * 2 >= len(filled)


def _repeats_header(cells: Sequence[str], layout: _RowLayout) -> bool:
    slack = layout.slack
    for at, label in layout.labels:
        if slack < 0:
            return False
        cell = cells[at]
        same = bool(cell) and field_of_heading(cell) == layout.fields.get(at)  # the same column by another name
        slack -= not (same or (label.endswith(clean_heading(cell)) if cell else not label))  # a title may come before
    return slack >= 0


def _heads_other_table(cells: Sequence[str], layout: _RowLayout) -> bool:
    headings = {at: name for at, cell in enumerate(cells) if cell and (name := field_of_heading(cell))}
    labels = dict(layout.labels)
    return set(headings.values()) >= _KEYS and any(
        name != layout.fields.get(at) and not labels.get(at, "").endswith(clean_heading(cells[at]))
        for at, name in headings.items()
    )


def _ends_table(filled: list[str]) -> bool:
    """Return whether a row has signatures or ends the table: 制表人：… 审核人：… 日期：…, in any cells."""
    if len(filled) > _MAX_FOOTER_CELLS:
        return False
    marks = [bool(_REMARK.search(cell) or _SIGNED.search(cell)) for cell in filled]
    return any(map(_END.search, filled)) or sum(marks) >= 2
