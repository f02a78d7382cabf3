"""Which submission stands on which registry row."""

from __future__ import annotations

import pandas as pd

from pipeline.match.matched import Matched
from pipeline.match.persons import WITHDRAWN
from pipeline.tables import Frame


def standing_submissions(made_at: pd.Series, evidence: Frame) -> pd.Series:
    """Return, by registry position, the index of the submission that stands on that row.

    A submission stands on its `standing_row`. Where several do, the one whose ID number and name are the row's
    comes first, then the better score, then the later one.

    Args:
        made_at: when each submission counts as made (`times.made_at`).
        evidence: `find_evidence` of those that count.
    """
    rows = pd.DataFrame(
        {
            "row": evidence["standing_row"],
            "whole": evidence["id_name_row"] == evidence["matched_row"],
            "score": evidence["score"],
            "made_at": made_at.loc[evidence.index],
            "at": evidence.index,
        }
    )
    rows = rows[rows["row"] >= 0].sort_values(["row", "whole", "score", "made_at", "at"])
    return rows.drop_duplicates("row", keep="last").set_index("row")["at"]


def first_submissions(matched: Matched) -> Frame:
    """Return each person's first submission where a later one counts instead, in the order they were read."""
    others = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    earlier = others.drop(index=matched.later.index, errors="ignore")
    in_time = earlier.loc[matched.made_at.loc[earlier.index].sort_values(kind="stable").index]
    return in_time.drop_duplicates("superseded_by").sort_index()
