"""What the benchmarks tell: `record` gathers figures, and `make bench` writes them to docs/benchmarks.md.

`MINGCE_BENCHMARKS=FILE pytest -m bench` writes FILE; without it the figures are only printed. No figure makes a test
fail: a machine that is busy is no fault of the code. The page says which bars are met.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cohorts import make_cohort
from tests.invented import kinds

Record = Callable[..., None]
_PARTS = (
    "pandas",
    "pyarrow",
    "great-expectations",
    "papermill",
    "nbconvert",
    "ipykernel",
    "openpyxl",
    "python-calamine",
)


@dataclass(frozen=True)
class Figure:
    """One line of the page: `bar` is what issue 11 (or another) asks, `met` whether it was."""

    group: str
    name: str
    value: str
    bar: str = ""
    met: bool | None = None


FIGURES: list[Figure] = []


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Return the function that takes a figure: name, value, unit, and `at_least` or `at_most` where there is a bar."""
    group = (request.module.__doc__ or request.module.__name__).strip().splitlines()[0]

    def take(
        name: str, value: float, unit: str = "", *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        bar = (
            f"≥ {at_least:g} {unit}" if at_least is not None else f"≤ {at_most:g} {unit}" if at_most is not None else ""
        )
        met = value >= at_least if at_least is not None else value <= at_most if at_most is not None else None
        FIGURES.append(
            Figure(group, name, f"{value:.3g} {unit}".strip() if value < 100 else f"{value:,.0f} {unit}", bar, met)
        )
        print(
            f"\n  {FIGURES[-1].name}: {FIGURES[-1].value} {FIGURES[-1].bar and f'(bar {FIGURES[-1].bar})'}", flush=True
        )

    return take


@pytest.fixture(scope="session")
def university(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an invented cohort of one university: 8,000 students, 20 colleges, xlsx."""
    more = tuple(replace(plan, name=f"第二{plan.name}", alias="") for plan in kinds.CATALOGUE[:2])
    colleges = kinds.CATALOGUE + more
    school = replace(kinds.KINDS["one-school"].schools[0], colleges=colleges)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(kinds.KINDS, "university", replace(kinds.KINDS["one-school"], schools=(school,)))
        return make_cohort(tmp_path_factory.mktemp("u") / "university", 8_000, 1, form="xlsx", kind="university")


def pytest_sessionfinish() -> None:
    target = os.environ.get("MINGCE_BENCHMARKS")
    if target and FIGURES:
        Path(target).write_text(page(FIGURES), encoding="utf-8", newline="\n")


def page(figures: list[Figure]) -> str:
    """Return the page: the machine, then a table for each benchmark."""
    lines = [_HEAD, *machine(), ""]
    for group in dict.fromkeys(figure.group for figure in figures):
        lines += [f"## {group}", "", "| figure | measured | bar | |", "|---|---:|---:|---|"]
        for figure in (one for one in figures if one.group == group):
            met = {None: "", True: "met", False: "**not met**"}[figure.met]
            lines.append(f"| {figure.name} | {figure.value} | {figure.bar} | {met} |")
        lines.append("")
    return "\n".join(lines)


_HEAD = """# Benchmarks

Written by `make bench`; do not edit. Every ratio compares two ways in one run on one machine, medians of the repeats.
CPU seconds are those of the whole tree of processes: they change little where the machine is busy, the clock does.
The plain ways are in `tests/benchmarks/plain.py`: one papermill and one nbconvert process a notebook; one script over
`papermill.execute_notebook` with one exporter; one warm kernel for all, in which names leak from notebook to notebook.
All three leave out normalising, matching, review and PDF, a bound on memory, and the guard that looks for other
colleges' people on each page. A stage of which only a part was measured is scaled, and the figure says so.
To get one page's figures again: `.venv/bin/python -m pytest -m bench -s tests/benchmarks/test_NAME.py`.

## The machine
"""


def machine() -> list[str]:
    """Return lines that describe this machine and what ran on it."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line), "")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    bytecode = "not written (PYTHONDONTWRITEBYTECODE)" if sys.dont_write_bytecode else "kept"
    return [
        f"- {date.today().isoformat()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, {model}",
        f"- load average at the end: {load:.1f} (above the number of cores other work ran beside)",
        f"- Python {platform.python_version()} ({platform.python_compiler()}), bytecode {bytecode}",
        "- " + ", ".join(f"{name} {version(name)}" for name in _PARTS),
    ]
