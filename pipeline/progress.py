"""Progress of a run on standard error: stages with their seconds, colleges with the time left."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from pipeline.resources import report_table

_log = logging.getLogger("mingce.run")


@dataclass
class Reporter:
    """Prints each stage at its end and records its seconds. Without a terminal it prints plain lines."""

    quiet: bool = False
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Time one stage and print its line at the end."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)
        _log.info("stage ended", extra={"stage": name, "seconds": self.seconds[name]})
        self.print(f"{report_table('words')['stages'][name]}完成（{self.seconds[name]:.1f} 秒）")

    def print(self, line: str) -> None:
        """Print one line for users."""
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)

    @contextmanager
    def progress_bar(self, label: str, total: int) -> Generator[Callable[[str], None]]:
        """Show how many of `total` are done, and the time left. Yields a function to call with each finished name."""
        screen = sys.__stderr__ or sys.stderr  # no foreign text goes through the bar
        if screen.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            console = Console(file=screen, quiet=self.quiet)
            columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("剩余"), TimeRemainingColumn())
            with Progress(*columns, console=console, transient=True) as progress:
                task = progress.add_task(label, total=total)
                yield lambda name: progress.advance(task)
            return
        started, numbers = time.perf_counter(), count(1)

        def done(name: str) -> None:
            number = next(numbers)
            left = (time.perf_counter() - started) / number * (total - number)
            self.print(f"{label} {number}/{total} {name}（约剩 {left:.0f} 秒）")

        yield done
