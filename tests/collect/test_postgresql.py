"""A registry in a real PostgreSQL: a server from Debian's packages on loopback, run as an unprivileged user."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from pipeline.collect import arrow_tables
from pipeline.collect.school_tables import read_registry
from pipeline.errors import InputError

pytestmark = pytest.mark.postgresql


def _tools():
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    return None


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """The address of an empty database, for as long as this module's tests run."""
    tools = _tools()
    if tools is None or os.name != "posix":
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="mingce-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, user)
    alike = user if os.geteuid() == 0 else None
    port = _free_port()
    secret = folder / "secret"
    secret.write_text("geheim")
    secret.chmod(0o644)
    options = [
        "-D",
        folder / "data",
        "-U",
        "office",
        "-A",
        "scram-sha-256",
        f"--pwfile={secret}",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    made = subprocess.run([tools / "initdb", *options], cwd=folder, capture_output=True, check=False, user=alike)
    if made.returncode:
        pytest.skip(f"initdb does not work here: {made.stderr.decode(errors='replace')[-200:]}")
    command = [tools / "postgres", "-D", folder / "data", "-k", folder, "-h", "127.0.0.1", "-p", str(port), "-F"]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=alike)
    address = f"postgresql+psycopg://office:geheim@127.0.0.1:{port}/postgres"
    try:
        _wait(address)
        yield address
    finally:
        running.send_signal(signal.SIGINT)  # fast: SIGTERM would wait for open connections
        running.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(address):
    for _ in range(600):
        try:
            engine = sa.create_engine(address)
            with engine.connect():
                return
        except OperationalError:
            time.sleep(0.1)
    pytest.fail("the server did not start in a minute")


@pytest.fixture(scope="module")
def table(server):
    engine = sa.create_engine(server)
    with engine.begin() as base:
        base.execute(sa.text("create schema jiaowu"))
        base.execute(
            sa.text(
                'create table jiaowu."学籍" ("XH" char(12), "XM" varchar(50), "SFZJH" varchar(18), "XZ" numeric(3,1),'
                ' "RXNY" date, "KSH" numeric(14,0))'
            )
        )
        rows = [
            {"n": f"13050{at:05d}", "m": "阿依·古丽" if at % 2 else "张䶮", "i": f"43030219950314{at % 10000:04d}"}
            for at in range(120_000)
        ]
        base.execute(
            sa.text("insert into jiaowu.\"学籍\" values (:n, :m, :i, 2.5, '2013-09-01', 13430300000001)"), rows
        )
    engine.dispose()
    return f"{server}#jiaowu.学籍"


def registry_of(make_cohort, address):
    cohort = make_cohort(address)
    own = {"student_number": "XH", "name": "XM", "id_number": "SFZJH", "study_years": "XZ", "enrolment_month": "RXNY",
           "exam_number": "KSH"}  # fmt: skip
    own |= {"college": "=商学院", "class_name": "=13会计1班", "major": "=会计学", "education_level": "=本科"}
    return cohort.schools[0].model_copy(update={"columns": own}), cohort


def test_a_table_read_in_portions(make_cohort, table, tmp_path):
    found = read_registry(*registry_of(make_cohort, table), tmp_path / "inputs")
    assert len(found.rows) == 120_000
    row = found.rows.iloc[1]
    assert row[["name", "id_number", "study_years", "enrolment_month", "exam_number"]].tolist() == [
        "阿依·古丽", "430302199503140001", "2.5", "2013-09-01", "13430300000001",
    ]  # fmt: skip
    assert "geheim" not in f"{found.inputs} {found.notes} {set(found.rows['file'])}"


def test_the_password_comes_from_the_environment(make_cohort, table, monkeypatch):
    without = table.replace(":geheim@", "@")
    with pytest.raises(InputError, match="数据库读不出"):
        read_registry(*registry_of(make_cohort, without), None)
    monkeypatch.setenv(arrow_tables.PASSWORD, "geheim")
    assert len(read_registry(*registry_of(make_cohort, without), None).rows) == 120_000


def test_what_goes_wrong_is_said_without_the_password(make_cohort, server):
    for address, said in ((f"{server}#没有", "没有表"), (server.replace(":geheim", ":falsch") + "#a", "读不出")):
        with pytest.raises(InputError, match=said) as caught:
            read_registry(*registry_of(make_cohort, address), None)
        assert "geheim" not in str(caught.value) and "falsch" not in str(caught.value)
