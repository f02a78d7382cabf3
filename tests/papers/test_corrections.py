"""The workbook of corrections goes out, ten cells are mended, it comes back: these ten change and nothing else."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.papers.class_roster import paper_students
from pipeline.papers.corrections import NAME, CorrectionRow, Form, corrections_workbook, rows_to_correct
from pipeline.papers.paper_files import colleges_of
from pipeline.view.run_tables import Run, load_run
from tests.conftest import Ran, run_cohort_of

TOP, FIRST = 4, 5
MENDED = {"phone": "13912345678", "qq": "123456789", "home_address": "桃园路9号8栋707室", "postcode": "410001"}


def sheet_of(path: Path) -> tuple[Any, Any, dict[str, int]]:
    book = openpyxl.load_workbook(path)
    sheet: Any = book["登记表"]
    return book, sheet, {str(cell.value).lstrip("*"): cell.column for cell in sheet[TOP] if cell.value}


def unlocked(sheet: Any, row: int, column: int) -> bool:
    return not sheet.cell(row, column).protection.locked


def with_fixes(faulty: Ran, papers: Path, folder: Path) -> list[Path]:
    """Copy the cohort, with its papers as a source that amends, and return the workbooks."""
    shutil.copytree(faulty.cohort, folder, ignore=shutil.ignore_patterns("reports"))
    text = (folder / "cohort.toml").read_text("utf-8")
    text = text.replace('from = "submissions/*"', 'from = ["submissions/*", { path = "fixes/*", amends = true }]')
    (folder / "cohort.toml").write_text(text, "utf-8")
    (folder / "fixes").mkdir()
    books = sorted(papers.glob(f"*/{NAME}.xlsx"))
    return [Path(shutil.copy(book, folder / "fixes" / f"{at}.xlsx")) for at, book in enumerate(books)]


def changes_by_fixes(folder: Path) -> Any:
    run = load_run(run_cohort_of(folder, date(2016, 10, 20), "check").run)
    changes = run.table("changes")
    return changes[changes["why"].str.startswith("按 fixes/")], run


@pytest.mark.slow
def test_ten_mended_cells_of_two_hundred_rows_are_ten_changes(faulty: Ran, papers: Path, tmp_path: Path):
    books = with_fixes(faulty, papers, tmp_path / "cohort")
    wanted: set[tuple[str, str, str]] = set()
    rows = 0
    for path in books:
        book, sheet, columns = sheet_of(path)
        rows += sheet.max_row - TOP
        for at, (name, value) in enumerate(MENDED.items()):
            if len(wanted) < 10:
                open_ones = [
                    row for row in range(FIRST, sheet.max_row + 1) if unlocked(sheet, row, columns["家庭地址"])
                ]
                row = open_ones[3 * at]
                sheet.cell(row, columns[fields.label(name)]).value = value
                wanted.add((sheet.cell(row, columns["提交编号"]).value, name, value))
        book.save(path)
    assert len(wanted) == 10 and rows >= 200, rows
    made, run = changes_by_fixes(tmp_path / "cohort")
    assert {(name, kept) for _, name, kept in wanted} == set(zip(made["field"], made["kept"], strict=True))
    assert len(made) == 10
    assert set(run.table("submissions")["superseded_by"]) - {""} >= set(made["submission_id"])


def test_the_form_is_the_collection_workbooks(papers: Path):
    for path in papers.glob(f"*/{NAME}.xlsx"):
        _, sheet, columns = sheet_of(path)
        assert list(columns)[1:-1] == [field.label for field in fields.fields().values()]
        lists = {
            str(rule.sqref).split(":")[0].rstrip("0123456789")
            for rule in sheet.data_validations.dataValidation
            if rule.type == "list"
        }
        assert len(lists) > 8 and sheet.protection.sheet
        keys = [columns[name] for name in ("提交编号", "姓名", "提交时间")]
        assert all(sheet.cell(row, at).protection.locked for row in range(FIRST, sheet.max_row + 1) for at in keys)


def test_each_open_finding_is_a_coloured_cell_with_its_advice(run: Run, papers: Path):
    found = run.table("findings")
    for college in colleges_of(run):
        students = paper_students(run, college)
        path = next(papers.glob(f"*-{college.name}/{NAME}.xlsx"))
        _, sheet, columns = sheet_of(path)
        ids = {sheet.cell(row, columns["提交编号"]).value: row for row in range(FIRST, sheet.max_row + 1)}
        approved = set(students.roster["submission_id"][students.roster["status"] == "approved"])
        own = found[(found["school"] == college.school) & (found["college"] == college.name) & ~found["excepted"]]
        own = own[own["actor"].isin(["student", "counselor"]) & own["severity"].isin(["critical", "warning"])]
        own = own[(own["submission_id"] != "") & ~own["submission_id"].isin(approved)]
        assert set(ids) == set(own["submission_id"])
        for submission, field in own[["submission_id", "field"]].itertuples(index=False):
            if field in fields.fields():
                cell = sheet.cell(ids[submission], columns[fields.label(field)])
                assert cell.comment and cell.fill.fgColor.rgb in ("FFF9D3C8", "FFFFF0C2"), (submission, field)
                assert unsaid(own, submission, field, cell.comment.text)


def unsaid(findings: Any, submission: str, field: str, text: str) -> bool:
    """No registry value of two characters or more stands in what is said of a field that breaks no other rule."""
    rows = findings[(findings["submission_id"] == submission) & (findings["field"] == field)]
    told = [str(value) for value in rows["expected"] if len(str(value)) > 1]
    return len(rows) > 1 or not any(value in text for value in told)


@pytest.mark.parametrize(
    ("faults", "open_ones"),
    [
        (("phone",), {"phone"}),
        (("id_number",), {"id_number"}),
        (("id_number", "student_number"), set[str]()),
        (("name",), set[str]()),
    ],
)
def test_who_it_is_stays(faults: tuple[str, ...], open_ones: set[str]):
    row = CorrectionRow("x", "", dict.fromkeys(fields.names(), "1"), dict.fromkeys(faults, ("critical", "")))
    keys = {"id_number", "student_number", "name", "submitted_at"}
    assert {name for name in (*keys, "phone") if row.may_change(name)} == open_ones | {"phone"}


def test_without_a_name_nothing_can_be_read_in_again_and_nothing_is_asked_for():
    row = CorrectionRow("x", "", {**dict.fromkeys(fields.names(), "1"), "name": ""}, {"phone": ("critical", "a")})
    assert not any(map(row.may_change, fields.names())) and "重新提交" in row.to_do


def test_by_mail_it_holds_no_number(run: Run, cohort: Cohort, tmp_path: Path):
    students = paper_students(run, colleges_of(run)[0])
    (tmp_path / "a.xlsx").write_bytes(
        corrections_workbook(rows_to_correct(students), "", Form.for_cohort(cohort), masked=True)
    )
    _, sheet, columns = sheet_of(tmp_path / "a.xlsx")
    for row in range(FIRST, sheet.max_row + 1):
        assert not any(sheet.cell(row, columns[name]).value for name in ("身份证号码", "个人联系电话", "家庭联系电话"))
        text = "；".join(f"{cell.value or ''}{cell.comment.text if cell.comment else ''}" for cell in sheet[row])
        assert not re.search(r"[0-9]{17}[0-9X]", text)


def test_rows_are_of_one_college_alone(run: Run):
    ids = [{row.submission_id for row in rows_to_correct(paper_students(run, college))} for college in colleges_of(run)]
    assert sum(map(len, ids)) == len(set().union(*ids))
