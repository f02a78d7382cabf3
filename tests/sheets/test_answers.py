"""Write-back: our own worksheet, replaced whole, right for every student whatever happens meanwhile."""

import copy
import json
import random
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import tables
from pipeline.cli import app
from pipeline.collect.google.http_client import RetryPolicy, SheetsClient
from pipeline.collect.google.tabs import ANSWERS_MARK
from pipeline.deliver.write_back import write_answers
from pipeline.errors import MingceError, PartialError, RefusedError
from pipeline.view.answers import HEADER, safe_message
from tests.cohorts import settings

from .conftest import KEY, make_cohort
from .model import Book, Sheet
from .standin import EMAIL, Fault, Google

SCHOOL = "湖南科技大学"
OTHER = "湖南科技大学潇湘学院"
MESSAGE = "手机号码应为 11 位，请更正"


def frame(table: str, rows: list[dict]) -> pd.DataFrame:
    columns = tables.COLUMNS[table]
    blank = dict.fromkeys(columns, "") | {name: 0 for name in columns if name in tables.NUMBERS}
    blank |= {name: False for name in columns if name in tables.FLAGS}
    made = [blank | row for row in rows]
    return tables.conform(pd.DataFrame(made), table) if made else tables.empty(table)


def student(n: int, status: str = "awaiting", **more) -> dict:
    return {
        "school": SCHOOL, "college": "土木工程学院", "class_name": f"{n % 3 + 1}班", "student_number": f"13{n:08}",
        "name": f"欧阳某{n}", "submission_id": "" if status == "missing" else f"s{n}", "status": status,
    } | more  # fmt: skip


def finding(n: int, **more) -> dict:
    return {
        "submission_id": f"s{n}", "student_number": f"13{n:08}", "field": "phone", "rule": "phone.form",
        "severity": "critical", "actor": "student", "message": MESSAGE,
    } | more  # fmt: skip


def make_run(folder: Path, students: list[dict], findings: list[dict] = [], files: dict[str, str] = {}) -> Path:  # noqa: B006
    run = folder / "reports" / "2017届" / "runs" / "20161020-140500-ab"
    (run / "tables").mkdir(parents=True, exist_ok=True)
    summary = {
        "command": "run", "complete": True, "partial": False, "colleges": "all", "run_id": run.name,
        "finished_at": "2016-10-20T14:05:00+08:00", "as_of": "2016-10-20",
    }  # fmt: skip
    (run / "summary.json").write_text(json.dumps(summary))
    submitted = [one["submission_id"] for one in students if one["submission_id"]]
    made = {
        "roster": students,
        "findings": findings,
        "certifications": [
            {"submission_id": one, "school": SCHOOL, "identity": "certified", "record": "failed"} for one in submitted
        ],
        "submissions": [{"submission_id": one, "file": files.get(one, f"gsheet:{KEY}")} for one in submitted],
    }
    for name, rows in made.items():
        whole = frame(name, rows)
        if name == "certifications":
            whole = whole.assign(score=whole["score"].astype("str"))
        tables.write_table(run / "tables", name, whole)
    return run


@pytest.fixture
def book(google: Google) -> Book:
    google.books[KEY] = Book("采集", sheets=[Sheet(0, "1班", [["学号", "状态"], ["1300000001", "别动"]])])
    return google.books[KEY]


def written(book: Book) -> list[dict[str, str]]:
    sheet = book.named("认证结果")
    assert sheet and sheet.values[0] == HEADER
    return [dict(zip(HEADER, row, strict=True)) for row in sheet.values[1:]]


def test_each_student_is_told(google: Google, book: Book, cohort, patience: RetryPolicy, tmp_path: Path):
    students = [
        student(1, "correct"), student(2, "missing"), student(3, "approved"), student(4, "counselor"),
        student(5, "returned"), student(6, "awaiting", school=OTHER, college="土木系"),
    ]  # fmt: skip
    findings = [
        finding(1), finding(1, severity="warning", field="qq", message="QQ号码请核对"), finding(1),
        finding(1, excepted=True, message="已准予例外"), finding(1, severity="info", message="只是提示"),
        finding(1, field="name", rule="name.registry", message="姓名应为“王小明”", expected="王小明"),
        finding(1, field="id_number", rule="id_number.format", message="欧阳某1 的身份证号码 430302199503141512 有误"),
        finding(3, severity="warning"), finding(4, actor="counselor", message="请辅导员核实"),
    ]  # fmt: skip
    summary = write_answers(cohort, make_run(tmp_path, students, findings), retry=patience)
    rows = {row["学号"]: row for row in written(book)}
    assert {row["状态"] for row in rows.values()} == {
        "待学生更正", "未提交", "审核通过", "待辅导员核实", "已退回", "待审核"
    }  # fmt: skip
    advice = rows["1300000001"]["需要更正"]
    assert advice.split("；") == [
        f"1. {MESSAGE}",
        "2. 姓名与学籍信息不一致，请核对",
        "确认无误请联系辅导员",
        "3. 本人 的身份证号码 （号码略） 有误",
        "4. QQ号码请核对",
    ]
    assert "尚未提交" in rows["1300000002"]["需要更正"] and "退回" in rows["1300000005"]["需要更正"]
    assert rows["1300000003"]["需要更正"] == "" and "等待辅导员" in rows["1300000004"]["需要更正"]
    assert rows["1300000001"]["核验时间"] == "2016-10-20 14:05"
    assert (rows["1300000001"]["身份认证"], rows["1300000001"]["学籍认证"]) == ("已认证", "不一致")
    assert rows["1300000002"]["身份认证"] == ""
    everything = json.dumps(book.named("认证结果").values, ensure_ascii=False)
    assert "欧阳某" not in everything and "王小明" not in everything and "4303" not in everything
    (sheet,) = summary.sheets
    assert sheet.written and sheet.rows == 6 and sheet.counts["审核通过"] == 1 and len(sheet.changed) == 6
    assert book.sheets[0].values == [["学号", "状态"], ["1300000001", "别动"]]


def test_protected_whole_and_nothing_added_twice(google: Google, book: Book, cohort, patience, tmp_path: Path):
    run = make_run(tmp_path, [student(n) for n in range(20)])
    for _ in range(3):
        write_answers(cohort, run, retry=patience)
    sheet = book.named("认证结果")
    assert [one["description"] for one in sheet.protected] == [ANSWERS_MARK]
    assert sheet.protected[0]["range"] == {"sheetId": sheet.id} and sheet.protected[0]["editors"] == {"users": [EMAIL]}
    assert len(sheet.formats) == 4 and sheet.frozen == 1
    assert len([one for one in book.sheets if one.title == "认证结果"]) == 1
    assert [call.path.rpartition("/")[2] for call in google.writes()].count("values:batchUpdate") == 3
    assert len(google.writes()) == 5


def test_a_copy_of_our_worksheet_is_left_alone(google: Google, book: Book, cohort, patience, tmp_path: Path):
    """Google copies the protection, and with it our mark; the copy stands before ours here."""
    write_answers(cohort, make_run(tmp_path, [student(1)]), retry=patience)
    own = book.named("认证结果")
    copied = copy.deepcopy(own)
    copied.id, copied.title = 77, "认证结果 的副本"
    book.sheets.insert(0, copied)
    before = copy.deepcopy(copied.values)
    write_answers(cohort, make_run(tmp_path, [student(1, "approved")]), retry=patience)
    assert copied.values == before
    assert written(book)[0]["状态"] == "审核通过"


def test_a_worksheet_of_our_title_that_somebody_else_fills_is_left_alone(
    google: Google, book, cohort, patience, tmp_path
):
    book.sheets.append(Sheet(9, "认证结果", [["姓名", "成绩"], ["张三", "90"]]))
    with pytest.raises(RefusedError, match="不是系统建的"):
        write_answers(cohort, make_run(tmp_path, [student(1)]), retry=patience)
    assert google.writes() == []


def test_what_somebody_else_protects_is_told_as_that(google: Google, book: Book, cohort, patience, tmp_path: Path):
    run = make_run(tmp_path, [student(1)])
    write_answers(cohort, run, retry=patience)
    sheet = book.named("认证结果")
    sheet.protected.append({"protectedRangeId": 5, "range": {"sheetId": sheet.id}, "description": "教务处"})
    with pytest.raises(RefusedError, match="别人设的保护") as caught:
        write_answers(cohort, run, retry=patience)
    assert EMAIL in caught.value.remedy


def test_rows_that_are_gone_become_blank(google: Google, book: Book, cohort, patience, tmp_path: Path):
    write_answers(cohort, make_run(tmp_path, [student(n) for n in range(9)]), retry=patience)
    summary = write_answers(cohort, make_run(tmp_path, [student(n) for n in range(4)]), retry=patience)
    rows = [row for row in book.named("认证结果").values[1:] if any(row)]
    assert len(rows) == 4 and len(summary.sheets[0].changed) == 5
    assert summary.sheets[0].previous == {"待审核": 9}
    write_answers(cohort, make_run(tmp_path, [student(n) for n in range(1500)]), retry=patience)
    assert len(written(book)) == 1500


def test_dry_run_writes_nothing(google: Google, book: Book, cohort, patience, tmp_path: Path):
    run = make_run(tmp_path, [student(1), student(2, "correct")], [finding(2)])
    summary = write_answers(cohort, run, dry_run=True, retry=patience)
    assert google.writes() == [] and book.named("认证结果") is None
    assert summary.sheets[0].changed == ["1300000001", "1300000002"] and not summary.sheets[0].written
    assert all(scope.endswith("readonly") for scope in google.tokens.values())
    write_answers(cohort, run, retry=patience)
    run = make_run(tmp_path, [student(1), student(2, "approved")])
    summary = write_answers(cohort, run, dry_run=True, retry=patience)
    assert summary.sheets[0].changed == ["1300000002"]
    assert summary.sheets[0].previous == {"待学生更正": 1, "待审核": 1}
    assert summary.sheets[0].counts == {"审核通过": 1, "待审核": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("values:batchUpdate", drop=True, apply=True),
        Fault("values:batchUpdate", status=503, html=True, apply=True),
        Fault("values:batchUpdate", truncate=True, apply=True),
        Fault("values:batchUpdate", drop=True),
        Fault("[^s]:batchUpdate", drop=True, apply=True),
        Fault("[^s]:batchUpdate", skip=1, drop=True, apply=True),
        Fault("[^s]:batchUpdate", skip=1, status=500),
        Fault("batchUpdate", times=2, status=429),
        Fault("batchUpdate", times=2, status=503, apply=True),
    ],
)
def test_a_lost_answer_is_not_repeated_blindly(google: Google, book: Book, cohort, patience, tmp_path: Path, fault):
    google.faults = [fault]
    carried_out = fault.times * fault.apply
    write_answers(cohort, make_run(tmp_path, [student(n) for n in range(5)]), retry=patience)
    sheet = book.named("认证结果")
    assert len(written(book)) == 5 and len(sheet.protected) == 1 and len(sheet.formats) == 4
    assert len([one for one in book.sheets if "认证结果" in one.title]) == 1
    failed = 0 if carried_out else (fault.status != 429 or 2)
    assert len(google.writes()) == 3 + int(failed)


class PowerCut(BaseException):
    """Everything ends here, without a word: nothing tidies up."""


def test_a_write_back_cut_off_at_any_call_is_mended_by_the_next(
    google: Google, book: Book, cohort, patience, tmp_path: Path, monkeypatch
):
    run = make_run(tmp_path, [student(n) for n in range(5)])
    sent: list[str] = []
    real = SheetsClient.request

    def cut(client, method, endpoint, *given, **more):
        sent.append(endpoint)
        if len(sent) == at and not answered:
            raise PowerCut
        answer = real(client, method, endpoint, *given, **more)
        if len(sent) == at:
            raise PowerCut  # carried out, and nobody hears of it
        return answer

    monkeypatch.setattr(SheetsClient, "request", cut)
    at, answered = 0, False
    write_answers(cohort, run, retry=patience)
    whole, calls = written(book), len(sent)
    assert calls > 4
    for at in range(1, calls + 1):
        for answered in (False, True):
            mine = google.books[KEY] = Book("采集", sheets=[Sheet(0, "1班", [["学号"], ["1300000001"]])])
            sent.clear()
            with pytest.raises(PowerCut):
                write_answers(cohort, run, retry=patience)
            at, before = 0, at
            write_answers(cohort, run, retry=patience)
            at = before
            own = mine.named("认证结果")
            assert written(mine) == whole
            assert (len(own.protected), len(own.formats), len(mine.sheets)) == (1, 4, 2), (at, answered)


def test_out_of_time_says_why_and_leaves_the_old(google: Google, book: Book, cohort, patience, tmp_path: Path):
    write_answers(cohort, make_run(tmp_path, [student(1)]), retry=patience)
    google.faults = [Fault("values:batchUpdate", times=99, status=503)]
    with pytest.raises(PartialError, match="暂时不可用"):
        write_answers(cohort, make_run(tmp_path, [student(1, "approved")]), retry=patience)
    assert written(book)[0]["状态"] == "待审核"


@pytest.mark.parametrize("seed", range(5))
def test_sixty_rows_raced(google: Google, book: Book, cohort, patience, tmp_path: Path, seed: int):
    """Students sort, insert, delete and rename at every call: no wrong state on any row, nothing of theirs touched."""
    chance = random.Random(seed)
    theirs = book.sheets[0]
    theirs.values = [["学号", "姓名"], *([f"13{n:08}", f"学生{n}"] for n in range(60))]

    def edit(call) -> None:
        body = theirs.values[1:]
        chance.shuffle(body)
        body.insert(chance.randint(0, len(body)), [f"99{chance.randint(0, 10**8):08}", "新"])
        theirs.values[1:] = body
        theirs.title = f"改名{chance.randint(0, 99)}"
        if chance.random() < 0.5:
            for row in theirs.values:
                row.insert(0, "插入列")

    google.on("before", "/v4/", edit)
    google.on("after", "/v4/", edit)
    states = list(tables.STATUSES)
    for turn in range(3):
        students = [student(n, states[(n + turn) % len(states)]) for n in range(60)]
        google.faults = [Fault("batchUpdate", drop=True, apply=chance.random() < 0.5)]
        write_answers(cohort, make_run(tmp_path, students), retry=patience)
        told = {row["学号"]: row["状态"] for row in written(book)}
        assert told == {one["student_number"]: tables.STATUSES[one["status"]] for one in students}
    for row in theirs.values[1:]:
        number = next(cell for cell in row if cell[:2] in ("13", "99"))
        assert row[-1] == (f"学生{int(number[2:])}" if number.startswith("13") else "新")
        assert not set(row) & set(tables.STATUSES.values())


def test_worksheet_removed_between_calls(google: Google, book: Book, cohort, patience, tmp_path: Path):
    run = make_run(tmp_path, [student(1)])
    write_answers(cohort, run, retry=patience)
    gone = []

    def remove(call) -> None:
        if not gone:
            gone.append(book.sheets.pop())

    google.on("before", "values:batchUpdate", remove)
    write_answers(cohort, run, retry=patience)
    assert len(written(book)) == 1


def test_answers_spreadsheet_of_its_own(google: Google, book: Book, tmp_path: Path, patience):
    google.books["answers-key"] = Book("结果")
    cohort = make_cohort(tmp_path, google={"answers": "answers-key"})
    write_answers(cohort, make_run(tmp_path, [student(1)]), retry=patience)
    assert len(written(google.books["answers-key"])) == 1 and book.named("认证结果") is None


def test_sheets_by_class_learn_of_their_own_classes(google: Google, book: Book, tmp_path: Path, patience):
    google.books["second"] = Book("二班")
    cohort = make_cohort(tmp_path, submissions={"from": [f"gsheet:{KEY}", "gsheet:second", "x/*.csv"]})
    students = [student(0), student(3, "missing"), student(1), student(4, "missing"), student(2)]
    run = make_run(tmp_path, students, files={"s1": "gsheet:second#二班", "s2": "x/a.csv"})
    summary = write_answers(cohort, run, retry=patience)
    assert [row["学号"] for row in written(book)] == ["1300000000", "1300000003"]
    assert [row["学号"] for row in written(google.books["second"])] == ["1300000001", "1300000004"]
    assert summary.unplaced == 1


def test_a_viewer_is_told_whom_to_share_with(google: Google, book: Book, cohort, patience, tmp_path: Path):
    google.viewers_only = True
    with pytest.raises(MingceError, match=f"{EMAIL}.*编辑者"):
        write_answers(cohort, make_run(tmp_path, [student(1)]), retry=patience)


def test_no_sheet_is_refused(tmp_path: Path):
    cohort = make_cohort(tmp_path, submissions={"from": "x/*.csv"})
    with pytest.raises(RefusedError, match="没有 Google 表格"):
        write_answers(cohort, make_run(tmp_path, [student(1)]))


def test_nothing_written_is_a_formula(google: Google, book: Book, cohort, patience, tmp_path: Path):
    run = make_run(tmp_path, [student(1, "correct", class_name="=HYPERLINK(1)")], [finding(1, message="=1+1")])
    write_answers(cohort, run, retry=patience)
    assert written(book)[0]["需要更正"] == "=1+1"
    assert all(call.body["valueInputOption"] == "RAW" for call in google.writes() if "values" in call.path)


def test_messages_for_many_eyes():
    assert safe_message("考生号 12345678901234 有误", "exam_number", "", "李四") == "考生号 （号码略） 有误"
    assert safe_message("李四，请核对", "name", "", "李四") == "本人，请核对"
    same = "与学籍信息不一致，请核对；确认无误请联系辅导员"
    assert safe_message("应为 男", "gender", "男", "李四") == f"性别{same}"
    for unharmed in (f"是否师范生{same}", "学制应为数字，例如 4"):
        assert safe_message(unharmed, "teacher_training", "是", "李四") == unharmed
    assert safe_message(f"定向/委培单位{same}", "commissioning_unit", "无", "") == f"定向/委培单位{same}"


def test_the_command(google: Google, book: Book, tmp_path: Path, monkeypatch):
    (tmp_path / "cohort.toml").write_text(settings("a.csv", f"gsheet:{KEY}"), encoding="utf-8")
    for name in ("colleges.csv", "counselors.csv"):
        (tmp_path / name).write_text("x\n")
    make_run(tmp_path, [student(1), student(2, "correct")], [finding(2)])
    runner = CliRunner()
    shown = runner.invoke(app, ["write-back", str(tmp_path), "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "未写入" in shown.output and "1300000002" in shown.output and "待学生更正：1（原 0）" in shown.output
    assert google.writes() == []
    refused = runner.invoke(app, ["write-back", str(tmp_path)])
    assert "--by" in str(refused.exception)
    done = runner.invoke(app, ["write-back", str(tmp_path), "--by", "张老师", "--why", "首轮", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["sheets"][0]["rows"] == 2
    assert len(written(book)) == 2
