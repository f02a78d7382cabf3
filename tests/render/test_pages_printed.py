"""The headcount on page, in the workbook (as LibreOffice shows it) and in the PDF: the same numbers, one by one."""

from __future__ import annotations

import csv
import dataclasses
import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pages_support import COLLEGE, SCHOOL, program

from pipeline.render import tables_xlsx
from pipeline.render.college import headcount_of, open_page
from pipeline.render.headcount_files import write_headcount_pdf, write_headcount_xlsx
from pipeline.render.printed_headcount import COLUMNS, Headcount, headcount_lines
from pipeline.render.tables_xlsx import write_tables_xlsx
from pipeline.review.signatures import code_of
from pipeline.tables import COLUMNS as TABLES
from pipeline.tables import empty, typed, write_table
from pipeline.typeset import drawable
from pipeline.view.run_tables import Run, college_folder

FOLDER = college_folder(SCHOOL, COLLEGE)


@pytest.fixture(scope="module")
def headcount(season: Run) -> Headcount:
    return headcount_of(open_page(str(season.path), COLLEGE, SCHOOL))


def wanted(headcount: Headcount) -> list[list[str]]:
    return [[line.major, *(str(n) for n in line.numbers), "是" if line.equal else "否"] for line in headcount.lines]


def test_lines_add_up(season: Run, headcount: Headcount) -> None:
    table = season.rows("headcount", school="湖南科技大学", college=COLLEGE)
    majors = [line for line in headcount.lines if line.kind == "major"]
    assert len(majors) == len(table)
    assert headcount.total.numbers == tuple(int(table[column].sum()) for column in COLUMNS)
    subtotals = [line for line in headcount.lines if line.kind == "subtotal"]
    assert [line.level for line in subtotals] == ["硕士研究生", "本科"]
    assert tuple(map(sum, zip(*(line.numbers for line in subtotals), strict=True))) == headcount.total.numbers


def test_one_level_has_no_subtotal(season: Run) -> None:
    table = season.rows("headcount", school="湖南科技大学", college=COLLEGE)
    lines = headcount_lines(table[table["education_level"] == "本科"])
    assert "subtotal" not in {line.kind for line in lines}


def test_page_says_the_same(headcount: Headcount, site: Path) -> None:
    html = (site / "college.html").read_text(encoding="utf-8")
    rows = re.findall(r'<tr data-line="[^"]*".*?</tr>', html, re.DOTALL)
    said = [
        [re.sub(r"<[^>]+>|\s", "", cell) for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)] for row in rows
    ]
    levels = [line.level if line.kind == "major" else "" for line in headcount.lines]
    assert said == [[major + level, *rest] for (major, *rest), level in zip(wanted(headcount), levels, strict=True)]
    assert "未定稿" in html and "data-code" not in html


@pytest.mark.office
def test_workbook_says_the_same_in_libreoffice(headcount: Headcount, site: Path, tmp_path: Path) -> None:
    office = program("soffice", "libreoffice")
    command = [
        office,
        f"-env:UserInstallation={(tmp_path / 'user').as_uri()}",
        "--headless",
        "--convert-to",
        "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,1",
        "--outdir",
        str(tmp_path),
        str(site / FOLDER / "headcount.xlsx"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    made = next(tmp_path.glob("*.csv"))
    rows = list(csv.reader(made.read_text(encoding="utf-8").splitlines()))
    start = next(at for at, row in enumerate(rows) if row[:2] == ["学历", "专业"])
    assert rows[start][2:-1] == list(COLUMNS.values())
    lines = rows[start + 1 : start + 1 + len(headcount.lines)]
    assert [[row[1] or row[0], *row[2:]] for row in lines] == wanted(headcount)
    levels = [row[0] for row in lines if row[1]]
    assert [one for one in levels if one] == list(dict.fromkeys(line.level for line in headcount.lines if line.level))


def text_of(pdf: Path) -> str:
    from pypdf import PdfReader

    return re.sub(r"\s+", " ", "".join(page.extract_text() + "\n" for page in PdfReader(pdf).pages))


def test_pdf_says_the_same(headcount: Headcount, site: Path) -> None:
    words = text_of(site / FOLDER / "headcount.pdf")
    for line, (major, *rest) in zip(headcount.lines, wanted(headcount), strict=True):
        assert f"{major} {' '.join(rest)}" in words and line.level in words
    for name in ("院系：", "统计日期", "未定稿"):
        assert name in words


def test_pdf_is_archival_and_the_same_bytes_again(headcount: Headcount, tmp_path: Path) -> None:
    one, two = tmp_path / "1.pdf", tmp_path / "2.pdf"
    write_headcount_pdf(one, headcount)
    write_headcount_pdf(two, headcount)
    assert one.read_bytes() == two.read_bytes()
    assert b"pdfaid:part>2<" in one.read_bytes()


def test_a_character_that_cannot_be_drawn_is_a_box_with_a_note(headcount: Headcount, tmp_path: Path) -> None:
    common = "".join(
        bytes([high, low]).decode("gb2312", "ignore") for high in range(161, 248) for low in range(161, 255)
    )
    assert len(common) > 7000 and drawable(common) == common  # which is not looked up
    assert drawable("张䶮㛃") == "张䶮㛃" and drawable("𠮷") == "□" == drawable("□")
    odd = dataclasses.replace(headcount, lines=(dataclasses.replace(headcount.lines[0], major="𠮷学"), headcount.total))
    write_headcount_pdf(tmp_path / "x.pdf", odd)
    words = text_of(tmp_path / "x.pdf")
    assert "□学" in words and "字体里没有的字" in words
    write_headcount_xlsx(tmp_path / "x.xlsx", odd)


def test_a_long_major_has_the_lines_that_it_takes(headcount: Headcount, tmp_path: Path) -> None:
    import openpyxl

    long = "电气工程及其自动化（中外合作办学·卓越工程师教育培养计划）"
    lines = (dataclasses.replace(headcount.lines[0], major=long), *headcount.lines[1:])
    write_headcount_xlsx(tmp_path / "x.xlsx", dataclasses.replace(headcount, lines=lines))
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx")["人数统计"]
    heights = {sheet.cell(row, 2).value: sheet.row_dimensions[row].height for row in range(5, 5 + len(lines))}
    assert heights.pop(long) >= 30 and max(heights.values()) <= 24


def words_of(pdf: Path) -> str:
    from pypdf import PdfReader

    return "".join("".join(page.extract_text().split()) for page in PdfReader(pdf).pages)


def cells_of(book: Path) -> tuple[list[str], int]:
    import openpyxl

    sheet: Any = openpyxl.load_workbook(book)["人数统计"]
    cells = [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]
    return [*cells, str(sheet.oddFooter.left.text)], len(sheet._images)


def test_not_ready_is_printed_without_code_and_places_to_sign(headcount: Headcount, site: Path) -> None:
    assert "不能签字" in headcount.attestation and not headcount.signable and headcount.code == ""
    cells, pictures = cells_of(site / FOLDER / "headcount.xlsx")
    for words in (words_of(site / FOLDER / "headcount.pdf"), "".join(cells)):
        assert "未定稿" in words and "校验码" not in words and "填表人" not in words and "副书记签字" not in words
    assert pictures == 1  # 未定稿 across the table; no QR code


def test_the_paper_has_what_an_official_one_has(finished: Run, tmp_path: Path) -> None:
    page = open_page(str(finished.path), "马克思主义学院", SCHOOL)
    ready = dataclasses.replace(headcount_of(page), office="招生就业处", outside="休学 2、参军入伍 1")
    write_headcount_pdf(tmp_path / "h.pdf", ready)
    write_headcount_xlsx(tmp_path / "h.xlsx", ready)
    for words in (words_of(tmp_path / "h.pdf"), "".join("".join(cells_of(tmp_path / "h.xlsx")[0]).split())):
        for told in ("招生就业处：", "填表人：", "电话：", "院党委副书记（签字）：", "不在本届：休学2、参军入伍1。"):
            assert told in words, told
        assert words.index("单位（盖章）") < words.index("年月日")  # the seal over the date
        assert words.index("院党委副书记（签字）") < words.index("单位（盖章）")


def test_a_few_majors_stand_upright_and_many_lie_across(headcount: Headcount, tmp_path: Path) -> None:
    from pypdf import PdfReader

    long = dataclasses.replace(
        headcount, lines=(dataclasses.replace(headcount.lines[0], major="业" * 21), headcount.total)
    )
    for one, upright in ((headcount, True), (long, False)):
        assert one.portrait == upright
        write_headcount_pdf(tmp_path / "h.pdf", one)
        (page, *_) = PdfReader(tmp_path / "h.pdf").pages
        assert (page.mediabox.height > page.mediabox.width) == upright


def test_ready_carries_its_code_and_the_same_as_a_qr_code_at_the_foot(finished: Run, tmp_path: Path) -> None:
    ready = headcount_of(open_page(str(finished.path), "马克思主义学院", SCHOOL))
    assert ready.signable and ready.attestation.startswith("本人确认") and ready.code == code_of("5" * 64)
    write_headcount_pdf(tmp_path / "h.pdf", ready)
    write_headcount_xlsx(tmp_path / "h.xlsx", ready)
    cells, pictures = cells_of(tmp_path / "h.xlsx")
    for words in (words_of(tmp_path / "h.pdf"), "".join(cells)):
        assert f"校验码{ready.code}" in words.replace(" ", "") and "未定稿" not in words and "填表人" in words
    assert pictures == 1
    signing = next(at for at, cell in enumerate(cells) if cell.startswith("填表人"))
    assert signing < cells.index(f"校验码 {ready.code}")  # below the places to sign, not above them


def test_long_table_keeps_its_block_together(headcount: Headcount, tmp_path: Path) -> None:
    from pypdf import PdfReader

    many = tuple(dataclasses.replace(headcount.lines[0], major=f"专业{n}") for n in range(45))
    long = dataclasses.replace(headcount, lines=(*many, headcount.total))
    write_headcount_pdf(tmp_path / "long.pdf", long)
    pages = [page.extract_text() for page in PdfReader(tmp_path / "long.pdf").pages]
    assert len(pages) > 1
    assert all("未提交" in page and many[0].level in page for page in pages[:-1])  # header and level are repeated
    write_headcount_xlsx(tmp_path / "long.xlsx", long)
    assert cells_of(tmp_path / "long.xlsx")[0].count(many[0].level) == 45
    assert [at for at, page in enumerate(pages) if "不能签字" in page] == [len(pages) - 1]


def run_of(folder: Path, frames: dict[str, pd.DataFrame]) -> Run:
    (folder / "tables").mkdir()
    for name, frame in frames.items():
        write_table(folder / "tables", name, frame)
    return Run(folder, {})


def test_tables_workbook_holds_text_only_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    import openpyxl

    words = ["=1+1", "+1", "@SUM(A1)", "-2", "0123", "1" * 18, "http://example.com", "x" * 40000, ""]
    frames = {"roster": pd.DataFrame({"a": words, "n": range(len(words))}), "findings": pd.DataFrame({"b": ["1"] * 30})}
    assert write_tables_xlsx(tmp_path / "t.xlsx", run_of(tmp_path, frames), rows=20) == ["findings"]
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    cells = [row[0] for row in book["名单"].iter_rows(min_row=2)]
    assert [cell.value or "" for cell in cells] == [word[:32767] for word in words]
    assert {cell.data_type for row in book["名单"].iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert "findings.csv" in book["问题"]["A1"].value


def test_tables_workbook_reads_back_as_one_that_xlsxwriter_wrote_cell_by_cell(tmp_path: Path) -> None:
    import openpyxl
    import xlsxwriter

    words = [" 前", "后 ", "a\nb", "a\tb\r\n", "\x00\x07\x1f", "_x0041_", "<b>&\"'</b>", "\ufffe", "𠮷👩‍🎓", "]]>", ""]
    frames = {"roster": pd.DataFrame({"a": words, "b": words[::-1]})}
    write_tables_xlsx(tmp_path / "ours.xlsx", run_of(tmp_path, frames))
    with xlsxwriter.Workbook(str(tmp_path / "theirs.xlsx"), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("名单")
        for row, pair in enumerate([("a", "b"), *zip(words, words[::-1], strict=True)]):
            for column, word in enumerate(pair):
                sheet.write_string(row, column, word)
    sheets = [openpyxl.load_workbook(tmp_path / name)["名单"] for name in ("ours.xlsx", "theirs.xlsx")]
    assert [[cell.value or "" for cell in row] for row in sheets[0]] == [
        [cell.value or "" for cell in row] for row in sheets[1]
    ]
    assert sheets[0].dimensions == "A1:B12"


def test_tables_workbook_speaks_chinese_and_says_what_a_column_is_called_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openpyxl

    frames = {name: empty(name) for name in TABLES} | {
        "colleges": typed(pd.DataFrame({"first_pass_rate": [5 / 6], "rank": [1]})),
        "roster": pd.DataFrame({"student_number": ["0123"], "status": ["stale"], "decided_at": [""]}),
        "findings": pd.DataFrame({"field": ["phone"], "severity": ["critical"], "actor": ["student"]}),
        "years": pd.DataFrame({"change": [-0.25], "explain": [True]}),
    }
    monkeypatch.setattr(tables_xlsx, "_SHEETS", tuple(frames))
    write_tables_xlsx(tmp_path / "t.xlsx", run_of(tmp_path, frames))
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    rows = {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book}
    assert rows["名单"] == [["学号", "状态", "审核时间"], ["0123", "通过后有改动", None]]
    assert rows["问题"] == [["项目", "程度", "谁来做"], ["个人联系电话", "必须更正", "学生"]]
    assert rows["院系"] == [["一次通过", "名次"], ["83.3%", "1"]]
    assert rows["与上一届相比"] == [["增减", "需要说明"], ["-25.0%", "是"]]
    english = [name for sheet in rows.values() for name in sheet[0] if re.fullmatch(r"[a-z_]+", str(name))]
    assert english == []  # of every table
    assert ["名单", "学号", "roster.student_number"] in rows["列名对照"]


def test_tables_workbook_of_a_run_reads_no_table_that_it_leaves_out(tmp_path: Path, monkeypatch) -> None:
    import openpyxl

    counts = {"findings": 30, "roster": 2, "counselors": 1}
    run = run_of(tmp_path, {name: pd.DataFrame({"a": ["甲"] * rows}) for name, rows in counts.items()})
    read: list[str] = []
    monkeypatch.setattr(Run, "table", lambda self, name: read.append(name) or pd.DataFrame({"a": ["甲"] * 2}))
    assert write_tables_xlsx(tmp_path / "t.xlsx", run, rows=20) == ["findings"]
    assert set(read) == {"roster"}
    assert openpyxl.load_workbook(tmp_path / "t.xlsx").sheetnames == ["名单", "问题", "列名对照"]
