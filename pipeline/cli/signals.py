"""An orderly end: what tells this process to stop lets it tidy up, as Ctrl-C does; a crash leaves no data behind."""

from __future__ import annotations

import signal
import sys
import threading
from _thread import interrupt_main

_AGAIN = 0.05  # seconds after which a lost interruption is made again


def interrupt_on_signals() -> None:
    """Let an orderly end (SIGTERM) and a closed terminal (SIGHUP) tidy up as Ctrl-C does; `nohup` stays `nohup`."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    sys.unraisablehook = interrupt_again


def leave_no_core() -> None:
    """Let neither this process nor what it starts leave a core file: all that was read would stand in it."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def interrupt_again(lost: sys.UnraisableHookArgs) -> None:
    """Interrupt once more where Python lost the interruption: it came while an object was being finalised."""
    if issubclass(lost.exc_type, KeyboardInterrupt):
        # a shell lets what it starts in the background ignore SIGINT
        heard = signal.getsignal(signal.SIGTERM) == signal.default_int_handler
        number = signal.SIGTERM if heard else signal.SIGINT
        threading.Timer(_AGAIN, interrupt_main, (number,)).start()  # not from here, or it would be lost as well
    else:
        sys.__unraisablehook__(lost)
