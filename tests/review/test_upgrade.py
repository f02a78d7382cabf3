"""A ledger that mingce 1.0 wrote, beside the tables it was written for: nothing goes stale by the upgrade.

`earlier/` was made by the code of 27 November 2026 (`check`, `review`, `except`, `sign`, `accept`). Its registries hold
values that today's normalising reads otherwise than that code's did: 否 and 无单位 for no unit, parted exam numbers.
"""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from pipeline.cohort import load_cohort
from pipeline.office import open_office
from pipeline.office.decision_form import Decision, record_decision
from pipeline.review.ledger import open_ledger, system_account
from tests.command import run

EARLIER = Path(__file__).resolve().parent / "earlier"
COLLEGE = "12649/潇湘学院"


def laid(folder):
    """Lay the cohort into a folder as the earlier version left it."""
    shutil.copytree(EARLIER, folder)
    with sqlite3.connect(folder / "ledger.sqlite") as database:
        database.executescript((folder / "ledger.sql").read_text(encoding="utf-8"))
    database.close()
    old = folder / "reports" / "2017届" / "runs" / "20161001-214627-90a0"
    old.mkdir(parents=True)
    (folder / "summary.json").rename(old / "summary.json")  # it knows of no head, and says nothing
    return folder


@pytest.fixture
def cohort(tmp_path):
    return laid(tmp_path / "2017")


@pytest.fixture(scope="session")
def checked_once(once):
    """The cohort after its first check by this version. Read only."""

    def make(folder):
        made = laid(folder / "2017")
        assert run("check", made, "--as-of", "2016-10-25") == 0
        return made

    return once("earlier", make)


@pytest.fixture
def checked(checked_once, tmp_path):
    """A copy of the cohort after its first check by this version."""
    return shutil.copytree(checked_once, tmp_path / "2017")


def statuses(cohort, capsys):
    capsys.readouterr()
    assert run("review", "list", cohort, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    return {f"{row['school_code']}/{row['student_number']}": row for row in rows}


def test_approvals_stand_and_the_signature_of_names_is_renewed(checked, capsys):
    cohort = checked
    now = statuses(cohort, capsys)
    words = [row["status"] for row in now.values()]
    counted = {word: words.count(word) for word in set(words)}
    assert counted == {"missing": 5, "approved": 30, "correct": 4, "awaiting": 1}  # as the earlier version said
    assert now["10534/14000000031"]["status"] == "approved"  # its exception stands
    assert not any(row["change_request"] for row in now.values())
    assert run("sign", COLLEGE, cohort, "--by", "陈书记") == 6  # late by the clock: a reason is wanted
    capsys.readouterr()
    assert run("accept", COLLEGE, cohort, "--by", "江老师") == 6
    assert "原来的签字只签了名单" in capsys.readouterr().err
    assert run("handin", cohort, "--college", COLLEGE) == 6
    assert "原来的签字只签了名单" in capsys.readouterr().err
    capsys.readouterr()
    assert run("sign", COLLEGE, cohort, "--by", "陈书记", "--why", "换新版本") == 0
    assert "经办人姓名系手工填写，未与账号核对" in capsys.readouterr().out
    assert run("accept", COLLEGE, cohort, "--by", "江老师") == 0
    with open_ledger(load_cohort(cohort)) as ledger:
        assert ledger.verify() == []


def test_where_names_are_typed_the_record_says_so(checked, capsys):
    """So do `review list`, `explain` and the desk; the paper does not."""
    cohort = checked
    assert {row["decided_checked"] for row in statuses(cohort, capsys).values()} == {""}
    assert run("review", "list", cohort) == 0
    assert "其中 32 人的审核人姓名系手工填写，未与账号核对" in capsys.readouterr().out
    assert run("explain", "12649/13000000034", cohort) == 0
    assert "王老师（手工填写，未核对）" in "".join(capsys.readouterr().out.split())
    office = open_office(str(cohort))
    office.mark_seen(office.build_snapshot().people)
    said, _ = record_decision(office, Decision("退回", ("12649/13000000034",), "王老师", "照片"))
    assert "经办人姓名系手工填写，未与账号核对" in said
    settings = cohort / "cohort.toml"
    bound = f'reviewers = {{ {system_account()} = "王老师" }}\n'
    settings.write_text(settings.read_text(encoding="utf-8") + bound, encoding="utf-8")
    office = open_office(str(cohort))
    office.mark_seen(office.build_snapshot().people)
    said, _ = record_decision(office, Decision("退回", ("12649/13000000036",), "王老师", "照片"))
    assert "手工填写" not in said
    capsys.readouterr()
    assert run("review", "return", "--student", "12649/13000000037", cohort, "--by", "李老师", "--why", "照片") == 6
    rows = statuses(cohort, capsys)
    assert [row["decided_checked"] for n, row in rows.items() if row["decided_by"] == "王老师"].count("1") == 1


def test_a_registry_row_that_did_change_is_seen_all_the_same(cohort, capsys):
    path = cohort / "registry" / "12649.csv"
    text = path.read_text(encoding="utf-8")
    assert text.count("1343-0200000035") == 1 and text.count(",否\n") > 0
    path.write_text(text.replace("1343-0200000035", "1343-0200000036"), encoding="utf-8")
    assert run("check", cohort, "--as-of", "2016-10-25") == 0
    stale = {number: row for number, row in statuses(cohort, capsys).items() if row["status"] == "stale"}
    assert {number: row["changed_fields"] for number, row in stale.items()} == {"12649/13000000035": "exam_number"}
