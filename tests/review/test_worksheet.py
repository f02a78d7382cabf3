"""The 审核 worksheet: each row decides once, nothing is lost unseen."""

import dataclasses

import pytest

from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import read_content
from pipeline.errors import InputError
from pipeline.review import decision_rows
from pipeline.review.actions import Actor, approve
from pipeline.review.review_snapshot import KINDS, build_snapshot, seen_states
from pipeline.review.worksheet import import_decisions, summary_lines

from .small import TODAY, finding, open_in, person, submission, tables


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


def read(path):
    return decision_rows._decisions(read_table_file(read_content(path, path.parent)), path.name, [])


def rows(*given):
    """Each `number 意见 审核人 说明`, separated by blanks; a dash is a blank cell."""
    cells = [[part.replace("-", "") for part in (*line.split(), "-", "-", "-")[:4]] for line in given]
    return decision_rows._table([["", *row, "", ""] for row in cells], 2)


def take(run, ledger, *given, source="decisions.csv", others=()):
    report = import_decisions(run, ledger, rows(*given), source, TODAY, None, others)
    return [read.outcome for read in report]


def status(run, ledger):
    return build_snapshot(run, ledger.entries(*KINDS), TODAY).people["status"].tolist()


ONE = tables([person("1")], [submission("s1", "1")])
EDITED = tables([person("1")], [submission("s2", "1")])


def test_a_row_decides_once_and_never_renews_a_stale_approval(ledger):
    assert take(ONE, ledger, "1 通过 王") == ["applied"]
    assert take(ONE, ledger, "1 通过 王") == ["seen"]
    assert take(EDITED, ledger, "1 通过 王") == ["seen"]
    assert status(EDITED, ledger) == ["stale"]
    assert take(EDITED, ledger, "1 通过 王", "1 通过 王") == ["seen", "applied"]
    assert status(EDITED, ledger) == ["approved"]
    assert len(ledger.entries()) == 2


def test_one_row_toggled_and_a_log_of_rows_mean_the_same(ledger):
    for line, expected in (("通过 王", "approved"), ("取消审核 王 误批", "awaiting"), ("通过 王", "approved")):
        assert take(ONE, ledger, f"1 {line}", source="a") == ["applied"]
        assert status(ONE, ledger) == [expected]
    log = ["1 取消审核 王 误批", "1 通过 王", "1 取消审核 王 误批"]
    for count in (1, 2, 3):
        assert take(ONE, ledger, *log[:count], source="b", others=["a"])[-1] == "applied"
    assert status(ONE, ledger) == ["awaiting"]


def test_a_thousand_rows_of_one_student_are_not_told_a_thousand_times(ledger):
    log = [f"1 {('取消审核', '通过')[n % 2]} 王 第{n}次" for n in range(1, 1001)]
    assert take(ONE, ledger, *log) == ["applied"] * 1000
    assert ledger.entries()["data"].str.len().sum() < 400_000
    assert take(ONE, ledger, *log) == ["seen"] * 1000


def test_the_same_decision_from_two_sources_is_one(ledger):
    assert take(ONE, ledger, "1 通过 王", source="a") == ["applied"]
    assert take(ONE, ledger, "1 通过 王", source="b", others=["a"]) == ["already"]
    assert len(ledger.entries("decision")) == 1


def test_a_renamed_table_decides_nothing_again_and_is_told_once(ledger):
    """What was decided since stands: the same row of a file under another name is no new decision."""
    log = ["1 通过 王", "1 退回 王 照片"]
    assert take(ONE, ledger, *log, source="a") == ["applied"] * 2
    assert take(ONE, ledger, "1 取消审核 李 误批", source="c", others=["a"]) == ["refused"]
    assert approve(ONE, ledger, ["1"], Actor("李", "", TODAY)).done
    report = import_decisions(ONE, ledger, rows(*log), "b", TODAY, None, ["c"])
    assert [read.outcome for read in report] == ["seen"] * 2 and status(ONE, ledger) == ["approved"]
    assert "其中 2 条与已不在的 a 里的相同，没有再记" in summary_lines(report)[-1]
    report = import_decisions(ONE, ledger, rows(*log), "b", TODAY, None, ["c"])
    assert summary_lines(report) == ["审核表：以前已读 2 条"]
    assert take(ONE, ledger, *log, "1 退回 王 照片", source="b", others=["c"]) == ["seen", "seen", "applied"]
    assert take(ONE, ledger, *log, "1 退回 王 照片", source="a", others=["c"]) == ["seen"] * 3  # named back
    take(ONE, ledger, "1 - 王", source="a", others=["c"])
    assert take(ONE, ledger, "1 通过 王", source="a", others=["c"]) == ["applied"]  # cleared and filled again


def test_a_refused_row_stays_refused_under_another_name(ledger):
    broken = tables([person("1")], [submission("s1", "1")], [finding("s1", "1")])
    assert take(broken, ledger, "1 通过 王", source="a") == ["refused"]
    assert take(EDITED, ledger, "1 通过 王", source="b") == ["refused"]
    assert status(EDITED, ledger) == ["awaiting"]


def test_sorting_or_an_empty_reading_decides_nothing(ledger):
    take(ONE, ledger, "1 通过 王", "1 取消审核 王 误批")
    assert take(ONE, ledger) == []
    assert take(ONE, ledger, "1 取消审核 王 误批", "1 通过 王") == ["seen", "seen"]
    assert status(ONE, ledger) == ["awaiting"]


def test_a_cleared_cell_filled_again_decides_again(ledger):
    take(ONE, ledger, "1 通过 王")
    take(ONE, ledger, "1 - 王")
    assert take(EDITED, ledger, "1 通过 王") == ["applied"]


def test_what_cannot_be_executed_is_told_each_time_and_never_executed_later(ledger):
    broken = tables([person("1")], [submission("s1", "1")], [finding("s1", "1")])
    assert take(broken, ledger, "1 通过 王") == ["refused"]
    mended = tables([person("1")], [submission("s2", "1")])
    report = import_decisions(mended, ledger, rows("1 通过 王"), "decisions.csv", TODAY)
    assert (report[0].outcome, report[0].why) == ("refused", "phone.format 不对")
    assert status(mended, ledger) == ["awaiting"]
    assert take(mended, ledger, "1 通过 王 已更正") == ["applied"]
    assert ledger.verify() == []


def test_rows_that_say_nothing_clear(ledger):
    report = import_decisions(
        ONE, ledger, rows("9 通过 王", "1 可以 王", "1 通过", "1 退回 王", "1 取消审核 王 x"), "d", TODAY
    )
    assert [read.outcome for read in report] == ["refused", "bad", "refused", "refused", "refused"]
    lines = summary_lines(report)
    assert "没有学号 9" in lines[1]
    assert "审核人" in lines[3]
    assert len(lines) == 6


def test_the_school_column_tells_students_apart(ledger):
    two = tables(
        [person("1"), person("1", school="甲大学乙学院")],
        [submission("s1", "1"), submission("t1", "1", school="甲大学乙学院")],
    )
    assert take(two, ledger, "1 通过 王") == ["refused"]
    given = rows("1 通过 王").assign(学校名称="甲大学乙学院")
    import_decisions(two, ledger, given, "d", TODAY)
    assert status(two, ledger) == ["awaiting", "approved"]
    for school, outcome in (("甲大学丙学院", "refused"), ("10534", "applied")):
        given = rows("1 通过 李").assign(学校名称=school)
        assert [read.outcome for read in import_decisions(two, ledger, given, "e", TODAY)] == [outcome]
    (report,) = import_decisions(ONE, ledger, rows("1 通过 李").assign(学校名称="甲大学丙学院"), "f", TODAY)
    assert report.why.startswith("没有学校 甲大学丙学院")  # though one of another school has the number


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_files(tmp_path, encoding):
    path = tmp_path / "decisions.csv"
    path.write_bytes("学号,意见,审核人,说明,备注\n0013, 通过 ,王,,\n,,,,\n".encode(encoding))
    found = read(path)
    assert found.to_dict("records") == [
        {
            "row": 2,
            "学校名称": "",
            "学号": "0013",
            "意见": "通过",
            "审核人": "王",
            "说明": "",
            "提交编号": "",
            "证明": "",
        }
    ]


def test_workbook(tmp_path):
    import xlsxwriter

    path = tmp_path / "decisions.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("别的").write(0, 0, "x")
        sheet = book.add_worksheet("审核")
        for at, row in enumerate([["审核记录"], ["学号", "意见", "审核人"], [1305030101, "通过", "王"]]):
            sheet.write_row(at, 0, row)
    found = read(path)
    assert found[["row", "学号", "意见"]].values.tolist() == [[3, "1305030101", "通过"]]


def test_one_worksheet_decides_and_others_like_it_are_told(tmp_path):
    import xlsxwriter

    path, told = tmp_path / "decisions.xlsx", []
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("说明").write(0, 0, "请在周五前交")
        for name in ("土木", "法学"):
            sheet = book.add_worksheet(name)
            for at, row in enumerate([["学号", "意见", "审核人"], [name, "通过", "王"]]):
                sheet.write_row(at, 0, row)
    found = decision_rows._decisions(read_table_file(read_content(path, tmp_path)), path.name, told)
    assert found["学号"].tolist() == ["土木"]
    assert len(told) == 1 and "法学" in told[0] and "没有读取" in told[0]


def test_unreadable_files(tmp_path):
    for name, data in (("a.xlsx", b"no"), ("a.csv", "姓名\n张\n".encode())):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            read(tmp_path / name)


def test_a_table_made_to_hurt_is_refused(tmp_path):
    """It comes from a shared folder like every other table, so it is read within the same bounds."""
    from tests.collect.make_hostile import HERE

    for name in ("far-cell.xlsx", "no-references.xlsx", "lying.xlsx", "truncated.xlsx", "laughs.xlsx", "far.ods"):
        with pytest.raises(InputError):
            read(HERE / name)


def test_what_stands_for_a_number_is_masked_and_short(ledger):
    given = rows("430302199503141985 通过 王", f"{'9' * 4000} 通过 王")
    lines = summary_lines(import_decisions(ONE, ledger, given, "d", TODAY))
    assert not [line for line in lines if "19950314" in line or len(line) > 200]


def test_a_row_decides_on_its_own_number_of_the_submission(ledger):
    newer = tables([person("1")], [submission("s1", "1"), submission("s2", "1")])
    told = rows("1 通过 王").assign(提交编号="s1")
    (report,) = import_decisions(newer, ledger, told, "f", TODAY)
    assert report.outcome == "refused" and "提交编号" in report.why
    (report,) = import_decisions(newer, ledger, rows("1 通过 王").assign(提交编号="s2"), "f", TODAY)
    assert report.outcome == "applied"


def test_a_row_without_it_decides_on_what_the_latest_run_showed(ledger):
    before = seen_states(tables([person("1")], [submission("s1", "1")]).people)
    for changed in (
        tables([person("1")], [submission("s1", "1"), submission("s2", "1")]),
        tables([person("1", exam_number="e2")], [submission("s1", "1")]),
        tables([person("1"), person("2")], [submission("s1", "1"), submission("s2", "2")]),
    ):
        number = changed.people["student_number"].iloc[-1]
        (report,) = import_decisions(changed, ledger, rows(f"{number} 通过 王"), f"f{number}", TODAY, before)
        assert report.outcome == "refused" and "查看" in report.why
    same = tables([person("1")], [submission("s1", "1")])
    (report,) = import_decisions(same, ledger, rows("1 通过 李"), "g", TODAY, before)
    assert report.outcome == "applied"


def test_the_second_of_two_who_decide_on_one_student_is_told(ledger):
    run = dataclasses.replace(
        tables([person("1")], [submission("s1", "1")]), summary={"started_at": "2016-11-01T08:00:00+08:00"}
    )
    import_decisions(run, ledger, rows("1 通过 王"), "a.xlsx", TODAY)
    report = import_decisions(run, ledger, rows("1 退回 李 照片"), "b.xlsx", TODAY)
    assert report[0].outcome == "applied"
    assert any("王 已于" in line and "作了“通过”的决定" in line for line in summary_lines(report))
    report = import_decisions(run, ledger, rows("1 通过 赵", "1 退回 钱 照片"), "c.xlsx", TODAY)
    assert "赵 已在同一张表里作了“通过”的决定" in summary_lines(report)[-1]
