"""This year's headcount beside the year before's: which majors ask for an explanation."""

from __future__ import annotations

import json
from typing import Any, cast

import pandas as pd

from pipeline.review.exceptions import COLLEGE_RULE

KEY = ["school", "college", "education_level", "major"]


def compare_years(headcount: pd.DataFrame, previous: pd.DataFrame, entries: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return per major `registered`, `registered_before`, `change` (fraction), `explain` (bool) and `explanation`.

    `explain` is true at ± 20 % and more, and for a major that is new (no number before: `change` is 1.0) or gone
    (-1.0), where the college has not explained this very number. Explanations come from the ledger's `entries`.
    """
    both = headcount[[*KEY, "registered"]].merge(
        previous[[*KEY, "registered"]].rename(columns={"registered": "registered_before"}), on=KEY, how="outer"
    )
    now, before = (both[name].fillna(0).astype("int64") for name in ("registered", "registered_before"))
    change = ((now - before) / before.where(before > 0)).fillna((now > 0).astype("float64"))
    large = (5 * (now - before).abs() >= before) & (now != before)  # exact: 20 % of 15 is 3, not 3.0000000000000004
    both = both.assign(registered=now, registered_before=before, change=change.astype("float64"))
    known = explanations(entries) if entries is not None else {}
    major = ["school", "college", "major"]  # what is explained, whatever the education levels
    keys = zip(*(both[name] for name in major), both.groupby(major)["registered"].transform("sum"), strict=True)
    explanation = pd.Series([known.get(key, "") for key in keys], index=both.index, dtype="str")
    return both.assign(explain=large & (explanation == ""), explanation=explanation)


def explanations(entries: pd.DataFrame) -> dict[tuple[str, str, str, int], str]:
    """Return what colleges said of a number, by school, college, major and that number; the last of each stands."""
    own = entries[(entries["kind"] == "exception") & (entries["rule"] == COLLEGE_RULE)]
    data = {int(row["seq"]): cast("dict[str, Any]", json.loads(row["data"])) for row in own.to_dict("records")}
    revoked = {item["revokes"] for item in data.values() if "revokes" in item}
    return {
        (item["school"], str(row["college"]), item["major"], int(item["registered"])): str(row["why"]) or "已说明"
        for row in own.to_dict("records")
        if (item := data[int(row["seq"])]) and row["action"] == "add" and row["seq"] not in revoked
    }
