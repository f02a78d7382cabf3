"""The normalise stage: submissions and registries in comparable form."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline import fields
from pipeline.knowledge.regions import load_regions
from pipeline.normalise.submissions import normalise, normalise_registry
from pipeline.normalise.vocabulary import Vocabulary
from pipeline.sources import Sources
from pipeline.tables import Frame


@dataclass(frozen=True)
class Normalised:
    """Normalised submissions (not yet superseding each other), what was changed, and the registry of all schools."""

    submissions: Frame
    changes: Frame
    registry: Frame


def normalise_all(sources: Sources, words: Vocabulary) -> Normalised:
    """Normalise everything that was collected."""
    regions = load_regions()
    collected = sources.submissions
    submissions, changes = normalise(collected.rows, collected.cells, words, regions)
    parts = [normalise_registry(registry.rows, registry.cells, words, regions) for registry in sources.registries]
    registry = pd.concat(parts, ignore_index=True) if parts else empty_registry()
    return Normalised(submissions, changes, registry)


def empty_registry() -> Frame:
    """Return a registry without rows."""
    columns = ["school_code", "school", "row", *(name for name in fields.in_registry() if name != "school")]
    return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
