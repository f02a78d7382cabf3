"""Match as a run does it, for a few rows that are a whole cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.match.clashes import CLASHES, clashing
from pipeline.match.keys import PERSON_KEYS, SHARED_KEYS, key_frame
from pipeline.match.matched import Matched
from pipeline.match.pairs import exact_pairs, known_rows
from pipeline.match.persons import superseding
from pipeline.match.stage import CLASSES, Known, match


def known(registry: pd.DataFrame, unread: dict[str, str]) -> Known:
    """Return what match looks in where these rows are all there is."""
    return Known(registry, len(registry), registry[CLASSES].drop_duplicates(), unread)


def find_clashes(submissions: pd.DataFrame) -> pd.DataFrame:
    """Return the clashes of submissions that all count."""
    keys = key_frame(submissions, [*PERSON_KEYS, *SHARED_KEYS])
    every = (submissions["submission_id"] == submissions["submission_id"]).to_numpy(dtype=bool)
    return pd.DataFrame({name: clashing(name, keys, every) for name in CLASHES}, index=submissions.index)


def supersede(submissions: pd.DataFrame, registry: pd.DataFrame) -> pd.DataFrame:
    """Return submissions with the id of the one that counts instead of each."""
    people = known_rows(exact_pairs(submissions, registry), len(submissions))
    at = superseding(key_frame(submissions, PERSON_KEYS), people, submissions["submitted_at"])
    ids = pd.Series(submissions["submission_id"].to_numpy()[at], index=submissions.index, dtype="str")
    return submissions.assign(superseded_by=ids.where(at != np.arange(len(at)), ""))


def match_alone(submissions: pd.DataFrame, registry: pd.DataFrame, unread: dict[str, str]) -> Matched:
    """Return what match hands on of these submissions, superseded ones among them."""
    rows = supersede(submissions, registry)
    counts = rows["superseded_by"] == ""
    clashes = find_clashes(rows[counts]).reindex(rows.index).fillna(False).astype(bool)
    return match(pd.concat([rows, clashes], axis=1), known(registry, unread))[0]


def matched_of(submissions: pd.DataFrame, evidence: pd.DataFrame, registry: pd.DataFrame, **more: object) -> Matched:
    """Return what match hands on where every submission counts."""
    given: dict[str, object] = {"unread": {}, "photos": None, "clashes": find_clashes(submissions), **more}
    held = known(registry, {})
    return Matched(
        submissions=submissions,
        counting=submissions,
        evidence=evidence,
        registry=registry,
        own=held.own,
        classes=held.classes,
        **given,  # pyright: ignore[reportArgumentType]
    )
