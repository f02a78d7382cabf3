"""What a planted fault has before it: the row, the person's own registry row, a classmate, the school, the dice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.invented.kinds import Kind
from tests.invented.people import School

Row = dict[str, str]


@dataclass
class Case:
    """One student whose submission is about to be spoilt.

    A fault writes into `row` (what was submitted) and, where the registry is what is wrong or odd, into `own`.
    """

    row: Row
    own: Row
    mate: Row
    """The registry row of a classmate who submitted, too, and whose submission stays right."""
    mate_form: Row
    mate_index: int
    school: School
    kind: Kind
    random: Random
    serial: int
    """The person's number in the cohort, so that invented outsiders differ."""
    photo: str = ""
    """What is wrong with the picture: broken, missing, large, landscape, narrow, twin, near_twin."""
    cause: str = ""
    extra: dict[str, str] = field(default_factory=dict[str, str])


Fault = Callable[[Case], bool]
"""Spoils the case in place; False where this person cannot have this fault, and then nothing was changed."""
