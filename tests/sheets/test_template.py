"""The collection sheet and the doctor's checks."""

from pathlib import Path

import pytest

from pipeline import fields
from pipeline.collect.google.access import check_google
from pipeline.collect.google.google_template import complete_template
from pipeline.collect.google.tabs import HEADER_MARK
from pipeline.errors import RefusedError

from .conftest import KEY, make_cohort
from .model import Book, Sheet
from .standin import EMAIL, Fault, Google


def test_created_in_one_batch_and_not_twice(google: Google, cohort, patience):
    google.books[KEY] = book = Book("采集")
    told = complete_template(KEY, cohort, retry=patience)
    sheet = book.named("信息采集")
    assert sheet.values[0] == [field.label for field in fields.fields().values()]
    assert sheet.frozen == 1 and [one["description"] for one in sheet.protected] == [HEADER_MARK]
    assert len(google.writes()) == 1 and "新建" in told
    lists = {one["range"]["startColumnIndex"]: one["rule"]["condition"]["values"] for one in sheet.validations}
    gender = fields.names().index("gender")
    assert [one["userEnteredValue"] for one in lists[gender]] == ["男", "女"]
    assert [one["userEnteredValue"] for one in lists[fields.names().index("college")]] == ["土木工程学院"]
    assert fields.names().index("school") in lists and fields.names().index("name") not in lists
    assert "必填" in sheet.notes[0, fields.names().index("name")]
    assert sheet.repeated[0]["cell"]["userEnteredFormat"]["numberFormat"]["type"] == "TEXT"
    assert "齐全" in complete_template(KEY, cohort, retry=patience)
    assert len(google.writes()) == 1


def test_what_is_there_stays_where_it_is(google: Google, cohort, patience):
    values = [["学生姓名", "我们的列", "学号"], ["某", "x", "1300000001"]]
    google.books[KEY] = book = Book(sheets=[Sheet(4, "信息采集", values, 1000, 10)])
    complete_template(KEY, cohort, retry=patience)
    header = book.sheets[0].values[0]
    assert header[:3] == ["学生姓名", "我们的列", "学号"]
    assert len(header) == 3 + len(fields.names()) - 2 and "姓名" not in header
    assert book.sheets[0].values[1] == ["某", "x", "1300000001"]


def test_lost_answers_add_nothing_twice(google: Google, cohort, patience):
    google.books[KEY] = book = Book("采集")
    google.faults = [Fault("batchUpdate", times=2, drop=True, apply=True)]
    complete_template(KEY, cohort, retry=patience)
    assert len([one for one in book.sheets if one.title == "信息采集"]) == 1
    assert len(book.named("信息采集").protected) == 1 and len(google.writes()) == 1


def test_a_filled_first_row_is_left_alone(google: Google, cohort, patience):
    google.books[KEY] = Book(sheets=[Sheet(4, "信息采集", [["随便", "写的"]])])
    with pytest.raises(RefusedError, match="不是表头"):
        complete_template(KEY, cohort, retry=patience)


class TestDoctor:
    def test_in_order(self, google: Google, cohort, patience):
        google.books[KEY] = Book("采集")
        lines = check_google(cohort, retry=patience)
        assert [ok for _, ok, _ in lines] == [True, True] and EMAIL in lines[0][0] and "采集" in lines[1][0]
        assert google.writes() == []

    def test_each_fault_with_its_remedy(self, google: Google, tmp_path: Path, patience):
        google.books[KEY] = Book("采集", locale="en_US")
        google.books["closed"] = Book(private=True)
        cohort = make_cohort(
            tmp_path,
            submissions={"from": [f"gsheet:{KEY}", "gsheet:closed", "gsheet:none"]},
            review={"decisions": f"gsheet:{KEY}#审核"},
        )
        faults = {what: remedy for what, ok, remedy in check_google(cohort, retry=patience) if not ok}
        told = " ".join(faults.values())
        assert EMAIL in told and "语言区域" in told and "没有这个工作表" in told and "key" in told

    def test_no_key(self, google: Google, cohort, monkeypatch):
        monkeypatch.setenv("MINGCE_GOOGLE_KEY_FILE", "/nowhere.json")
        ((_, ok, remedy),) = check_google(cohort)
        assert not ok and "google-sheets.md" in remedy

    def test_without_sheets_nothing_is_asked(self, google: Google, tmp_path: Path):
        assert check_google(make_cohort(tmp_path, submissions={"from": "x.csv"})) == []
        assert google.calls == []
