"""Detects a file's format by its bytes, not its name, and reads it. DBF is what some registries export."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from pipeline.collect.cell_text import Value, row_lists, text_and_columns
from pipeline.collect.collected import Grid, Input, Note, Reading
from pipeline.collect.inputs import Archive, Content, read_content, store_copy
from pipeline.errors import InputError
from pipeline.resources import report_table

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE, _PARQUET = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
_SAVE_AS = "请用 Excel 或 WPS 打开，另存为 xlsx 后再放回来"
_OTHER_FORMATS = {
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
_DOCUMENTS = ("PDF 文件", "图片", "RTF 文档", "Word 文档", "PowerPoint 文稿")
_TABLE_SUFFIXES = {".csv", ".dbf", ".et", ".ods", ".parquet", ".tsv", ".txt", ".xls", ".xlsb", ".xlsm", ".xlsx"}
_OFFICE = report_table("words")["documents"]
_DBF_KINDS = b"\x02\x03\x04\x05\x30\x31\x32\x43\x63\x83\x8b\x8c\xcb\xf5\xfb"  # dBase III to Visual FoxPro
_DBF_END = 0x0D  # ends the list of fields
_GBK, _BIG5 = (0x4D, 0x7A), (0x4F, 0x78)  # language drivers (byte 29)
_MEMOS = (".dbt", ".fpt")


class DocumentError(InputError):
    """The file is a document or a picture by content, and its name is not a table's."""


def read_file(path: Path, folder: Path, copies: Path | None = None, registries: Set[str] = frozenset()) -> Reading:
    """Return the worksheets of a file of the cohort, and store its bytes in `keep`.

    Raises InputError if it cannot be read, or its SHA-256 is one of `registries`.
    """
    content = read_content(path, folder)
    if content.sha256 in registries:
        what, remedy = "与学籍库是同一个文件，没有当作登记表读取", "请在这里放学生填写的登记表"
        raise InputError(what, where=content.name, remedy=remedy)
    store_copy(content, copies)
    return read_table_file(content)


def read_table_file(content: Content) -> Reading:
    """Return the worksheets of a file, with its `Input`."""
    reading, detail = _read(content)
    return replace(reading, inputs=[Input(content.name, content.sha256, len(content.data), detail)])


def _read(content: Content) -> tuple[Reading, str]:
    data = content.data
    if not data.strip(b"\0 \r\n\t"):
        what = f"是空文件（{len(data)} 字节，没有内容）" if data else "是空文件（0 字节）"
        raise InputError(what, where=content.name, remedy="请重新导出或重新下载")
    if data.startswith(_PARQUET):
        from pipeline.collect.arrow_tables import read_parquet

        return read_parquet(content), "Parquet"
    archive = Archive(content) if data.startswith(_ZIP) else None
    if kind := _zip_kind(content, archive) if archive else _ole_kind(content):
        from pipeline.collect.workbooks import read_workbook

        reading = read_workbook(content, kind, archive)
        return reading, f"{kind}，{len(reading.grids)} 张工作表"
    if _is_dbf(data):
        return _read_dbf(content), "DBF"
    _refuse_other_format(content)
    from pipeline.collect.delimited import read_delimited

    return read_delimited(content)


def _ole_kind(content: Content) -> str:
    if not content.data.startswith(_OLE):
        return ""
    if "EncryptedPackage".encode("utf-16-le") in content.data:  # an xlsx
        raise InputError("工作簿有密码", where=content.name, remedy="请用 Excel 或 WPS 打开，去掉密码，另存为 xlsx")
    if "WordDocument".encode("utf-16-le") in content.data and "Workbook".encode("utf-16-le") not in content.data:
        raise _not_a_table(content, "Word 文档", "请把表格另存为 xlsx 后再放回来")
    return "xls"


def _zip_kind(content: Content, archive: Archive) -> str:
    names = archive.names
    for part, kind in _OFFICE.items():
        if part in {name.lower() for name in names}:
            raise _not_a_table(content, kind, "请把表格另存为 xlsx 后再放回来")
    if any(name.endswith("workbook.bin") for name in names):
        return "xlsb"
    if "content.xml" in names:
        return "ods"
    if not any(name.startswith("xl/") or name.endswith("workbook.xml") for name in names):
        raise InputError("是压缩包，不是表格", where=content.name, remedy="请解压后把里面的表格放进来")
    return "xlsx"


def _not_a_table(content: Content, kind: str, remedy: str) -> InputError:
    is_named_table = PurePosixPath(content.name).suffix.lower() in _TABLE_SUFFIXES
    refusal = DocumentError if kind in _DOCUMENTS and not is_named_table else InputError
    space = " " if kind[0].isascii() else ""
    return refusal(f"是{space}{kind}，不是表格", where=content.name, remedy=remedy)


def _refuse_other_format(content: Content) -> None:
    for mark, kind in _OTHER_FORMATS.items():
        if content.data.startswith(mark):
            raise _not_a_table(content, kind, "请换成 xlsx 或 CSV 文件")
    head = content.data[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").lower()
    plain = head.replace(b"\0", b"")
    if plain.startswith((b"<html", b"<!doctype html", b"<table", b"<meta")) or b"<html" in plain[:1024]:
        raise InputError("是网页（HTML），只是扩展名像表格", where=content.name, remedy=_SAVE_AS)
    if plain.startswith(b"<?xml") or b"urn:schemas-microsoft-com:office:spreadsheet" in plain:
        raise InputError("是 XML 格式的表格，未读取", where=content.name, remedy=_SAVE_AS)
    if content.data.startswith(b"MIME-Version:"):
        raise InputError("是单个文件网页（MHT），只是扩展名像表格", where=content.name, remedy=_SAVE_AS)


def _is_dbf(data: bytes) -> bool:
    head, record = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    valid = len(data) > 64 and data[0] in _DBF_KINDS and data[2] <= 12 and data[3] <= 31
    return valid and 64 < head <= len(data) and record > 1 and any(data[at] == _DBF_END for at in range(64, head, 32))


def _read_dbf(content: Content) -> Reading:
    """Return the records as one grid under the field names. Deleted ones are left out and counted.

    Most exports name no encoding, or a western one by mistake. Then it is UTF-8 or GB18030, whichever loses less text.
    """
    from pipeline.collect.workbooks import dbf_rows

    data = content.data
    head, record = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    encoding = "gb18030" if data[29] in _GBK else "cp950" if data[29] in _BIG5 else ""
    if not encoding:
        undecodable = {each: data[32:].decode(each, errors="replace").count("\ufffd") for each in ("utf-8", "gb18030")}
        encoding = min(undecodable, key=lambda each: undecodable[each])
    end = next(at for at in range(64, head, 32) if data[at] == _DBF_END)
    blocks = [data[at : at + 32] for at in range(32, end, 32)]
    names: list[Value] = [block[:11].split(b"\0")[0].decode(encoding, "replace").strip() for block in blocks]
    # The library wants ASCII names, each once; real names are 姓名, or cut to ten bytes.
    plain = b"".join(f"F{at}".encode().ljust(11, b"\0") + block[11:] for at, block in enumerate(blocks))
    memo = memo_of(content.path)
    with TemporaryDirectory(prefix="mingce-") as folder:
        path = Path(folder)
        (path / "table.dbf").write_bytes(data[:32] + plain + data[32 + len(plain) :])
        if memo is not None:
            (path / f"table{memo.suffix.lower()}").write_bytes(memo.read_bytes())
        first, *rest = dbf_rows(content.name, path, encoding) or [[]]
    values, cells, table = text_and_columns([[names, *row_lists(first)], *rest], {})
    deleted = sum(data[at] == 0x2A for at in range(head, len(data) - record + 1, record))
    notes = [Note("info", content.name, "", 0, f"有 {deleted} 条记录已标为删除，未读取")] if deleted else []
    if any(block[11:12] in b"MGP" for block in blocks) and memo is None:
        message = "备注字段的内容在另一个文件（.dbt 或 .fpt）中，没有找到，读作空白；需要时请把它放在一起"
        notes.append(Note("warning", content.name, "", 0, message))
    return Reading([Grid(content.name, "", values, cells, table=table, notes=notes)])


def memo_of(path: Path | None) -> Path | None:
    """Return the file beside a DBF that holds its memo fields, or None."""
    if path is None:
        return None
    siblings = (each for each in path.parent.iterdir() if each.stem == path.stem and each.suffix.lower() in _MEMOS)
    return next((each for each in siblings if each.is_file()), None)
