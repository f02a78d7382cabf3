"""The headcount: registered, submitted, approved by school, college, level and major, compared as sets of people."""

from __future__ import annotations

import pandas as pd

from pipeline.knowledge.text import among
from pipeline.tables import Frame, conform

KEYS = ["school", "college", "education_level", "major"]


def make_headcount(roster: Frame, certifications: Frame, extras: Frame) -> Frame:
    """Return `headcount`.

    Args:
        roster: the roster.
        certifications: one row per submission that counts.
        extras: submissions without a registry row, with the columns of `KEYS` as they claim them.
    """
    whole = certifications[(certifications["identity"] == "certified") & (certifications["record"] == "certified")]
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in KEYS},
            "registered": 1,
            "male": roster["gender"] == "男",
            "female": roster["gender"] == "女",
            "submitted": roster["status"] != "missing",
            "certified": among(roster["submission_id"], whole["submission_id"]) & (roster["submission_id"] != ""),
            "awaiting": roster["status"] == "awaiting",
            "approved": roster["status"] == "approved",
            "missing": roster["status"] == "missing",
            "extra": 0,
        }
    )
    claimed = extras[KEYS].assign(**{name: 0 for name in marks.columns if name not in KEYS}).assign(extra=1)
    counted = pd.concat([marks, claimed], ignore_index=True).groupby(KEYS, sort=True, as_index=False).sum()
    # every registered person approved: then the two sets of people are one; an extra is of neither
    equal = (counted["approved"] == counted["registered"]) & (counted["registered"] > 0)
    return conform(counted.assign(equal=equal), "headcount")
