"""The size of the house: no file, function or number of modules grows past what a stranger can take in."""

from __future__ import annotations

import ast
from statistics import median

from tests.docs.test_names import FILES, PACKAGE

MODULES = 195
LINES = 33_393
"""All lines of the package. Lower it whenever the package has become smaller; the goal is 29,000."""
FILE = 350
FUNCTION = 50
MEDIAN = 8
"""Lines of the median function."""


def lengths() -> dict[str, int]:
    """Lines of each function, by file and name."""
    return {
        f"{path.relative_to(PACKAGE)}:{node.name}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_house_does_not_grow():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert len(lines) <= MODULES
    assert sum(lines.values()) <= LINES
    assert {str(path): count for path, count in lines.items() if count > FILE} == {}


def test_functions_are_short():
    found = lengths()
    assert {place: count for place, count in found.items() if count > FUNCTION} == {}
    assert median(found.values()) <= MEDIAN
