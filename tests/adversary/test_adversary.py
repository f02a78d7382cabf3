"""Odd students get the verdicts of the contract; `make soak` asks every case in cohorts of its own kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adversary import KINDS, cases
from tests.adversary.__main__ import checked


def test_odd_students_get_their_verdicts(tmp_path: Path):
    """A fifth of the cases of each kind, mixed."""
    score = checked(tmp_path / "cohort", [case for kind in KINDS for case in cases(kind)[::5]], seed=4)
    assert (score.off, score.lost, score.wrong_certified) == ([], 0, 0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_kind(tmp_path: Path, kind: str, seed: int):
    score = checked(tmp_path / "cohort", cases(kind), seed)
    assert (score.off, score.lost, score.wrong_certified) == ([], 0, 0)
