"""The colleges: how far each is, how well it works, and its standing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from pipeline.tables import Frame

KEYS = ["school", "college"]


def count_colleges(
    roster: Frame, headcount: Frame, submitted_at: pd.Series, first_failed: set[str], window: tuple[date, date, date], as_of: date
) -> Frame:
    """Return `colleges` without signatures and standing.

    Args:
        roster: the roster.
        headcount: the headcount.
        submitted_at: by submission id, when the counted submission was made.
        first_failed: counting submissions whose person's first one the student had to mend.
        window: opens, closes, college_due.
        as_of: the day for which days are counted.
    """
    opens, closes, due = window
    day = roster["submission_id"].map(submitted_at).fillna("").astype("str").str.slice(0, 10)
    has = roster["status"] != "missing"
    on_time = has & (day >= opens.isoformat()) & (day <= closes.isoformat())
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in KEYS},
            "open_findings": roster["open_findings"],
            "with_submission": has,
            "first_passed": has & ~roster["submission_id"].isin(list(first_failed)),
            "on_time": on_time,
        }
    )
    counts = headcount[headcount["registered"] > 0].groupby(KEYS)[["registered", "submitted", "certified", "approved"]].sum()
    sums = counts.join(marks.groupby(KEYS).sum()).reset_index()
    return sums.assign(
        first_pass_rate=_share(sums["first_passed"], sums["with_submission"]),
        submitted_on_time=_share(sums["on_time"], sums["registered"]),
        days_left=(due - as_of).days,
    )


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return part / whole to four places, 0 where there is nothing to share."""
    return pd.Series(np.round(part / whole.where(whole > 0, 1), 4), index=part.index, dtype="float64")
