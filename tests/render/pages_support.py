"""What the tests of pages share beside fixtures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.render.notebooks import NotebookJob

COLLEGE, SCHOOL = "计算机科学与工程学院", "10534"


def jobs_of(run: Path, out: Path) -> list[NotebookJob]:
    """Every notebook once, for the big college."""
    mine = {"run": str(run), "college": COLLEGE, "school": SCHOOL}
    each = {
        "college": mine,
        "headcount": mine,
        "counselor": {**mine, "counselor": "周老师"},
        "overview": {"run": str(run)},
        "registry": {"run": str(run)},
    }
    folder = resources.notebooks()
    return [
        NotebookJob(folder / f"{name}.ipynb", out / f"{name}.ipynb", out / f"{name}.html", parameters, name)
        for name, parameters in each.items()
    ]


def program(*names: str) -> str:
    """Return the first of these programs that is there; skip the test with a reason where none is."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip(f"{' or '.join(names)} is not installed")
