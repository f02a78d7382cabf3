"""Cell by cell: what stood in a workbook is read as the person saw it, and what was no text is said."""

import datetime as dt
import io
import struct
import zipfile

import openpyxl
import pytest
import xlsxwriter
from PIL import Image

from pipeline.collect.cell_text import number_text
from pipeline.errors import InputError
from tests.collect import xlsb as binary

HEAD = ["姓名", "身份证号码", "学号", "毕业年份", "家庭邮政编码", "证件照"]

NUMBERS = [
    (1305030101.0, "1305030101"), (4.30302199503141e17, "4.30302199503141E+17"),
    (430302199503141985, "4.30302199503141E+17"),
    (2017.1, "2017.1"), (0.1 + 0.2, "0.3"), (-0.0, "0"), (1e-7, "1E-07"), (123456789012345.0, "123456789012345"),
    (1234567890123456.0, "1.23456789012345E+15"), (2.5, "2.5"), (0.5, "0.5"), (1e300, "1E+300"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), NUMBERS)
def test_number_as_typed(value, text):
    assert number_text(value) == text


def workbook(path, write, **options):
    book = xlsxwriter.Workbook(str(path), options)
    sheet = book.add_worksheet("一")
    for column, label in enumerate(HEAD):
        sheet.write_string(0, column, label)
    sheet.write_string(1, 0, "张三")
    write(book, sheet)
    book.close()
    return path


def kinds(found):
    return {(row.field, row.kind) for row in found.cells.itertuples()}


def test_cells_that_are_no_text(tmp_path, rows_of):
    def write(book, sheet):
        sheet.write_number(1, 1, 430302199503141000)
        sheet.write_number(1, 2, 1305030101)
        sheet.write_datetime(1, 3, dt.datetime(2017, 6, 1), book.add_format({"num_format": "yyyy-mm"}))
        sheet.write_number(1, 4, 10084, book.add_format({"num_format": "000000"}))
        sheet.write_formula(1, 5, "=1/0", None, "#DIV/0!")

    found = rows_of(workbook(tmp_path / "a.xlsx", write))
    row = found.rows.iloc[0]
    assert row["id_number"] == "4.30302199503141E+17"
    assert row["student_number"] == "1305030101"
    assert row["graduation_month"] == "2017-06-01"
    assert row["postcode"] == "010084"
    assert row["photo"] == "#DIV/0!"
    assert kinds(found) == {
        ("id_number", "number"), ("student_number", "number"), ("graduation_month", "date"), ("postcode", "number"),
        ("photo", "error"),
    }  # fmt: skip


def test_a_text_format_is_read_as_it_was_shown(tmp_path, rows_of):
    def write(book, sheet):
        behind, before = (book.add_format({"num_format": code}) for code in ('@"班"', '"13级"@'))
        sheet.write_string(1, 3, "土木3", behind)
        sheet.write_number(1, 4, 3, behind)
        sheet.write_string(1, 5, "土木", before)

    row = rows_of(workbook(tmp_path / "a.xlsx", write)).rows.iloc[0]
    assert row[["graduation_month", "postcode", "photo"]].tolist() == [
        "土木3班", "3班", "13级土木",
    ]  # fmt: skip


def test_formulas_cached_or_not(tmp_path, rows_of):
    book = openpyxl.Workbook()
    book.active.append(HEAD)
    book.active.append(["=A9", '="430302199503141234"', '=HYPERLINK("http://x.cn","1305030101")', "", "", ""])
    book.save(tmp_path / "a.xlsx")
    found = rows_of(tmp_path / "a.xlsx")
    assert found.rows[["name", "id_number", "student_number"]].values.tolist() == [
        ["=A9", "430302199503141234", "1305030101"]
    ]
    assert any("公式没有存下结果" in note.message for note in found.notes)
    cached = workbook(tmp_path / "b.xlsx", lambda _, sheet: sheet.write_formula(1, 2, "=B2&1", None, "1305030101"))
    assert rows_of(cached).rows["student_number"].tolist() == ["1305030101"]


@pytest.mark.parametrize("system", [False, True])
def test_dates_in_both_systems(tmp_path, rows_of, system):
    def write(book, sheet):
        sheet.write_datetime(1, 3, dt.datetime(1999, 3, 15, 8, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))

    found = rows_of(workbook(tmp_path / "a.xlsx", write, date_1904=system))
    assert found.rows["graduation_month"].tolist() == ["1999-03-15 08:30"]


def test_hidden_rows_columns_and_sheets_are_read_and_said(tmp_path, read, rows_of):
    def write(book, sheet):
        sheet.set_row(1, None, None, {"hidden": True})
        sheet.set_column("B:C", None, None, {"hidden": True})
        book.add_worksheet("二").activate()
        sheet.hide()

    path = workbook(tmp_path / "a.xlsx", write)
    said = " ".join(note.message for note in rows_of(path).notes)
    assert "1 行被隐藏" in said and "2 列被隐藏" in said and "隐藏的工作表" in said
    assert rows_of(path).rows["name"].tolist() == ["张三"]


def test_rich_text_and_spaces(tmp_path, rows_of):
    def write(book, sheet):
        bold = book.add_format({"bold": True})
        sheet.write_rich_string(1, 0, "阿", bold, "依", " 古丽")
        sheet.write_string(1, 2, "  13 05  ")
        sheet.write_string(1, 3, "_x0041_")

    row = rows_of(workbook(tmp_path / "a.xlsx", write)).rows.iloc[0]
    assert (row["name"], row["student_number"], row["graduation_month"]) == ("阿依 古丽", "  13 05  ", "_x0041_")


def rewritten(path, change):
    """The same workbook with parts changed: `change(name, data) -> data`, or more parts under the name ''."""
    source = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
        for name, data in (change("", b"") or {}).items():
            target.writestr(name, data)
    return path


def picture():
    out = io.BytesIO()
    Image.new("RGB", (4, 6), "red").save(out, "PNG")
    return out.getvalue()


def test_wps_picture_in_a_cell_becomes_the_photo(tmp_path, read, rows_of):
    path = workbook(tmp_path / "a.xlsx", lambda _, sheet: sheet.write_formula(1, 5, '=DISPIMG("ID_1F",1)', None, ""))
    images = (
        '<etc:cellImages xmlns:xdr="http://x" xmlns:r="http://r" xmlns:a="http://a" xmlns:etc="http://e"><etc:cellImage>'
        '<xdr:pic><xdr:nvPicPr><xdr:cNvPr id="2" name="ID_1F" descr="照片"/></xdr:nvPicPr><xdr:blipFill>'
        '<a:blip r:embed="rId1"/></xdr:blipFill></xdr:pic></etc:cellImage></etc:cellImages>'
    )
    link = '<Relationship Id="rId1" Type="image" Target="media/image1.png"/>'
    links = f'<Relationships xmlns="http://p">{link}</Relationships>'
    parts = {"xl/cellimages.xml": images, "xl/_rels/cellimages.xml.rels": links, "xl/media/image1.png": picture()}
    rewritten(path, lambda name, data: parts if not name else data)
    name = rows_of(path).rows["photo"].iloc[0]
    assert read(path).grids[0].pictures == {name: picture()}
    assert kinds(rows_of(path)) == {("photo", "picture")}


def test_prefixed_names_and_missing_references(tmp_path, rows_of):
    path = workbook(tmp_path / "a.xlsx", lambda _, sheet: sheet.write_formula(1, 2, "=1/0", None, "#N/A"))

    def change(name, data):
        if name != "xl/worksheets/sheet1.xml":
            return data if name else {}
        text = (
            data.decode().replace("<worksheet xmlns=", "<x:worksheet xmlns:x=").replace("</worksheet", "</x:worksheet")
        )
        for tag in ("sheetData", "row", "c", "f", "v"):
            for end in (" ", ">", "/"):
                text = text.replace(f"<{tag}{end}", f"<x:{tag}{end}")
            text = text.replace(f"</{tag}>", f"</x:{tag}>")
        return text.encode()

    assert rows_of(rewritten(path, change)).rows["student_number"].tolist() == ["#N/A"]


def test_a_bomb_ends_with_a_message(tmp_path, read):
    path = workbook(tmp_path / "a.xlsx", lambda *_: None)
    big = b"<x>" + b" " * (400 << 20)
    rewritten(path, lambda name, data: {"xl/more.xml": big} if not name else data)
    with pytest.raises(InputError, match="太大"):
        read(path)


def test_a_lying_directory_is_damage(tmp_path, read):
    path = workbook(tmp_path / "a.xlsx", lambda *_: None)
    data = bytearray(path.read_bytes())
    at = data.find(b"xl/worksheets/sheet1.xml", data.find(b"PK\x01\x02")) - 46
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="损坏"):
        read(path)


def test_far_away_cell_is_said_and_formatting_alone_is_not_counted(tmp_path, read):
    def far(_, sheet):
        sheet.write_string(1_048_575, 16_383, "x")

    note = read(workbook(tmp_path / "a.xlsx", far)).notes[0]
    assert note.level == "error" and note.sheet == "一" and "太大" in note.message

    def painted(book, sheet):
        sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bg_color": "red"}))

    assert read(workbook(tmp_path / "b.xlsx", painted)).grids[0].values[1][0] == "张三"


NO_TABLES = [
    (b"", "空文件"), (b"\0" * 100, "空文件"), (b"PK\x03\x04broken", "损坏"), (b"%PDF-1.4", "PDF"),
    (b"\x89PNG....", "图片"),
    (b"<html><table><tr><td>1</td></tr></table></html>", "网页"), (b"\xff\xfe<\0h\0t\0m\0l\0>\0", "网页"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "读不出"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "密码"),
    (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', "XML"),
    (b"PAR1xxxx", "Parquet"), (b"\x1f\x8b\x08", "gzip"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "said"), NO_TABLES)
def test_what_is_no_table_is_said(tmp_path, read, data, said):
    path = tmp_path / "名单.xls"
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as caught:
        read(path)
    assert caught.value.remedy
    assert caught.value.where == "名单.xls"


def test_a_large_sheet_is_read_in_portions_the_same(tmp_path, read, rows_of):
    """Past so many rows they become columns; positions, formulas and numbers stay right."""
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"), {"constant_memory": True})
    sheet = book.add_worksheet()
    for column, label in enumerate([*HEAD, "备注"]):
        sheet.write_string(3, column + 1, label)
    for row in range(4, 600):
        for column, text in enumerate(("张三", "430302199503141234", str(row), "2017-06", "411201", "a.jpg", "无")):
            sheet.write_string(row, column + 1, text)
    sheet.write_formula(600, 1, '="李"&"四"', None, "李四")
    sheet.write_number(600, 2, 430302199503141000)
    sheet.write_string(600, 3, "9")
    book.close()
    assert read(tmp_path / "a.xlsx").grids[0].table is not None
    found = rows_of(tmp_path / "a.xlsx")
    assert found.rows["student_number"].tolist() == [*map(str, range(4, 600)), "9"]
    assert found.rows["row"].tolist() == list(range(5, 602))
    assert found.rows.iloc[-1][["name", "id_number"]].tolist() == ["李四", "4.30302199503141E+17"]
    last = len(found.rows) - 1
    assert {(row.at, row.field, row.kind) for row in found.cells.itertuples()} == {
        (last, "name", "formula"),
        (last, "id_number", "number"),
    }


FALSE = [("uniqueCount=", b'uniqueCount="', b'uniqueCount="99999999'), ("r=", b'r="A2"', b'r="ZZZZZ99999999999"')]


@pytest.mark.parametrize(("what", "old", "new"), FALSE)
def test_claims_that_would_take_all_memory_are_refused(tmp_path, read, what, old, new):
    path = rewritten(
        workbook(tmp_path / "a.xlsx", lambda *_: None), lambda name, data: data.replace(old, new) if name else {}
    )
    try:
        assert [note.level for note in read(path).notes] == ["error"]
    except InputError as error:
        assert "太大" in str(error)


def test_what_a_binary_workbook_loses_is_told(tmp_path, read):
    """Rich text is passed over by calamine; NUL characters are what misread texts have between their letters."""
    rich = binary.record(62, struct.pack("<II", 3, 0) + b"\0" + binary.text("李四"))
    path = tmp_path / "a.xlsb"
    path.write_bytes(binary.xlsb(binary.worksheet((0, 0, "姓名"), (1, 0, "张\0三"), spoilt=rich)))
    reading = read(path)
    assert reading.grids[0].values == [["姓名"], ["张三"]]
    told = [
        (note.level, note.row, next(w for w in ("看不出", "多种字体", "NUL") if w in note.message))
        for note in reading.notes
    ]
    assert told == [("info", 0, "看不出"), ("warning", 2, "多种字体"), ("warning", 2, "NUL")]
