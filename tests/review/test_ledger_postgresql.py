"""The same ledger on PostgreSQL: a server of the test's own, on a socket in a temporary folder."""

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.review.chain import Entry
from pipeline.review.ledger import Ledger

from .small import Clock

pytestmark = pytest.mark.postgresql


def _tools() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path(shutil.which("initdb") or "").parent if shutil.which("initdb") else None


@pytest.fixture(scope="module")
def server():
    tools = _tools()
    if tools is None:
        pytest.skip("no PostgreSQL server is installed (initdb)")
    # PostgreSQL refuses to run as root: then its own account does, in a folder of its own
    user = ["runuser", "-u", "postgres", "--"] if os.name == "posix" and os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="mingce-pg-"))
    if user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    log = folder / "log"
    run = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 60}
    try:
        subprocess.run([*user, tools / "initdb", "-D", data, "-U", "mingce", "-A", "trust"], **run)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        subprocess.run([*user, tools / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start"], **run)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"PostgreSQL does not start here ({type(error).__name__})")
    yield sa.make_url(f"postgresql+psycopg://mingce@/postgres?host={folder}")
    subprocess.run([*user, tools / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
    shutil.rmtree(folder, ignore_errors=True)


def test_two_writers_at_once_on_postgresql(server, tmp_path):
    def write(name):
        with Ledger(server, Clock()) as ledger:
            for number in range(15):
                ledger.append(Entry("decision", by=name, why=str(number), unique_key=f"{name}/{number}"))
                ledger.append(Entry("delivery", unique_key=f"shared/{number}"))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, "abc"))
    with Ledger(server, Clock()) as ledger:
        entries = ledger.entries()
        assert len(entries) == 60
        assert list(entries["seq"]) == list(range(1, 61))
        assert ledger.verify() == []
        ledger.purge(before="9999", by="李", why="期满")
        assert ledger.verify() == []
        assert ledger.backup(tmp_path / "copy.sqlite") == 61
