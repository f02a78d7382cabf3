"""名单外的提交: submissions of people who stand on no roster, how many and as they say who they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipeline.view.run_tables import Run


@dataclass(frozen=True)
class Extra:
    """One submission of somebody who is not on the roster, as it claims."""

    student_number: str
    name: str
    class_name: str


def college_extras(run: Run, school: str, college: str) -> list[Extra]:
    """Return the submissions that claim a college (`school` is a name) and stand on no row of the roster."""
    if not run.has("differences"):
        return []
    columns = ["kind", "student_number", "name", "submission_id"]
    rows = run.rows("differences", columns=columns, school=school, college=college)
    rows = rows[rows["kind"] == "extra"]
    claimed = run.rows_in(
        "submissions", "submission_id", list(rows["submission_id"]), ["submission_id", "class_name"], school
    )
    classes = dict(zip(claimed["submission_id"], claimed["class_name"], strict=True))
    told = zip(rows["student_number"], rows["name"], rows["submission_id"], strict=True)
    return [Extra(str(number), str(name), str(classes.get(each, ""))) for number, name, each in told]


def count_extras(run: Run, **of: str) -> Counter[tuple[str, str]]:
    """Return the submissions outside the rosters by (school's name, college).

    Args:
        run: the run.
        of: `school` (a name) and `college`, where not all are wanted.
    """
    if not run.has("headcount"):
        return Counter()
    columns = ["school", "college", "extra"]
    rows = run.rows("headcount", columns=columns, **of) if of else run.table("headcount", columns)
    counts: Counter[tuple[str, str]] = Counter()
    for name, college, number in rows[rows["extra"] > 0].itertuples(index=False):
        counts[str(name), str(college)] += int(number)
    return counts
