"""Worksheets as the child process (`_guarded.py`) reads them, one portion of rows after the other."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any, cast

from pipeline.collect._guarded import BETWEEN
from pipeline.collect.cell_text import Value
from pipeline.collect.compact import Portion, table_of
from pipeline.errors import InputError

SECONDS = 60  # by the clock: the child itself ends after 9 s of the processor
_CHILD = Path(__file__).with_name("_guarded.py")
_PAGES = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=33554432"
"""A process that lives for one workbook spent a quarter of its time on asking for its memory page by page."""
_BIG = "请删去右边和下边多余的内容，分成几个文件，或另存为 CSV"
_SAVE_AS = "请用 Excel 或 WPS 打开，另存为 xlsx 后再放回来；打不开就请对方重新发来"
_KNOWN = {
    "slow": ("读了很久还没有读完，已放弃", _BIG),
    "MemoryError": ("展开后太大，未读取", _BIG),
    "PasswordError": ("工作簿有密码", "请用 Excel 或 WPS 打开，去掉密码，另存为 xlsx 后再放回来"),
}


@dataclass(frozen=True)
class RawSheet:
    """A worksheet: its rows are to be taken before the next one is asked for; None where it is too large to be read.

    Rows come in portions. `merged` are 0-based ranges (top, left, bottom, right, inclusive).
    """

    name: str
    visible: bool
    merged: list[tuple[int, int, int, int]]
    rows: Iterator[Portion] | None


@dataclass
class _Heard:
    """What a child process says, object by object; `ending` is its last word, or how it was ended."""

    process: subprocess.Popen[bytes]
    ending: str = ""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:  # noqa: ANN401  # what was pickled
        with suppress(EOFError, pickle.UnpicklingError):
            said = pickle.load(self.process.stdout) if self.process.stdout and not self.ending else ""
            if not isinstance(said, str):
                return said
            self.ending = self.ending or said
        self.ending = self.ending or self._death()
        raise StopIteration

    def _death(self) -> str:
        """Return why it died without a last word: too much of the processor, too much memory, or a panic."""
        code = self.process.wait()
        return "slow" if code == -getattr(signal, "SIGXCPU", 0) else "MemoryError" if code < 0 else "Panic"

    def error(self, file: str) -> InputError:
        """Return what is to be said of its ending."""
        what, remedy = _KNOWN.get(self.ending, (f"工作簿读不出（{self.ending}）", _SAVE_AS))
        return InputError(what, where=file, remedy=remedy)


@contextmanager
def _child(arguments: list[str], data: bytes) -> Generator[_Heard]:
    """Run the child process; it ends with the way out of here, or when its time is over."""
    command = [sys.executable, "-I", str(_CHILD), *arguments]
    known = {**os.environ, "GLIBC_TUNABLES": _PAGES}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=known
    ) as process:
        heard = _Heard(process)

        def end() -> None:
            heard.ending = "slow"
            process.kill()

        timer = Timer(SECONDS, end)
        timer.start()
        try:
            with suppress(OSError):  # it may be gone already: then its ending says why
                if process.stdin:
                    process.stdin.write(data)
                    process.stdin.close()
            yield heard
        finally:
            timer.cancel()
            process.kill()


def sheets_of(file: str, data: bytes) -> Generator[RawSheet]:
    """Yield the worksheets of a workbook's bytes; one that is too large does not stop the others.

    Raises:
        InputError: it has a password, is damaged, or takes too long.
    """
    first, whole = 0, False
    while not whole:
        at = -1
        with _child([str(first)], data) as heard:
            for at, name in heard:  # noqa: B007  # the last one that it came to
                visible, merged = next(heard, None) or (True, None)
                if merged is None:
                    yield RawSheet(name, visible, [], None)
                    continue
                ranges = [(top, left, bottom, right) for (top, left), (bottom, right) in merged]
                yield RawSheet(name, visible, ranges, _rows(file, heard))
            whole = heard.ending == "whole"
            if not whole and (heard.ending != "MemoryError" or at < first):
                raise heard.error(file)
        first = at + 1  # a worksheet that was too much for it: a new one begins behind that


def dbf_rows(file: str, folder: Path, encoding: str) -> list[Portion]:
    """Return the records of `table.dbf` in this folder that are not deleted; its memos may stand beside it.

    Raises:
        InputError: it is damaged, or takes too long.
    """
    with _child([str(folder), encoding], b"") as heard:
        return list(_rows(file, heard))


def _rows(file: str, heard: _Heard) -> Iterator[Portion]:
    """Yield the rows of one worksheet, portion by portion.

    Raises:
        InputError: the child process ended before they did.
    """
    for portion in heard:
        if portion is None:
            return
        if isinstance(portion, list):
            yield cast("list[list[Value]]", portion)
        else:
            width, text = portion
            yield table_of(width, text, BETWEEN)
    raise heard.error(file)
