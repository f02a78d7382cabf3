"""Collect: read every submitted row and the registries as they were typed."""

from pipeline.collect.collected import Cell, Collected, Grid, Input, Note, Reading, Registry
from pipeline.collect.people import read_people
from pipeline.collect.registry import read_registry
from pipeline.collect.submissions import collect_submissions

__all__ = [
    "Cell",
    "Collected",
    "Grid",
    "Input",
    "Note",
    "Reading",
    "Registry",
    "collect_submissions",
    "read_people",
    "read_registry",
]
