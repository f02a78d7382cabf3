"""One cohort whose students stray, checked whole and in parts by a pool; made once for all tests of this folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pipeline.scale.across import CrossSchool
from pipeline.scale.parts import MOVED_BIT
from tests.conftest import Once
from tests.scale.runs import check, crossing_cohort, many_parts


@pytest.fixture(scope="session")
def crossing(once: Once) -> Path:
    return once("crossing", crossing_cohort)


@pytest.fixture(scope="session")
def whole(crossing: Path, once: Once) -> Path:
    return once("whole", partial(check, crossing))


@pytest.fixture(scope="session")
def parted(crossing: Path, once: Once) -> Path:
    """The same in many parts, by a pool of processes."""
    return once("parted", partial(_by_a_pool, crossing))


def _by_a_pool(cohort: Path, reports: Path) -> Path:
    settled = []
    settle = CrossSchool.resolve

    def seen(self: CrossSchool, withdrawn):
        settled.append(settle(self, withdrawn))
        return settled[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossSchool, "resolve", seen)
        many_parts(patch)
        run = check(cohort, reports)
    moved = (settled[0].flags & MOVED_BIT) > 0
    assert moved.sum() > 10, "the cohort is to have students who stray"
    return run
