"""The match stage: which submissions count, and the evidence of whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.knowledge import photos
from pipeline.match.evidence import find_evidence
from pipeline.match.fill import fill_from_registry
from pipeline.match.matched import Matched
from pipeline.match.pairs import exact_pairs, known_rows
from pipeline.match.persons import counting, supersede
from pipeline.tables import Frame


def match(
    submissions: Frame, registry: Frame, unread: dict[str, str], withdrawn: set[str], photo_folder: Path | None
) -> tuple[Matched, Frame]:
    """Return what check starts from, and the `changes` made by filling in from the registry.

    Args:
        submissions: normalised submissions in the order they were read.
        registry: normalised registry rows of all schools.
        unread: schools (by name) whose registry could not be read, with the reason.
        withdrawn: ids of submissions that a decision withdrew.
        photo_folder: where photos are, or None where none are collected.
    """
    pairs = exact_pairs(submissions, registry)
    submissions = supersede(submissions, known_rows(pairs, len(submissions)), withdrawn)
    counted = counting(submissions)
    evidence = find_evidence(counted, registry, _of_counting(pairs, submissions))
    counted, changes = fill_from_registry(counted, evidence, registry)
    submissions = submissions.copy()
    for column in ("major", "education_level"):
        submissions.loc[counted.index, column] = counted[column]
    return Matched(submissions, counted, evidence, registry, unread, _photos(photo_folder, counted)), changes


def _of_counting(pairs: Frame, submissions: Frame) -> Frame:
    """Return the pairs of the submissions that count, `left` being positions among these."""
    counts = (submissions["superseded_by"] == "").to_numpy()
    places = np.cumsum(counts) - 1
    kept = pairs[counts[pairs["left"].to_numpy()]]
    return kept.assign(left=places[kept["left"].to_numpy()]).reset_index(drop=True)


def _photos(folder: Path | None, submissions: Frame) -> Frame | None:
    if folder is None:
        return None
    seen = photos.examine(folder, submissions["photo"], submissions["student_number"], submissions["id_number"])
    return seen.assign(shared=photos.near_same(seen["phash"], seen["sha256"]) != "")
