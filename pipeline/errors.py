"""The errors shown to users, with the exit codes of the contract.

A message is Chinese and says what is wrong, where, and the remedy. It may contain student numbers, but never an ID
number, a name or a phone number.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

_LONGEST = 4_000  # characters of one line of a message

_REASONS = {
    errno.ENOENT: "没有这个文件或文件夹",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EROFS: "这个位置只能读",
    errno.EISDIR: "是文件夹",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.ENAMETOOLONG: "名字太长",
    errno.ELOOP: "快捷链接互相指向",
    errno.ENOSPC: "磁盘写满",
    errno.EDQUOT: "超过了磁盘限额",
    errno.EFBIG: "文件太大",
    errno.EIO: "磁盘有故障",
    errno.EMFILE: "打开的文件太多",
    errno.ENFILE: "打开的文件太多",
    errno.EEXIST: "已存在",
    errno.EBUSY: "正被占用",
    errno.ESTALE: "网络文件夹断开了",
    errno.ETIMEDOUT: "等了太久没有回应",
}


def reason_of(error: Exception) -> str:
    """Return in Chinese why the system refused a file, or else the error's class name."""
    number = error.errno if isinstance(error, OSError) else None
    return _REASONS.get(number or 0, type(error).__name__)


SLIPS: dict[type[Exception], str] = {
    ModuleNotFoundError: "没有这个模块，请检查拼写；自己写的模块要和 notebook 放在同一个文件夹",
    NameError: "用到的名字没有定义，请检查拼写（大小写也要一样）；在别的单元格里定义的，那个单元格要排在前面",
    KeyError: "没有这一列或这个名字，请检查拼写；page.roster.columns 列出有哪些列",
    AttributeError: "没有这个属性或方法，请检查点号后面的拼写",
    FileNotFoundError: "没有这个文件，请检查文件名和所在的文件夹",
    ZeroDivisionError: "除数是 0，请先看看人数是不是 0",
    IndexError: "序号超出了范围，请先看看一共有几行",
    TypeError: "值的类型不对，例如文字和数相加，请检查这一行用到的值",
    ValueError: "值不合适，请检查这一行用到的值",
}
"""What to do about the slips that people make in cells, the special classes before those that they belong to."""


def slip_of(error: type[BaseException] | str) -> str:
    """Return the remedy for an error in a cell, given its class or class name; blank if unknown."""
    for kind, told in SLIPS.items():
        if kind.__name__ == error if isinstance(error, str) else issubclass(error, kind):
            return told
    return ""


def one_line(text: str) -> str:
    """Return foreign text on one line, because a line break could imitate a line of the message."""
    return " ".join(text.splitlines())


def calm_box(head: str, body: list[str]) -> list[str]:
    """Return the lines of the box that a notebook shows instead of a traceback."""
    return [f"┌─ {head}", *(f"│ {line}" for line in [*body, "改好后，按菜单 运行 → 运行全部单元格。"]), "└─"]


def _told(text: str) -> str:
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
        head = _told(f"{self.where}：{self.what}" if self.where else self.what)
        listed = "".join(f"\n  {_told(line)}" for line in self.lines)
        told = f"{head}：{listed}" if listed else head
        return f"{told}。{_told(self.remedy)}" if self.remedy else told

    def _render_traceback_(self) -> list[str]:
        """Return the box that a notebook shows, because a user's mistake needs no traceback."""
        where = self.where and f"在哪里：{one_line(self.where)}"
        remedy = self.remedy and f"怎么办：{one_line(self.remedy)}"
        return calm_box(f"没有做成：{one_line(self.what)}", [*filter(None, (where, *self.lines, remedy))])


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
