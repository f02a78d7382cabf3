"""The table of decisions (审核), read from files and sheets or written empty, and the list of `review list`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from glob import has_magic
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import fields
from pipeline.atomic_files import atomic_path
from pipeline.cohort import Cohort
from pipeline.collect.cell_text import all_rows
from pipeline.collect.collected import Grid, Reading
from pipeline.collect.formats import DocumentError, read_table_file
from pipeline.collect.header import SEARCHED_ROWS
from pipeline.collect.inputs import files_of, is_gsheet, read_content
from pipeline.colleges import College
from pipeline.errors import InputError, UsageError
from pipeline.normalise.normalise_rows import Vocabulary, school_words
from pipeline.review.chain import TYPED
from pipeline.review.decisions import ACTIONS, STATES
from pipeline.review.exceptions import LAPSED, PROOFS
from pipeline.review.review_snapshot import ReviewSnapshot, college_students, records
from pipeline.tables import STATUSES
from pipeline.workbook_writer import new_workbook, write_row

COLUMNS = ["学校名称", "学号", "意见", "审核人", "说明", "提交编号", "证明"]
OPINIONS = {ACTIONS[action]: action for action in STATES} | {"审核通过": "approve"}
SCOPE_OPINIONS = ("不在本届", "在本届")
OPINION_CHOICES = (*map(ACTIONS.__getitem__, STATES), *SCOPE_OPINIONS)
_WORKSHEET = "审核"
_EXTRA_COLUMNS = ("班级", "姓名", "状态", "未解决")
_WIDTHS = (20, 16, 10, 10, 24, 36, 14, 16, 10, 14, 40)
_LISTED = [
    "school_code", "school", "college", "class_name", "student_number", "status", "change_request", *LAPSED,
    "changed_fields", "submission_id", "decided_by", "decided_at", "decided_checked",
]  # fmt: skip
_UNREADABLE = "\ufffd"  # the reader's replacement for undecodable bytes


DecisionRows = tuple[pd.DataFrame | None, list[str]]
"""`row` and `COLUMNS` of `[review] decisions` (None if it is not set), and Chinese lines about it."""


def read_decision_rows(cohort: Cohort) -> DecisionRows:
    """Read `[review] decisions`. One bad file among those of a pattern is reported, and the others are read.

    Raises InputError if the one file, or the Google Sheet, cannot be read.
    """
    place, read, messages = cohort.review.decisions, [_table([], 1).assign(source="")], list[str]()
    if place is None:
        return None, []
    files = decision_files(cohort)
    if is_gsheet(place):
        from pipeline.collect.google.read import read_sheet

        read.append(_decisions(read_sheet(place, cohort, None), place, messages))
    elif not files:
        messages.append(f"没有审核表 {place}：还没有人填写，或请核对 cohort.toml 的 [review] decisions")
    for source, path in files.items():
        try:
            content = read_table_file(read_content(path, path.parent))
            read.append(_decisions(content, path.name, messages).assign(source=source))
        except InputError as error:
            if not (has_magic(place) or isinstance(error, DocumentError)):
                raise
            messages.append(f"{source} {error.what}，没有读取{f'。{error.remedy}' if error.remedy else ''}")
    rows = pd.concat(read, ignore_index=True)
    return rows.assign(学校名称=Vocabulary({}, school_words(cohort), {}).school(rows["学校名称"])), messages


def decision_files(cohort: Cohort) -> dict[str, Path]:
    """Return by name the existing files of `[review] decisions`: one, or all that match its pattern."""
    place = cohort.review.decisions
    if place is None or is_gsheet(place):
        return {}
    with suppress(InputError):  # the file does not exist yet
        paths = [path for path in files_of(place, cohort.folder)[0] if path.is_file()]
        return {os.path.relpath(path, cohort.folder).replace(os.sep, "/"): path for path in paths}
    return {}


def _decisions(reading: Reading, where: str, messages: list[str]) -> pd.DataFrame:
    """Return `row` (1-based) and `COLUMNS` of the rows with a number or an opinion, below the first one with 学号."""
    grids = sorted(reading.grids, key=lambda grid: (grid.sheet != _WORKSHEET, not _has_header(grid)))
    ignored = [grid.sheet for grid in grids[1:] if _has_header(grid)]
    messages += [f"{where} 的工作表 {sheet} 没有读取：一个文件只读一张审核表，请另存为一个文件" for sheet in ignored]
    if not grids:
        why = next((note.message for note in reading.notes if note.level == "error"), "是空表")
        raise InputError(why, where=where, remedy="请写上表头（学号、意见等）；文件请存为 UTF-8 的 CSV 或 xlsx")
    rows = [[cell.strip() for cell in row] for row in all_rows(grids[0])]
    if any(_UNREADABLE in cell for row in rows for cell in row):
        why, remedy = f"审核表里有认不出的字（{_UNREADABLE}），可能只存了一半", "请重新存为 UTF-8 的 CSV 或 xlsx"
        raise InputError(why, where=where, remedy=remedy)
    header = next((at for at, row in enumerate(rows[:SEARCHED_ROWS]) if "学号" in row), 0)
    names = rows[header] if rows else []
    missing = [name for name in ("学号", "意见") if name not in names]
    if missing:
        raise InputError(f"审核表缺少列 {'、'.join(missing)}", where=where, remedy=f"表头应为：{'、'.join(COLUMNS)}")
    places = [names.index(name) if name in names else sys.maxsize for name in COLUMNS]
    return _table([[row[at] if at < len(row) else "" for at in places] for row in rows[header + 1 :]], header + 2)


def _has_header(grid: Grid) -> bool:
    return any({"学号", "意见"} <= {cell.strip() for cell in row} for row in grid.values[:SEARCHED_ROWS])


def _table(cells: list[list[str]], first: int) -> pd.DataFrame:
    table = pd.DataFrame(cells, columns=COLUMNS, dtype="str")
    table.insert(0, "row", range(first, first + len(cells)))
    return table[(table["学号"] != "") | (table["意见"] != "")].reset_index(drop=True)


def write_sheet(path: Path, snapshot: ReviewSnapshot, college: College) -> Path:
    """Write a college's table of decisions with the current 提交编号 and return its path. Raises if the file exists."""
    if path.exists():
        raise UsageError(f"已有文件 {path}，里面可能有填好的意见", where="--out", remedy="请换一个文件名")
    rows = college_students(snapshot.people, college).sort_values(["class_name", "student_number"])
    headings = (*COLUMNS, *_EXTRA_COLUMNS)
    with atomic_path(path) as draft, new_workbook(draft) as book:
        sheet = book.add_worksheet(_WORKSHEET)
        text = book.add_format({"num_format": "@"})
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width, text)
        write_row(sheet, 0, headings, book.add_format({"bold": True, "bg_color": "#ECECEC"}))
        for row, student in enumerate(records(rows), 1):
            submission = str(student["submission_id"])
            values = {"学校名称": student["school"], "学号": student["student_number"], "提交编号": submission}
            extra = (student["class_name"], student["name"], STATUSES[str(student["status"])])
            values |= dict(zip(_EXTRA_COLUMNS, (*extra, "；".join(snapshot.reasons(student))), strict=True))
            write_row(sheet, row, [str(values.get(heading, "")) for heading in headings], text)
        for heading, words in (("意见", OPINION_CHOICES), ("证明", PROOFS)):
            column, choices = COLUMNS.index(heading), {"validate": "list", "source": list(words), "ignore_blank": True}
            sheet.data_validation(1, column, max(len(rows), 1), column, choices)
        sheet.freeze_panes(1, 2)
    path.chmod(0o600)
    return path


def listed_students(snapshot: ReviewSnapshot, college: College | None, status: str | None) -> list[dict[str, Any]]:
    """Return students (of a college, of a status by code or word) as `_LISTED` and `reasons`, without names."""
    rows = snapshot.people
    if college:
        rows = college_students(rows, college)
    if status:
        code = next((code for code, word in STATUSES.items() if status in (code, word)), "")
        if not code:
            raise UsageError(f"没有状态 {status}", where="--status", remedy=f"可选：{'、'.join(STATUSES.values())}")
        rows = rows[rows["status"] == code]
    ordered = rows.sort_values(["school_code", "college", "class_name", "student_number"])
    return [{**row, "reasons": snapshot.reasons(row)} for row in records(ordered[_LISTED])]


def listing_lines(rows: list[dict[str, Any]], run_id: str) -> str:
    """Return rows of `listed_students` as Chinese lines by college, then counts and the run's id."""
    from rich.cells import cell_len

    lines: list[str] = []
    for (school, college), group in groupby(rows, lambda row: (row["school"], row["college"])):
        cells = [_cells(row) for row in group]
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        padded = [
            [f"{cell}{' ' * (wide - cell_len(cell))}" for cell, wide in zip(row, widths, strict=True)] for row in cells
        ]
        lines += [f"{college}（{school}）", *("  ".join(row).rstrip() for row in padded), ""]
    counts = {word: sum(row["status"] == code for row in rows) for code, word in STATUSES.items()}
    total = "，".join(f"{word} {count}" for word, count in counts.items() if count)
    typed = sum(bool(row["decided_by"]) and not row["decided_checked"] for row in rows)
    names = [f"其中 {typed} 人的审核人{TYPED}"] if typed else []
    return "\n".join([*lines, f"共 {len(rows)} 人" + (f"：{total}" if total else ""), *names, f"看的是运行 {run_id}"])


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    notes: list[str] = []
    if row["change_request"]:
        notes.append("申请修改")
    notes += [words for name, words in LAPSED.items() if row[name]]
    if row["changed_fields"]:
        notes.append("改动：" + "、".join(fields.label(name) for name in row["changed_fields"].split(",")))
    if row["status"] not in ("approved", "stale", "missing"):
        notes += row["reasons"]
    return f"{row['school_code']}/{row['student_number']}", row["class_name"], STATUSES[row["status"]], "；".join(notes)
