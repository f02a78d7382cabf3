"""The errors that reach a user, each with the exit code of the contract.

A message is Chinese and says what is wrong, where, and what to do. It carries student numbers at most:
never an ID number, a name or a phone number.
"""

from __future__ import annotations


class MingceError(Exception):
    """Something failed; what could be finished stands (exit code 4)."""

    exit_code = 4

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the message in one line: where, what, remedy."""
        head = f"{self.where}：{self.what}" if self.where else self.what
        return f"{head}。{self.remedy}" if self.remedy else head


class UsageError(MingceError):
    """The command's words are wrong (exit code 2)."""

    exit_code = 2


class ConfigurationError(MingceError):
    """`cohort.toml` or another settings file is wrong; all mistakes are collected first (exit code 2)."""

    exit_code = 2

    def __init__(self, mistakes: list[str], *, where: str = "") -> None:
        super().__init__(f"设置有 {len(mistakes)} 处错误", where=where)
        self.mistakes = mistakes

    def __str__(self) -> str:
        """Return one line for the whole and one for each mistake."""
        return "\n".join([f"{super().__str__()}：", *(f"  {n}. {text}" for n, text in enumerate(self.mistakes, 1))])


class InputError(MingceError):
    """An input cannot be read and nothing was produced (exit code 3)."""

    exit_code = 3


class PartialError(MingceError):
    """A stage or a college failed; what could be finished stands (exit code 4)."""


class BusyError(MingceError):
    """Another run holds the cohort (exit code 5)."""

    exit_code = 5


class RefusedError(MingceError):
    """Refused: not ready, not signed, or data differ (exit code 6)."""

    exit_code = 6
