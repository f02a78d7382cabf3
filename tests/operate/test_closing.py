"""`purge --close`: of a finished cohort nothing personal is left, and what must stay stays."""

import json
from datetime import datetime

import pandas as pd
import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.errors import RefusedError, UsageError
from pipeline.operate.backup import backup_ledger, restore
from pipeline.operate.purge import close
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from pipeline.tables import empty, write_table
from tests.cohorts import settings

CANARIES = ("王小丝雀", "43010519941130944X", "13812345678", "canary@qq.com")
TEXT = "，".join(CANARIES)
NOW = datetime(2026, 11, 30, 9, tzinfo=SHANGHAI)


@pytest.fixture
def cohort(tmp_path):
    folder = tmp_path / "2017"
    (folder / "submissions").mkdir(parents=True)
    (folder / "cohort.toml").write_text(settings() + '[review]\ndecisions = "decisions/*.csv"\n', encoding="utf-8")
    for name in ("colleges.csv", "counselors.csv", "registry.csv", "submissions/430.csv", "decisions/a.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"学号,{TEXT}\n", encoding="utf-8")
    made = load_cohort(folder)
    run = made.reports_folder / "runs" / "20161101-090000-abcd"
    (run / "tables").mkdir(parents=True)
    names = [{"name": f"{CANARIES[0]}.csv", "sha256": "a" * 64, "size": 1, "detail": TEXT}]
    told = {"run_id": run.name, "inputs": names, "notes": [{"message": TEXT}], "skipped_rows": [{"text": TEXT}]}
    (run / "summary.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    row = dict.fromkeys(empty("headcount").columns, 0) | {"school": "甲", "college": "乙", "education_level": "本科"}
    both = pd.DataFrame([row | {"major": "土木", "registered": 3}, row | {"major": CANARIES[0]}])
    write_table(run / "tables", "headcount", both)
    write_table(run / "tables", "roster", pd.DataFrame({"name": [TEXT]}))
    for place in ("inputs/" + "a" * 64, "outbox/x/1.eml", "handin/file.csv", "papers/x/p.txt", "runs/.x.part/t.csv"):
        path = made.reports_folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT, encoding="utf-8")
    (folder / "desk").mkdir()
    (folder / "desk" / "START.ipynb").write_text(TEXT, encoding="utf-8")
    with open_ledger(made) as ledger:
        personal = {"note": TEXT}
        ledger.append(Entry("decision", action="return", by="王老师", why=TEXT, student_number="1", personal=personal))
    return made


def holding(folder):
    """The files, by path or by content, with one of the canaries in them."""
    marks = [canary.encode() for canary in CANARIES]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(p) for p in files if any(mark in p.read_bytes() + str(p).encode() for mark in marks)]


def test_no_canary_is_left_anywhere(cohort, tmp_path):
    there, _ = backup_ledger(cohort, tmp_path / "copies", NOW, "王老师")
    gone, _ = backup_ledger(cohort, tmp_path / "copies" / "moved.sqlite", NOW, "王老师")
    gone.rename(tmp_path / "elsewhere.sqlite")
    with pytest.raises(UsageError, match="还有院系没有接收"):
        close(cohort, NOW, "王老师", "")
    assert holding(cohort.folder)
    restore(cohort, there, NOW, "王老师", "误删")  # the copy knows of no later copy, and of itself by this
    backup_ledger(cohort, tmp_path / "copies" / "moved.sqlite", NOW, "王老师")
    (tmp_path / "copies" / "moved.sqlite").unlink()
    closed = close(cohort, NOW, "王老师", "毕业生已离校")
    assert holding(cohort.folder) == [] and not there.exists()
    assert any("moved.sqlite" in line for line in closed.remaining)  # named, for nobody knows where it is now
    assert (closed.runs, closed.backups) == (2, 1)


def test_counts_decisions_and_the_chain_stay(cohort):
    close(cohort, NOW, "王老师", "毕业生已离校")
    with open_ledger(cohort) as ledger:
        entries = ledger.entries()
        assert ledger.verify() == []
    assert entries["kind"].tolist() == ["decision", "purge", "purge"]
    assert entries["by"].iloc[0] == "王老师" and not entries["why"].iloc[0]
    run = cohort.reports_folder / "runs" / "20161101-090000-abcd"
    headcount = pd.read_parquet(run / "tables" / "headcount.parquet")
    assert headcount["major"].tolist() == ["土木", "（名单外）"] and headcount["registered"].tolist() == [3, 0]
    assert json.loads((run / "summary.json").read_text(encoding="utf-8"))["inputs"] == [{"sha256": "a" * 64, "size": 1}]
    close(cohort, NOW, "王老师", "再做一次")  # a purge that was cut off is gone on with


def test_who_may_still_hand_in_is_not_closed(cohort):
    with pytest.raises(RefusedError, match="还没有结束"):
        close(cohort, NOW.replace(year=2016, month=11, day=20), "王老师", "早了")
    assert (cohort.folder / "registry.csv").is_file()
