"""Which submission stands on which registry row."""

from __future__ import annotations

import pandas as pd

from pipeline.match.persons import WITHDRAWN
from pipeline.normalise.times import in_order
from pipeline.tables import Frame


def standing_submissions(submissions: Frame, evidence: Frame) -> pd.Series:
    """Return, by registry position, the index of the submission that stands on that row.

    A submission stands on its `standing_row`. Where several do, the one whose ID number and name are the row's
    comes first, then the better score, then the later one.

    Args:
        submissions: the submissions that count.
        evidence: `find_evidence` of them.
    """
    rows = pd.DataFrame(
        {
            "row": evidence["standing_row"],
            "whole": evidence["id_name_row"] == evidence["matched_row"],
            "score": evidence["score"],
            "submitted_at": in_order(submissions["submitted_at"]),
            "at": submissions.index,
        }
    )
    rows = rows[rows["row"] >= 0].sort_values(["row", "whole", "score", "submitted_at", "at"])
    return rows.drop_duplicates("row", keep="last").set_index("row")["at"]


def first_submissions(submissions: Frame) -> Frame:
    """Return each person's first submission where a later one counts instead, in the order they were read."""
    earlier = submissions[~submissions["superseded_by"].isin(["", WITHDRAWN])]
    in_time = earlier.sort_values("submitted_at", kind="stable", key=in_order)
    return in_time.drop_duplicates("superseded_by").sort_index()
