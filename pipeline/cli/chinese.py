"""Help and usage errors in Chinese. Typer's own (Usage, Options, …) are English."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from pipeline.errors import UsageError
from pipeline.resources import report_table

# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false
# Typer does not publish the types of its help: tests/cli/test_usage.py checks what is used of it.


class _InChinese:
    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own types
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.help = "显示这段说明"
        return option

    def get_usage(self, ctx: Any) -> str:  # noqa: ANN401 - as above
        line: str = super().get_usage(ctx)
        return (
            line.replace("Usage: ", "写法：", 1).replace("[OPTIONS]", "[选项]").replace("COMMAND [ARGS]", "命令 [参数]")
        )

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        from rich.text import Text  # slow, and needed for help only
        from typer import rich_utils

        for name, word in report_table("words")["help"].items():
            setattr(rich_utils, name, word)
        # an option's help, default and "required" become one text, which a cell can fold
        rich_utils.Table, rich_utils.Columns = _folding_table(), Text(" ").join
        super().format_help(ctx, formatter)


def _folding_table() -> Any:  # noqa: ANN401 - a class made here
    """Return a Rich table class that folds cells. Chinese has no spaces, so Rich would cut a long text as one word."""
    from rich.table import Table

    class Folding(Table):
        def add_row(self, *cells: Any, **settings: Any) -> None:  # noqa: ANN401 - Rich's own
            super().add_row(*cells, **settings)
            for column in self.columns:
                column.overflow = "fold"

    return Folding


class _Command(_InChinese, TyperCommand):
    pass


class _Group(_InChinese, TyperGroup):
    pass


class Commands(typer.Typer):
    """A `typer.Typer` with Chinese help."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of `typer.Typer`
        super().__init__(cls=_Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: ANN401
        """Add a command, as `typer.Typer.command` does."""
        return super().command(name, cls=_Command, **settings)


WRONG_WORDS: type[Exception] = typer.BadParameter.__bases__[0]
"""The base class of Typer's usage errors. Typer bundles Click and exports only a subclass."""
_NUMBERS: dict[object, str] = {int: "整数", float: "数字"}


def refuse_bytes(words: list[str]) -> None:
    """Raise `UsageError` for the first word with bytes of no text, which no ledger, page or mail can hold."""
    for word in words:
        if re.search("[\ud800-\udfff]", word):
            raise UsageError(f"{word} 里有不是文字的字节", remedy="请重新输入；是文件或文件夹的名字，请先改名")


def usage_error(error: Any) -> UsageError:  # noqa: ANN401 - Typer's own type, not shown to others
    """Return Typer's error in Chinese, with the command whose `--help` has the syntax."""
    command = error.ctx.command_path if error.ctx else "mingce"
    return UsageError(_message(error), remedy=f"写法见 {command} --help")


def _message(error: Any) -> str:  # noqa: ANN401 - as above
    kind = type(error).__name__
    if kind == "NoSuchOption":
        suggestion = f"，是不是 {'、'.join(error.possibilities)}" if error.possibilities else ""
        return f"没有选项 {error.option_name}{suggestion}"
    if kind == "BadOptionUsage":
        return f"选项 {error.option_name} 后面缺少内容，或多了内容"
    if kind == "MissingParameter":
        return f"缺少 {_parameter_name(error)}"
    if isinstance(error, typer.BadParameter):
        return f"{_parameter_name(error)} 的内容不对{_expected(error.param)}"
    quoted = re.search(r"'([^']+)'|\(([^()]+)\)$", str(error.message).rstrip("."))  # or in brackets at the end
    return f"不认识 {quoted[1] or quoted[2]}" if quoted else "命令写得不对"


def _expected(param: Any) -> str:  # noqa: ANN401 - as above
    """Return the expected kind and bounds of a number, blank for others."""
    kind = _NUMBERS.get(getattr(getattr(param, "type_descriptor", None), "annotation", None))
    if kind is None:
        return ""
    if param.max is not None:
        return f"，应为 {param.min} 到 {param.max} 的{kind}"
    return f"，应为 {param.min} 以上的{kind}" if param.min is not None else f"，应为{kind}"


def _parameter_name(error: Any) -> str:  # noqa: ANN401 - as above
    param = error.param
    if param is None:
        return str(error.param_hint or "参数")
    return param.opts[-1] if param.param_type_name == "option" else str(param.metavar or param.name.upper())
