"""A workbook of the binary kind (xlsb), written record by record as [MS-XLSB] has them: no library writes one."""

from __future__ import annotations

import io
import struct
import zipfile

Cell = tuple[int, int, str]
"""0-based row and column, and its text."""

RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
    'Target="{target}"/></Relationships>'
)
_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/></Types>'
)
_ROW, _CELL, _SHEET, _END_SHEET, _BOOK, _END_BOOK = 0, 6, 129, 130, 131, 132
_SHEETS, _END_SHEETS, _DATA, _END_DATA, _SIZE, _NAMED = 143, 144, 145, 146, 148, 156


def record(kind: int, content: bytes = b"", size: int | None = None) -> bytes:
    """Return one record; `size` is what it says of its content, where that is not the truth."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    left, length = len(content) if size is None else size, b""
    while left >= 128:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return head + length + bytes([left]) + content


def text(words: str) -> bytes:
    """Return a string with its length, as records hold it."""
    coded = words.encode("utf-16-le")
    return struct.pack("<I", len(coded) // 2) + coded


def worksheet(*cells: Cell, size: tuple[int, int] | None = None, spoilt: bytes = b"") -> bytes:
    """Return the part of a worksheet: `size` is its last row and column as it says; `spoilt` stands among the rows."""
    last = size or (max((row for row, _, _ in cells), default=0), max((column for _, column, _ in cells), default=0))
    parts = [record(_SHEET), record(_SIZE, struct.pack("<4I", 0, last[0], 0, last[1])), record(_DATA)]
    for row in sorted({row for row, _, _ in cells}):
        parts.append(record(_ROW, struct.pack("<IIHHBI", row, 0, 300, 0, 0, 0)))
        for _, column, words in sorted(cell for cell in cells if cell[0] == row):
            parts.append(record(_CELL, struct.pack("<II", column, 0) + text(words)))
    return b"".join([*parts, spoilt, record(_END_DATA), record(_END_SHEET)])


def xlsb(sheet: bytes) -> bytes:
    """Return a workbook around one worksheet."""
    named = record(_NAMED, struct.pack("<II", 0, 1) + text("rId1") + text("Sheet1"))
    book = record(_BOOK) + record(_SHEETS) + named + record(_END_SHEETS) + record(_END_BOOK)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", RELS.format(kind="officeDocument", target="xl/workbook.bin"))
        archive.writestr("xl/workbook.bin", book)
        archive.writestr("xl/_rels/workbook.bin.rels", RELS.format(kind="worksheet", target="worksheets/sheet1.bin"))
        archive.writestr("xl/worksheets/sheet1.bin", sheet)
    return out.getvalue()
