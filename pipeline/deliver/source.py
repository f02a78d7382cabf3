"""A complete run, loaded for sending. No mail is sent about a college whose page or input is incomplete."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.cohort import Cohort
from pipeline.cohort_sections import School, Window
from pipeline.deliver.recipients import SCOPES, Key, Recipient
from pipeline.errors import RefusedError
from pipeline.papers.errata import KIND as ERRATA_KIND
from pipeline.papers.errata import REPORTED, Erratum, errata_of
from pipeline.review.decisions import standing_decisions
from pipeline.review.ledger import open_ledger
from pipeline.review.scope_decisions import YEARS
from pipeline.run_folder import is_full_run, latest_folder, read_summary, unread_of
from pipeline.summary import YEARS_REMEDY, with_answers, year_questions
from pipeline.tables import POSITION
from pipeline.view.people import People
from pipeline.view.run_tables import Run, college_folder, token

_Grouped = tuple[pd.DataFrame, Any]
"""A table, and its row positions by class or college."""


@dataclass(frozen=True)
class MailSource:
    """The tables of a complete run, and the colleges about which no mail may be sent."""

    run: Run
    schools: tuple[School, ...]
    roster: pd.DataFrame
    findings: pd.DataFrame
    submissions: pd.DataFrame
    colleges: pd.DataFrame
    counselors: pd.DataFrame
    college_people: pd.DataFrame
    course: pd.DataFrame
    window: Window
    broken_pages: dict[Key, str] = field(default_factory=dict[Key, str])
    """(school, college) to the reason why its pages may not be sent."""
    unread: dict[Key, str] = field(default_factory=dict[Key, str])
    """(school, college) to the input that was not read. Neither staff nor students get a mail about it."""
    extras: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=SCOPES["counselor"]))
    """Submissions of people outside the rosters: the `school`, `college` and `class_name` of each."""
    reports: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The ledger's entries on errata."""
    decisions: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The ledger's entries of decisions."""

    def people(self, recipient: Recipient) -> People:
        """Return the view of a counselor's classes, or of a secretary's colleges."""
        tables = self._by_scope[recipient.kind]
        roster, findings, course, extras = (_rows_of(table, recipient.scope) for table in tables)
        roster, as_of = roster.reset_index(drop=True), self.run.as_of
        return People(roster, findings, course, as_of, self.window, len(extras), self.returned)

    @cached_property
    def _by_scope(self) -> dict[str, list[_Grouped]]:
        parts = (self.roster, self.findings, self.course, self.extras)
        return {kind: [(part, part.groupby(key, sort=False).indices) for part in parts] for kind, key in SCOPES.items()}

    @cached_property
    def unread_students(self) -> dict[Key, str]:
        """The reason by (school, student number), for students of `unread` colleges."""
        rows = self.roster[["school", "college", "student_number"]].astype(str).itertuples(index=False, name=None)
        return {(school, number): self.unread[school, college] for school, college, number in rows
                if (school, college) in self.unread}  # fmt: skip

    @cached_property
    def returned(self) -> dict[tuple[str, str], str]:
        """(school, student number) to the reason that was given when the submission was returned."""
        names, standing = {school.code: school.name for school in self.schools}, standing_decisions(self.decisions)
        returned = standing[(standing["decision"] == "returned") & (standing["why"] != "")]
        columns = zip(returned["school_code"], returned["student_number"], returned["why"], strict=True)
        return {(names.get(str(code), ""), str(number)): str(why) for code, number, why in columns}

    @cached_property
    def errata(self) -> dict[str, list[Erratum]]:
        """The errata by school name, if a registrar or student is informed. Schools with unread registry have none."""
        any_reported = bool((self.reports["action"] == REPORTED).any())
        unread = {key[0] for key, why in self.unread.items() if "学籍库" in why}
        schools = [school for school in self.schools if any_reported or school.registrar]
        return {each.name: errata_of(self.run, each, self.reports) for each in schools if each.name not in unread}


def _rows_of(grouped: _Grouped, scope: Iterable[Key]) -> pd.DataFrame:
    frame, rows = grouped
    positions = [rows[key] for key in scope if key in rows]
    return frame.iloc[np.sort(np.concatenate(positions))] if positions else frame.iloc[:0]


def run_to_send(cohort: Cohort) -> Path:
    """Return the newest complete run of all colleges (`latest.txt`). Raise `RefusedError` if there is none."""
    run = latest_folder(cohort.reports_folder)
    if run is None or not (run / "summary.json").is_file():
        raise RefusedError(
            "还没有一次完整的运行", where=cohort.name, remedy="请先执行 mingce run，全部院系完成后再寄送"
        )
    return run


def open_run(cohort: Cohort, folder: Path | None = None) -> MailSource:
    """Open a run folder (None: that of `run_to_send`) for sending.

    Raises RefusedError if it is a check or not of all colleges and rules, or a question on other years is open.
    """
    folder = folder or run_to_send(cohort)
    summary = read_summary(folder)
    if summary is None:
        raise RefusedError("运行摘要 summary.json 读不出", where=folder.name, remedy="请重新执行 mingce run")
    if not is_full_run(summary) or summary.get("command", "run") != "run":
        raise RefusedError(
            "这次运行不完整，不能据此寄送", where=folder.name, remedy="请重新执行 mingce run，全部院系完成后再寄送"
        )
    run = Run(folder.resolve(), summary)
    columns = ["submission_id", "school", "class_name", "student_number", "name", "submitted_at", "email", *POSITION]
    names = ("roster", "findings", "colleges", "counselors", "college_people", "course")
    tables = {name: run.table(name) for name in names} | {"submissions": run.table("submissions", columns)}
    colleges = list(tables["roster"][["school", "college"]].drop_duplicates().itertuples(index=False, name=None))
    unread = {key: unread_of(summary, cohort.code_of(key[0]), key[1]) for key in colleges}
    with open_ledger(cohort) as ledger:
        questions = year_questions(with_answers(summary, ledger.entries(YEARS)))
        decisions, reports = ledger.entries("decision"), ledger.entries(ERRATA_KIND)
    if questions:
        lines = [line.removesuffix(YEARS_REMEDY) for line in questions]
        raise RefusedError("；".join(lines), where=folder.name, remedy=YEARS_REMEDY)
    return MailSource(
        run,
        cohort.schools,
        **tables,
        window=cohort.window,
        broken_pages=_incomplete_pages(run, colleges),
        unread={key: f"：这次运行{reason}" for key, reason in unread.items() if reason},
        decisions=decisions,
        extras=_extras(run, tables["submissions"]),
        reports=reports,
    )


def _extras(run: Run, submissions: pd.DataFrame) -> pd.DataFrame:
    if not run.has("differences"):
        return pd.DataFrame(columns=SCOPES["counselor"])
    differences = run.table("differences", ["school", "college", "kind", "submission_id"])
    extras = differences[differences["kind"] == "extra"]
    classes = submissions[["submission_id", "class_name"]].drop_duplicates("submission_id")
    return extras.merge(classes, on="submission_id", how="left").fillna("")[SCOPES["counselor"]]


def _incomplete_pages(run: Run, colleges: list[tuple[str, str]]) -> dict[Key, str]:
    """Return the colleges whose page is missing, incomplete, failed, or another college's, with the reason."""
    tokens = {key: token(run.run_id, run.code_of(key[0]), key[1]) for key in colleges}
    broken: dict[Key, str] = {}
    for key in colleges:
        page = site_folder(run, *key) / "dashboard.html"
        marks = set(_MARK.findall(page.read_text(encoding="utf-8", errors="replace"))) if page.is_file() else set()
        if not page_complete(page) or not marks:
            broken[key] = "没有完整的页面"
        elif marks & ({*tokens.values()} - {tokens[key]}):
            broken[key] = "的页面属于别的院系"
    return broken


_MARK = re.compile(r'data-college(?:" content)?="([0-9a-f]+)"')


def site_folder(run: Run, school: str, college: str) -> Path:
    """Return a college's folder of pages, `site/<school code>-<college>`. `school` is a name."""
    return run.path / "site" / college_folder(run.code_of(school), college)


def page_complete(page: Path) -> bool:
    """Return whether an HTML page exists and was written to its end."""
    try:
        with page.open("rb") as file:
            file.seek(max(0, page.stat().st_size - 200))
            return b"</html>" in file.read().lower()
    except OSError:
        return False
