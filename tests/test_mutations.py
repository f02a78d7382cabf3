"""The table of mutations fits the code; `tests/soak/test_mutations.py` applies it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
_BAR = re.compile(r"(?<!\\)\|")


class Mutation(NamedTuple):
    """One row: what it would do to a user, where, which text becomes which, and the test that must turn red."""

    harm: str
    file: str
    text: str
    becomes: str
    test: str


def mutations() -> list[Mutation]:
    """Return the rows of `tests/mutations.md`."""
    lines = (ROOT / "tests" / "mutations.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in _BAR.split(line)[1:-1]] for line in lines if line.startswith("| ")][1:]
    return [Mutation(*(cell.strip("`").replace("\\|", "|") for cell in row)) for row in cells]


@pytest.mark.parametrize("mutation", mutations(), ids=lambda each: each.harm)
def test_each_fits_the_code(mutation: Mutation):
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.text) == 1
    assert mutation.text != mutation.becomes
    file, _, name = mutation.test.partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_there_are_twenty():
    assert len(mutations()) >= 20
