"""Standing, first pass, on time, rework, rank, interval, course, headcount and states, counted by plain pandas.

From the raw files and the ledger's rows alone, by the contract's definitions; nothing of the package is used. It
knows two mistakes, the two that the season's students make: a phone that is none, and a name or an ethnic group that
the registry has otherwise.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

OPENS, CLOSES = "2016-09-20", "2016-10-31"
_KEY = ["学校名称", "学号"]
PLACE = ["学校名称", "院系"]


@dataclass(frozen=True)
class Given:
    """The raw files of one day, every cell text: the registry's rows and the submitted ones in their order."""

    registry: pd.DataFrame
    submitted: pd.DataFrame


def read(cohort: Path) -> Given:
    """Read the raw files."""
    registry, submitted = (
        pd.concat([pd.read_csv(path, dtype=str, keep_default_na=False) for path in sorted((cohort / name).iterdir())])
        for name in ("registry", "submissions")
    )
    return Given(registry.reset_index(drop=True), submitted.reset_index(drop=True))


def decisions(cohort: Path) -> pd.DataFrame:
    """Read the ledger's decisions in their order: `school_code, student_number, action, at`."""
    with sqlite3.connect(cohort / "ledger.sqlite") as ledger:
        return pd.read_sql("select * from entries where kind = 'decision' order by seq", ledger)


def moment(text: str) -> str:
    """Return a moment by the clocks of Shanghai, eight hours before Greenwich; blank for what is none."""
    read = pd.to_datetime(text, errors="coerce")
    if pd.isna(read):
        return ""
    return str(read.tz_convert("UTC").tz_localize(None) + pd.Timedelta(hours=8) if read.tzinfo else read)


def people(given: Given, then: Given | None, made: pd.DataFrame, codes: dict[str, str]) -> pd.DataFrame:
    """Return one row per registry student: what the tables of a run say of him, counted anew.

    Args:
        given: the raw files of today.
        then: of the day on which all decisions were made.
        made: the ledger's decisions.
        codes: school's name to code.
    """
    rows = given.submitted.assign(at=given.submitted["提交时间"].map(moment), order=range(len(given.submitted)))
    rows = rows.sort_values(["at", "order"])
    known = given.registry.set_index(_KEY)[["姓名", "民族"]]
    against = rows[_KEY].merge(known, left_on=_KEY, right_index=True, how="left")
    rows["wrong"] = (
        ~rows["个人联系电话"].str.fullmatch("1[0-9]{10}").to_numpy()
        | (rows["姓名"].to_numpy() != against["姓名"].to_numpy())
        | (rows["民族"].to_numpy() != against["民族"].to_numpy())
    )
    rows["whole"] = (rows["姓名"].to_numpy() == against["姓名"].to_numpy()) & (
        rows["民族"].to_numpy() == against["民族"].to_numpy()
    )
    found = [_person(row, rows, then, made, codes) for row in given.registry.to_dict("records")]
    return pd.DataFrame(found)


def _person(row: dict, rows: pd.DataFrame, then: Given | None, made: pd.DataFrame, codes: dict[str, str]) -> dict:
    own = rows[(rows["学号"] == row["学号"]) & (rows["学校名称"] == row["学校名称"])]
    decided = made[(made["student_number"] == row["学号"]) & (made["school_code"] == codes[row["学校名称"]])].to_dict(
        "records"
    )
    last = decided[-1] if decided else {"action": "", "at": ""}
    told = dict(row) | {
        "status": "missing", "on_time": False, "first_passed": False, "again": len(own) > 1,
        "returned": any(one["action"] == "return" for one in decided), "certified": False, "day": "", "approved_on": "",
    }  # fmt: skip
    if own.empty:
        return told
    first, counts = own.iloc[0], own.iloc[-1]
    more_since = then is not None and len(own) > _count(then.submitted, row)
    same_row = then is None or _registered(then.registry, row) == row
    if last["action"] == "approve":
        status = "approved" if same_row else "stale"
    elif counts["wrong"]:
        status = "correct"
    else:
        status = "returned" if last["action"] == "return" and not more_since else "awaiting"
    return told | {
        "status": status,
        "on_time": OPENS <= counts["at"][:10] <= CLOSES,
        "first_passed": not first["wrong"],
        "certified": bool(counts["whole"]),
        "day": min(filter(None, own["at"]), default="")[:10],
        "approved_on": last["at"][:10] if status == "approved" else "",
    }


def _count(submitted: pd.DataFrame, row: dict) -> int:
    return len(submitted[(submitted["学号"] == row["学号"]) & (submitted["学校名称"] == row["学校名称"])])


def _registered(registry: pd.DataFrame, row: dict) -> dict:
    own = registry[(registry["学号"] == row["学号"]) & (registry["学校名称"] == row["学校名称"])]
    return own.to_dict("records")[0]


def colleges(people: pd.DataFrame, weights: tuple[str, str, str] = ("0.5", "0.3", "0.2")) -> pd.DataFrame:
    """Return per school and college the counts, the exact shares, score, rank and interval."""
    found = []
    for (school, college), own in people.groupby(PLACE):
        has = own[own["status"] != "missing"]
        first = Fraction(int(has["first_passed"].sum()), max(len(has), 1))
        on_time = Fraction(int(own["on_time"].sum()), len(own))
        rework = Fraction(int((has["again"] | has["returned"]).sum()), max(len(has), 1))
        row = {
            "school": school, "college": college, "registered": len(own), "submitted": len(has),
            "certified": int(own["certified"].sum()), "approved": int((own["status"] == "approved").sum()),
            "first_pass_rate": first, "submitted_on_time": on_time, "rework": rework,
        }  # fmt: skip
        found.append(row | score(row, weights))
    table = pd.DataFrame(found)
    table["rank"] = [1 + sum(round(float(other), 1) > round(float(own), 1) for other in table["score"])
                     for own in table["score"]]  # fmt: skip
    return table


def score(row: dict, weights: tuple[str, str, str]) -> dict:
    """Return score and interval of one college; where nobody submitted only what is on time counts, and that is 0."""
    parts = [Fraction(weight) / sum(map(Fraction, weights)) * 100 for weight in weights]
    if not row["submitted"]:
        return {"score": Fraction(0)}
    earned = (row["first_pass_rate"], row["submitted_on_time"], 1 - row["rework"])
    of = (row["submitted"], row["registered"], row["submitted"])
    low, high = np.array([wilson(share, n) for share, n in zip(earned, of, strict=True)]).T
    points = np.array(parts, dtype=float)
    return {
        "score": sum((p * share for p, share in zip(parts, earned, strict=True)), Fraction(0)),
        "score_low": float(points @ low),
        "score_high": float(points @ high),
    }


def wilson(share: Fraction, n: int) -> tuple[float, float]:
    """Return the two shares from which the observed one is 1.959964 standard deviations away, by their equation."""
    z2, p = 1.959964**2, float(share)
    roots = np.roots([1 + z2 / n, -(2 * p + z2 / n), p * p]).real
    return max(0.0, float(roots.min())), min(1.0, float(roots.max()))


def headcount(people: pd.DataFrame) -> pd.DataFrame:
    """Return per school, college, level and major what the headcount counts, strangers aside."""
    marks = people.assign(
        registered=1, male=people["性别"] == "男", female=people["性别"] == "女",
        submitted=people["status"] != "missing", awaiting=people["status"] == "awaiting",
        approved=people["status"] == "approved", missing=people["status"] == "missing",
    )  # fmt: skip
    numbers = ["registered", "male", "female", "submitted", "certified", "awaiting", "approved", "missing"]
    table = marks.groupby([*PLACE, "学历", "专业"])[numbers].sum().astype(int).reset_index()
    return table.assign(equal=table["approved"] == table["registered"])


def course(people: pd.DataFrame, as_of: str) -> dict[str, tuple[int, int]]:
    """Return by day from the opening how many had submitted and how many were approved by its end."""
    days = [str(day.date()) for day in pd.date_range(OPENS, as_of)]

    def by(column: str, day: str, those: pd.Series) -> int:
        at = people[column].where(people[column] != "", OPENS)
        return int((those & ((at <= day) | (day == as_of))).sum())

    submitted, approved = people["status"] != "missing", people["status"] == "approved"
    return {day: (by("day", day, submitted), by("approved_on", day, approved)) for day in days}


def moves(before: pd.DataFrame, after: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Return how many went from one state to another."""
    both = before[[*_KEY, "status"]].merge(after[[*_KEY, "status"]], on=_KEY, suffixes=("_then", "_now"))
    moved = both[both["status_then"] != both["status_now"]]
    return {(str(then), str(now)): len(own) for (then, now), own in moved.groupby(["status_then", "status_now"])}


def weights_of(summary: Path) -> dict[str, float]:
    """Return the weights that a run's summary names."""
    return json.loads(summary.read_text(encoding="utf-8"))["cohort"]["standing"]
