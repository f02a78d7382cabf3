"""What separates the cells of a csv, guessed from its first records."""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from pipeline.collect.header import LOOK_DOWN
from pipeline.collect.headings import field_of_heading

if TYPE_CHECKING:
    import _csv

DELIMITERS = {",": "逗号", "\t": "制表符", ";": "分号", "|": "竖线", "，": "全角逗号"}
LONGEST = 1 << 24  # characters of one cell: csv's own buffer takes eight bytes for each


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
