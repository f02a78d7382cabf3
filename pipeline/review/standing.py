"""The ranking of colleges in the yearly evaluation: rates, score, rank, interval, and the printed formula."""

from __future__ import annotations

from math import sqrt

import pandas as pd

from pipeline.cohort_sections import Standing

Z = 1.959964  # 95 %
SMALL_COLLEGE = 30  # colleges with fewer submissions show the interval too: it says more than the rank


def standing(colleges: pd.DataFrame, weights: Standing) -> pd.DataFrame:
    """Return `colleges` with `score` (0 to 100), `rank` (1 is best, ties share), `score_low` and `score_high`.

    `colleges` has `registered`, `submitted` (counts), `submitted_on_time` (share of registered), `first_pass_rate` and
    `rework` (shares of submitted; rework: submitted again or returned). Only the proportions of `weights` matter. The
    interval adds the 95 % Wilson interval of each rate. A college without registered students has score 0.
    """
    total = weights.first_pass + weights.on_time + weights.rework
    parts = [
        (weights.first_pass, colleges["first_pass_rate"], colleges["submitted"], False),
        (weights.on_time, colleges["submitted_on_time"], colleges["registered"], False),
        (weights.rework, colleges["rework"], colleges["submitted"], True),
    ]
    score = low = high = pd.Series(0.0, index=colleges.index)
    for weight, rate, count, inverted in parts:
        below, above = wilson(rate, count)
        share = ((1 - rate) if inverted else rate).astype("float64")  # nothing without a submission, also for rework
        points = 100 * weight / total
        score = score + points * share.where(count > 0, 0.0)
        low = low + points * (1 - above if inverted else below)
        high = high + points * (1 - below if inverted else above)
    empty = colleges["registered"] == 0
    score = score.mask(empty, 0.0).round(1)
    return colleges.assign(
        score=score,
        rank=rank_of(score),
        score_low=low.mask(empty, 0.0).round(1),
        score_high=high.mask(empty, 0.0).round(1),
    )


def rank_of(score: pd.Series) -> pd.Series:
    """Return the rank of each score: 1 is best, ties share."""
    return score.rank(method="min", ascending=False).astype("int64")


def wilson(rate: pd.Series, count: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the 95 % Wilson interval of a rate over `count` cases; 0 to 1 for no cases."""
    n = count.astype("float64").where(count > 0, 1.0)
    p = rate.astype("float64")
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * (p * (1 - p) / n + Z**2 / (4 * n**2)).map(sqrt)
    nonempty = count > 0
    return (middle - half).clip(0, 1).where(nonempty, 0.0), (middle + half).clip(0, 1).where(nonempty, 1.0)


def formula_text(weights: Standing, *, intervals: bool = True) -> str:
    """Return the Chinese formula under the table. `intervals`: whether the table shows them."""
    total = weights.first_pass + weights.on_time + weights.rework
    first, on_time, rework = (f"{100 * w / total:g}" for w in (weights.first_pass, weights.on_time, weights.rework))
    small = f"；提交不足 {SMALL_COLLEGE} 人的院系同时给出 95% 区间，名次仅供参考" if intervals else ""
    return (
        f"得分 = {first} × 一次通过率 + {on_time} × 按时提交率 + {rework} ×（1 − 返工率），满分 100；"
        f"得分相同名次并列{small}。"
    )


def rework_rates(students: pd.DataFrame) -> pd.DataFrame:
    """Return `school, college, rework`: of the students with a submission, the share `resubmitted` or `returned`."""
    submitted = students[students["submission_id"] != ""]
    reworked = submitted["resubmitted"] | submitted["returned"]
    rates = submitted.assign(rework=reworked.astype("float64")).groupby(["school", "college"])["rework"].mean()
    return rates.reset_index()
