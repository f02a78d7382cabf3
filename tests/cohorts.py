"""Invented cohorts for tests: one call writes a folder with labels beside it."""

from __future__ import annotations

from pathlib import Path

from tests.invented.generate import Order, write_cohort


def settings(registry: str = "registry.csv", submissions: str = "submissions/*") -> str:
    """Return the text of a plain `cohort.toml` of one school."""
    return f"""
[cohort]
name = "2017届"
year = 2017
undergraduate_month = "2017-06"
[window]
opens = 2016-09-20
closes = 2016-10-31
college_due = 2016-11-20
[[schools]]
code = "10534"
name = "湖南科技大学"
registry = "{registry}"
[submissions]
from = "{submissions}"
[people]
colleges = "colleges.csv"
counselors = "counselors.csv"
"""


def make_cohort(
    folder: Path,
    students: int = 200,
    schools: int = 2,
    seed: int = 1,
    faults: float = 0.08,
    *,
    form: str = "csv",
    kind: str = "2017",
    identity_faults: bool = False,
    photos: bool = False,
    decisions: bool = False,
    repeated_numbers: bool = False,
) -> Path:
    """Write a cohort into `folder` and return it.

    `kind` is one of `tests.invented.kinds.KINDS`: 2017, 2026, one-school, postgraduate-2026 (the latter three have
    one school: give schools=1). `identity_faults` plants faulty identities only, by the bench's shares. `form` is
    xlsx, csv, parquet or ods; with parquet the labels are `truth.parquet`. `repeated_numbers` lets every school number
    its students from the same start (then labels are unique only together with the school).
    """
    order = Order(
        students=students,
        schools=schools,
        seed=seed,
        form=form,
        faults=faults,
        kind=kind,
        identity_only=identity_faults,
        photos=photos,
        decisions=decisions,
        repeated_numbers=repeated_numbers,
    )
    return write_cohort(folder, order)
