"""Paths of notebooks, suites and templates, in a checkout and in an installed wheel."""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent


@cache
def resource_root() -> Path:
    """Return the folder of `expectations/`, `notebooks/` and `reports/`."""
    installed = _PACKAGE / "_resources"
    return installed if installed.is_dir() else _PACKAGE.parent


def expectations() -> Path:
    """Return the folder of suites, code tables and the field table."""
    return resource_root() / "expectations"


def expectation_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table in `expectations/`, such as `regions/regions.csv`."""
    with (expectations() / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def notebooks() -> Path:
    """Return the folder of the notebooks."""
    return resource_root() / "notebooks"


def templates() -> Path:
    """Return the folder of page, mail and print templates."""
    return resource_root() / "reports"


@cache
def report_table(name: str) -> dict[str, Any]:
    """Return `reports/<name>.toml`, cached."""
    return tomllib.loads((templates() / f"{name}.toml").read_text(encoding="utf-8"))
