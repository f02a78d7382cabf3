"""Makes `hostile/`: tiny files that mean harm to a reader. Run once; the files are committed.

`python -m tests.collect.make_hostile`
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.collect.xlsb import RELS, record, worksheet, xlsb

HERE = Path(__file__).parent / "hostile"
HEAD = "姓名,身份证号码,学号,学校名称\n"
ROW = "张三,43062419940318927X,1305030101,湖南科技大学\n"
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
BOOK = (
    f'<?xml version="1.0"?><workbook {MAIN} '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)


def xlsx(sheet: str, target: str = "worksheets/sheet1.xml", **more: bytes) -> bytes:
    """Return a workbook around the XML of one worksheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELS.format(kind="officeDocument", target="xl/workbook.xml"))
        archive.writestr("xl/workbook.xml", BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", RELS.format(kind="worksheet", target=target))
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        for name, data in more.items():
            archive.writestr(name, data)
    return out.getvalue()


def sheet(cells: str, before: str = "") -> str:
    """Return a worksheet's XML with these rows."""
    return f'<?xml version="1.0"?>{before}<worksheet {MAIN}><sheetData>{cells}</sheetData></worksheet>'


def row(number: int, *texts: str) -> str:
    """Return a row of inline strings."""
    cells = "".join(
        f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{text}</t></is></c>' for at, text in enumerate(texts)
    )
    return f'<row r="{number}">{cells}</row>'


def entities(target: str) -> str:
    """Return a document type that reads a file or grows without end."""
    if target == "laughs":
        levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
        return f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]>'
    return f'<!DOCTYPE x [<!ENTITY x SYSTEM "{target}">]>'


def ods(content: str) -> bytes:
    """Return an OpenDocument spreadsheet around `content.xml`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr("content.xml", content)
    return out.getvalue()


def repeated_ods() -> bytes:
    """Return one cell, said to be there a thousand million times in a thousand million rows."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    cell = '<table:table-cell table:number-columns-repeated="1000000000"><text:p>姓名</text:p></table:table-cell>'
    return ods(
        f'<?xml version="1.0"?><office:document-content {names}><office:body><office:spreadsheet>'
        f'<table:table table:name="a"><table:table-row table:number-rows-repeated="1000000000">{cell}'
        "</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"
    )


def ods_sheet(rows: str) -> bytes:
    """Return an OpenDocument spreadsheet of one sheet with these rows."""
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    return ods(
        f'<?xml version="1.0"?><office:document-content {names}><office:body><office:spreadsheet>'
        f'<table:table table:name="a">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )


def far_ods() -> bytes:
    """Return truth values that stand a thousand million rows down, a million times each."""
    kind = 'office:value-type="boolean" office:boolean-value="true"'
    cell = f"<table:table-cell{{}} {kind}><text:p>真</text:p></table:table-cell>"
    blank, many = (f' table:number-{what}-repeated="{count}"' for what, count in (("rows", 10**9), ("columns", 10**6)))
    rows = "".join(f"<table:table-row>{cell.format(many)}</table:table-row>" for _ in range(200))
    far = f"<table:table-row{blank}><table:table-cell/></table:table-row>"
    return ods_sheet(f"{rows}{far}<table:table-row>{cell.format('')}</table:table-row>")


def parquet(columns: dict[str, pa.Array], **options: Any) -> bytes:
    """Return a parquet file of these columns."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def constant_parquet() -> bytes:
    """Return a few kilobytes that mean 1.8 GB: one long text, said once, in 300,000 rows."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 300_000, pa.int32()), pa.array(["x" * 2000]))
    return parquet({"姓名": text, "学号": text, "身份证号码": text}, compression="zstd", write_statistics=False)


def odd_parquet() -> bytes:
    """Return columns of every kind, text that is none, and a column's name twice."""
    words = pa.array([b"\xff\xfe\xed\xa0\x80", b"x"], pa.binary())
    table = pa.table(
        [pa.Array.from_buffers(pa.string(), 2, words.buffers()), pa.array([1, 2]), pa.array([[1], []]),
         pa.array([{"a": 1}, None]), pa.array([2**62, -(2**62)], pa.timestamp("us", "Asia/Shanghai")),
         pa.array([float("nan"), 1e300]), pa.array(["a", "b"]).dictionary_encode(),
         pa.array([10**9, 0], pa.duration("ns"))],
        names=["姓名", "学号", "学号", "身份证号码", "提交时间", "a", "b", "c"],
    )  # fmt: skip
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def pictures(count: int) -> dict[str, bytes]:
    """Return the parts of a WPS workbook in which every picture is one and the same."""
    head = 'xmlns:e="http://www.wps.cn/officeDocument/2017/etCustomData" xmlns:x="urn:x" xmlns:r="urn:r"'
    each = "".join(f'<e:cellImage><x:cNvPr name="ID_{n}"/><x:blip r:embed="rId1"/></e:cellImage>' for n in range(count))
    return {
        "xl/cellimages.xml": f"<e:cellImages {head}>{each}</e:cellImages>".encode(),
        "xl/_rels/cellimages.xml.rels": RELS.format(kind="image", target="media/a.png").encode(),
        "xl/media/a.png": b"\0" * 4_000_000,
    }


def lying(data: bytes, part: str) -> bytes:
    """Return the archive with a directory that says of one part that it has ten bytes."""
    at = data.rindex(part.encode()) - 46  # its entry in the directory, which is the last place that names it
    return data[: at + 24] + struct.pack("<I", 10) + data[at + 28 :]


def binaries() -> dict[str, bytes]:
    """Return workbooks of the binary kind: a sound one, a far cell, and records that say what is not true."""
    cells = [(at, column, word) for at, line in enumerate((HEAD, ROW)) for column, word in enumerate(line.split(","))]
    return {
        "good.xlsb": xlsb(worksheet(*cells)),
        "far.xlsb": xlsb(worksheet(*cells, (1_048_575, 16_383, "x"))),
        "beyond.xlsb": xlsb(worksheet(*cells, (0xFFFFFFFF, 0xFFFFFFFF, "x"), size=(0xFFFFFFFF, 0xFFFFFFFF))),
        "long-record.xlsb": xlsb(worksheet(*cells, spoilt=record(6, b"\0" * 8, 0x0FFFFFFF))),
        "long-text.xlsb": xlsb(worksheet(*cells, spoilt=record(6, struct.pack("<3I", 0, 0, 0x80000000)))),
        "no-records.xlsb": xlsb(worksheet(*cells, spoilt=b"\0\0" * 2_000_000)),
    }


def files() -> dict[str, bytes]:
    """Return the corpus by name."""
    head = row(1, "姓名", "身份证号码", "学号")
    good = xlsx(sheet(head + row(2, "张三", "43062419940318927X", "1305030101")))
    nested = "<a>" * 20_000 + "</a>" * 20_000
    style = '<cellXfs><xf numFmtId="²"/><xf numFmtId="x"/><xf numFmtId="9"/><xf numFmtId="164"/></cellXfs>'
    formats = f'<numFmts><numFmt numFmtId="164" formatCode="0.{"0" * 60}%"/></numFmts>'
    styles = f"<styleSheet {MAIN}>{formats}{style}</styleSheet>".encode()
    merges = '<mergeCell ref="A1:XFD40"/>'
    percent = '<xf numFmtId="9"/>' * 60_000
    asked = "".join(f'<c t="str"><f>DISPIMG("ID_{n}",1)</f><v>x</v></c>' for n in range(4_000))
    return binaries() | {
        "good.xlsx": good,
        "truncated.xlsx": good[: len(good) * 2 // 3],
        "crc.xlsx": good[:200] + b"\xff" * 20 + good[220:],
        "laughs.xlsx": xlsx(sheet(head + row(2, "&l9;"), entities("laughs"))),
        "file-entity.xlsx": xlsx(sheet(head + row(2, "&x;"), entities("file:///etc/passwd"))),
        "web-entity.xlsx": xlsx(sheet(head + row(2, "&x;"), entities("http://canary.invalid/x"))),
        "bomb.xlsx": xlsx(sheet(head), **{"xl/media/zeros.bin": b"\0" * 30_000_000}),
        "sheet-elsewhere.xlsx": xlsx(sheet(head), target="../../../../etc/passwd"),
        "far-cell.xlsx": xlsx(sheet(head + '<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row>')),
        "beyond.xlsx": xlsx(sheet(head + '<row r="4294967297"><c r="ZZZZZZZ9999999999" t="n"><v>1</v></c></row>')),
        "bad-string.xlsx": xlsx(sheet(head + '<row r="2"><c r="A2" t="s"><v>-999999999999</v></c></row>')),
        "merged-far.xlsx": xlsx(
            sheet(head).replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')
        ),
        "deep.xlsx": xlsx(sheet(head + nested)),
        "up.xlsx": xlsx(sheet(head), **{"../../../../tmp/mingce-pwned": b"x"}),
        "unclosed-rows.xlsx": xlsx(sheet(head + "<row>" * 200_000)),
        "unclosed-cells.xlsx": xlsx(sheet(head + '<row r="2">' + '<c t="e">' * 200_000)),
        "open-tags.xlsx": xlsx(sheet(head + "<row <c <f <v " * 60_000)),
        "one-word.xlsx": xlsx(sheet(head + f"<row {'a' * 400_000}><c r='{'A' * 400_000}1'><f>1</f></c></row>")),
        "far-apart.xlsx": xlsx(sheet(head + '<row r="1"><c r="ZZ1"><v>1</v></c><c r="A99999"><v>1</v></c></row>')),
        "far-by-tabs.xlsx": xlsx(sheet(head + "<row\tr='4000000'><c\tr='ZZZ4000000'><v>1</v></c></row>")),
        "far-in-row-1.xlsx": xlsx(sheet(head + '<row r="1"><c r="ZZ99999"><v>1</v></c></row>')),
        "far-formula.xlsx": xlsx(sheet(head + '<row r="9999999999"><c r="A2"><f>1</f></c></row>')),
        "no-references.xlsx": xlsx(
            sheet("<row>" + "<c><v>1</v></c>" * 9000 + "</row>" + "<row><c><v>1</v></c></row>" * 9000)
        ),
        "odd-digits.xlsx": xlsx(
            sheet(head + '<row r="²"><c r="ß1" s="2"><f>1</f><v>1</v></c><c r="٣" s="3" t="n"><v>5</v></c></row>'),
            **{"xl/styles.xml": styles},
        ),
        "many-styles.xlsx": xlsx(
            sheet(head + '<row r="2"><c r="A2"><v>1</v></c></row>' * 3_000),
            **{"xl/styles.xml": f"<styleSheet {MAIN}><cellXfs>{percent}</cellXfs></styleSheet>".encode()},
        ),
        "overlapping.xlsx": xlsx(
            sheet(head).replace("</sheetData>", "</sheetData><mergeCells>" + merges * 60_000 + "</mergeCells>")
        ),
        "pictures.xlsx": xlsx(sheet(head + f'<row r="2">{asked}</row>'), **pictures(4_000)),
        "lying.xlsx": lying(xlsx(sheet(head), **{"xl/zeros.xml": b"\0" * 60_000_000}), "xl/zeros.xml"),
        "late-doctype.xlsx": xlsx(sheet(head + row(2, "&l9;"), f"<!--{' ' * 5000}-->{entities('laughs')}")),
        "repeated.ods": repeated_ods(),
        "far.ods": far_ods(),
        "odd-number.ods": ods_sheet(
            '<table:table-row table:number-rows-repeated="²"><table:table-cell/></table:table-row>'
        ),
        "no-content.ods": ods("").replace(b"content.xml", b"comtemt.xml"),
        "covered.ods": ods_sheet(
            '<table:table-row><table:covered-table-cell/><table:table-cell office:value-type="date" '
            'office:date-value="99999-99-99T99"><text:p>x</text:p></table:table-cell></table:table-row>' * 3
        ),
        "entity.ods": ods('<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><x>&x;</x>'),
        "fake.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600,
        "fake.parquet": b"PAR1" + b"\xff" * 40 + struct.pack("<I", 0x7FFFFFFF) + b"PAR1",
        "odd.parquet": odd_parquet(),
        "constant.parquet": constant_parquet(),
        "wide-row.csv": (HEAD + ROW + "a\n" * 30_000).encode() + b"," * 16_000 + b"\n",
        "wide-top.csv": (HEAD + "," * 16_000 + "\n" + "a\n" * 40_000).encode(),
        "quote-as-delimiter.csv": ('sep="\n' + HEAD + ROW).encode(),
        "return-as-delimiter.csv": ("sep=\r\n" + HEAD + ROW).encode(),
        "nuls.csv": (HEAD + ROW).encode().replace(b",", b",\0"),
        "open-quote.csv": (HEAD + ROW + '"李四,' + ROW * 20).encode(),
        "wide.csv": (",".join(["姓名", "学号", *("x" * 3 for _ in range(20_000))]) + "\n" + ROW).encode(),
        "half-utf16.csv": b"\xff\xfe" + (HEAD + ROW).encode("utf-16-le")[:-1],
        "surrogates.csv": (HEAD + ROW).encode("utf-16-le").replace(b"\x20\x5f", b"\x00\xd8"),
        "mixed.csv": (HEAD + ROW).encode("gb18030") + (HEAD + ROW).encode() + b"\x81\xff\xff",
        "long-line.csv": HEAD.encode() + b"a" * 100_000 + b",b\n",
        "page.xls": b"<html><script>alert(1)</script><table><tr><td>x</td></tr></table></html>",
        "zip-of-zips.xlsx": xlsx(sheet(head), **{"xl/a.xlsx": good, "xl/sharedStrings.xml": b"<sst"}),
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, data in files().items():
        (HERE / name).write_bytes(data)
