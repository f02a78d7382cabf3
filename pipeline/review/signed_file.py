"""Does a printed or returned headcount file still equal the data? Reads `headcount.xlsx` and `headcount.pdf`.

Both carry `mingce_digest`, `mingce_school` (code) and `mingce_college`: as custom document properties in xlsx, as
keywords `name=value` in PDF. In an xlsx the numbers that people see are read again and compared cell by cell.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.collect.archive import Archive
from pipeline.collect.compact import whole_rows
from pipeline.collect.inputs import Content, read_content
from pipeline.collect.workbook import read_workbook
from pipeline.collect.xlsx import custom_properties
from pipeline.errors import InputError
from pipeline.review.desk import Desk, of_college
from pipeline.review.signing import (
    differing,
    people_parts,
    signed_digest,
    signed_parts,
)
from pipeline.tables import read_table

LABELS = {
    "在册": "registered",
    "男": "male",
    "女": "female",
    "已提交": "submitted",
    "待审核": "awaiting",
    "已通过": "approved",
    "未提交": "missing",
}
_LEVEL, _MAJOR, _TOTAL, _SUBTOTAL = "学历", "专业", "合计", "小计"
_SECONDS = 60  # for a PDF that is read in a process of its own
_RUNS = 60  # how many runs are looked through for the data that an unsigned file was made from
Cell = dict[tuple[str, str], dict[str, int]]


@dataclass(frozen=True)
class Subject:
    """What a file says of itself; `cells` by (level, major) and label's column, None for a PDF."""

    digest: str
    school_code: str
    college: str
    cells: Cell | None = None


@dataclass
class Verdict:
    """Whether the file equals the data of now; `lines` say in Chinese what was found."""

    equal: bool
    lines: list[str] = field(default_factory=list[str])


def read_subject(path: Path) -> Subject:
    """Return what a headcount file says of itself.

    Raises:
        InputError: the file cannot be read, or is no headcount file of mingce.
    """
    readers = {".xlsx": _read_xlsx, ".pdf": _read_pdf}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError("只能核对 headcount.xlsx 或 headcount.pdf", where=path.name)
    if not os.path.isfile(path):  # noqa: PTH113  # a name too long is none, and no error
        raise InputError("没有这个文件", where=str(path), remedy="请核对路径")
    subject = reader(read_content(path, path.parent))
    if not re.fullmatch(r"[0-9a-f]{64}", subject.digest) or not subject.college:
        raise InputError(
            "文件里没有校验信息，无法核对",
            where=path.name,
            remedy="请使用 mingce run 生成的文件；转存、另存可能丢失校验信息",
        )
    return subject


def verify_file(subject: Subject, desk: Desk, entries: pd.DataFrame, cohort: Cohort) -> Verdict:
    """Compare a file with the data of now: its digest, who differs, and (xlsx) each number that people see."""
    code, college = subject.school_code, subject.college
    rows = of_college(desk.people, code, college)
    place = f"{code}/{college}"
    if rows.empty:
        return Verdict(False, [f"{place}：现在的名册中没有这个院系"])
    same = signed_digest(rows) == subject.digest
    lines = [f"{place}：文件的名单和人数与现在的数据{'一致' if same else '不一致'}", _signature_line(entries, subject)]
    if not same:
        lines.append(_who(subject, entries, people_parts(rows), cohort))
    wrong = _cells_that_differ(subject.cells, rows) if subject.cells is not None else []
    if wrong and same:
        lines.append("表中数字与数据不符（文件可能被改动）：")
    elif wrong:
        lines.append("表中与现在的数据不同的数字：")
    return Verdict(same and not wrong, [*lines, *(f"  {line}" for line in wrong)])


def _signature_line(entries: pd.DataFrame, subject: Subject) -> str:
    own = entries[(entries["kind"] == "signature") & (entries["college"] == subject.college)]
    own = own[(own["school_code"] == subject.school_code) & (own["made_on"] == subject.digest)]
    if own.empty:
        return "这份数据没有签字记录"
    last = own.iloc[-1]
    what = "签字" if last["action"] == "sign" else "签字后已撤销"
    return f"这份数据由 {last['by']} 于 {str(last['at'])[:10]} {what}"


def _who(subject: Subject, entries: pd.DataFrame, now: dict[str, str], cohort: Cohort) -> str:
    then = signed_parts(entries, subject.school_code, subject.college, subject.digest) or _parts_of_run(subject, cohort)
    if not then:
        return "没有找到这份文件所依据的数据，不能逐人指出不同"
    who = differing(then, now)
    return f"不同的有 {len(who)} 人，学号：{'、'.join(who)}"


def _parts_of_run(subject: Subject, cohort: Cohort) -> dict[str, str]:
    school = cohort.school_of_code(subject.school_code)
    runs = sorted((cohort.reports_folder / "runs").glob("[!.]*"), reverse=True)[:_RUNS]
    for run in runs if school else []:
        try:
            roster = read_table(run, "roster")
        except InputError:
            continue
        rows = roster[(roster["school"] == school.name) & (roster["college"] == subject.college)] if school else roster
        if signed_digest(rows) == subject.digest:
            return people_parts(rows)
    return {}


def counts_of(rows: pd.DataFrame) -> Cell:
    """Return what a college's roster rows count to, by (level, major), (level, 小计) and the total under ("", 合计)."""
    marks = pd.DataFrame(
        {
            "education_level": rows["education_level"],
            "major": rows["major"],
            "registered": 1,
            "male": (rows["gender"] == "男").astype("int64"),
            "female": (rows["gender"] == "女").astype("int64"),
            "submitted": (rows["status"] != "missing").astype("int64"),
            "awaiting": (rows["status"] == "awaiting").astype("int64"),
            "approved": (rows["status"] == "approved").astype("int64"),
            "missing": (rows["status"] == "missing").astype("int64"),
        }
    )
    numbers = list(LABELS.values())
    counted = marks.groupby(["education_level", "major"], as_index=False)[numbers].sum()
    subtotals = counted.groupby("education_level", as_index=False)[numbers].sum().assign(major=_SUBTOTAL)
    total = {"education_level": "", "major": _TOTAL, **marks[numbers].sum().to_dict()}
    records = [*counted.to_dict("records"), *subtotals.to_dict("records"), total]
    return {
        (_text(row["education_level"]), _text(row["major"])): {name: int(row[name]) for name in numbers}
        for row in records
    }


def _cells_that_differ(cells: Cell, rows: pd.DataFrame) -> list[str]:
    expected, labels = counts_of(rows), {name: label for label, name in LABELS.items()}
    shown = {name for numbers in cells.values() for name in numbers}
    lines = [f"缺少 {label} 一列" for label, name in LABELS.items() if cells and name not in shown]
    lines += [
        f"缺少 {level}{major} 一行"
        for level, major in expected
        if major != _SUBTOTAL and (level, major) not in cells  # one level alone has no subtotal
    ]
    for (level, major), numbers in cells.items():
        known = expected.get((level, major))
        if known is None and not any(numbers.values()):
            continue  # a major that only strangers claim: printed, but not of the signed set
        if known is None:
            lines.append(f"多出 {level}{major} 一行")
            continue
        lines += [
            f"{level}{major} {labels[name]}：表中{f' {number}' if number >= 0 else '不是数字'}，应为 {known[name]}"
            for name, number in numbers.items()
            if number != known[name]
        ]
    return lines


def _read_xlsx(content: Content) -> Subject:
    values = [row for grid in read_workbook(content, "xlsx").grids for row in whole_rows(grid)]
    width = max(map(len, values), default=0)
    cells = _cells([[*row, *[""] * (width - len(row))] for row in values])
    return _subject(custom_properties(Archive(content)), cells)


def _cells(values: list[list[str]]) -> Cell:
    """Return the numbers under the known headings, by level and major; blank levels take the one above."""
    header = next((at for at, row in enumerate(values) if {_MAJOR, "在册"} <= {_text(cell) for cell in row}), None)
    if header is None:
        return {}
    columns = {_text(cell): at for at, cell in enumerate(values[header]) if _text(cell)}
    cells: Cell = {}
    level = ""
    for row in values[header + 1 :]:
        level = _text(row[columns[_LEVEL]]) or level if _LEVEL in columns else ""
        major = _text(row[columns[_MAJOR]])
        words = {_text(cell) for cell in row}
        subtotal = next((word for word in words if word.endswith(_SUBTOTAL)), None)
        numbers = {name: _number(row[columns[label]]) for label, name in LABELS.items() if label in columns}
        if _TOTAL in words:
            cells["", _TOTAL] = numbers
            break
        if subtotal is not None:
            cells[subtotal.removesuffix(_SUBTOTAL) or level, _SUBTOTAL] = numbers
        elif major:
            cells[level, major] = numbers
    return cells


def _text(cell: object) -> str:
    return re.sub(r"\s", "", str(cell)) if cell is not None else ""


def _number(cell: object) -> int:
    """Return a cell's whole number; anything else is -1, which no count is."""
    text = _text(cell)
    return int(text.partition(".")[0]) if re.fullmatch(r"[0-9]{1,9}(\.0*)?", text) else -1


def _read_pdf(content: Content) -> Subject:
    child = Path(__file__).with_name("_guarded_pdf.py")
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child)], input=content.data, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # one warning for each broken object may be gigabytes
            timeout=_SECONDS, check=True,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise InputError("PDF 打不开，或不是 mingce 生成的", where=content.name, remedy="请重新取得文件") from None
    keywords = done.stdout.decode("utf-8", errors="replace")
    found = {name: unquote(value).strip() for name, value in re.findall(r"(mingce_\w+)=([^,;]*)", keywords)}
    return _subject(found, None)


def _subject(known: dict[str, str], cells: Cell | None) -> Subject:
    return Subject(*(known.get(f"mingce_{name}", "") for name in ("digest", "school", "college")), cells=cells)
