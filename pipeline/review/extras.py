"""Submissions that stand on no registry row (名单外): those of a college, and those of people who may be missing there.

An extra keeps nobody from signing. But one with a valid ID number and a name that no registry row has, and a class that
the registry knows, may be somebody whom the registry lacks.
"""

from __future__ import annotations

import pandas as pd

from pipeline.colleges import College
from pipeline.knowledge.identifiers import IdNumbers
from pipeline.knowledge.text_columns import among
from pipeline.review.review_snapshot import Desk

OUTSIDE = "cohort.outside"
"""The rule that names submissions of people whom the registry has, but not in the class."""
_NEEDED = ("school", "college", "class_name", "name", "id_number")


def extras_of(desk: Desk, college: College) -> pd.DataFrame:
    """Return the counting submissions that claim this college and stand on no registry row."""
    given, people = desk.tables.submissions, desk.people
    if not set(_NEEDED) <= set(given.columns):
        return given.iloc[:0]
    counting = (given["superseded_by"] == "") & ~among(given["submission_id"], desk.withdrawn)
    claims = (given["school"] == college.school) & (given["college"] == college.name)
    standing = among(given["submission_id"], people["submission_id"])
    standing |= among(given["submission_id"], people["approved_submission_id"])
    standing |= among(given["submission_id"], desk.findings["submission_id"][desk.findings["rule"] == OUTSIDE])
    return given[counting & claims & ~standing]


def may_be_missing(desk: Desk, college: College) -> pd.DataFrame:
    """Return those extras of the college whose people may be missing from the registry."""
    own, people = extras_of(desk, college), desk.people
    if own.empty or "id_number" not in people.columns:
        return own.iloc[:0]
    known = among(own["class_name"], people["class_name"][people["school"] == college.school])
    unknown = ~among(own["id_number"], people["id_number"])
    return own[IdNumbers(own["id_number"]).valid & unknown & (own["name"] != "") & known & (own["class_name"] != "")]
