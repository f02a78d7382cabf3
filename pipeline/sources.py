"""What a run read from all sources of a cohort. One source that fails does not stop the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.collect import (
    Input,
    Note,
    SourceColumns,
)
from pipeline.collect.missing_fields import Lacking
from pipeline.tables import Frame


@dataclass(frozen=True)
class SourcesRead:
    """What is told of all that a run read: `unknown` columns and `skipped` rows of submissions; `unread` registries.

    `columns` is what each worksheet has, `lacking` what they lack, `asked` what the office is told of both.
    `other_years` has, by school code, `rows` of a registry and how many end in each other year, where these are many.
    """

    inputs: list[Input]
    notes: list[Note]
    unread: dict[str, str]
    unknown: Frame
    skipped: Frame
    columns: tuple[SourceColumns, ...]
    lacking: Lacking
    asked: list[dict[str, str]]
    other_years: dict[str, dict[str, Any]]

    @property
    def incomplete(self) -> bool:
        """Whether something that should have been read was not."""
        return bool(self.unread) or any(note.level == "error" for note in self.notes)
