"""What a file is, by its bytes and not by its name, and the reader for it."""

from __future__ import annotations

from dataclasses import replace

from pipeline.collect.archive import Archive
from pipeline.collect.collected import Input, Reading
from pipeline.collect.dbase import is_dbf, read_dbf
from pipeline.collect.inputs import Content
from pipeline.errors import InputError

_ZIP, _OLE, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
_SAVE_AS = "请用 Excel 或 WPS 打开，另存为 xlsx 后再放回来"
_FOREIGN = {
    b"%PDF": "PDF 文件",
    b"\x89PNG": "图片",
    b"\xff\xd8\xff": "图片",
    b"GIF8": "图片",
    b"Rar!": "RAR 压缩包",
    b"7z\xbc\xaf": "7z 压缩包",
    b"\x1f\x8b": "gzip 压缩包",
    b"{\\rtf": "RTF 文档",
    b"SQLite format 3": "SQLite 数据库",
}
_OFFICE = {
    "word/document.xml": "Word 文档",
    "ppt/presentation.xml": "PowerPoint 文稿",
    "index/document.iwa": "Numbers 表格",
}


def read_table_file(content: Content) -> Reading:
    """Return the worksheets of a file, with its `Input`.

    Raises:
        InputError: it is no table that can be read.
    """
    data = content.data
    if not data.strip(b"\0 \r\n\t"):
        what = f"是空文件（{len(data)} 字节，没有内容）" if data else "是空文件（0 字节）"
        raise InputError(what, where=content.name, remedy="请重新导出或重新下载")
    if data.startswith(_PARQUET):
        from pipeline.collect.parquet import read_parquet

        return _with_input(read_parquet(content), content, "Parquet")
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _read_zip(content)
    if data.startswith(_OLE):
        return _read_ole(content)
    if is_dbf(data):
        return _with_input(read_dbf(content), content, "DBF")
    _refuse_foreign(content)
    from pipeline.collect.delimited import read_delimited

    reading, detail = read_delimited(content)
    return _with_input(reading, content, detail)


def _read_zip(content: Content) -> Reading:
    archive = Archive(content)
    for part, kind in _OFFICE.items():
        if part in {name.lower() for name in archive.names}:
            raise InputError(f"是 {kind}，不是表格", where=content.name, remedy="请把表格另存为 xlsx 后再放回来")
    if any(name.endswith("workbook.bin") for name in archive.names):
        return _read_workbook(content, "xlsb")
    if "content.xml" in archive:
        return _read_workbook(content, "ods")
    if not any(name.startswith("xl/") or name.endswith("workbook.xml") for name in archive.names):
        raise InputError("是压缩包，不是表格", where=content.name, remedy="请解压后把里面的表格放进来")
    return _read_workbook(content, "xlsx")


def _read_ole(content: Content) -> Reading:
    """Read an xls; an OLE file may also be an encrypted xlsx or a Word document."""
    head = content.data
    if "EncryptedPackage".encode("utf-16-le") in head:
        raise InputError("工作簿有密码", where=content.name, remedy="请用 Excel 或 WPS 打开，去掉密码，另存为 xlsx")
    if "WordDocument".encode("utf-16-le") in head and "Workbook".encode("utf-16-le") not in head:
        raise InputError("是 Word 文档，不是表格", where=content.name, remedy="请把表格另存为 xlsx 后再放回来")
    return _read_workbook(content, "xls")


def _read_workbook(content: Content, kind: str) -> Reading:
    from pipeline.collect.workbook_reader import read_workbook

    reading = read_workbook(content, kind)
    return _with_input(reading, content, f"{kind}，{len(reading.grids)} 张工作表")


def _refuse_foreign(content: Content) -> None:
    """Refuse what is no table at all, and tables in a disguise that cannot be read faithfully."""
    for mark, kind in _FOREIGN.items():
        if content.data.startswith(mark):
            raise InputError(f"是{kind}，不是表格", where=content.name, remedy="请换成 xlsx 或 CSV 文件")
    head = content.data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").lower()
    plain = head.replace(b"\0", b"")
    if plain.startswith((b"<html", b"<!doctype html", b"<table", b"<meta")) or b"<html" in plain[:1024]:
        raise InputError("是网页（HTML），只是扩展名像表格", where=content.name, remedy=_SAVE_AS)
    if plain.startswith(b"<?xml") or b"urn:schemas-microsoft-com:office:spreadsheet" in plain:
        raise InputError("是 XML 格式的表格，未读取", where=content.name, remedy=_SAVE_AS)
    if content.data.startswith(b"MIME-Version:"):
        raise InputError("是单个文件网页（MHT），只是扩展名像表格", where=content.name, remedy=_SAVE_AS)


def _with_input(reading: Reading, content: Content, detail: str) -> Reading:
    return replace(reading, inputs=[Input(content.name, content.sha256, len(content.data), detail)])
