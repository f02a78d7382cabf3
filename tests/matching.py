"""A whole cohort matched at once; a run resolves people across its parts and matches each part."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import numpy as np
import pandas as pd

from pipeline.match.keys import PERSON_KEYS, key_frame
from pipeline.match.match_stage import CLASSES, Matched, Registries, match_resolved
from pipeline.match.membership import with_scope
from pipeline.match.persons import WITHDRAWN, flag_columns, resolve_people, submission_keys, submission_times
from pipeline.tables import Frame


def registries_of(rows: Frame, unread: dict[str, str] | None = None) -> Registries:
    """Return the registries of a cohort from normalised rows and, by school, why a registry was not read."""
    return Registries(with_scope(rows), len(rows), rows[CLASSES].drop_duplicates(), unread or {})


def match(
    submissions: Frame, registries: Registries, latest: datetime, withdrawn: Collection[str] = frozenset()
) -> Matched:
    """Return the persons, superseding, clashes, schools and evidence of a whole cohort.

    `submissions` are normalised, as read, with distinct ids and, if photos are collected, with `photo_` columns
    (`PHOTOS`, sha256, phash). A time after `latest` is an error. `withdrawn` are ids that a decision removed.
    """
    rows = pd.concat([submissions, submission_times(submissions, latest)], axis=1).reset_index(drop=True)
    live = ~rows["submission_id"].isin(list(withdrawn)).to_numpy()
    counts, flags = resolve_people(submission_keys(rows), key_frame(registries.rows, PERSON_KEYS), live)
    ids = rows["submission_id"].to_numpy(dtype=object)
    counting_ids = np.where(counts == np.arange(len(rows)), "", ids[counts])
    superseded_by = pd.Series(np.where(live, counting_ids, WITHDRAWN), index=rows.index, dtype="str")
    return match_resolved(rows.assign(superseded_by=superseded_by, **flag_columns(flags)), registries)
