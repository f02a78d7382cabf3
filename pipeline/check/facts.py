"""What rules know beside the rows: the cohort's dates and vocabulary, classes, regions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipeline.cohort import Cohort
from pipeline.knowledge.regions import Regions, load_regions
from pipeline.normalise.vocabulary import Vocabulary


@dataclass(frozen=True)
class Facts:
    """The facts of one cohort; every rule gets them with the table."""

    year: int
    undergraduate_month: str
    student_number: str
    opens: date
    closes: date
    schools: frozenset[str]
    words: Vocabulary
    regions: Regions


def facts_of(cohort: Cohort, words: Vocabulary) -> Facts:
    """Return the facts that the cohort file and its vocabulary state."""
    return Facts(
        year=cohort.year,
        undergraduate_month=cohort.cohort.undergraduate_month,
        student_number=cohort.cohort.student_number,
        opens=cohort.window.opens,
        closes=cohort.window.closes,
        schools=frozenset(school.name for school in cohort.schools),
        words=words,
        regions=load_regions(),
    )
