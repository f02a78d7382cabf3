"""What calamine does not tell of an xlsb worksheet: cells of the kinds that it passes over."""

from __future__ import annotations

from collections.abc import Iterator

_ROW, _END_DATA = 0, 146
_PASSED_OVER = {*range(12, 19), 62}  # [MS-XLSB] 2.3.2: the short kinds of cells (no column of their own), rich text


def cells_passed_over(part: bytes) -> tuple[int, int]:
    """Return how many cells of a worksheet's part are not read, and the first one's row (1-based)."""
    count, first, row = 0, 0, 0
    for kind, content in _records(part):
        if kind == _END_DATA:
            break
        if kind == _ROW:
            row = int.from_bytes(content[:4], "little") + 1
        elif kind in _PASSED_OVER:
            count, first = count + 1, first or row
    return count, first


def _records(part: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records' kinds and contents; a record that lies about its length ends them."""
    at = 0
    while at < len(part):
        kind, at = _number(part, at, 2)
        size, at = _number(part, at, 4)
        yield kind, part[at : at + size]
        at += size


def _number(part: bytes, at: int, most: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and the place behind it; a kind of record keeps no such bits apart."""
    value = 0
    for place in range(most):
        byte = part[at] if at < len(part) else 0
        value |= (byte & 0x7F) << (7 * place)
        at += 1
        if byte < 0x80:
            break
    return value, at
