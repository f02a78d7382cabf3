"""The overview of all colleges, or of all schools in a province."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

import pandas as pd

from pipeline.review.standing import SMALL_COLLEGE
from pipeline.tables import Frame, empty
from pipeline.view.people import count_extras
from pipeline.view.remaining_work import Course, course_of, family_counts, group_name, pace, pace_sentence
from pipeline.view.run_tables import Run, college_folder, school_page
from pipeline.view.signature import ACCEPTED, SIGNED, signature_of

LISTING_ROWS = 400
"""The most rows of a listing. The tables have all of them."""
_GATES = {"registered": "在册", "submitted": "提交", "certified": "认证", "approved": "通过"}
_RATES = {"first_pass_rate": "submitted", "submitted_on_time": "registered", "score": "registered"}
"""The columns that are means, each with the column of counts that weights it."""


@dataclass(frozen=True)
class Overview:
    """A run with its table of colleges, of all schools or of the one whose code is `school`."""

    run: Run
    colleges: Frame
    school: str = ""

    @cached_property
    def statuses(self) -> dict[str, int]:
        """Students per status."""
        return _sum_statuses(self.run.statuses_of(self.school) if self.school else self.run.statuses)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Students per family of states."""
        return family_counts(self.statuses)

    @property
    def total(self) -> int:
        """The number of students."""
        return sum(self.statuses.values())

    @cached_property
    def trend(self) -> Course:
        """Submissions and approvals by day."""
        run = self.run
        return course_of(run.of_school("course", self.school), self.total, run.as_of, run.window)

    @property
    def headline(self) -> str:
        """The pace and its forecast in a sentence; blank when the run has no table `course`."""
        if not self.run.has("course"):
            return ""
        verdict, sentence = pace(self.trend).verdict, pace_sentence(self.trend)
        return f"{verdict}。{sentence}" if verdict else sentence

    @cached_property
    def gates(self) -> list[tuple[str, int]]:
        """The number of students past each gate, from the registry to the signature."""
        signed = sum(int(entry["total"]) for entry in self.entries if entry["at"] in (SIGNED, ACCEPTED))
        return [*((word, int(self.colleges[name].sum())) for name, word in _GATES.items()), ("签字", signed)]

    @property
    def several_schools(self) -> bool:
        """Whether the page covers more than one school."""
        return not self.school and len(self.run.schools) > 1

    @property
    def by_school(self) -> bool:
        """Whether the page lists schools instead of colleges."""
        return not self.school and self.run.many_schools

    @property
    def unit(self) -> str:
        """The Chinese word for a row of the page."""
        return "学校" if self.by_school else "院系"

    @cached_property
    def units(self) -> list[dict[str, Any]]:
        """One entry per school or college, the most unapproved first."""
        if not self.by_school:
            return self.entries
        colleges: dict[str, list[dict[str, Any]]] = {}
        for entry in self.entries:
            colleges.setdefault(str(entry["school"]), []).append(entry)
        rows = _school_rows(self.colleges).to_dict("records")
        schools = [self._school(row, colleges.get(str(row["school"]), [])) for row in rows]
        return sorted((e for e in schools if e["total"]), key=lambda entry: (-int(entry["left"]), entry["name"]))

    @cached_property
    def extras(self) -> Counter[tuple[str, str]]:
        """Submissions outside the rosters by school and college, also of colleges without students."""
        return count_extras(self.run, self.school)

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """One entry per college: name, students per family, step, rank; the most unapproved first."""
        entries = [self._college(row) for row in self.colleges.to_dict("records")]
        return sorted((e for e in entries if e["total"]), key=lambda entry: (-int(entry["left"]), entry["college"]))

    @cached_property
    def registry_problems(self) -> tuple[Counter[str], Frame]:
        """The number of problems of registry rows by school, and the first rows of `registry_findings`."""
        problems, first = Counter[str](), empty("registry_findings")
        schools = [self.run.school_name(self.school)] if self.school else []
        for rows in self.run.batches("registry_findings", schools) if self.run.has("registry_findings") else ():
            problems.update(rows["school"])
            first = pd.concat([first, rows.head(LISTING_ROWS - len(first))], ignore_index=True)
        return problems, first

    def _entry(
        self, row: dict[Any, Any], name: str, statuses: dict[str, int], extras: int, note: str, href: str
    ) -> dict[str, Any]:
        counts = family_counts(statuses)
        total = sum(counts.values())
        left = total - counts["done"]
        numbers = {"counts": counts, "total": total, "extras": extras, "left": left, "href": href}
        return {**row, "name": name, "note": note, "interval": "", **numbers}

    def _college(self, row: dict[Any, Any]) -> dict[str, Any]:
        school, college = str(row["school"]), str(row["college"])
        code = self.run.code_of(school)
        href = f"{quote(college_folder(code, college))}/dashboard.html" if self.run.has_pages(code) else ""
        statuses, extras = self.run.statuses_of(code).get(college, {}), self.extras[school, college]
        name, note = group_name(college, "college"), school if self.several_schools else ""
        entry = self._entry(row, name, statuses, extras, note, href)
        if int(row["submitted"]) < SMALL_COLLEGE:
            entry["interval"] = f"{row['score_low']:.0f}–{row['score_high']:.0f}"
        step = signature_of(self.run, row).step(entry["left"], extras)
        return {**entry, "at": step, "step": step.word}

    def _school(self, row: dict[Any, Any], colleges: list[dict[str, Any]]) -> dict[str, Any]:
        name = str(row["school"])
        code = self.run.code_of(name)
        href = school_page(code) if self.run.has_pages(code) else ""
        extras = sum(int(entry["extras"]) for entry in colleges)
        entry = self._entry(row, name, _sum_statuses(self.run.statuses_of(code)), extras, "", href)
        signed = sum(entry["at"] in (SIGNED, ACCEPTED) for entry in colleges)
        step = SIGNED.word if signed == len(colleges) else f"签字 {signed}/{len(colleges)}"
        if all(college["at"] == ACCEPTED for college in colleges):
            step = ACCEPTED.word
        return {**entry, "open_findings": int(row["open_findings"]), "step": step}


def _sum_statuses(statuses: dict[str, dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counts in statuses.values():
        total.update(counts)
    return dict(total)


def _school_rows(colleges: Frame) -> Frame:
    """Return the table of colleges summed up by school, with rates weighted by students, and ranked."""
    people = {name: pd.to_numeric(colleges[name]).astype("float64") for name in ("registered", "submitted")}
    weighted = {name: pd.to_numeric(colleges[name]) * people[base] for name, base in _RATES.items()}
    counts = {**people, "open_findings": pd.to_numeric(colleges["open_findings"])}
    table = pd.DataFrame({"school": colleges["school"], **counts, **weighted})
    schools = table.groupby("school", sort=False).sum().reset_index()
    for name, of in _RATES.items():
        schools[name] = (schools[name] / schools[of].where(schools[of] > 0)).fillna(0.0)
    return schools.assign(rank=schools["score"].round(1).rank(method="min", ascending=False).astype("int64"))
