"""CSV and TSV: encoding ladder, delimiter, quotes; the guess is written in the summary."""

from __future__ import annotations

import csv
import io

from pipeline.collect.collected import Grid, Note, Reading
from pipeline.collect.inputs import Content
from pipeline.errors import InputError

_DELIMITERS = {",": "逗号", "\t": "制表符", ";": "分号", "|": "竖线", "，": "全角逗号"}
_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Return the text and the encoding: by its mark (BOM), else UTF-8 strictly, else GB18030.

    Raises:
        InputError: it is none of them.
    """
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace"), f"{encoding.upper()}（有 BOM）"
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding), encoding.upper()
        except UnicodeDecodeError:
            continue
    raise InputError("文字编码认不出", where=name, remedy="请用 Excel 或 WPS 打开，另存为 xlsx 或 UTF-8 的 CSV")


def read_delimited(content: Content) -> tuple[Reading, str]:
    """Return a csv's or tsv's rows as one grid, and how it was read."""
    text, encoding = decode(content.data, content.name)
    delimiter = guess_delimiter(text)
    csv.field_size_limit(1 << 27)
    values = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    notes: list[Note] = []
    return Reading([Grid(content.name, "", values, notes=notes)]), f"编码 {encoding}，分隔符 {_DELIMITERS[delimiter]}"


def guess_delimiter(text: str) -> str:
    """Return the delimiter that stands most often in the first lines."""
    head = "\n".join(text[:65536].splitlines()[:20])
    counts = {delimiter: head.count(delimiter) for delimiter in _DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])
