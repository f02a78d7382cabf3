"""LibreOffice opens each workbook of the papers, and what it saves again holds the same cells."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pipeline.cohort import Cohort
from pipeline.collect.cell_text import all_rows
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import read_content
from pipeline.papers.paper_files import PaperRequest, colleges_of, write_papers
from pipeline.review.decision_rows import write_sheet
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import build_snapshot, load_tables
from pipeline.view.run_tables import Run
from tests.render.pages_support import program


def cells(path: Path) -> dict[str, list[list[str]]]:
    """The sheets of a workbook as mingce reads them, without blank ends."""
    reading = read_table_file(read_content(path, path.parent))
    grids = {grid.sheet: [[cell.strip() for cell in row] for row in all_rows(grid)] for grid in reading.grids}
    return {name: [row for row in rows if any(row)] for name, rows in grids.items()}


@pytest.mark.office
@pytest.mark.slow
def test_each_workbook_is_saved_again_as_it_was(cohort: Cohort, run: Run, tmp_path: Path):
    office = program("soffice", "libreoffice")
    college = colleges_of(run)[0]
    made = write_papers(cohort, run, PaperRequest(("errata", "corrections", "results"), (college,))).files
    with open_ledger(cohort) as ledger:
        desk = build_snapshot(load_tables(cohort, run.path), ledger.entries(), run.as_of)
    books = [*made, write_sheet(tmp_path / "审核.xlsx", desk, college)]
    books = [path for path in books if path.suffix == ".xlsx"]
    assert {path.stem.rpartition("-")[2] for path in books} >= {"问题表", "核对结果", "学籍勘误汇总表", "审核"}
    command = [office, f"-env:UserInstallation={(tmp_path / 'user').as_uri()}", "--headless", "--convert-to", "xlsx"]
    subprocess.run([*command, "--outdir", tmp_path / "again", *books], check=True, capture_output=True, timeout=240)
    for path in books:
        again = tmp_path / "again" / path.name
        assert cells(again) == cells(path), path.name
        before: Any = openpyxl.load_workbook(path)
        after: Any = openpyxl.load_workbook(again)
        for one, other in zip(before, after, strict=True):
            assert one.protection.sheet == other.protection.sheet
            assert len(one.data_validations.dataValidation) == len(other.data_validations.dataValidation), path.name
