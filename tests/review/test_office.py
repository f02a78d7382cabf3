"""An office's days through the command line: check, decide, sign, verify, change, accept."""

import csv
import json
import os
import stat
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from pipeline import cli, fields
from pipeline.errors import RefusedError
from pipeline.office import open_office
from pipeline.office.decision_form import Decision, record_decision, undo_decision
from pipeline.office.desk_cohort import Listing
from pipeline.review.ledger import WITNESS
from pipeline.review.review_snapshot import records
from tests.cohorts import make_cohort

pytestmark = pytest.mark.slow


class Office(NamedTuple):
    """The office of one cohort folder: called with the words of a command, it returns what that said."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: object, code: int = 0) -> str:
        return "".join(self.said(*words, code=code))

    def said(self, *words: object, code: int = 0) -> tuple[str, str]:
        """Return standard output and standard error apart."""
        with pytest.raises(SystemExit) as left:
            cli.main([*map(str, words)])
        told = self.capsys.readouterr()
        assert (left.value.code or 0) == code, told.out + told.err
        return told.out, told.err


@pytest.fixture
def office(tmp_path, capsys):
    folder = make_cohort(tmp_path / "cohort", students=24, schools=1, seed=5, faults=0.0)

    with (folder / "truth_missing.csv").open(encoding="utf-8-sig") as lines:  # whoever never submits left the school
        away = {row["student_number"] for row in csv.DictReader(lines)}
    edit(folder / "registry" / "10534.csv", lambda rows: [row for row in rows if row["学号"] not in away])

    return Office(folder, capsys)


def edit(path, change):
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    rows = change(rows)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def people(office, *words):
    return json.loads(office.said("review", "list", office.folder, "--json", *words)[0])


def test_from_the_first_check_to_the_accepted_college(office, tmp_path):
    folder = office.folder
    office("review", "list", folder, code=6)  # nothing was run yet
    office("check", folder)
    listed = people(office)
    assert {row["status"] for row in listed} == {"awaiting"}
    first = listed[0]
    college = f"{first['school_code']}/{first['college']}"
    own = [row for row in listed if row["college"] == first["college"]]
    number = first["student_number"]

    # decide
    assert "经办人" in office("review", "approve", folder, "--student", number, code=2)
    assert "已通过 1 人" in office("review", "approve", "--student", number, folder, "--by", "王老师")
    assert "1 人此前已是如此，未重复记入" in office("review", "approve", folder, "--student", number, "--by", "王老师")
    office("review", "reopen", folder, "--student", number, "--by", "王老师", code=2)  # no reason
    office("review", "reopen", folder, "--student", number, "--by", "王老师", "--why", "误批")
    office("review", "return", folder, "--student", number, "--by", "王老师", "--why", "照片不清")
    assert people(office, "--status", "已退回")[0]["student_number"] == number
    office("sign", college, folder, "--by", "李书记", code=6)
    notebook = open_office(str(folder))
    with pytest.raises(RefusedError, match="还没有看过"):
        record_decision(notebook, Decision("通过", (number,), "王老师"))
    listing = Listing(notebook.build_snapshot(), words=number)
    notebook.mark_seen(listing.page_rows())
    listing.tick(records(listing.matching()))
    assert list(listing.ticked) == [f"{first['school_code']}/{number}"]
    said, entries = record_decision(notebook, Decision("通过", tuple(listing.ticked), "王老师"))
    assert number in said and people(office, "--status", "审核通过")[0]["student_number"] == number
    assert "恢复原状" in undo_decision(notebook, entries, "王老师")
    assert people(office, "--status", "已退回")[0]["student_number"] == number
    record_decision(notebook, Decision("通过", tuple(listing.ticked), "王老师"))
    run = office("review", "list", folder).split()[-1]
    assert "没有运行" in office("review", "approve", folder, "--student", number, "--seen", "x", "--by", "王", code=2)
    again = office("review", "approve", folder, "--student", number, "--seen", run, "--by", "王老师")
    assert "1 人此前已是如此，未重复记入" in again
    if len(own) > 1:
        office("review", "approve", folder, "--all-ready", "--college", college, "--by", "王老师")

    # sign: a cohort of another year is always late today, so a reason is due
    with (folder / "colleges.csv").open(encoding="utf-8-sig") as lines:
        secretary = next(row["副书记"] for row in csv.DictReader(lines) if row["院系"] == first["college"])
    office("sign", college, folder, "--by", "某人", "--why", "补交", code=6)
    assert "已签字" in office("sign", college, folder, "--by", secretary, "--why", "补交")
    assert "已签过" in office("sign", college, folder, "--by", secretary)

    # a run keeps every decision, and its tables say the same
    office("check", folder)
    assert {row["status"] for row in people(office, "--college", college)} == {"approved"}
    assert "已接收" in office("accept", college, folder, "--by", "王老师")

    # the kept file, untouched, then of data that changed; any other file is none
    (kept,) = (folder / "signed").iterdir()
    pdf, book = kept / "headcount.pdf", kept / "headcount.xlsx"
    assert (kept / WITNESS).is_file()  # the ledger's head as it was signed
    for file in (pdf, book):
        assert "原件" in office("sign", "verify", file, folder)
    (tmp_path / "h.pdf").write_bytes(pdf.read_bytes() + b"\n")
    told = office("sign", "verify", tmp_path / "h.pdf", folder, code=6)
    assert "不是签字时保存的那份文件；在 WPS、Excel 里另存过也会这样" in told and "在册" in told
    assert secretary in office("sign", "verify", "--code", kept.name, folder)
    office("sign", "verify", "--code", "0000-0000-0000-0000", folder, code=6)
    (tmp_path / "scan.jpg").write_bytes(b"scan")
    assert "已归档" in office("sign", college, folder, "--scan", tmp_path / "scan.jpg", "--by", "王老师")
    assert "原件" in office("sign", "verify", tmp_path / "scan.jpg", folder)

    # the registrar corrects one: stale, told by field, the signed file differs by that student
    (registry,) = (folder / "registry").iterdir()

    def correct(rows):
        return [
            row | {"民族": "苗族" if row["民族"] != "苗族" else "汉族"} if row["学号"] == number else row
            for row in rows
        ]

    edit(registry, correct)
    office("check", folder)
    stale = people(office, "--status", "stale")
    assert [row["student_number"] for row in stale] == [number]
    assert stale[0]["changed_fields"] == "ethnicity"
    told = office("sign", "verify", pdf, folder, code=6)
    assert "原件，但数据已有改动" in told and f"学号 {number}：" in told
    assert "错误" in office("accept", college, folder, "--by", "王老师", code=6)
    if os.name == "posix":
        assert stat.S_IMODE((folder / "ledger.sqlite").stat().st_mode) == 0o600


def test_decisions_of_a_file_are_taken_by_the_run(office):
    folder = office.folder
    toml = folder / "cohort.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + '\n[review]\ndecisions = "decisions.csv"\n', encoding="utf-8")
    assert "没有审核表" in office("check", folder)  # no file yet: nobody has decided
    numbers = [row["student_number"] for row in people(office)]
    lines = [
        "学号,意见,审核人,说明",
        f"{numbers[0]},通过,王老师,",
        f"{numbers[1]},退回,王老师,照片不清",
        "nobody,通过,王,",
    ]
    (folder / "decisions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    office("check", folder, "--rule", "phone.format")  # a trial decides nothing, and nobody decides on it
    assert {row["status"] for row in people(office)} == {"awaiting"}
    for _ in range(2):  # what could not be done is told every time
        assert "第 4 行 学号 nobody：" in office("check", folder)
        status = {row["student_number"]: row["status"] for row in people(office)}
        assert (status[numbers[0]], status[numbers[1]]) == ("approved", "returned")
    from pipeline.cohort import load_cohort
    from pipeline.review.ledger import open_ledger

    with open_ledger(load_cohort(folder)) as ledger:
        assert ledger.entries("decision")["action"].tolist() == ["approve", "return"]


def test_a_submission_that_only_a_newer_partial_run_has_is_withdrawn(office):
    """A trial of one rule read it; `withdraw` looks there, because the newest run of all rules lacks it."""
    folder = office.folder
    office("check", folder)
    number = people(office)[0]["student_number"]

    def register_again(rows):
        first = next(row for row in rows if row[fields.label("student_number")] == number)
        later = {fields.label("submitted_at"): "2016-10-30 10:00", fields.label("phone"): "13900001234"}
        return [*rows, first | later]

    edit(folder / "submissions" / "10534.csv", register_again)
    trial = Path(office.said("check", folder, "--rule", "phone.format")[0].splitlines()[-1])
    given = pd.read_parquet(trial / "tables" / "submissions.parquet").set_index("phone")
    new = given.at["13900001234", "submission_id"]
    told = ("--why", "填错了人", "--by", "王老师")
    assert "没有提交" in office("review", "withdraw", folder, "--submission", "0" * 20, *told, code=2)
    assert f"已撤销 1 条登记：{new}" in office("review", "withdraw", folder, "--submission", new, *told)
    assert "此前已是如此" in office("review", "withdraw", folder, "--submission", new[:10], *told)
    office("check", folder)
    assert new not in {row["submission_id"] for row in people(office)}
