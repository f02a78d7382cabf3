"""Reading: what stood in the sheet, within the quota, while students edit it."""

import hashlib
import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline import fields
from pipeline.collect.google import read as sheets
from pipeline.collect.google.http_client import RetryPolicy
from pipeline.collect.google.tabs import texts_of
from pipeline.collect.rows import rows_of_grid
from pipeline.errors import ConfigurationError, InputError
from pipeline.review.decision_rows import read_decision_rows
from tests.collecting import collect_submissions

from .conftest import KEY, make_cohort
from .model import Book, Sheet, Shown
from .standin import Fault, Google

SOURCE = f"gsheet:{KEY}"
HEADER = ["提交时间", "学号", "姓名", "班级", "身份证号码"]


def read_sheet(*given, patience: RetryPolicy):
    reading = sheets.read_sheet(*given, retry=patience)
    return reading.grids, reading.inputs, reading.notes


def student(number: int, school_class: str) -> list[str]:
    """A row whose cells all tell its number, so that a mixed row shows."""
    return [f"2016/9/25 10:{number % 60:02}:00", f"13{number:08}", f"学生{number}", school_class, f"430302{number:012}"]


def whole(row: list[str]) -> bool:
    number = int(row[1][2:])
    return row[2] == f"学生{number}" and row[4] == f"430302{number:012}"


def classes(count: int, size: int, rows: int = 1000, columns: int = 26) -> Book:
    sheets = [
        Sheet(
            n + 10, f"{n + 1}班", [HEADER, *(student(n * 1000 + i, f"{n + 1}班") for i in range(size))], rows, columns
        )
        for n in range(count)
    ]
    return Book("2017届信息采集", sheets=sheets)


def rows_of(grids) -> list[list[str]]:
    return [row for grid in grids for row in grid.values if len(row) > 4 and row[1].startswith("13")]


def test_cells_come_as_typed(google: Google, cohort, patience: RetryPolicy, tmp_path: Path):
    values = [
        ["学号", "身份证号码", "毕业年份", "是否师范生", "邮政编码", "填写时间"],
        [1305030101, 430302199503141896, 2017.1, True, "411201", Shown(42638.4375, "2016/9/25 10:30:00", True)],
        [],
        ["1305030102", "43030219950314152X", "2017.06", "#N/A", "", "=1+1"],
    ]
    google.books[KEY] = Book(sheets=[Sheet(0, "全部", values), Sheet(5, "空"), Sheet(6, "认证结果", [["学号"], ["1"]])])
    grids, inputs, notes = read_sheet(SOURCE, cohort, tmp_path / "inputs", patience=patience)
    (grid,) = grids
    assert grid.sheet == "全部"
    assert grid.values[1] == [
        "1305030101", "4.30302199503141E+17", "2017.1", "TRUE", "411201", "2016/9/25 10:30:00"
    ]  # fmt: skip
    assert grid.values[2] == [""] * 6
    assert grid.values[3] == ["1305030102", "43030219950314152X", "2017.06", "#N/A", "", "=1+1"]
    assert {(cell.row, cell.column, cell.kind) for cell in grid.cells} == {
        (1, 0, "number"), (1, 1, "number"), (1, 2, "number"), (1, 3, "boolean"), (3, 3, "error")
    }  # fmt: skip
    kept = (tmp_path / "inputs" / inputs[0].sha256).read_bytes()
    assert hashlib.sha256(kept).hexdigest() == inputs[0].sha256
    assert json.loads(kept)["sheets"][0]["values"][1][0] == 1305030101
    assert any("空" in note.message and note.sheet == "空" for note in notes)
    assert google.hosts <= {"sheets.googleapis.com", "oauth2.googleapis.com", "iamcredentials.googleapis.com"}
    assert google.refused == []
    assert set(google.tokens.values()) == {"https://www.googleapis.com/auth/spreadsheets.readonly"}


def test_dates_of_another_locale_are_explicit(google: Google, cohort, patience):
    values = [
        ["学号", "填写时间", "毕业年份"],
        ["1305030101", Shown(42618.4375, "9/5/2016 10:30:00", True), "2017.06"],
        ["1305030102", "9/6/2016", "2017.06"],
    ]
    google.books[KEY] = Book(locale="en_US", sheets=[Sheet(0, "Sheet1", values)])
    grids, _, _ = read_sheet(SOURCE, cohort, None, patience=patience)
    assert [row[1] for row in grids[0].values] == ["填写时间", "2016-09-05 10:30:00", "9/6/2016"]
    assert [(cell.row, cell.kind) for cell in grids[0].cells] == [(1, "date")]


@pytest.mark.parametrize("edits", [1, 2, 99])
def test_a_second_look_at_a_moving_sheet(google: Google, cohort, patience, edits: int):
    """Rows inserted between reading and looking again: each date stays with its student."""

    def row(n: int) -> list:
        return [f"13{n:08}", Shown(42618.0 + n, f"9/{n % 28 + 1}/2016", True)]

    google.books[KEY] = book = Book(
        locale="en_US",
        sheets=[Sheet(k, f"{k}班", [["学号", "填写时间"], *(row(k * 100 + n) for n in range(20))]) for k in range(3)],
    )
    fresh = iter(range(900, 2000))
    left = iter(range(edits))

    def insert(call) -> None:
        if next(left, None) is not None:
            book.sheets[call.size % 3].values.insert(1, row(next(fresh)))
            book.sheets[1].values.insert(3, row(next(fresh)))

    google.on("after", "batchGet", insert)
    grids, _, notes = read_sheet(SOURCE, cohort, None, patience=patience)
    for number, shown in (line for grid in grids for line in grid.values[1:]):
        n = int(number[2:])
        day = (datetime(1899, 12, 30) + timedelta(42618 + n)).strftime("%Y-%m-%d")
        assert shown == day or (edits == 99 and shown == f"9/{n % 28 + 1}/2016")
    assert any("一直有人在改" in note.message for note in notes) == (edits == 99)


def test_zeros_that_a_format_shows_are_kept(google: Google, cohort, patience):
    values = [["学号", "邮政编码"], ["1305030101", Shown(10084, "010084")], ["1305030102", "411201"]]
    google.books[KEY] = Book(sheets=[Sheet(0, "Sheet1", values)])
    grids, _, _ = read_sheet(SOURCE, cohort, None, patience=patience)
    assert [row[1] for row in grids[0].values] == ["邮政编码", "010084", "411201"]


def test_merged_and_hidden_are_told(google: Google, cohort, patience):
    sheet = Sheet(0, "1班", [["信息表"], HEADER, student(1, "1班")], hidden=False, hidden_rows={2}, hidden_columns={1})
    sheet.values.append([*student(3, "1班")[:4], "#N/A"])
    sheet.merges = [{"startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 0, "endColumnIndex": 5}]
    sheet.merges += [{"startRowIndex": 2, "endRowIndex": 4, "startColumnIndex": 3, "endColumnIndex": 4}]
    google.books[KEY] = Book(sheets=[sheet, Sheet(3, "2班", [HEADER, student(2, "2班")], hidden=True)])
    grids, _, _ = read_sheet(SOURCE, cohort, None, patience=patience)
    told = " ".join(note.message for grid in grids for note in rows_of_grid(grid, fields.names()).notes)
    assert "1 处合并" in told and "1 行被隐藏" in told and "1 列被隐藏" in told and "隐藏的工作表" in told
    assert "1 个单元格是错误值" in told
    assert grids[0].merged == [(0, 0, 0, 4), (2, 3, 3, 3)]
    assert len(rows_of(grids)) == 3


def test_the_largest_collection_in_thirteen_reads(google: Google, cohort, patience):
    google.quota = 60
    columns = [f"列{n}" for n in range(35)]
    for n in range(24):
        filler = ["某某单位信息"] * 35  # 2.8 MB for two worksheets, as measured
        values = [[*HEADER, *columns], *([*student(n * 2000 + i, f"{n}班"), *filler] for i in range(1499))]
        google.books.setdefault(KEY, Book(sheets=[])).sheets.append(Sheet(n, f"第{n}班", values, 1500, 40))
    grids, _, notes = read_sheet(SOURCE, cohort, None, patience=patience)
    assert len(rows_of(grids)) == 24 * 1499
    assert all(map(whole, rows_of(grids)))
    assert len(google.reads()) <= 13
    assert max(call.size for call in google.reads()) < 3_200_000
    assert google.clock.slept == []
    assert any("共调用" in note.message for note in notes)


class Students:
    """Students who edit between our calls: sort, insert, delete, paste, rename, add a column, for `times` edits."""

    def __init__(self, book: Book, seed: int, times: int) -> None:
        self.book, self.random, self.times, self.fresh = book, random.Random(seed), times, 900_000

    def __call__(self, call) -> None:
        self.shown = sorted(row[1] for sheet in self.book.sheets for row in sheet.values[1:])
        for _ in range(self.random.randint(1, 3)):
            if self.times:
                self.times -= 1
                self.random.choice([self.sort, self.insert, self.delete, self.paste, self.rename, self.column])()

    def sheet(self) -> Sheet:
        return self.random.choice(self.book.sheets)

    def sort(self) -> None:
        sheet, place = self.sheet(), self.random.choice([0, 1, 4])
        sheet.values[1:] = sorted(sheet.values[1:], key=lambda row: row[place], reverse=self.random.random() < 0.5)

    def insert(self) -> None:
        sheet = self.sheet()
        self.fresh += 1
        sheet.values.insert(self.random.randint(1, len(sheet.values)), self.like(sheet, student(self.fresh, "新")))

    def like(self, sheet: Sheet, row: list[str]) -> list[str]:
        return row + [""] * (len(sheet.values[0]) - len(row))

    def delete(self) -> None:
        sheet = self.sheet()
        if len(sheet.values) > 2:
            del sheet.values[self.random.randint(1, len(sheet.values) - 1)]

    def paste(self) -> None:
        source, target = self.sheet(), self.sheet()
        if source is not target and len(source.values) > 3:  # cut here, pasted there
            target.values.append(self.like(target, source.values.pop(2)[:5]))

    def rename(self) -> None:
        sheet = self.sheet()
        sheet.title = f"{sheet.title}改{self.random.randint(0, 999)}"

    def column(self) -> None:
        sheet = self.sheet()
        for row in sheet.values:
            row.append("备注" if row is sheet.values[0] else "")


@pytest.mark.parametrize("seed", range(6))
def test_edits_between_calls_give_right_rows(google: Google, cohort, patience, seed: int):
    google.quota = 60
    book = classes(20, 40, rows=1200, columns=40)
    for sheet in book.sheets:  # full enough that several calls are needed
        for row in sheet.values[1:]:
            row += ["某某单位" * 150]
        sheet.values[0] = [*HEADER, "备注"]
    google.books[KEY] = book
    google.on("after", "GET .*(batchGet|[0-9]$)", students := Students(book, seed, 12))
    grids, _, notes = read_sheet(SOURCE, cohort, None, patience=patience)
    got = rows_of(grids)
    assert all(map(whole, got))
    assert sorted(row[1] for row in got) == students.shown  # all that stood there at the last call, every student once
    assert len(google.reads()) <= 40
    assert not any("一直有人在改" in note.message for note in notes)


def test_endless_edits_end_with_a_note(google: Google, cohort, patience):
    google.books[KEY] = book = classes(20, 30, rows=3000, columns=40)
    google.on("after", "batchGet", Students(book, 1, 10_000))
    grids, _, notes = read_sheet(SOURCE, cohort, None, patience=patience)
    assert all(map(whole, rows_of(grids)))
    assert any("一直有人在改" in note.message for note in notes)
    assert len(google.reads()) <= 60


def test_a_large_sheet_is_read_in_one_call(google: Google, cohort, patience):
    """Whole, so that no insertion between two calls can mix its rows."""
    values = [HEADER, *(student(i, "全校") for i in range(9000))]
    google.books[KEY] = Book(sheets=[sheet := Sheet(0, "全校", values, 9001, 40)])
    for row in sheet.values[1:]:
        row += ["某某省某某市某某区某某路某某号" * 9]

    there = [row[1] for row in sheet.values[1:]]
    google.on("after", "batchGet", lambda call: sheet.values.insert(1, student(99_999, "全校")))
    grids, _, _ = read_sheet(SOURCE, cohort, None, patience=patience)
    assert [row[1] for row in rows_of(grids)] == there
    assert len(google.reads()) == 2


def test_same_content_is_the_same_input(google: Google, cohort, patience):
    google.books[KEY] = classes(3, 5)
    first = read_sheet(SOURCE, cohort, None, patience=patience)[1][0].sha256
    assert read_sheet(SOURCE, cohort, None, patience=patience)[1][0].sha256 == first


def test_decisions_sheet(google: Google, tmp_path: Path, patience):
    cohort = make_cohort(tmp_path, review={"decisions": f"gsheet:{KEY}#审核"})
    book = classes(1, 3)
    book.sheets.append(
        Sheet(77, "审核", [["学号", "意见", "审核人", "说明"], ["1300000001", "通过", "张老师"], [], ["1300000002"]])
    )
    google.books[KEY] = book
    rows, _ = read_decision_rows(cohort)
    assert rows is not None
    assert rows[["row", "学号", "意见", "审核人", "说明"]].to_numpy().tolist() == [
        [2, "1300000001", "通过", "张老师", ""], [4, "1300000002", "", "", ""],
    ]  # fmt: skip
    grids, _, _ = read_sheet(SOURCE, cohort, None, patience=patience)
    assert [grid.sheet for grid in grids] == ["1班"]
    for title, told in (("没有", "没有工作表"), ("空", "是空表"), ("1班", "缺少列 意见")):
        book.sheets.append(Sheet(90, "空"))
        with pytest.raises(InputError, match=told):
            read_decision_rows(make_cohort(tmp_path, review={"decisions": f"gsheet:{KEY}#{title}"}))


def test_sources_are_keys_or_addresses(google: Google, cohort, patience):
    google.books[KEY] = classes(1, 2)
    address = f"gsheet:https://docs.google.com/spreadsheets/d/{KEY}/edit?gid=0#1班"
    grids, _, _ = read_sheet(address, cohort, None, patience=patience)
    assert len(rows_of(grids)) == 2
    with pytest.raises(ConfigurationError, match="gsheet"):
        read_sheet("gsheet:../x", cohort, None, patience=patience)


def test_worksheet_renamed_between_calls(google: Google, cohort, patience):
    google.books[KEY] = book = classes(1, 2)
    google.on("after", r"GET [^:]*$", lambda call: setattr(book.sheets[0], "title", "改名' 了!A1"))
    google.faults = [Fault("never")]
    grids, _, _ = read_sheet(SOURCE, cohort, None, patience=patience)
    assert grids[0].sheet == "改名' 了!A1" and len(rows_of(grids)) == 2


def test_collect_takes_the_rows(google: Google, cohort, tmp_path: Path):
    """The way a run takes: headers become fields, places are those of the sheet, kinds are known."""
    google.books[KEY] = book = classes(2, 3)
    book.sheets[0].values[0][1] = "*学号"
    book.sheets[1].values[2][4] = 430302199503141000
    collected = collect_submissions(cohort, tmp_path / "inputs")
    rows = collected.rows
    assert rows["student_number"].tolist()[:2] == ["1300000000", "1300000001"] and len(rows) == 6
    assert rows[["file", "sheet", "row"]].iloc[4].tolist() == [SOURCE, "2班", 3]
    assert rows["id_number"].iloc[4] == "4.30302199503141E+17"
    assert collected.cells[["at", "field", "kind"]].to_numpy().tolist() == [[4, "id_number", "number"]]
    assert (tmp_path / "inputs" / collected.inputs[0].sha256).is_file()


def test_numbers_and_characters_that_no_file_holds():
    values, cells = texts_of([["\ud800x", 10**400, float("inf"), True, None]])
    assert values == [["\ufffdx", "1E+400", "inf", "TRUE", ""]]
    assert len(cells) == 3
