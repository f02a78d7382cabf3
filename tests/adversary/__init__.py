"""Cohorts of odd students, each with the verdict that the contract gives: expected independently of the product."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.adversary.bench import Case

KINDS = ["identity", "record", "region", "contact", "moments"]


def cases(kind: str) -> list[Case]:
    """Return every case of one of `KINDS`."""
    return import_module(f"tests.adversary.{kind}").CASES
