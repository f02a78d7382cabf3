"""Runs of one cohort in different ways, and their tables side by side."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from filelock import FileLock

from pipeline.cohort import Cohort, load_cohort
from pipeline.cohort_sections import Reports, Scale
from pipeline.progress import Reporter
from pipeline.run import run_cohort
from pipeline.run_folder import RunOptions
from pipeline.scale import layout, plan
from pipeline.scale.executors import Work
from tests.cohorts import make_cohort

TABLES = (
    "submissions", "changes", "findings", "certifications", "roster", "headcount", "colleges", "registry",
    "registry_findings", "extras", "differences",
)  # fmt: skip


def check(folder: Path, reports: Path, scheduler: str | None = None, command: str = "check") -> Path:
    """Check a cohort (or run it: with its pages) and return the run's folder."""
    cohort: Cohort = load_cohort(folder).model_copy(update={"reports": Reports(folder=str(reports))})
    if scheduler:
        cohort = cohort.model_copy(update={"scale": Scale(scheduler=scheduler)})
    now = datetime(2016, 11, 1, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    options = RunOptions(as_of=date(2016, 10, 31), now=now, command=command, reporter=Reporter(quiet=True))
    with FileLock(f"{folder}.lock"):  # another worker may check the same cohort, which one run holds at a time
        return run_cohort(cohort, options).folder


def many_parts(patch: pytest.MonkeyPatch, rows: int = 60) -> None:
    """Let runs be in parts of about so many students, whatever their size, by a pool."""
    patch.setattr(layout, "PART_ROWS", rows)
    patch.setattr(plan, "PARALLEL_BYTES", 0)


def in_this_process(patch: pytest.MonkeyPatch) -> None:
    """Let tasks be done one after the other, in this process."""

    @contextmanager
    def open_here(scheduler: str | None, *, large: bool) -> Generator[Work]:
        yield Work(parallel=True)

    patch.setattr(plan, "open_work", open_here)


def table(run: Path, name: str) -> pd.DataFrame:
    """Return a table with its rows in an order of their own."""
    frame = pd.read_parquet(run / "tables" / f"{name}.parquet")
    return frame.sort_values(list(frame.columns), ignore_index=True)


def crossing_cohort(folder: Path, schools: int = 3) -> Path:
    """Return a cohort of some schools whose students stray into each other's schools in every way."""
    make_cohort(folder, 50 * schools, schools, seed=11, faults=0.4, repeated_numbers=True)
    files = sorted((folder / "submissions").glob("*.csv"))
    rows = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in files]
    school, when, phone = "学校名称", "提交时间", "个人联系电话"
    for at, frame in enumerate(rows):
        other = rows[(at + 1) % len(rows)][school].iloc[0]
        early, late, alone, again = (frame.iloc[[place]] for place in (1, 3, 5, 7))
        stray = [
            early.assign(**{school: other, when: "2016-09-20 06:00", phone: "12"}),  # first there, then right
            late.assign(**{school: other, when: "2016-10-30 23:00"}),  # right, then there: the last one counts
            again.assign(**{school: "没有这所学校"}),
            again.assign(**{school: "没有这所学校"}),  # the same row twice
        ]
        frame.loc[alone.index, school] = other
        frame.loc[frame.index[9], phone] = rows[0][phone].iloc[10]
        pd.concat([frame, *stray]).to_csv(files[at], index=False)
    _in_two_registries(folder)
    return folder


def _in_two_registries(folder: Path) -> None:
    """Let some students stand in the registry of another school too."""
    paths = sorted((folder / "registry").glob("*.csv"))
    held = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths]
    for at, path in enumerate(paths[:-1]):
        guests = held[at + 1].iloc[[2, 7]].assign(**{"学校名称": held[at]["学校名称"].iloc[0]})
        pd.concat([held[at], guests]).to_csv(path, index=False)


def copied(cohort: Path, to: Path) -> Path:
    """Return a copy of the cohort: a ledger of its own."""
    shutil.copytree(cohort, to)
    return to
