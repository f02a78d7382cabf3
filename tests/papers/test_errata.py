"""The registrar's list: what stands on it, since when, what students read, what a new export settles."""

from __future__ import annotations

import io
import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from pipeline import fields
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort, load_cohort
from pipeline.deliver.send import SendOptions, send_due
from pipeline.papers.errata import (
    DIFFERENT,
    FIXED,
    KIND,
    LISTED,
    MISSING,
    REPORTED,
    SAME,
    Erratum,
    errata_of,
    errata_workbook,
    outcomes,
    record_errata,
    reported_students,
)
from pipeline.papers.paper_files import PaperRequest, write_papers
from pipeline.review.ledger import Ledger, open_ledger
from pipeline.view.answers import ADVICE, NUMBER, answer_rows
from pipeline.view.run_tables import Run, load_run
from tests.conftest import Ran
from tests.deliver.season import FakeClock


@pytest.fixture
def own(faulty: Ran, tmp_path: Path) -> Cohort:
    """A copy of the cohort with its run, and a registrar."""
    shutil.copytree(faulty.cohort, tmp_path / "cohort")
    text = (tmp_path / "cohort" / "cohort.toml").read_text("utf-8")
    text = text.replace("registry =", 'registrar = "jwc@example.edu.cn"\nregistry =', 1)
    (tmp_path / "cohort" / "cohort.toml").write_text(text, "utf-8")
    return load_cohort(tmp_path / "cohort")


def run_of(cohort: Cohort) -> Run:
    return load_run(next((cohort.reports_folder / "runs").iterdir()))


def errata(cohort: Cohort, ledger: Ledger | None = None) -> list[Erratum]:
    if ledger:
        return errata_of(run_of(cohort), cohort.schools[0], ledger.entries(KIND))
    with open_ledger(cohort) as opened:
        return errata_of(run_of(cohort), cohort.schools[0], opened.entries(KIND))


def test_every_fault_of_the_registry_stands_on_it_once_sorted_by_field(own: Cohort):
    rows, run = errata(own), run_of(own)
    faults = run.table("registry_findings")
    faults = faults[faults["severity"] != "info"]
    asked = run.table("findings")
    asked = asked[(asked["actor"] == "registrar") & ~asked["excepted"] & (asked["severity"] != "info")]
    wanted = {*zip(faults["student_number"], faults["field"], strict=True)}
    wanted |= {*zip(asked["student_number"], asked["field"], strict=True)}
    assert {(row.student_number, row.field) for row in rows} == wanted and len(rows) == len(wanted) > 3
    order = {name: at for at, name in enumerate(fields.registry_columns())}
    assert [order[row.field] for row in rows] == sorted(order[row.field] for row in rows)
    registry = run.table("registry").set_index("student_number", drop=False)
    assert all(row.registered == registry.loc[row.student_number, row.field] for row in rows)
    assert all(row.proof and row.message and row.since for row in rows)


def test_the_workbook_has_a_line_for_each_as_text(own: Cohort):
    rows = errata(own)
    book = errata_workbook(rows, own, own.schools[0], date(2016, 10, 20))
    sheet: Any = openpyxl.load_workbook(io.BytesIO(book)).active
    cells = [[cell.value for cell in line] for line in sheet.iter_rows(min_row=5)]
    assert [line[2] for line in cells] == [row.student_number for row in rows]
    assert [line[6] for line in cells] == [row.registered or "（空白）" for row in rows]
    assert all(isinstance(value, str | None) for line in cells for value in line)


def test_the_ledger_remembers_the_first_day_and_no_value(own: Cohort):
    fault = next(row for row in errata(own) if not row.awaited)
    for day in (12, 14):
        with open_ledger(own, lambda day=day: datetime(2016, 10, day, tzinfo=SHANGHAI)) as ledger:
            record_errata(ledger, [fault], LISTED, by="x")
    with open_ledger(own) as ledger:
        entries = ledger.entries(KIND)
        assert len(entries) == 1 and fault.registered not in "".join(entries["data"])
        (again,) = [row for row in errata(own, ledger) if row.key == fault.key]
    assert again.since == "2016-10-12" and not again.reported


def test_send_mails_it_once_and_students_read_since_when(own: Cohort):
    run = run_of(own)
    (own.reports_folder / "latest.txt").write_text(run.run_id)
    summary = (run.path / "summary.json").read_text("utf-8").replace('"command": "check"', '"command": "run"')
    (run.path / "summary.json").write_text(summary, "utf-8")
    clock = FakeClock(datetime(2016, 10, 12, 8, tzinfo=SHANGHAI)).clock
    sent = [send_due(own, SendOptions(), clock, pages=lambda *_: lambda _: ()) for _ in range(2)]
    first, second = ([one for one in each.results if one.recipient.kind == "registrar"] for each in sent)
    assert [one.action for one in first] == ["written"] and [one.action for one in second] == ["skipped"]
    waiting = [row for row in errata(own) if row.awaited]
    assert waiting and {row.reported for row in errata(own)} == {"2016-10-12"}
    told = answer_rows(run.path, reported_students(own, run)).set_index(NUMBER)[ADVICE]
    assert all("等教务更正，已上报 10月12日" in told[row.student_number] for row in waiting)
    assert "已上报" not in "".join(told.drop([row.student_number for row in waiting]))


def test_who_carries_it_there_is_written_down(faulty: Ran, tmp_path: Path):
    """A school without an address: whoever makes the paper with --by hands it over."""
    shutil.copytree(faulty.cohort, tmp_path / "cohort")
    cohort = load_cohort(tmp_path / "cohort")
    write_papers(cohort, run_of(cohort), PaperRequest(("errata",), by="江老师"))
    with open_ledger(cohort) as ledger:
        entries = ledger.entries(KIND)
    assert list(entries["action"]) == [LISTED, REPORTED] and entries["by"].iloc[1] == "江老师"


def test_a_new_export_settles_what_it_has_right(own: Cohort):
    rows = [row for row in errata(own) if row.field == "id_number" and row.submitted][:3]
    export = run_of(own).table("registry")[fields.in_registry()].astype("str")
    export = export.drop_duplicates("student_number").set_index("student_number", drop=False)
    export.loc[rows[0].student_number, "id_number"] = rows[0].submitted
    export.loc[rows[1].student_number, "id_number"] = "430302199503149018"
    gone = export.drop(rows[2].student_number).reset_index(drop=True)
    found = {row.key: outcome for row, outcome in outcomes(own, run_of(own).path, gone)}
    assert [found[row.key] for row in rows] == [FIXED, DIFFERENT, MISSING]
    others = pd.Series({key: outcome for key, outcome in found.items() if key not in {row.key for row in rows}})
    gone_too = others.index.str.contains(f"/{rows[2].student_number}/")
    assert set(others[~gone_too]) <= {SAME, "没有比较"}
