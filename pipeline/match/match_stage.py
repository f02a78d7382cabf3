"""The match stage: whose the submissions are, which of them count, the evidence, and what the registry completes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import pandas as pd

from pipeline.match.evidence import find_evidence
from pipeline.match.fill import COMPLETED, fill_from_registry
from pipeline.match.keys import PERSON_KEYS, key_frame
from pipeline.match.matched import MARKS, Matched
from pipeline.match.membership import with_scope
from pipeline.match.persons import WITHDRAWN, counting
from pipeline.match.resubmitted import resubmissions
from pipeline.match.row_times import made_at
from pipeline.match.settle import FLAGS, flag_columns, settle_persons, submission_keys
from pipeline.tables import Frame

CLASSES = ["school", "class_name", "college", "major"]
PHOTOS = {
    "found": bool, "readable": bool, "bytes": "int64", "width": "int64", "height": "int64", "shared": bool,
    "shared_owned": bool,
}  # fmt: skip
_TIMES = ["made_at", "timed", "untimed"]


@dataclass(frozen=True)
class Registries:
    """What match looks in: registry rows (guests after the first `own`), classes, registries that are missing."""

    rows: Frame
    own: int
    classes: Frame
    unread: dict[str, str]

    @classmethod
    def of(cls, rows: Frame, unread: dict[str, str] | None = None) -> Self:
        """Return the registries of a whole cohort: normalised rows, and which schools' could not be read, and why."""
        return cls(rows, len(rows), rows[CLASSES].drop_duplicates(), unread or {})


def match(
    submissions: Frame, registries: Registries, latest: datetime, withdrawn: Collection[str] = frozenset()
) -> Matched:
    """Return what check starts from: persons, superseding, clashes, schools and evidence, settled for a whole cohort.

    Args:
        submissions: normalised submissions with distinct ids, in the order they were read; where photos are collected,
            what they are (`photo_` and a name of `PHOTOS`, `photo_sha256`, `photo_phash`) beside the table's columns.
        registries: of the whole cohort.
        latest: a time past it cannot be right (`times.latest_moment`).
        withdrawn: ids of the submissions that a decision took out.
    """
    rows = pd.concat([submissions, made_at(submissions, latest)], axis=1).reset_index(drop=True)
    live = ~rows["submission_id"].isin(list(withdrawn)).to_numpy()
    settled = settle_persons(submission_keys(rows), key_frame(registries.rows, PERSON_KEYS), live)
    ids = rows["submission_id"].to_numpy(dtype=object)
    instead = np.where(settled.counts == np.arange(len(rows)), "", ids[settled.counts])
    superseded_by = pd.Series(np.where(live, instead, WITHDRAWN), index=rows.index, dtype="str")
    return match_settled(rows.assign(superseded_by=superseded_by, **flag_columns(settled.flags)), registries)


def match_settled(rows: Frame, registries: Registries) -> Matched:
    """Return what check starts from, of rows of which `settle` has told what needs all rows at once.

    Args:
        rows: as `match` takes them, with `superseded_by`, the columns `FLAGS` and those of `times.made_at`.
        registries: of the schools that the rows are of.
    """
    counted = counting(rows)
    evidence = find_evidence(counted, registries.rows)
    filled, changes = fill_from_registry(counted, evidence, registries.rows, registries.classes)
    beside = [name for name in rows if name in {*FLAGS, *_TIMES} or str(name).startswith("photo_")]
    submissions = rows.drop(columns=beside)
    for column in ("major", *COMPLETED):
        submissions.loc[counted.index, column] = filled[column]
    return Matched(
        submissions=submissions,
        counting=filled.drop(columns=beside),
        evidence=evidence,
        registry=with_scope(registries.rows),
        own=registries.own,
        classes=registries.classes,
        marks=counted.reindex(columns=list(MARKS)).assign(later_cause="", **resubmissions(rows)),
        unread=registries.unread,
        photos=_photos(counted),
        made_at=rows["made_at"],
        later=submissions[rows["later"]],
        changes=changes,
    )


def _photos(submissions: Frame) -> Frame | None:
    if "photo_found" not in submissions:
        return None
    return pd.DataFrame({name: submissions[f"photo_{name}"] for name in PHOTOS}, index=submissions.index)
