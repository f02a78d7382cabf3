"""A ledger that was cut, replaced, deleted or rewritten is noticed by what runs and signatures saw of it."""

import json
import shutil
import sqlite3
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from pipeline.cli import common, sign_commands
from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.errors import RefusedError, UsageError
from pipeline.operate.backup import backup_ledger, restore
from pipeline.review.chain import Entry
from pipeline.review.ledger import head_of, known_heads, open_intact, open_ledger, write_witness
from tests.cohorts import settings
from tests.command import run

COLLEGE = "土木工程学院"
NOW = datetime(2016, 11, 2, 9, tzinfo=SHANGHAI)


@pytest.fixture
def cohort(tmp_path):
    (tmp_path / "cohort.toml").write_text(settings(), encoding="utf-8")
    (tmp_path / "colleges.csv").write_text("学校名称,院系,副书记\n", encoding="utf-8")
    (tmp_path / "counselors.csv").write_text("学校名称,院系,班级,姓名,邮箱\n", encoding="utf-8")
    (tmp_path / "registry.csv").write_text("学号\n1\n", encoding="utf-8")
    return load_cohort(tmp_path)


def decide(cohort, times=1, by="王老师"):
    with open_ledger(cohort) as ledger:
        for _ in range(times):
            ledger.append(Entry("decision", action="approve", by=by, student_number="1"))
        return ledger.entries()


def seen_by_a_run(cohort, entries, name="20161101-090000-abcd"):
    run = cohort.reports_folder / "runs" / name
    run.mkdir(parents=True)
    (run / "summary.json").write_text(json.dumps({"ledger": head_of(entries)}), encoding="utf-8")


def file_of(cohort):
    return cohort.folder / "ledger.sqlite"


def check(cohort):
    open_intact(cohort).close()


def touch(cohort, *statements):
    with sqlite3.connect(file_of(cohort)) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def test_a_whole_ledger_and_summaries_of_earlier_versions_say_nothing(cohort):
    seen_by_a_run(cohort, decide(cohort, 2))
    old = cohort.reports_folder / "runs" / "20161001-090000-abcd"
    old.mkdir()
    (old / "summary.json").write_text("{}", encoding="utf-8")
    decide(cohort)
    check(cohort)
    assert [head.number for head in known_heads(cohort)] == [2]


def cut(cohort):
    touch(cohort, "DELETE FROM entries WHERE seq = 3")


def delete(cohort):
    file_of(cohort).unlink()


def put_an_old_one_there(cohort):
    shutil.copy(cohort.folder / "old.sqlite", file_of(cohort))


def rewrite(cohort):
    touch(cohort, "UPDATE entries SET \"by\" = '别人' WHERE seq = 2")


def begin_anew(cohort):
    """Another chain, of its own right hashes, longer than the one that was seen."""
    file_of(cohort).unlink()
    decide(cohort, 9, "别人")


@pytest.mark.parametrize("damage", [cut, delete, put_an_old_one_there, rewrite, begin_anew])
def test_a_ledger_that_is_not_what_was_seen_is_refused_and_the_newest_head_named(cohort, damage):
    seen_by_a_run(cohort, decide(cohort, 2), "20161031-090000-abcd")
    shutil.copy(file_of(cohort), cohort.folder / "old.sqlite")
    seen_by_a_run(cohort, decide(cohort))
    damage(cohort)
    with pytest.raises(RefusedError) as caught:
        check(cohort)
    told = str(caught.value)
    assert "backup --restore" in told
    assert "内容被改动" in told if damage is rewrite else "第 3 条（见运行 20161101-090000-abcd）" in told


@pytest.mark.parametrize(
    "words",
    [("sign", COLLEGE, "--by", "李书记"), ("accept", COLLEGE, "--by", "江"), ("handin",), ("handin", "--draft")],
)
def test_on_such_a_ledger_nothing_is_signed_accepted_or_handed_in(cohort, words, monkeypatch, capsys):
    (cohort.folder / "colleges.csv").write_text(
        f"学校名称,院系,副书记\n{cohort.schools[0].name},{COLLEGE},李书记\n", "utf-8"
    )
    seen_by_a_run(cohort, decide(cohort, 2))
    delete(cohort)
    monkeypatch.setattr(common, "open_newest", lambda cohort: (SimpleNamespace(run_id="x"), NOW.date()))
    monkeypatch.setattr(sign_commands, "_colleges", lambda *_: [])
    monkeypatch.setattr(sign_commands, "tables", SimpleNamespace(read_table=lambda *_: None))
    monkeypatch.setattr("pipeline.tabulate.tabulate_stage.standing_of", lambda *_: {})
    assert run(*words[:2], cohort.folder, *words[2:]) == 6
    assert "backup --restore" in capsys.readouterr().err


def test_a_signature_is_a_witness_too(cohort):
    entries = decide(cohort, 2)
    write_witness(cohort.folder / "signed" / "AAAA-BBBB-CCCC-DDDD", 2, entries["hash"].iloc[1], entries["at"].iloc[1])
    check(cohort)
    cut_short = "DELETE FROM entries WHERE seq = 2"
    touch(cohort, cut_short)
    with pytest.raises(RefusedError, match="签字 AAAA-BBBB-CCCC-DDDD"):
        check(cohort)


def test_a_copy_that_is_put_back_names_what_is_lost_and_keeps_the_old_file(cohort):
    decide(cohort, 2)
    copy, count = backup_ledger(cohort, cohort.folder / "copies", NOW, "王老师")
    assert count == 2
    with open_ledger(cohort) as ledger:
        listed = json.loads(ledger.entries("backup")["data"].iloc[0])
    assert (listed["path"], listed["number"]) == (str(copy.resolve()), 2)
    seen_by_a_run(cohort, decide(cohort, 2))
    delete(cohort)
    with pytest.raises(RefusedError):
        check(cohort)
    with pytest.raises(UsageError):
        restore(cohort, copy, NOW, "王老师", "")
    lines = restore(cohort, copy, NOW, "王老师", "误删")
    assert "第 5 条（见运行 20161101-090000-abcd）" in lines[-1] and "补记" in lines[-1]
    check(cohort)  # older heads are explained
    assert (cohort.folder / "ledger-20161102-090000.sqlite").is_file()
    with open_ledger(cohort) as ledger:
        entry = ledger.entries("restore").iloc[0]
        assert ledger.verify() == [] and ledger.head()[0] == 3
    assert entry["by"] == "王老师" and json.loads(entry["data"])["explains"][0][0] == 5
    seen_by_a_run(cohort, decide(cohort), "20161103-090000-abcd")
    delete(cohort)
    with pytest.raises(RefusedError, match="20161103"):
        check(cohort)


def test_a_copy_of_another_cohorts_ledger_is_told(cohort, tmp_path):
    """It was put back in silence, and told the number of lost entries as -1."""
    seen_by_a_run(cohort, decide(cohort, 2))
    other = cohort.model_copy(update={"folder": tmp_path / "2018"})
    other.folder.mkdir()
    with open_ledger(other) as ledger:
        for _ in range(3):
            ledger.append(Entry("decision", by="李老师"))
    lines = restore(cohort, file_of(other), NOW, "王老师", "拿错了")
    assert "第 2 条（见运行 20161101-090000-abcd），请" in lines[1] and "别的一届" in lines[2]
    kept = cohort.folder / "ledger-20161102-090000.sqlite"
    lines = restore(cohort, kept, NOW + timedelta(hours=1), "王老师", "换回")
    assert "第 4 条（见换下的账本） 及以前的 2 条" in lines[1] and len(lines) == 2
    check(cohort)


def test_a_decision_that_no_run_has_seen_is_named_as_lost_too(cohort):
    decide(cohort)
    copy, _ = backup_ledger(cohort, cohort.folder / "copies", NOW)
    decide(cohort, 2)
    assert "第 4 条（见换下的账本） 及以前的 3 条" in restore(cohort, copy, NOW, "王老师", "试")[1]
    file_of(cohort).write_bytes(b"no database")
    assert len(restore(cohort, copy, NOW + timedelta(hours=1), "王老师", "坏了")) == 1


@pytest.mark.parametrize("content", [b"", b"no database", "spoilt"])
def test_what_is_no_copy_is_not_put_back(cohort, content):
    decide(cohort, 2)
    copy, _ = backup_ledger(cohort, cohort.folder / "copies", NOW)
    if content == "spoilt":
        with sqlite3.connect(copy) as database:
            database.execute("UPDATE entries SET \"by\" = 'x' WHERE seq = 1")
        database.close()
    else:
        copy.write_bytes(content)
    before = file_of(cohort).read_bytes()
    with pytest.raises(RefusedError, match="这个副本不能用") as told:
        restore(cohort, copy, NOW, "王老师", "试")
    assert told.value.where == str(copy)
    assert file_of(cohort).read_bytes() == before
    assert not list(cohort.folder.glob(".part-*"))


def test_an_account_acts_in_its_own_name_where_names_are_bound(cohort, monkeypatch):
    from pipeline.review import ledger as module

    monkeypatch.setattr(module, "system_account", lambda: "wang")
    bound = cohort.model_copy(update={"review": SimpleNamespace(reviewers={"wang": "王老师"}, decisions=None)})
    with open_ledger(bound) as ledger:
        ledger.append(Entry("decision", by="王老师"))
        with pytest.raises(RefusedError, match="只能以“王老师”的名义"):
            ledger.append(Entry("decision", by="李书记"))
        ledger.append(Entry("decision", by="李书记", data={"source": "decisions.csv"}))  # typed in a table, by whomever
    with open_ledger(cohort) as ledger:
        ledger.append(Entry("decision", by="谁都行"))
        named = [json.loads(text)["named"] for text in ledger.entries()["data"]]
    assert named == ["account", "typed", "typed"]
    monkeypatch.setattr(module, "system_account", lambda: "guest")
    with open_ledger(bound) as ledger, pytest.raises(RefusedError, match="没有登记"):
        ledger.append(Entry("decision", by="王老师"))
