"""Collect: read every submitted row and the registries as they were typed."""

from pipeline.collect.collected import Cell, Collected, Grid, Input, Note, Reading, Registry
from pipeline.collect.people_tables import read_people
from pipeline.collect.registry_files import read_registry
from pipeline.collect.source_columns import SourceColumns
from pipeline.collect.submissions import (
    Unit,
    collect_unit,
    refuse_nothing,
    refuse_undeclared,
    submission_units,
    together,
)

__all__ = [
    "Cell",
    "Collected",
    "Grid",
    "Input",
    "Note",
    "Reading",
    "Registry",
    "SourceColumns",
    "Unit",
    "collect_unit",
    "read_people",
    "read_registry",
    "refuse_nothing",
    "refuse_undeclared",
    "submission_units",
    "together",
]
