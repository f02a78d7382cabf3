"""What an office waits for, a university of 8,000: CPU of the tree, each command beside that of an earlier checkout.

`MINGCE_BENCH_BEFORE=FOLDER` names the earlier checkout (a worktree of its commit with a `.venv` of its own); each
command is then run in both in turn, on copies of one cohort. Without it the ratios within one checkout are told.
Figures are the best of `MINGCE_BENCH_REPEATS`. Bytecode is kept, as on the machine of an office.

What is left (2026-12-01, CPU seconds in quiet): of one changed row Great Expectations, imported (1.4) and judging the
one part (1.2), reading its workbook and normalising (2), and what an approval costs, too (3): imports of the run (0.9)
and of its pages (0.4), tables and sheets of the ledger (0.7), cells, pages and their guard (1). `send` sets 171 sheets
by typst (31 ms each: words and what frames them; 61 before their rows had known heights) and executes 60 notebooks
(0.09 s each, of which papermill and nbformat take 0.02); 34d061e sent no papers. A second send takes over what did not
change, but sheets and pages say the day, so the first send of a day makes them anew.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import pytest

from tests.benchmarks import measure
from tests.benchmarks.conftest import Record
from tests.conftest import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]
AS_OF = ("--as-of", "2016-11-10")
BY = ("--by", "王老师")
STEPS = {
    "full": "a full run",
    "unchanged": "an unchanged run",
    "row": "a run after one changed row",
    "approval": "a run after one approval",
    "dry": "send --dry-run",
    "mails": "send, 60 counselors and 20 secretaries",
    "again": "send again, no class changed",
    "explain": "explain NUMBER",
    "list": "review list",
}
OF_FULL = {"unchanged": 0.05, "row": 0.2, "approval": 0.1}
"""Bars of what is incremental, against a full run of the same checkout."""
OF_BEFORE = {"full": 0.6, "mails": 0.35}
"""Bars against the earlier checkout."""
SECONDS = {"explain": 1.2, "list": 1.2}


@dataclass
class House:
    """One checkout with its own copy of the cohort, and what each of its commands has cost so far."""

    checkout: Path
    python: str
    cohort: Path
    costs: dict[str, list[measure.Cost]] = field(default_factory=dict[str, list[measure.Cost]])

    def mingce(self, *words: str) -> measure.Cost:
        """Run a command to its end."""
        env = {"PYTHONPATH": str(self.checkout), "PYTHONDONTWRITEBYTECODE": ""}
        return measure.run(["-P", "-m", "pipeline", *words], self.cohort.parent / "log", env, python=self.python)

    def take(self, step: str, *words: str) -> Path:
        """Run a command, keep what it cost, and return what its last line names."""
        cost = self.mingce(*words)
        self.costs.setdefault(step, []).append(cost)
        print(f"\n  {self.checkout.name}: {STEPS[step]}: {cost.cpu:.1f} s CPU, {cost.peak:,.0f} MB", end="", flush=True)
        return Path((cost.output.splitlines() or [""])[-1])

    def best(self, step: str) -> float:
        """Return the least CPU seconds of a step."""
        return min(cost.cpu for cost in self.costs[step])


def changed(university: Path, folder: Path) -> Path:
    """Write the submissions with one telephone that is another each time; return the file."""
    [source] = (university / "submissions").iterdir()
    book = openpyxl.load_workbook(source)
    sheet = book.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    target = folder / source.name
    sheet.cell(100, headings.index("个人联系电话") + 1, f"1397302{len(list(folder.parent.iterdir())):04d}")
    book.save(target)
    return target


def each_step(house: House, file: Path, turn: int) -> Iterator[None]:
    """Run the steps, a pause after each in which the other checkout runs its own."""
    at = str(house.cohort)
    run = house.take("full", "run", at, *AS_OF, "--force")
    yield
    house.take("unchanged", "run", at, *AS_OF)
    yield
    shutil.copy(file, house.cohort / "submissions" / file.name)
    house.take("row", "run", at, *AS_OF)
    yield
    with (run / "tables" / "roster.csv").open(encoding="utf-8-sig", newline="") as rows:
        ready = [row["student_number"] for row in csv.DictReader(rows) if row["status"] == "awaiting"]
    house.mingce("review", "approve", at, "--student", ready[turn], *BY)
    house.take("approval", "run", at, *AS_OF)
    yield
    house.take("dry", "send", at, "--dry-run")
    yield
    house.take("mails", "send", at, "--force")
    yield
    house.take("again", "send", at, "--force")
    yield
    house.take("explain", "explain", ready[turn], at)
    yield
    house.take("list", "review", "list", at)
    yield


def test_what_an_office_waits_for(university: Path, tmp_path: Path, record: Record) -> None:
    ours = House(ROOT, sys.executable, tmp_path / "ours" / "cohort")
    houses = [ours]
    if before := os.environ.get("MINGCE_BENCH_BEFORE"):
        folder = Path(before)
        houses.append(House(folder, str(folder / ".venv" / "bin" / "python"), tmp_path / "before" / "cohort"))
    for house in houses:
        shutil.copytree(university, house.cohort)
        house.mingce("run", "--help")  # compiles
    for turn in range(measure.repeats()):
        made = tmp_path / "changed" / str(turn)
        made.mkdir(parents=True)
        file = changed(university, made)
        for _ in zip(*(each_step(house, file, turn) for house in houses), strict=True):
            pass
    for step, name in STEPS.items():
        record(f"{name}, CPU", ours.best(step), "s", at_most=SECONDS.get(step))
        for house in houses[1:]:
            record(
                f"· {name} / the earlier checkout's", ours.best(step) / house.best(step), at_most=OF_BEFORE.get(step)
            )
        if step in OF_FULL:
            record(f"· {name} / a full run", ours.best(step) / ours.best("full"), at_most=OF_FULL[step])
            for house in houses[1:]:
                record(f"· {name} / the earlier checkout's full run", ours.best(step) / house.best("full"))
    record("a full run, peak memory of the tree", max(cost.peak for cost in ours.costs["full"]), "MB", at_most=1030)
