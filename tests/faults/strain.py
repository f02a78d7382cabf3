"""Commands under strain, many times over, each time on a fresh copy of a cohort: several at once, children killed,
little of what the system gives, a full disk, a clock that is wrong or is set meanwhile.

`python -m tests.faults.strain REPORT JOB...` where a job is a JSON object: `name`, `folder` (copied anew each time),
`commands` (their words; `@` stands for the copy, `@2` for a second copy beside it), `times` (how often), `seed`, and
- `within`: seconds over which the starts are spread, by chance; `then`: what is run when all have ended;
- `kills`: how many of their descendants are killed, within `over` seconds from when there are some;
- `limits`: by name (`RLIMIT_NOFILE`) the span from which the bound is drawn;
- `disk`: the span from which the free bytes of the disk under the copy are drawn;
- `clock`: seconds by which the clock is ahead, from `jumps` seconds after the start on; `zone`: the machine's zone.

For each time a line is written to REPORT as JSON: how each ended and what it said, and what stands then
(`windows.standing`), before (`stood`) and after `then`.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from pipeline import cli
from tests.faults.driver import ended, started
from tests.faults.windows import prepare, standing

_REAL = datetime.datetime


class _AnyDatetime(type):
    """Lets what the true class made pass for one of its own."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _REAL)


def set_clock(ahead: float, jumps: float) -> None:
    """Let this process's clock be `ahead` by some seconds, from `jumps` seconds on."""
    since, true_time = time.monotonic(), time.time

    def by() -> float:
        return ahead if time.monotonic() - since >= jumps else 0.0

    class Wrong(_REAL, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return _REAL.now(tz) + datetime.timedelta(seconds=by())

    time.time = lambda: true_time() + by()
    datetime.datetime = Wrong
    for name, module in list(sys.modules.items()):
        if name.startswith("pipeline.") and getattr(module, "datetime", None) is _REAL:
            module.datetime = Wrong  # pyright: ignore[reportAttributeAccessIssue]


def command(words: list[str], place: Path, job: dict[str, Any], bounds: dict[str, int]) -> None:
    """Be the command."""
    os.environ["TMPDIR"] = tempfile.tempdir = str(place / "tmp")
    if job.get("zone"):
        os.environ["TZ"] = job["zone"]
        time.tzset()
    if job.get("clock"):
        set_clock(job["clock"], job.get("jumps", 0.0))
    for name, bound in bounds.items():
        resource.setrlimit(getattr(resource, name), (bound, bound))
    cli.main([word.replace("@2", str(place / "other")).replace("@", str(place / "cohort")) for word in words])


def kill_children(moments: list[float], chance: random.Random, killed: list[str]) -> None:
    """Kill one descendant of the commands at each moment (seconds from when they have grandchildren on).

    Mostly it is one of those, a notebook's process or a kernel; now and then the one that they are forked from.
    """
    until = time.monotonic() + 120
    while not _descendants()[1] and time.monotonic() < until and psutil.Process().children():
        time.sleep(0.05)
    begun = time.monotonic()
    for moment in sorted(moments):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        children, further = _descendants()
        each = further if further and chance.random() < 0.8 else children
        if each:
            with contextlib.suppress(psutil.Error):
                one = chance.choice(each)
                name = " ".join(one.cmdline()[2:5])
                one.kill()
                killed.append(name)


def _descendants() -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Return the commands' children, and those of these."""
    try:
        children = [child for command in psutil.Process().children() for child in command.children()]
        return children, [child for one in children for child in one.children(recursive=True)]
    except psutil.NoSuchProcess:  # it ended meanwhile
        return [], []


def at_once(job: dict[str, Any], place: Path, chance: random.Random) -> dict[str, Any]:
    """Start each command after its wait; return how each ended and what it said, and what chance gave."""
    commands = job["commands"]
    waits = sorted(chance.uniform(0, job.get("within", 0.0)) for _ in commands)
    bounds = {name: chance.randint(*span) for name, span in job.get("limits", {}).items()}
    killed: list[str] = []
    order = chance.sample(commands, len(commands))
    with ExitStack() as files:
        begun, forks = time.monotonic(), list[tuple[int, Any]]()
        for words, wait in zip(order, waits, strict=True):
            time.sleep(max(0.0, begun + wait - time.monotonic()))
            said = files.enter_context(tempfile.TemporaryFile())
            forks.append((started(partial(command, words, place, job, bounds), said), said))
        moments = [chance.uniform(0, job.get("over", 0.0)) for _ in range(job.get("kills", 0))]
        killer = Thread(target=kill_children, args=(moments, chance, killed), daemon=True)
        killer.start()
        left = [ended(pid, said) for pid, said in forks]
        killer.join()
    each = [{"words": words, "code": code, "said": said} for words, (code, said) in zip(order, left, strict=True)]
    return {"commands": each, "bounds": bounds, "killed": killed}


@contextmanager
def disk(place: Path, job: dict[str, Any], chance: random.Random) -> Generator[None]:
    """Give `place` a disk of its own, with so much room beside what is copied onto it."""
    place.mkdir(parents=True)
    if not job.get("disk"):
        yield
        return
    needed = sum(path.stat().st_size + 8192 for path in Path(job["folder"]).rglob("*")) * 2
    size = needed + chance.randint(*job["disk"])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def once(job: dict[str, Any], place: Path, chance: random.Random) -> dict[str, Any]:
    """Do the commands on a fresh copy, and return what became of it."""
    shutil.rmtree(place, ignore_errors=True)
    with disk(place, job, chance):
        for name in ("cohort", "other"):
            shutil.copytree(job["folder"], place / name)
        (place / "tmp").mkdir()
        line = {"name": job["name"]} | at_once(job, place, chance)
        line["stood"] = standing(place / "cohort", ledger=False)
        if job.get("disk"):
            subprocess.run(["mount", "-o", "remount,size=2g", str(place)], check=True)
        line["then"] = at_once({"commands": [job["then"]]}, place, chance)["commands"] if job.get("then") else []
        return line | standing(place / "cohort")


def main() -> None:
    """Do the jobs one after another."""
    jobs = [json.loads(text) for text in sys.argv[2:]]
    prepare([words for job in jobs for words in [*job["commands"], job.get("then", [])] if words])
    report = Path(sys.argv[1])
    place = report.with_suffix(".place")
    with report.open("a", encoding="utf-8") as lines:
        for job in jobs:
            chance = random.Random(job.get("seed", 0))
            for _ in range(job["times"]):
                print(json.dumps(once(job, place, chance), ensure_ascii=False), file=lines, flush=True)
    shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
