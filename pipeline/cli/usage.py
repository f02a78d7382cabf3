"""What is wrong with a command's words, in Chinese: Typer says it in English only."""

from __future__ import annotations

import re
from typing import Any

import typer

from pipeline.errors import UsageError

WRONG_WORDS: type[Exception] = typer.BadParameter.__bases__[0]
"""Every error of Typer's about words: it carries Click inside, and shows only this one's subclass to others."""
_TYPES: dict[object, str] = {int: "整数", float: "数字"}


def refuse_bytes(words: list[str]) -> None:
    """Refuse words that are bytes of no text: no ledger, page or mail could hold them.

    Raises:
        UsageError: names the first such word.
    """
    for word in words:
        if re.search("[\ud800-\udfff]", word):
            raise UsageError(f"{word} 里有不是文字的字节", remedy="请重新输入；是文件或文件夹的名字，请先改名")


def usage_error(error: Any) -> UsageError:  # noqa: ANN401 - Typer's own type, not shown to others
    """Return the error as a user is told it: what is wrong, and where the right words stand."""
    command = error.ctx.command_path if error.ctx else "mingce"
    return UsageError(_what(error), remedy=f"写法见 {command} --help")


def _what(error: Any) -> str:  # noqa: ANN401 - as above
    kind = type(error).__name__
    if kind == "NoSuchOption":
        like = f"，是不是 {'、'.join(error.possibilities)}" if error.possibilities else ""
        return f"没有选项 {error.option_name}{like}"
    if kind == "BadOptionUsage":
        return f"选项 {error.option_name} 后面缺少内容，或多了内容"
    if kind == "MissingParameter":
        return f"缺少 {_name(error)}"
    if isinstance(error, typer.BadParameter):
        return f"{_name(error)} 的内容不对{_wanted(error.param)}"
    named = re.search(
        r"'([^']+)'|\(([^()]+)\)$", str(error.message).rstrip(".")
    )  # in quotes, or at the end in brackets
    return f"不认识 {named[1] or named[2]}" if named else "命令写得不对"


def _wanted(param: Any) -> str:  # noqa: ANN401 - as above
    """Return what a number should be, of which kind and in which bounds; blank for what is no number."""
    kind = _TYPES.get(getattr(getattr(param, "type_descriptor", None), "annotation", None))
    if kind is None:
        return ""
    if param.max is not None:
        return f"，应为 {param.min} 到 {param.max} 的{kind}"
    return f"，应为 {param.min} 以上的{kind}" if param.min is not None else f"，应为{kind}"


def _name(error: Any) -> str:  # noqa: ANN401 - as above
    """Return what an option or argument is called on the command line."""
    param = error.param
    if param is None:
        return str(error.param_hint or "参数")
    return param.opts[-1] if param.param_type_name == "option" else str(param.metavar or param.name.upper())
