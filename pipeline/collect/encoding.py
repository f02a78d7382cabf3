"""What a text file is: its encoding (mark, UTF-8 strictly, GB18030), and what separates its cells."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from pipeline.collect.header import LOOK_DOWN
from pipeline.collect.headings import field_of_heading
from pipeline.errors import InputError

if TYPE_CHECKING:
    import _csv

DELIMITERS = {",": "逗号", "\t": "制表符", ";": "分号", "|": "竖线", "，": "全角逗号"}
LONGEST = 1 << 24  # characters of one cell: csv's own buffer takes eight bytes for each
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_TOLERATED = 0.01  # share of characters that may be unreadable before the whole guess is wrong
_BAD = "\ufffd"
_STEP = 1 << 22


@dataclass(frozen=True)
class Text:
    """A text file's bytes without mark, its encoding, and how many of its characters cannot be read."""

    data: bytes
    encoding: str
    detail: str
    unreadable: int = 0

    def lines(self, newline: str | None = "") -> TextIO:
        """Return the text as a stream; its line ends are untouched unless `newline` is None."""
        return io.TextIOWrapper(io.BytesIO(self.data), self.encoding, errors="replace", newline=newline)

    def head(self, size: int) -> str:
        """Return the first characters of so many bytes."""
        return self.data[:size].decode(self.encoding, errors="ignore")


def decode(data: bytes, name: str) -> Text:
    """Return the text with the encoding that fits; UTF-16 and UTF-32 become UTF-8.

    Raises:
        InputError: no encoding of the ladder fits.
    """
    mark, wide = next(((mark, encoding) for mark, encoding in _MARKS if data.startswith(mark)), (b"", ""))
    data, wide = data[len(mark) :], wide or _without_mark(data)
    detail = f"{wide.upper()}（{'有' if mark else '没有'} BOM）"
    if wide and wide != "utf-8":
        text = data.decode(wide, errors="replace")
        return Text(text.encode(), "utf-8", detail, text.count(_BAD))
    for encoding in ("utf-8",) if mark else ("utf-8", "gb18030"):
        if _fits(data, encoding):
            return Text(data, encoding, detail if mark else encoding.upper())
    counts = {encoding: data.decode(encoding, errors="replace").count(_BAD) for encoding in ("utf-8", "gb18030")}
    encoding = min(counts, key=lambda each: counts[each])
    if counts[encoding] > max(3, len(data) // 2 * _TOLERATED):
        raise InputError("文字编码认不出", where=name, remedy="请用 Excel 或 WPS 打开，另存为 xlsx 或 UTF-8 的 CSV")
    return Text(data, encoding, encoding.upper(), counts[encoding])


def _without_mark(data: bytes) -> str:
    """Return the UTF-16 form of text that says it only by its zero bytes, or ""."""
    head = data[:4096]
    if len(head) < 8 or head.count(0) * 10 < len(head) * 2:
        return ""
    odd, even = head[1::2].count(0), head[::2].count(0)
    if min(odd, even) * 5 > max(odd, even):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _fits(data: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for start in range(0, len(data), _STEP):
            decoder.decode(data[start : start + _STEP], final=start + _STEP >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def guess_delimiter(text: str) -> str:
    """Return the delimiter under which the first records hold most known labels, then are most alike in width."""
    return max(DELIMITERS, key=lambda delimiter: _fitness(text, delimiter))


def _fitness(text: str, delimiter: str) -> tuple[int, int, int]:
    head = list(islice(records_of(io.StringIO(text, newline=""), delimiter), LOOK_DOWN))
    labels = max((sum(bool(field_of_heading(cell)) for cell in record[:200]) for record in head), default=0)
    widths = [len(record) for record in head if record]
    usual = max(set(widths), key=widths.count, default=1)
    return labels, (widths.count(usual) * usual if usual > 1 else 0), -list(DELIMITERS).index(delimiter)


def records_of(lines: TextIO, delimiter: str) -> _csv.Reader:
    """Return the records of a csv's lines; `csv.Error` where a cell has more than LONGEST characters."""
    csv.field_size_limit(LONGEST)
    return csv.reader(lines, delimiter=delimiter)
