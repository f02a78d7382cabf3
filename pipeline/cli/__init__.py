"""The command line `mingce`. Command modules bind slow modules `lazily`."""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from typing import NoReturn, TextIO, cast

import typer

from pipeline.cli import terminal
from pipeline.cli.chinese import WRONG_WORDS, refuse_bytes, usage_error
from pipeline.cli.common import app, print_status
from pipeline.errors import MingceError
from pipeline.logs import silence_libraries

# Each adds its commands to `app`; this is their order in `--help`.
_MODULES = ("cohort", "run", "review", "registry", "explain", "sign", "deliver", "operate")

_TYPER_INTERRUPTED = 130  # Typer's silent return value for an interrupted command


@app.callback()
def _options(  # pyright: ignore[reportUnusedFunction]
    debug: bool = typer.Option(False, "--debug", help="出错时显示技术细节"),
) -> None:
    if debug:
        os.environ["MINGCE_DEBUG"] = "1"


for _name in _MODULES:
    import_module(f"pipeline.cli.{_name}_commands")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the contract's exit code.

    Every exception ends here as a Chinese line; `--debug` prints its traceback. Output has no control characters,
    because it repeats other people's words.
    """
    terminal.open_closed_streams()
    os.umask(0o077)  # personal data: files 0600, folders 0700
    gc.set_threshold(20_000, 50, 100)  # libraries make a million lasting objects: scanning them takes 1 s CPU
    atexit.register(gc.freeze)  # nor are they freed at exit
    atexit.register(terminal.flush_streams)
    terminal.add_environment(terminal.environment_file(), os.environ)
    words = sys.argv[1:] if arguments is None else arguments
    if "--debug" in words:  # at any place in the line
        os.environ["MINGCE_DEBUG"] = "1"
        words = ["--debug", *(word for word in words if word != "--debug")]
    terminal.interrupt_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):  # GBK, say, lacks characters of some names
        sys.stdout.reconfigure(errors="backslashreplace")
    terminal.leave_no_core()
    silence_libraries()
    out = terminal.PlainStream(sys.stdout, BrokenPipeError)
    err = terminal.PlainStream(sys.stderr, OSError)
    with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
        try:
            refuse_bytes(words)
            result = app(args=words, standalone_mode=False)
            if result == _TYPER_INTERRUPTED:
                _interrupted()
            sys.exit(result)
        except MingceError as error:
            _end(error, error)
        except WRONG_WORDS as error:
            _end(error, usage_error(error))
        except KeyboardInterrupt:
            _interrupted()
        except Exception as error:  # noqa: BLE001  # the boundary for unexpected errors
            _end(error, terminal.system_failure(error))


def _interrupted() -> NoReturn:
    print_status("已中断：上一次完整的运行没有改动")
    sys.exit(4)


def _end(error: BaseException, message: MingceError | None) -> None:
    if os.environ.get("MINGCE_DEBUG"):
        print_status(terminal.technical(error))
    if message is not None:
        print_status(f"错误：{message}")
        sys.exit(message.exit_code)
    print_status(f"出现意外错误（{type(error).__name__}）。加 --debug 再运行一次，并把显示的内容发给维护人员")
    sys.exit(4)
