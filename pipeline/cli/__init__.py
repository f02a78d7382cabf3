"""The command line: `mingce`. Commands stand in modules of their own; what costs time is imported inside them."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer

from pipeline.errors import MingceError

# One module for each group of commands; each has `register(app)`.
_MODULES = ("demo", "init", "run", "review", "sign", "send", "sheet", "template", "registry", "operate", "anonymise", "docs")

app = typer.Typer(
    name="mingce",
    help="名册：逐行核对毕业班学生信息，直到可以签字。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    debug: bool = typer.Option(False, "--debug", help="出错时显示技术细节"),
) -> None:
    if debug:
        os.environ["MINGCE_DEBUG"] = "1"


for _name in _MODULES:
    import_module(f"pipeline.cli.{_name}").register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the contract's exit code.

    This is the one boundary where every exception ends: a user sees a Chinese line, `--debug` shows the traceback.
    """
    os.umask(0o077)  # personal data: files 0600, folders 0700
    given = sys.argv[1:] if arguments is None else arguments
    if "--debug" in given:  # wherever it stands in the line
        os.environ["MINGCE_DEBUG"] = "1"
        given = ["--debug", *(word for word in given if word != "--debug")]
    try:
        app(args=given, standalone_mode=True)
    except MingceError as error:
        _say(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("已中断：上一次完整的运行没有改动", file=sys.stderr)
        sys.exit(4)
    except Exception as error:
        if os.environ.get("MINGCE_DEBUG"):
            raise
        print(
            f"出现意外错误（{type(error).__name__}）。加 --debug 再运行一次，并把显示的内容发给维护人员",
            file=sys.stderr,
        )
        sys.exit(4)


def _say(error: MingceError) -> None:
    if os.environ.get("MINGCE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    print(f"错误：{error}", file=sys.stderr)
