"""The match stage: the evidence of whose the submissions are that count, and what the registry completes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.match.clashes import CLASHES
from pipeline.match.evidence import find_evidence
from pipeline.match.fill import COMPLETED, fill_from_registry
from pipeline.match.matched import Matched
from pipeline.match.persons import counting
from pipeline.tables import Frame

CLASSES = ["school", "class_name", "college", "major"]
PHOTOS = {"found": bool, "readable": bool, "bytes": "int64", "width": "int64", "height": "int64", "shared": bool}


@dataclass(frozen=True)
class Known:
    """What match looks in: registry rows (guests after the first `own`), classes, registries that are missing."""

    registry: Frame
    own: int
    classes: Frame
    unread: dict[str, str]


def match(submissions: Frame, known: Known) -> tuple[Matched, Frame]:
    """Return what check starts from, and the `changes` made by filling in from the registry.

    Args:
        submissions: normalised submissions in the order they were read, `superseded_by` filled, with `CLASHES` and,
            where photos are collected, what they are (`photo_` and a name of `PHOTOS`) beside the table's columns.
        known: the registry.
    """
    counted = counting(submissions)
    evidence = find_evidence(counted, known.registry)
    filled, changes = fill_from_registry(counted, evidence, known.registry, known.classes)
    submissions = submissions.copy()
    for column in ("major", *COMPLETED):
        submissions.loc[counted.index, column] = filled[column]
    photos = _photos(counted)
    beside = [*CLASHES, *(f"photo_{name}" for name in PHOTOS if photos is not None)]
    matched = Matched(
        submissions=submissions.drop(columns=beside),
        counting=filled.drop(columns=beside),
        evidence=evidence,
        registry=known.registry,
        own=known.own,
        classes=known.classes,
        clashes=counted[CLASHES],
        unread=known.unread,
        photos=photos,
    )
    return matched, changes


def _photos(submissions: Frame) -> Frame | None:
    if "photo_found" not in submissions:
        return None
    return pd.DataFrame({name: submissions[f"photo_{name}"] for name in PHOTOS}, index=submissions.index)
