"""What a file is, by its bytes and not by its name, and the reader for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

from pipeline.collect.collected import Input, Reading
from pipeline.collect.inputs import Content
from pipeline.errors import InputError

_ZIP, _OLE, _PARQUET = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"


def read_table_file(content: Content) -> Reading:
    """Return the worksheets of a file, with its `Input`.

    Raises:
        InputError: it is no table that can be read.
    """
    if not content.data:
        raise InputError("是空文件（0 字节）", where=content.name, remedy="请重新导出或重新下载")
    if content.data.startswith(_PARQUET):
        from pipeline.collect.parquet import read_parquet

        return _with_input(read_parquet(content), content, "Parquet")
    if content.data.startswith((_ZIP, _OLE)):
        from pipeline.collect.workbook import read_workbook

        reading = read_workbook(content)
        kind = PurePath(content.name).suffix.lstrip(".").lower() or "工作簿"
        return _with_input(reading, content, f"{kind}，{len(reading.grids)} 张工作表")
    from pipeline.collect.delimited import read_delimited

    reading, detail = read_delimited(content)
    return _with_input(reading, content, detail)


def _with_input(reading: Reading, content: Content, detail: str) -> Reading:
    return replace(reading, inputs=[Input(content.name, content.sha256, len(content.data), detail)])
