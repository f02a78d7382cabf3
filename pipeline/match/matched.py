"""What the match stage hands on."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.tables import Frame


@dataclass(frozen=True)
class Matched:
    """What check starts from: submissions, those that count with their evidence, and the registry."""

    submissions: Frame
    counting: Frame
    evidence: Frame
    registry: Frame
    unread: dict[str, str]
    """School name to the reason why its registry could not be read."""
    photos: Frame | None
    """`photos.examine` of the counting submissions with `shared`; None where no photos are collected."""
