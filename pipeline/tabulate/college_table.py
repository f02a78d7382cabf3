"""The colleges: how far each is, how well it works, its standing and its signature."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd

from pipeline.cohort_sections import Standing, Window
from pipeline.knowledge.text_columns import among
from pipeline.review.standing import rank_of, standing
from pipeline.tables import COLLEGES, Frame, typed

_BESIDE = ["rework", "score_low", "score_high"]
_STANDING = ["first_pass_rate", "submitted_on_time", "score", *_BESIDE]
_KEYS = ["school", "college"]


def make_colleges(counts: Frame, rework: Frame, signatures: Frame, weights: Standing, codes: dict[str, str]) -> Frame:
    """Return `colleges`: counts with standing and signatures (and `rework` and the score's interval beside them).

    The standing of a college stands still from its acceptance on; only its rank moves, as others' scores do. `counts`
    are of `count_colleges`, `rework` of `rework_rates`, `signatures` of `college_states`; `codes` maps school names.
    """
    both = counts.merge(rework, on=_KEYS, how="left")
    both["rework"] = both["rework"].fillna(0.0)
    ranked = standing(both, weights)
    coded = ranked.assign(school_code=ranked["school"].map(codes).fillna("").astype("str"))
    joined = coded.merge(signatures, on=["school_code", "college"], how="left")
    text = {name: joined[name].fillna("").astype("str") for name in ("signed_at", "accepted_at", "standing")}
    return typed(_stood_still(joined.assign(**text)))[[*COLLEGES, *_BESIDE]]


def standing_of(colleges: Frame, school: str, college: str) -> dict[str, float]:
    """Return what one college's standing is made of, from a run's `colleges`: what `accept` keeps."""
    own = colleges[(colleges["school"] == school) & (colleges["college"] == college)]
    return {} if own.empty else {name: float(own[name].iloc[0]) for name in _STANDING}


def _stood_still(rows: Frame) -> Frame:
    """Put the standing that was kept at the acceptance in the place of today's, and rank anew."""
    kept = [json.loads(text) if text else {} for text in rows["standing"]]
    if not any(kept):
        return rows
    for name in _STANDING:
        own = pd.Series([one.get(name) for one in kept], index=rows.index, dtype="float64")
        rows[name] = own.fillna(rows[name].astype("float64"))
    return rows.assign(rank=rank_of(rows["score"]))


def count_colleges(
    roster: Frame,
    headcount: Frame,
    submitted_at: pd.Series,
    first_failed: set[str],
    window: Window,
    as_of: date,
) -> Frame:
    """Return `colleges` without signatures and standing.

    `submitted_at` says by submission id when the counted submission was made; `first_failed` are the counting
    submissions whose person's first one the student had to mend; days are counted for `as_of`.
    """
    day = submitted_at.astype("str").reindex(roster["submission_id"]).fillna("").str.slice(0, 10).set_axis(roster.index)
    has = roster["status"] != "missing"
    on_time = has & (day >= window.opens.isoformat()) & (day <= window.closes.isoformat())
    marks = pd.DataFrame(
        {
            **{key: roster[key] for key in _KEYS},
            "open_findings": roster["open_findings"],
            "with_submission": has,
            "first_passed": has & ~among(roster["submission_id"], first_failed),
            "on_time": on_time,
        }
    )
    added = ["registered", "submitted", "certified", "approved"]
    counts = headcount[headcount["registered"] > 0].groupby(_KEYS)[added].sum()
    sums = counts.join(marks.groupby(_KEYS).sum()).reset_index()
    return sums.assign(
        first_pass_rate=_share(sums["first_passed"], sums["with_submission"]),
        submitted_on_time=_share(sums["on_time"], sums["registered"]),
        days_left=(window.college_due - as_of).days,
    )


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return part / whole, 0 where there is nothing to share."""
    return (part / whole.where(whole > 0, 1)).astype("float64")
