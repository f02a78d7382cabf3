"""Changes of students: status since the previous run; registry since its last change and since last year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pipeline.errors import InputError
from pipeline.match.membership import ANOTHER_YEAR
from pipeline.states import family_of, states
from pipeline.tables import Frame
from pipeline.view.run_tables import Run, load_run

_KEY = ["school", "student_number"]
COMPARED = ["school", "college", "student_number", "name", "status"]
"""The columns of both rosters that `moves` compares."""
ABSENT = "学籍库里没有"
_OUTPUT = ["since", "school", "student_number", "name", "before", "now"]
_COLUMNS = [*_KEY, "id_number", "name", "college", "class_name", "graduation_month", "outside"]
_MAX_RUNS = 60  # runs: a season's nights


@dataclass(frozen=True)
class Move:
    """Students with the same change of state (blank: not on the roster). Those who left keep old college and name."""

    before: str
    after: str
    people: Frame

    @property
    def count(self) -> int:
        """The number of students."""
        return len(self.people)

    @property
    def words(self) -> tuple[str, str]:
        """Both states in Chinese."""
        by_name = states()
        before = by_name[self.before].word if self.before else "不在册"
        return before, by_name[self.after].word if self.after else "不再在册"

    @property
    def families(self) -> tuple[str, str]:
        """Both states' families; blank for none."""
        return family_of(self.before), family_of(self.after)

    def by_college(self) -> list[tuple[str, str, int]]:
        """Return school, college and number of students, the most first."""
        counts = self.people.groupby(["school", "college"]).size().sort_values(ascending=False, kind="stable")
        return [(str(school), str(college), int(n)) for (school, college), n in counts.items()]  # pyright: ignore[reportGeneralTypeIssues]


def moves(now: Frame, old: Frame) -> list[Move]:
    """Return the changes between two rosters (columns `COMPARED`), the most students first."""
    joined = _numbered(old).merge(_numbered(now), on=[*_KEY, "nth"], how="outer", suffixes=("_old", "_new")).fillna("")
    moved = joined[joined["status_old"] != joined["status_new"]]
    found: list[Move] = []
    for (before, after), group in moved.groupby(["status_old", "status_new"]):
        side = "new" if after else "old"
        people = group[["school", f"college_{side}", "student_number", f"name_{side}"]]
        found.append(Move(str(before), str(after), people.set_axis(COMPARED[:-1], axis=1)))
    return sorted(found, key=lambda move: -move.count)


def _numbered(roster: Frame) -> Frame:
    """Return students with `nth`, because the registry may give two people one student number."""
    compared = roster[COMPARED]
    return compared.assign(nth=compared.groupby(["school", "student_number"]).cumcount())


def registry_changes(run: Run, school: str = "") -> Frame:
    """Return registry changes since the last run with other places, and since last year's cohort.

    `school` is a name (blank: all). Columns: `since` (the compared data), `school`, `student_number`, `name`, and the
    places `before` and `now` in Chinese.
    """
    now = _registry(run, school)
    parts = [*_since_last_export(run, now, school), *_since_last_year(run, now, school)]
    return pd.concat(parts, ignore_index=True)[_OUTPUT] if parts else pd.DataFrame(columns=pd.Index(_OUTPUT))


def _registry(run: Run, school: str) -> Frame:
    """Return a run's registry rows with `place` in Chinese; empty when they were purged."""
    try:
        rows = run.rows("registry", columns=_COLUMNS, school=school) if school else run.table("registry", _COLUMNS)
    except (InputError, ValueError):  # purged, damaged, or of a version without `outside`
        return pd.DataFrame(columns=pd.Index([*_COLUMNS, "place"]), dtype="str")
    inside = rows["college"] + " " + rows["class_name"]
    place = inside.where(rows["outside"] == "", "不在本届（" + rows["outside"] + "）")
    return rows.assign(place=place).drop_duplicates(_KEY)


def _since_last_export(run: Run, now: Frame, school: str) -> Iterator[Frame]:
    """Yield changes since the newest earlier run with any change, for schools that both runs read."""
    earlier = run
    for _ in range(_MAX_RUNS):
        if (earlier := earlier.previous) is None:
            return
        if run.same_table("registry", earlier):  # as after most nights
            continue
        before = _registry(earlier, school)
        schools = set(before["school"]) & set(now["school"])  # an unreadable registry shows no change
        places = _compare_places(*(rows[rows["school"].isin(list(schools))] for rows in (before, now)))
        moved = places[places["before"] != places["now"]]
        if not moved.empty:
            yield moved.assign(since=f"{earlier.as_of} 的学籍库")
            return


def _since_last_year(run: Run, now: Frame, school: str) -> Iterator[Frame]:
    """Yield changes since last year's cohort, except students who are of another year in both or join as expected."""
    if not (year_before := run.summary.get("year_before")):
        return
    try:
        earlier = load_run(year_before.get("run", ""))
    except InputError:  # its folder was moved or purged
        return
    registry = _registry(earlier, school)
    year = str(run.summary["cohort"]["year"])
    expected = (registry["outside"] == ANOTHER_YEAR) & (registry["graduation_month"].str.slice(0, 4) == year)
    members, postponed = registry[registry["outside"] != ANOTHER_YEAR], registry[expected]
    stayed = _compare_places(members, now[now["outside"] != ANOTHER_YEAR])
    stayed = stayed[(stayed["before"] != ABSENT) & (stayed["now"] != ABSENT)]
    removed = _compare_places(postponed, now)
    removed = removed[removed["now"].str.startswith(("不在本届", ABSENT))]
    moved = pd.concat([stayed, removed], ignore_index=True)
    if not moved.empty:
        yield moved.assign(since=earlier.cohort)


def _compare_places(before: Frame, now: Frame) -> Frame:
    """Return every student of both sides with places `before` and `now`, matched across a changed number."""
    from pipeline.collect.school_tables import renumbered  # takes a second, and few pages ask for it

    renumbered_rows = renumbered(before, now)[[*_KEY, "name", "place"]].drop_duplicates(_KEY)
    joined = renumbered_rows.merge(now[[*_KEY, "name", "place"]], on=_KEY, how="outer", suffixes=("_then", ""))
    name = joined["name"].fillna(joined["name_then"])
    places = {"before": joined["place_then"].fillna(ABSENT), "now": joined["place"].fillna(ABSENT)}
    return joined.assign(name=name, **places)[[*_KEY, "name", "before", "now"]]
