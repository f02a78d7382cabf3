"""DBF tables, in which registry systems export: read by the library that writes the file for the upper system."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.collect.cell_text import Value
from pipeline.collect.collected import Grid, Note, Reading
from pipeline.collect.compact import values_in_portions
from pipeline.collect.inputs import Content
from pipeline.collect.workbook_process import dbf_rows

_KINDS = b"\x02\x03\x04\x05\x30\x31\x32\x43\x63\x83\x8b\x8c\xcb\xf5\xfb"  # dBase III to Visual FoxPro
_END = 0x0D  # stands where another field would begin
_GBK, _BIG5 = (0x4D, 0x7A), (0x4F, 0x78)  # language drivers (byte 29)
_MEMOS = (".dbt", ".fpt")


def is_dbf(data: bytes) -> bool:
    """Say whether the bytes are a DBF table: kind, date of the last change, fields that end where the header does."""
    head, record = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    return (
        len(data) > 64
        and data[0] in _KINDS
        and data[2] <= 12
        and data[3] <= 31
        and 64 < head <= len(data)
        and record > 1
        and any(data[at] == _END for at in range(64, head, 32))
    )


def read_dbf(content: Content) -> Reading:
    """Return the records as one grid under their fields' names; deleted ones are left out and counted.

    The encoding is the one that the file names where that is a Chinese one. Most exports name none, or a western one
    by mistake: then it is UTF-8 or GB18030, whichever more of the text can be read by.

    Raises:
        InputError: it is damaged.
    """
    data = content.data
    head, record = int.from_bytes(data[8:10], "little"), int.from_bytes(data[10:12], "little")
    encoding = _encoding(data, head)
    end = next(at for at in range(64, head, 32) if data[at] == _END)
    blocks = [data[at : at + 32] for at in range(32, end, 32)]
    names: list[Value] = [block[:11].split(b"\0")[0].decode(encoding, "replace").strip() for block in blocks]
    # the library wants names of its own alphabet, each once: people name fields 姓名, and cut names to ten bytes
    plain = b"".join(f"F{at}".encode().ljust(11, b"\0") + block[11:] for at, block in enumerate(blocks))
    memo = _memo(content.path)
    with TemporaryDirectory(prefix="mingce-") as folder:
        place = Path(folder)
        (place / "table.dbf").write_bytes(data[:32] + plain + data[32 + len(plain) :])
        if memo is not None:
            (place / f"table{memo.suffix.lower()}").write_bytes(memo.read_bytes())
        rows = dbf_rows(content.name, place, encoding)
    values, cells, table = values_in_portions(iter([[names], *rows]), {})
    deleted = sum(data[at] == 0x2A for at in range(head, len(data) - record + 1, record))
    notes = [Note("info", content.name, "", 0, f"有 {deleted} 条记录已标为删除，未读取")] if deleted else []
    if any(block[11:12] in b"MGP" for block in blocks) and memo is None:
        message = "备注字段的内容在另一个文件（.dbt 或 .fpt）中，没有找到，读作空白；需要时请把它放在一起"
        notes.append(Note("warning", content.name, "", 0, message))
    return Reading([Grid(content.name, "", values, cells, table=table, notes=notes)])


def _encoding(data: bytes, head: int) -> str:
    """Return the encoding of names and records."""
    if data[29] in _GBK + _BIG5:
        return "gb18030" if data[29] in _GBK else "cp950"
    text = data[32:]
    lost = {each: text.decode(each, errors="replace").count("\ufffd") for each in ("utf-8", "gb18030")}
    return min(lost, key=lambda each: lost[each])


def _memo(path: Path | None) -> Path | None:
    """Return the file of memos that stands beside a table, whatever the case of its ending."""
    if path is None:
        return None
    beside = (each for each in path.parent.iterdir() if each.stem == path.stem and each.suffix.lower() in _MEMOS)
    return next((each for each in beside if each.is_file()), None)
