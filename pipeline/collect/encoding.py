"""The encoding of a text file: its mark (BOM), UTF-8 strictly, GB18030, each said in the summary."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from typing import TextIO

from pipeline.errors import InputError

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

    def lines(self) -> TextIO:
        """Return the text as a stream whose line ends are untouched."""
        return io.TextIOWrapper(io.BytesIO(self.data), self.encoding, errors="replace", newline="")

    def head(self, size: int = 1 << 18) -> str:
        """Return the first characters."""
        return self.data[:size].decode(self.encoding, errors="ignore")


def decode(data: bytes, name: str) -> Text:
    """Return the text with the encoding that fits; UTF-16 and UTF-32 become UTF-8.

    Raises:
        InputError: no encoding of the ladder fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _transcoded(data[len(mark) :], encoding, f"{encoding.upper()}（有 BOM）", name)
    if wide := _without_mark(data):
        return _transcoded(data, wide, f"{wide.upper()}（没有 BOM）", name)
    for encoding in ("utf-8", "gb18030"):
        if _unreadable(data, encoding, most=0) == 0:
            return Text(data, encoding, encoding.upper())
    return _damaged(data, name)


def _transcoded(data: bytes, encoding: str, detail: str, name: str) -> Text:
    if encoding != "utf-8":
        text = data.decode(encoding, errors="replace")
        return Text(text.encode(), "utf-8", detail, text.count(_BAD))
    if _unreadable(data, encoding, most=0) == 0:
        return Text(data, encoding, detail)
    return _damaged(data, name)


def _without_mark(data: bytes) -> str:
    """Return the UTF-16 form of text that says it only by its zero bytes, or ""."""
    head = data[:4096]
    if len(head) < 8 or head.count(0) * 10 < len(head) * 2:
        return ""
    odd, even = head[1::2].count(0), head[::2].count(0)
    if min(odd, even) * 5 > max(odd, even):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _unreadable(data: bytes, encoding: str, *, most: int | None = None) -> int:
    """Return how many characters of `data` cannot be read; counting ends past `most`."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict" if most == 0 else "replace")
    count = 0
    try:
        for start in range(0, len(data), _STEP):
            text = decoder.decode(data[start : start + _STEP], final=start + _STEP >= len(data))
            count += 0 if most == 0 else text.count(_BAD)
    except UnicodeDecodeError:
        return 1
    return count


def _damaged(data: bytes, name: str) -> Text:
    counts = {encoding: _unreadable(data, encoding) for encoding in ("utf-8", "gb18030")}
    encoding = min(counts, key=lambda each: counts[each])
    if counts[encoding] > max(3, len(data) // 2 * _TOLERATED):
        raise InputError("文字编码认不出", where=name, remedy="请用 Excel 或 WPS 打开，另存为 xlsx 或 UTF-8 的 CSV")
    return Text(data, encoding, encoding.upper(), counts[encoding])
