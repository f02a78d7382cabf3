"""The child process that opens workbooks whose size cannot be known beforehand: xls, xlsb, ods, and odd xlsx.

Run as a script by `workbook.py`: it imports nothing of the package, so that it starts in a moment, takes the workbook
from standard input, and gives its sheets back pickled. A hang, a panic or too much memory ends it and not the run.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import sys

from python_calamine import CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

_MEMORY = 900 << 20
_CPU_SECONDS = 9  # of the processor: a machine that is busy reads a good file none the less
_MOST_CELLS = 3_000_000


def limit() -> None:
    """Bound this process."""
    try:
        import resource
    except ImportError:  # Windows: the time limit alone
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError):  # macOS takes none
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _sheets(data: bytes) -> list[tuple[str, bool, list[list[object]], object]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    out: list[tuple[str, bool, list[list[object]], object]] = []
    for meta in book.sheets_metadata:
        if meta.typ not in (SheetTypeEnum.WorkSheet, SheetTypeEnum.DialogSheet):
            continue
        sheet = book.get_sheet_by_name(meta.name)
        rows: list[list[object]] = []
        size = 0
        if sheet.start is not None:
            if (sheet.total_height + 1) * (sheet.total_width + 1) > _MOST_CELLS * 4:
                raise MemoryError
            for row in sheet.to_python(skip_empty_area=False):
                while row and row[-1] == "":
                    row.pop()
                size += len(row)
                rows.append(list(row))
            while rows and not rows[-1]:
                rows.pop()
        if size > _MOST_CELLS:
            raise MemoryError
        out.append((meta.name, meta.visible == SheetVisibleEnum.Visible, rows, sheet.merged_cell_ranges))
    return out


def _main() -> None:
    data = sys.stdin.buffer.read()
    limit()
    try:
        answer: object = _sheets(data)
    except MemoryError:
        answer = "MemoryError"
    except PasswordError:
        answer = "PasswordError"
    except Exception as error:  # noqa: BLE001  # the boundary of this process: its parent says it in Chinese
        answer = type(error).__name__
    sys.stdout.buffer.write(pickle.dumps(answer, protocol=5))


if __name__ == "__main__":
    _main()
