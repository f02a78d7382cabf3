"""Progress of a run on standard error: stages with their seconds, colleges with the time left."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_log = logging.getLogger("mingce.run")

STAGES = {
    "collect": "收集",
    "normalise": "规范",
    "match": "比对学籍",
    "check": "核验",
    "review": "审核",
    "tabulate": "统计",
    "render": "生成页面",
}


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
        self.say(f"{STAGES.get(name, name)}完成（{self.seconds[name]:.1f} 秒）")

    def say(self, line: str) -> None:
        """Print one line for users."""
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)

    @contextmanager
    def counting(self, label: str, total: int) -> Generator[Counter]:
        """Show how many of `total` are done, and the time left."""
        # sys.__stderr__: no foreign text goes through the bar
        console = Console(file=sys.__stderr__ or sys.stderr, quiet=self.quiet)
        if not console.is_terminal:
            yield Counter(self, label, total)
            return
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("剩余"), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(label, total=total)
            yield Counter(self, label, total, lambda: progress.advance(task))


class Counter:
    """Counts the finished parts of a stage."""

    def __init__(self, reporter: Reporter, label: str, total: int, advance: Callable[[], None] | None = None) -> None:
        self._reporter, self._label, self._total = reporter, label, total
        self._advance = advance
        self._done = 0
        self._started = time.perf_counter()

    def done(self, name: str) -> None:
        """Count the part `name` as finished."""
        self._done += 1
        if self._advance is not None:
            self._advance()
            return
        spent = time.perf_counter() - self._started
        left = spent / self._done * (self._total - self._done)
        self._reporter.say(f"{self._label} {self._done}/{self._total} {name}（约剩 {left:.0f} 秒）")
