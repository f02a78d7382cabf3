"""Schools side by side, as a province sees them: what its colleges are to a school, its schools are to a province."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from pipeline.tables import Frame
from pipeline.view.remaining_work import family_counts
from pipeline.view.run_tables import Run
from pipeline.view.signature import ACCEPTED, SIGNED, SigningStep

MOST_SIDE_BY_SIDE = 5
"""Schools whose colleges can still be read side by side; where there are more, schools come first."""
FORMULA = "一次通过按已提交人数、按时提交和得分按在册人数，由各院系的数加权平均。"
_RATES = {"first_pass_rate": "submitted", "submitted_on_time": "registered", "score": "registered"}
"""Each column that is a mean, with the people that it is a mean of."""


def are_many(run: Run) -> bool:
    """Return whether the run's overview shows schools first."""
    return len(run.schools) > MOST_SIDE_BY_SIDE


def school_page(code: str) -> str:
    """Return the file in `site/` of the page of one school's colleges."""
    return f"school-{code}.html"


def school_entries(run: Run, colleges: Frame, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one entry per school with students: name, students per family, step, rates, rank; the most left first.

    Args:
        run: the run.
        colleges: its table of colleges.
        entries: one per college with students, `school`, `extras` and `at` (its `Step`) among the rest.
    """
    if colleges.empty:
        return []
    steps: dict[str, list[SigningStep]] = {}
    extras: Counter[str] = Counter()
    for each in entries:
        steps.setdefault(str(each["school"]), []).append(each["at"])
        extras[str(each["school"])] += int(each["extras"])
    rows = _standing(colleges).to_dict("records")
    schools = [
        {
            **_entry(run, row, _counts(run, str(row["school"])), steps.get(str(row["school"]), [])),
            "extras": extras[str(row["school"])],
        }
        for row in rows
    ]
    return sorted((e for e in schools if e["total"]), key=lambda entry: (-int(entry["left"]), entry["name"]))


def _standing(colleges: Frame) -> Frame:
    """Return the table of colleges added up to schools, ranked."""
    people = {name: pd.to_numeric(colleges[name]).astype("float64") for name in ("registered", "submitted")}
    shares = {name: pd.to_numeric(colleges[name]) * people[of] for name, of in _RATES.items()}
    counts = {**people, "open_findings": pd.to_numeric(colleges["open_findings"])}
    added = pd.DataFrame({"school": colleges["school"], **counts, **shares})
    schools = added.groupby("school", sort=False).sum().reset_index()
    for name, of in _RATES.items():
        schools[name] = (schools[name] / schools[of].where(schools[of] > 0)).fillna(0.0)
    return schools.assign(rank=schools["score"].round(1).rank(method="min", ascending=False).astype("int64"))


def _counts(run: Run, school: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for statuses in run.statuses_of(run.code_of(school)).values():
        for status, number in statuses.items():
            total[status] = total.get(status, 0) + number
    return family_counts(total)


def _entry(run: Run, row: dict[Any, Any], counts: dict[str, int], steps: list[SigningStep]) -> dict[str, Any]:
    code, total = run.code_of(str(row["school"])), sum(counts.values())
    return {
        **row,
        "open_findings": int(row["open_findings"]),
        "name": str(row["school"]),
        "note": "",
        "interval": "",
        "counts": counts,
        "total": total,
        "left": total - counts["done"],
        "href": school_page(code) if run.has_pages(code) else "",
        "step": _step(steps),
    }


def _step(steps: list[SigningStep]) -> str:
    """Return how far a school's colleges are between signature and acceptance."""
    if all(step == ACCEPTED for step in steps):
        return ACCEPTED.word
    signed = sum(step in (SIGNED, ACCEPTED) for step in steps)
    return SIGNED.word if signed == len(steps) else f"签字 {signed}/{len(steps)}"
