"""The process and its terminal: control characters, system errors in Chinese, signals, the office's environment."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import traceback
from _thread import interrupt_main
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from pipeline.errors import FULL, MingceError, UsageError, errno_name
from pipeline.resources import report_table

_WORDS = report_table("words")
# C0 (but tab and newline), DEL, C1, direction marks, separators: they move the cursor, hide or reverse text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]{2,}")


def without_controls(text: str) -> str:
    r"""Return `text` with every control character as \u001b, which a terminal shows and JSON reads back."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PlainStream:
    """A text stream for people, without control characters. It is no terminal, so libraries do not colour it.

    No failure in `ignored` reaches the writer: a run goes on although nobody reads its progress any more.
    """

    def __init__(self, stream: TextIO, ignored: type[OSError]) -> None:
        self._stream, self._ignored = stream, ignored

    def write(self, text: str) -> int:
        """Write `text` without its control characters."""
        with suppress(self._ignored):
            self._stream.write(without_controls(text))
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        with suppress(self._ignored):
            self._stream.flush()

    def isatty(self) -> bool:
        """Return False: libraries then write no escape sequences."""
        return False

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def system_failure(error: Exception) -> MingceError | None:
    """Return an error of disk, permissions or memory in Chinese, else None. It names a file and its folder only."""
    causes = [cause for cause in (error.__cause__, error.__context__) if errno_name(cause) in FULL]
    for cause in (*causes, error):
        code, where = errno_name(cause), str(getattr(cause, "filename", None) or "")
        for kind in _WORDS["failures"]:
            if code in kind["codes"] and (where or not kind.get("named")):
                what = kind["what"].format(why=_WORDS["refusals"].get(code, ""))
                return (UsageError if kind.get("usage") else MingceError)(what, where=where, remedy=kind["remedy"])
    return None


def technical(error: BaseException) -> str:
    """Return the traceback for `--debug`. Messages may quote cells: numbers, addresses, Chinese words are masked."""
    from pipeline.logs import mask

    parts: list[str] = []
    visited: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in visited:
        visited.add(id(link))
        text = str(link) if isinstance(link, MingceError) else _HAN.sub("***", str(link))
        parts.append("".join(traceback.format_tb(link.__traceback__)) + f"{type(link).__name__}: {mask(text)[:2000]}\n")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "由此引起：\n".join(reversed(parts))


_RETRY_AFTER = 0.05  # seconds after which a lost interruption is repeated


def interrupt_on_signals() -> None:
    """Handle SIGTERM and SIGHUP (a closed terminal) like Ctrl-C. `nohup` stays in force."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.unraisablehook = repeat_interrupt


def open_closed_streams() -> None:
    """Open empty streams where a service has none, or the next opened file, such as the ledger, would become one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def flush_streams() -> None:
    """Flush the streams at exit. Output without a reader (`mingce … | head`) is dropped."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def leave_no_core() -> None:
    """Forbid core files of this process and its children, because they would hold all input."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def repeat_interrupt(lost: sys.UnraisableHookArgs) -> None:
    """Repeat an interruption that Python lost because it came while an object was finalised."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        # background jobs of a shell ignore SIGINT
        handles_term = signal.getsignal(signal.SIGTERM) == signal.default_int_handler
        number = signal.SIGTERM if handles_term else signal.SIGINT
        threading.Timer(_RETRY_AFTER, interrupt_main, (number,)).start()  # later, because here it would be lost as well
    else:
        sys.__unraisablehook__(lost)


_LINE = re.compile(r"\s*(MINGCE_[A-Z_]+)\s*=\s*(.*?)\s*")


def environment_file() -> Path:
    """Return `~/.config/mingce/environment`."""
    return Path(os.path.expanduser("~/.config/mingce/environment"))  # noqa: PTH111  # no error without a home


def add_environment(path: Path, environment: MutableMapping[str, str]) -> None:
    """Add lines `MINGCE_NAME=value` of a file to `environment`, except those set. An unreadable file adds none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for name, value in (found.groups() for line in lines if (found := _LINE.fullmatch(line))):
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        environment.setdefault(name, value[1:-1] if quoted else value)
