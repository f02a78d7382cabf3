"""A million submissions, 3 % of them with a faulty identity, are matched within 30 s and 3 GB (issue 5)."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import fields
from tests.cohorts import make_cohort
from tests.matching import match, registries_of
from tests.spec.judge import LATEST

STUDENTS = 1_000_000


def _table(folder: Path, columns: list[str]) -> pd.DataFrame:
    from pipeline.cohort import load_cohort
    from pipeline.collect.school_tables import read_registry
    from tests.collecting import collect_submissions

    cohort = load_cohort(folder)
    if "submitted_at" in columns:
        return collect_submissions(cohort, None).rows
    return pd.concat([read_registry(school, cohort, None).rows for school in cohort.schools], ignore_index=True)


@pytest.mark.bench
def test_a_million_submissions(tmp_path: Path, record):
    folder = make_cohort(tmp_path / "c", STUDENTS, 100, seed=3, faults=0.03, form="parquet", identity_faults=True)
    submissions = _table(folder, fields.names())
    submissions["submission_id"] = np.arange(len(submissions)).astype("str")
    submissions = submissions.astype({"submission_id": "str"})
    registry = _table(folder, fields.in_registry())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, cpu = time.perf_counter(), time.process_time()
    matched = match(submissions, registries_of(registry), LATEST)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    record("1,000,000 submissions, clock", wall, "s", at_most=30)
    record("1,000,000 submissions, CPU", cpu, "s")
    record("peak memory", peak, "MB", at_most=3000)
    record("peak memory before", before, "MB")
    assert len(matched.evidence) == len(matched.counting)
