"""The errors shown to users, with the exit codes of the contract.

A message is Chinese and says what is wrong, where, and the remedy. It may contain student numbers, but never an ID
number, a name or a phone number.
"""

from __future__ import annotations

import builtins
import errno
from collections.abc import Iterable

from pipeline.resources import report_table

_LONGEST = 4_000  # characters of one line of a message

ERROR_HINTS: dict[type[Exception], str] = {
    getattr(builtins, name): hint for name, hint in report_table("words")["error_hints"].items()
}
"""The remedy by the class of an error in a notebook's cell. Subclasses come before their base classes."""

FULL = ("ENOSPC", "EDQUOT", "EFBIG")
"""Names of the errnos of a full disk. Such an error often names no file."""


def errno_name(error: BaseException | None) -> str:
    """Return the name of a system error's number, also of one that an error of Arrow or of a thread has in words."""
    if isinstance(error, MemoryError):
        return "ENOMEM"
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, "")
    return next((code for words, code in report_table("words")["failure_words"].items() if words in str(error)), "")


def reason_of(error: Exception) -> str:
    """Return in Chinese why the system refused a file, or else the error's class name."""
    return report_table("words")["refusals"].get(errno_name(error), type(error).__name__)


def hint_for_error(error: type[BaseException] | str) -> str:
    """Return the remedy for an error in a cell, given its class or class name; blank if unknown."""
    for kind, hint in ERROR_HINTS.items():
        if kind.__name__ == error if isinstance(error, str) else issubclass(error, kind):
            return hint
    return ""


def one_line(text: str) -> str:
    """Return foreign text on one line, because a line break could imitate a line of the message."""
    return " ".join(text.splitlines())


def error_box_lines(head: str, body: list[str]) -> list[str]:
    """Return the lines of the box that a notebook shows instead of a traceback."""
    return [f"┌─ {head}", *(f"│ {line}" for line in [*body, "改好后，按菜单 运行 → 运行所有单元格。"]), "└─"]


def _cut_line(text: str) -> str:
    """Return one line of a message, cut to `_LONGEST`: quoted input may be of any length."""
    return f"{one_line(text[:_LONGEST])}……" if len(text) > _LONGEST else one_line(text)


class MingceError(Exception):
    """A failure. Results that were finished are kept (exit code 4)."""

    exit_code = 4

    def __init__(self, what: str, *, where: str = "", remedy: str = "", lines: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.lines = list(lines)

    def __str__(self) -> str:
        """Return where, what, remedy in one line; each of `lines` is a line of its own before the remedy."""
        head = _cut_line(f"{self.where}：{self.what}" if self.where else self.what)
        listed = "".join(f"\n  {_cut_line(line)}" for line in self.lines)
        message = f"{head}：{listed}" if listed else head
        return f"{message}。{_cut_line(self.remedy)}" if self.remedy else message

    def _render_traceback_(self) -> list[str]:
        """Return the box that a notebook shows, because a user's mistake needs no traceback."""
        where = self.where and f"在哪里：{one_line(self.where)}"
        remedy = self.remedy and f"怎么办：{one_line(self.remedy)}"
        return error_box_lines(f"没有做成：{one_line(self.what)}", [*filter(None, (where, *self.lines, remedy))])


class UsageError(MingceError):
    """The command line is wrong (exit code 2)."""

    exit_code = 2


class ConfigurationError(MingceError):
    """`cohort.toml` or another settings file is wrong. All mistakes are listed (exit code 2)."""

    exit_code = 2

    def __init__(self, mistakes: list[str], *, where: str = "") -> None:
        numbered = (f"{number}. {text}" for number, text in enumerate(mistakes, 1))
        super().__init__(f"设置有 {len(mistakes)} 处错误", where=where, lines=numbered)
        self.mistakes = mistakes


class InputError(MingceError):
    """An input cannot be read, and nothing was produced (exit code 3)."""

    exit_code = 3


class PartialError(MingceError):
    """A stage or a college failed. Results that were finished are kept (exit code 4)."""


class BusyError(MingceError):
    """Another run holds the cohort (exit code 5)."""

    exit_code = 5


class RefusedError(MingceError):
    """Refused: not ready, not signed, or data differ (exit code 6)."""

    exit_code = 6
