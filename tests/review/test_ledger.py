"""The ledger keeps what it is given, in order, whole, for several writers at once."""

import multiprocessing
import os
import sqlite3
import stat
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.clock import SHANGHAI
from pipeline.errors import ConfigurationError, MingceError
from pipeline.review import ledger_database
from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger
from pipeline.review.ledger_database import ledger_url, reading


def ledger_in(folder: Path, clock=lambda: datetime(2016, 10, 1, 9, tzinfo=SHANGHAI)) -> Ledger:
    return Ledger(sa.make_url(f"sqlite:///{folder / 'ledger.sqlite'}"), clock)


@pytest.fixture
def ledger(tmp_path):
    with ledger_in(tmp_path) as opened:
        yield opened


def test_an_entry_comes_back_as_it_was_written(ledger):
    (stored,) = ledger.append(
        Entry(
            "decision",
            action="return",
            by="王老师",
            why="照片不清",
            school_code="10534",
            student_number="13",
            data={"a": 1},
        )
    )
    row = ledger.entries("decision").iloc[0]
    assert (stored.seq, stored.new) == (1, True)
    assert (row["action"], row["by"], row["why"], row["data"]) == (
        "return",
        "王老师",
        "照片不清",
        '{"a":1,"named":"typed"}',
    )
    assert row["at"] == "2016-10-01T09:00:00+08:00"
    assert row["account"]
    assert ledger.entries("exception").empty
    assert ledger.verify() == []


def test_a_unique_key_happens_once(ledger):
    (first,) = ledger.append(Entry("delivery", action="claim", unique_key="run1/a@b"))
    (again,) = ledger.append(Entry("delivery", action="claim", unique_key="run1/a@b"))
    assert (first.new, again.new, again.seq) == (True, False, first.seq)
    both = ledger.append(Entry("x", unique_key="k"), Entry("x", unique_key="k"), Entry("x"))
    assert [item.new for item in both] == [True, False, True]
    assert len(ledger.entries()) == 3
    assert ledger.verify() == []


def test_several_entries_stand_together_or_not_at_all(ledger):
    ledger.append(Entry("run"))

    def decide(_):
        yield Entry("decision")
        raise MingceError("no")

    with pytest.raises(MingceError):
        ledger.append_if(lambda frame: list(decide(frame)))
    assert len(ledger.entries()) == 1


def test_the_file_is_its_owners_alone(ledger, tmp_path):
    ledger.append(Entry("run"))
    if os.name == "posix":
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET by = '别人' WHERE seq = 2",
        "UPDATE entries SET data = '{}' WHERE seq = 2",
        "UPDATE entries SET unique_key = 'z' WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM personal WHERE seq = 2",
        "UPDATE personal SET \"values\" = '{}' WHERE seq = 2",
        "UPDATE personal SET why = '' WHERE seq = 2",
        "INSERT INTO personal VALUES (9, '', '', '{}')",
    ],
)
def test_tampering_is_seen(ledger, tmp_path, statement):
    for number in range(3):
        ledger.append(Entry("decision", by="王", why=f"{number}", data={"n": number}))
    assert ledger.verify() == []
    with sqlite3.connect(tmp_path / "ledger.sqlite") as direct:
        direct.execute(statement)
    assert ledger.verify() != []


def test_purge_empties_the_personal_side_and_keeps_the_chain(tmp_path):
    days = iter([1, 2, 3, 20, 21])
    with ledger_in(tmp_path, lambda: datetime(2016, 10, next(days), tzinfo=SHANGHAI)) as ledger:
        for number in range(4):
            ledger.append(Entry("decision", by="王", why=f"w{number}", student_number=str(number)))
        assert ledger.purge(before="2016-10-15", by="李", why="期满") == 3
        assert list(ledger.entries("decision")["why"]) == ["", "", "", "w3"]
        assert list(ledger.entries("decision")["student_number"]) == list("0123")
        assert ledger.verify() == []
        assert ledger.purge(before="2016-10-15", by="李", why="期满") == 0


def test_what_was_purged_is_in_no_free_page_of_the_file(tmp_path):
    days = iter([1, 20])
    with ledger_in(tmp_path, lambda: datetime(2016, 10, next(days), tzinfo=SHANGHAI)) as ledger:
        ledger.append(*(Entry("delivery", by="x", personal={"address": f"canary{n}@b.cn"}) for n in range(500)))
        assert ledger.purge(before="2016-10-15", by="李", why="期满") == 500
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))


def test_a_folder_in_the_place_of_the_ledger_stays_as_it_is(tmp_path):
    place = tmp_path / "ledger.sqlite"
    place.mkdir()
    place.chmod(0o755)  # whatever umask an earlier test left
    with pytest.raises(ConfigurationError, match=r"ledger\.sqlite（是文件夹）"):
        ledger_in(tmp_path, lambda: datetime.now(SHANGHAI))
    assert place.stat().st_mode & 0o777 == 0o755


def test_a_backup_is_a_whole_ledger(ledger, tmp_path):
    for number in range(5):
        ledger.append(Entry("decision", why=str(number)))
    assert ledger.backup(tmp_path / "copy.sqlite") == 5
    with Ledger(sa.make_url(f"sqlite:///{tmp_path / 'copy.sqlite'}"), ledger._clock) as copy:
        assert copy.entries().equals(ledger.entries())
        assert copy.head() == ledger.head()
        copy.append(Entry("run"))
        assert copy.verify() == []
    with pytest.raises(MingceError, match="已存在"):
        ledger.backup(tmp_path / "copy.sqlite")
    with sqlite3.connect(tmp_path / "ledger.sqlite") as direct:
        direct.execute("UPDATE entries SET by = 'x' WHERE seq = 2")
    with pytest.raises(MingceError, match="没有通过"):
        ledger.backup(tmp_path / "second.sqlite")
    assert sorted(path.name for path in tmp_path.glob("*second*")) == []


def test_an_earlier_ledger_has_the_tables_of_today(ledger, tmp_path):
    """Each column, key and index of `earlier/ledger.sql`, which mingce 1.0 wrote, and its version."""
    with sqlite3.connect(tmp_path / "earlier.sqlite") as database:
        database.executescript((Path(__file__).parent / "earlier" / "ledger.sql").read_text(encoding="utf-8"))
    database.close()
    before = (tmp_path / "earlier.sqlite").read_bytes()
    with Ledger(sa.make_url(f"sqlite:///{tmp_path / 'earlier.sqlite'}")) as earlier:
        assert _tables(earlier) == _tables(ledger)
        assert earlier.verify() == []
    assert (tmp_path / "earlier.sqlite").read_bytes()[100:] == before[100:]  # opened, not changed


def _tables(ledger):
    with reading(ledger._engine) as connection:
        look = sa.inspect(connection)
        names = look.get_table_names()
        columns = {(t, c["name"], str(c["type"]), c["nullable"]) for t in names for c in look.get_columns(t)}
        keys = {(t, *look.get_pk_constraint(t)["constrained_columns"]) for t in names}
        unique = {(t, *one["column_names"]) for t in names for one in look.get_unique_constraints(t)}
        indexes = {(t, one["name"], *one["column_names"]) for t in names for one in look.get_indexes(t)}
        return columns, keys, unique, indexes, ledger_database.schema_of(connection)


def test_a_newer_ledger_is_left_alone(ledger, tmp_path):
    with sqlite3.connect(tmp_path / "ledger.sqlite") as direct:
        direct.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="升级"):
        ledger_in(tmp_path)


@pytest.mark.parametrize("url", ["sqlite", "mysql://h/db", "nothing://x"])
def test_a_wrong_address_is_told(url, tmp_path):
    with pytest.raises(ConfigurationError):
        ledger_url(url, tmp_path)


def test_addresses(tmp_path, monkeypatch):
    monkeypatch.setenv("MINGCE_LEDGER_PASSWORD", "s")
    assert ledger_url("sqlite:///ledger.sqlite", tmp_path).database == str(tmp_path / "ledger.sqlite")
    assert ledger_url(f"sqlite:///{tmp_path}/x.sqlite", Path("/")).database == f"{tmp_path}/x.sqlite"
    assert ledger_url("postgresql://u@h/db", tmp_path).password == "s"


def _write_many(folder: str, name: str, count: int) -> None:
    with ledger_in(Path(folder)) as ledger:
        for number in range(count):
            ledger.append(Entry("decision", by=name, why=str(number), unique_key=f"{name}/{number}"))
            ledger.append(Entry("delivery", by=name, unique_key=f"shared/{number}"))


def test_two_processes_at_once_lose_nothing(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_write_many, args=(str(tmp_path), name, 25)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with ledger_in(tmp_path) as ledger:
        entries = ledger.entries()
        assert len(entries) == 75
        assert sorted(entries["seq"]) == list(range(1, 76))
        for name in ("a", "b"):
            mine = entries[(entries["by"] == name) & (entries["kind"] == "decision")]
            assert list(mine["why"]) == [str(number) for number in range(25)]
        assert ledger.verify() == []
