"""Help in Chinese: Typer's own words (Usage, Options, …) are English, whatever the language of the rest."""

# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false
# Typer shows nobody the types of its help: what is taken from it is held by tests/cli/test_usage.py.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_WORDS = {
    "ARGUMENTS_PANEL_TITLE": "参数",
    "OPTIONS_PANEL_TITLE": "选项",
    "COMMANDS_PANEL_TITLE": "命令",
    "DEFAULT_STRING": "（默认 {}）",
    "REQUIRED_LONG_STRING": "（必填）",
}


class _InChinese:
    """What a command and a group of commands say of themselves."""

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own types
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.help = "显示这段说明"
        return option

    def get_usage(self, ctx: Any) -> str:  # noqa: ANN401 - as above
        said: str = super().get_usage(ctx)
        return (
            said.replace("Usage: ", "写法：", 1).replace("[OPTIONS]", "[选项]").replace("COMMAND [ARGS]", "命令 [参数]")
        )

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        from typer import rich_utils  # costs time, and is needed where help is shown alone

        for name, word in _WORDS.items():
            setattr(rich_utils, name, word)
        rich_utils.Table, rich_utils.Columns = _folding_table(), _in_one_text
        super().format_help(ctx, formatter)


def _folding_table() -> Any:  # noqa: ANN401 - a class made here
    """Return Rich's table with cells that fold: Chinese has no spaces, and what is too long for one word is cut off."""
    from rich.table import Table

    class Folding(Table):
        def add_row(self, *cells: Any, **settings: Any) -> None:  # noqa: ANN401 - Rich's own
            super().add_row(*cells, **settings)
            for column in self.columns:
                column.overflow = "fold"

    return Folding


def _in_one_text(items: list[Any]) -> Any:  # noqa: ANN401 - as above
    """Return what is said of an option, its default and whether it is needed as one text, which its cell can fold."""
    from rich.text import Text

    return Text(" ").join(items)


class _Command(_InChinese, TyperCommand):
    pass


class _Group(_InChinese, TyperGroup):
    pass


class Commands(typer.Typer):
    """A `typer.Typer` whose help is in Chinese throughout."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of `typer.Typer`
        super().__init__(cls=_Group, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: ANN401
        """Add a command, as `typer.Typer.command` does."""
        return super().command(name, cls=_Command, **settings)
