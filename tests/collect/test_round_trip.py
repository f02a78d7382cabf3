"""Any text typed into any cell of xlsx, ods or csv comes back the same; no row vanishes."""

import csv
import io

import odf.opendocument
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odf.table import Table, TableCell, TableRow
from odf.teletype import addTextToElement
from odf.text import P

from pipeline.collect.collected import Grid
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import Content
from pipeline.collect.rows import rows_of_grid
from pipeline.fields import names

HEAD = ["姓名", "身份证号码", "学号", "手机号", "家庭地址", "备用"]
FIELDS = ["name", "id_number", "student_number", "phone", "home_address"]

# what XML 1.0 can hold; a lone carriage return is a line end to every reader
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r", min_codepoint=32, max_codepoint=0x2FFFF).filter(
        lambda c: ord(c) & 0xFFFE != 0xFFFE and not 0x7F <= ord(c) <= 0x9F
    ),
    max_size=12,
) | st.sampled_from(
    ["None", "NA", "null", "nan", "Infinity", "真", "TRUE", "=1+1", "'001", "001", "1E5", "#N/A", "合计", "示例",
     "a\nb", "_x0041_", '"', ",", "-", "  ", "张*", "姓名", "430302199503141234", "备注：", ""]
)  # fmt: skip
ROWS = st.lists(st.lists(TEXT, min_size=6, max_size=6), min_size=1, max_size=6)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def content(name, data):
    return Content(name, data, "")


def xlsx(rows):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate([HEAD, *rows]):
        for column, text in enumerate(row):
            sheet.write_string(number, column, text)
    book.close()
    return content("a.xlsx", out.getvalue())


def ods(rows):
    book = odf.opendocument.OpenDocumentSpreadsheet()
    sheet = Table(name="一")
    for row in [HEAD, *rows]:
        line = TableRow()
        for text in row:
            cell = TableCell(valuetype="string")
            for part in text.split("\n"):
                paragraph = P()
                addTextToElement(paragraph, part)
                cell.addElement(paragraph)
            line.addElement(cell)
        sheet.addElement(line)
    book.spreadsheet.addElement(sheet)  # pyright: ignore[reportAttributeAccessIssue] - set by its factory
    out = io.BytesIO()
    book.save(out)
    return content("a.ods", out.getvalue())


def csv_of(rows):
    out = io.StringIO()
    csv.writer(out).writerows([HEAD, *rows])
    return content("a.csv", out.getvalue().encode())


def check(grid, rows):
    """Every row is a submission or is named as skipped, and every cell of a submission is what was typed."""
    found = rows_of_grid(grid, names())
    assert not [note for note in found.notes if note.level == "error"]
    typed = {number: row for number, row in enumerate(rows, 2) if any(row)}
    assert sorted([*found.rows["row"], *found.skipped["row"]]) == sorted(typed)
    for _, row in found.rows.iterrows():
        assert row[FIELDS].tolist() == typed[row["row"]][:5]
    extra = {row.row: row.value for row in found.extras.itertuples()}
    assert extra == {number: typed[number][5] for number in found.rows["row"] if typed[number][5]}


@FEW
@given(ROWS)
def test_xlsx(rows):
    check(read_table_file(xlsx(rows)).grids[0], rows)


@FEW
@given(ROWS)
def test_csv(rows):
    sent = csv_of(rows)
    found = read_table_file(sent)
    forced = [
        [cell[2:-1] if cell[:2] == '="' and cell[-1:] == '"' and len(cell) > 2 else cell for cell in r] for r in rows
    ]
    if not any("引号" in note.message for grid in found.grids for note in grid.notes):
        check(found.grids[0], forced)


@settings(FEW, max_examples=12)
@given(ROWS)
def test_ods(rows):
    check(read_table_file(ods(rows)).grids[0], rows)


@FEW
@given(ROWS, st.integers(0, 3))
def test_any_grid(rows, blank):
    check(Grid("a", "", [[]] * 0 + [HEAD, *rows] + [[""] * 6] * blank), rows)
