"""All submissions of a cohort at once, through the function by which a run reads each unit."""

from __future__ import annotations

from pathlib import Path

from pipeline.cohort import Cohort
from pipeline.collect.collected import Collected, combine
from pipeline.collect.skipping import with_people
from pipeline.collect.submissions import collect_unit, refuse_undeclared, refuse_unread, submission_units


def collect_submissions(cohort: Cohort, keep: Path | None) -> Collected:
    """Read all sources of `[submissions]`, and refuse what a run refuses."""
    units = submission_units(cohort)
    parts = [collect_unit(unit, cohort, keep) for unit in units]
    collected = combine(parts)
    refuse_unread(collected.columns, collected.notes)
    refuse_undeclared(cohort, [(unit.source, read.columns) for unit, read in zip(units, parts, strict=True)])
    return with_people(collected, (collected.rows["why"] == "").to_numpy())
