"""Invented cohorts for tests: one call writes a folder with labels beside it."""

from __future__ import annotations

from pathlib import Path

from pipeline.demo.generate import Order, write_cohort


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

    `kind` is one of `pipeline.demo.kinds.KINDS`: 2017, 2026, one-school, postgraduate-2026 (the latter three have
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
