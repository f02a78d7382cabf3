"""The whole way: what a run makes of a shared sheet equals what it makes of the same rows in a workbook."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cohort import load_cohort
from pipeline.collect.cell_text import all_rows
from pipeline.collect.collected import Grid
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import read_content
from pipeline.tables import STATUSES
from tests.collecting import collect_submissions

from .conftest import KEY
from .model import Book, Sheet
from .standin import Google


def as_sheets(path: Path) -> Book:
    """The workbook's 20 worksheets as a shared sheet, numbers as numbers."""
    return Book("信息采集", sheets=[as_sheet(n, grid) for n, grid in enumerate(_grids(path))])


def _grids(path: Path) -> list[Grid]:
    return read_table_file(read_content(path, path.parent)).grids


def as_sheet(number: int, grid: Grid) -> Sheet:
    values = [list(row) for row in all_rows(grid)]
    for cell in grid.cells:
        if cell.kind == "number":
            values[cell.row][cell.column] = json.loads(cell.raw)
    return Sheet(number, grid.sheet, values, len(values) + 50, len(values[0]))


@pytest.fixture
def shared_sheet(google: Google, sample: Path, tmp_path: Path) -> Path:
    """The sample cohort, its submissions in a shared sheet of 20 worksheets."""
    folder = tmp_path / "online"
    shutil.copytree(sample, folder)
    google.books[KEY] = as_sheets(sample / "submissions" / "submissions.xlsx")
    settings = (folder / "cohort.toml").read_text(encoding="utf-8")
    (folder / "cohort.toml").write_text(settings.replace('"submissions/*"', f'"gsheet:{KEY}"'), encoding="utf-8")
    return folder


def by_content(rows: pd.DataFrame) -> list[tuple]:
    return sorted(map(tuple, rows.drop(columns=["file", "sheet", "row"]).to_numpy().tolist()))


def test_the_same_rows_as_from_the_workbook(google: Google, sample: Path, shared_sheet: Path):
    online = collect_submissions(load_cohort(shared_sheet), None)
    offline = collect_submissions(load_cohort(sample), None)
    assert by_content(online.rows) == by_content(offline.rows)
    assert len(google.reads()) == 2 and google.refused == []
    kinds = [sorted(one.cells["kind"]) for one in (online, offline)]
    assert kinds[0] == kinds[1]


@pytest.mark.slow
def test_run_and_write_back(google: Google, shared_sheet: Path):
    """`mingce check`, then `mingce write-back`: each student of the registry reads the state that the roster says."""
    runner = CliRunner()
    done = runner.invoke(app, ["check", str(shared_sheet), "--as-of", "2016-11-01"])
    assert done.exit_code == 0, done.output
    run = Path(done.stdout.strip().splitlines()[-1])
    told = runner.invoke(app, ["write-back", str(shared_sheet), "--by", "张老师"])
    assert told.exit_code == 0, told.output
    roster = pd.read_parquet(run / "tables" / "roster.parquet")
    values = google.books[KEY].named("认证结果").values
    header = values[0]
    seen = {(row[header.index("学校")], row[header.index("学号")]): row[header.index("状态")] for row in values[1:]}
    expected = {(one.school, one.student_number): STATUSES[one.status] for one in roster.itertuples()}
    assert seen == expected and len(values) == len(roster) + 1
    advice = [row[header.index("需要更正")] for row in values[1:] if row[header.index("状态")] == "待学生更正"]
    assert advice and all(advice)
    registry = pd.concat(
        pd.read_csv(path, dtype="str", keep_default_na=False) for path in (shared_sheet / "registry").glob("*.csv")
    )
    everything = json.dumps(values, ensure_ascii=False)
    numbers = next(column for column in registry if "身份证" in column)
    assert not [number for number in registry[numbers] if number and number in everything]
    names = [name for name in registry[next(column for column in registry if column == "姓名")] if len(name) > 2]
    assert not [name for name in names if name in everything]
