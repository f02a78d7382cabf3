"""Makes `hostile/`: tiny files that mean harm to a reader. Run once; the files are committed.

`python -m tests.collect.make_hostile`
"""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

HERE = Path(__file__).parent / "hostile"
HEAD = "姓名,身份证号码,学号,学校名称\n"
ROW = "张三,43062419940318927X,1305030101,湖南科技大学\n"
TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
    'Target="{target}"/></Relationships>'
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


def files() -> dict[str, bytes]:
    """Return the corpus by name."""
    head = row(1, "姓名", "身份证号码", "学号")
    good = xlsx(sheet(head + row(2, "张三", "43062419940318927X", "1305030101")))
    nested = "<a>" * 20_000 + "</a>" * 20_000
    return {
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
        "repeated.ods": repeated_ods(),
        "entity.ods": ods('<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><x>&x;</x>'),
        "fake.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600,
        "fake.parquet": b"PAR1" + b"\xff" * 40 + struct.pack("<I", 0x7FFFFFFF) + b"PAR1",
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
