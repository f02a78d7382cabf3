"""What a hand or a disk did to the results: told in words, never taken over, mended by the next run."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pyarrow.lib import ArrowException

from pipeline.atomic_files import sha256_of
from pipeline.cache import Fingerprint, fingerprint
from pipeline.cli import main
from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.errors import InputError
from pipeline.render import overview, render_stage
from pipeline.review.chain import Entry
from pipeline.review.ledger import open_ledger
from pipeline.run_folder import RunFolder, finished_files
from pipeline.summary import shrunk_registries
from pipeline.tables import read_table
from pipeline.view.run_tables import load_run
from tests.conftest import Ran
from tests.deliver.runs import make_cohort, roster_of, write_run

NOW = datetime(2016, 10, 20, 9, tzinfo=SHANGHAI)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    made = make_cohort(tmp_path / "cohort")
    write_run(made, "20161001-090000-0000", roster_of(2, 6, night=3), as_of=date(2016, 10, 1))
    write_run(made, "20161002-090000-0000", roster_of(2, 6, night=5), as_of=date(2016, 10, 2))
    return made


def newest(root: Path) -> Path:
    return root / "runs" / "20161002-090000-0000"


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no text": lambda root: (root / "latest.txt").write_bytes(b"\xff\xfe\x00"),
    "blank": lambda root: (root / "latest.txt").write_text(""),
    "elsewhere": lambda root: (root / "latest.txt").write_text("../../.."),
    "long": lambda root: (root / "latest.txt").write_text("x" * 5000),
    "gone": lambda root: shutil.rmtree(newest(root)),
    "a list": lambda root: (newest(root) / "summary.json").write_text("[]"),
    "an old list": lambda root: (root / "runs" / "20161001-090000-0000" / "summary.json").write_text("[1]"),
    "half a summary": lambda root: os.truncate(newest(root) / "summary.json", 20),
    "half a table": lambda root: os.truncate(newest(root) / "tables" / "roster.parquet", 200),
    "no table": lambda root: (newest(root) / "tables" / "roster.parquet").unlink(),
    "no page": lambda root: shutil.rmtree(newest(root) / "site"),
}
COMMANDS = {
    "doctor": ["doctor", "@"],
    "send": ["send", "@", "--dry-run"],
    "purge": ["purge", "@", "--by", "王"],
    "list": ["review", "list", "@"],
    "explain": ["explain", "13000000", "@"],
    "docs": ["docs", "@"],
    "handin": ["handin", "@", "--draft"],
    "catch up": ["schedule", "@"],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_results_are_told_in_words(cohort: Cohort, capsys: pytest.CaptureFixture[str], damage: str):
    DAMAGE[damage](cohort.reports_folder)
    for name, words in COMMANDS.items():
        with suppress(SystemExit):
            main([word.replace("@", str(cohort.folder)) for word in words])
        said = capsys.readouterr()
        assert "意外" not in said.err, (name, said.err)
        assert "Traceback" not in said.err + said.out, name


def written(root: Path, run_id: str) -> RunFolder:
    run = RunFolder(root, run_id)
    (run.path / "tables").mkdir(parents=True)
    (run.path / "tables" / "roster.csv").write_text("a\n1\n")
    run.write_summary({"fingerprint": "same", "stages": {}})
    return run


def test_a_run_tells_the_sha256_of_each_of_its_files(tmp_path: Path):
    (tmp_path / "runs").mkdir()
    final = written(tmp_path, "a").finish(latest=True)
    (final / "tables" / ".~lock.roster.csv#").write_text("somebody looks at it")
    told = finished_files(final)
    assert told == {name: sha256_of(final / name) for name in ("summary.json", "tables/roster.csv")}
    (final / "files.json").write_text(json.dumps({"summary.json": 12}))  # of an earlier version
    assert finished_files(final) == {}


def test_a_registry_that_is_gone_is_told_where_it_is_read(cohort: Cohort):
    """Looking for an unchanged run must not end the run: the other schools go on."""
    assert not list(cohort.folder.glob("registry/*"))
    assert fingerprint(cohort, NOW.date()) == Fingerprint()


def test_what_a_lost_worker_wrote_does_not_stay_in_the_run(tmp_path: Path):
    (tmp_path / "runs").mkdir()
    run = written(tmp_path, "a")
    (run.path / "tables" / ".part-77-roster.parquet").write_text("half")
    assert [path.name for path in (run.finish(latest=False) / "tables").iterdir()] == ["roster.csv"]


def test_a_table_that_cannot_be_read_is_told(cohort: Cohort):
    run = newest(cohort.reports_folder)
    (run / "tables" / "roster.parquet").write_bytes(b"PAR1 and no more PAR1")
    with pytest.raises(InputError, match="roster 读不出"):
        read_table(run, "roster")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "内存不够"),
        (OSError(errno.ENOMEM, "x"), "内存不够"),
        (OSError(errno.EIO, "x"), "磁盘有故障"),
        (OSError(errno.EMFILE, "x"), "打开的文件太多"),
        (OSError(errno.ENOSPC, "x"), "磁盘写满"),
        (OSError(errno.EAGAIN, "x"), "不许再开新的进程"),
        (RuntimeError("can't start new thread"), "不许再开新的进程"),
        (ArrowException("Unknown error: std::bad_alloc"), "内存不够"),
        (ImportError("x.so: failed to map segment from shared object"), "内存不够"),
        (ImportError("x.so: cannot open shared object file: Too many open files"), "打开的文件太多"),
    ],
)
def test_what_the_system_refuses_is_told_in_words(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
):
    def failing(_: object) -> None:
        raise error

    monkeypatch.setattr("pipeline.cohort.load_cohort", failing)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(cohort.folder)])
    assert ended.value.code == 4
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("refused", "said"), [(errno.ENOSPC, "磁盘写满"), (errno.EACCES, "没有读写权限")])
def test_what_is_refused_under_a_workbook_is_told_in_words(refused: int, said: str):
    from xlsxwriter.exceptions import FileCreateError

    from pipeline.cli.terminal import system_failure
    from pipeline.workbook_writer import new_workbook

    with pytest.raises(OSError, match="x") as raised, new_workbook(BytesIO()):
        raise FileCreateError(OSError(refused, "x"))  # as XlsxWriter does
    told = system_failure(raised.value)
    assert told is not None
    assert said in str(told)


def test_a_backup_put_back_half_way_is_told_and_put_back_again(cohort: Cohort, tmp_path: Path):
    """A copy of the file that was cut off, side files of the old one beside it: `backup --restore` puts all right."""
    with open_ledger(cohort) as ledger:
        ledger.append(*(Entry("decision", by="王", why=f"第 {n} 条") for n in range(200)))
        ledger.backup(tmp_path / "copy.sqlite")
    place = cohort.folder / "ledger.sqlite"
    for side in ("-wal", "-shm"):
        (cohort.folder / f"ledger.sqlite{side}").write_bytes(b"")
    place.write_bytes((tmp_path / "copy.sqlite").read_bytes()[:9000])
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(cohort.folder)])
    assert ended.value.code == 4
    words = ["backup", str(cohort.folder), "--restore", str(tmp_path / "copy.sqlite"), "--by", "王", "--why", "写坏了"]
    with suppress(SystemExit):
        main(words)
    with open_ledger(cohort) as ledger:
        assert ledger.verify() == []
        assert ledger.entries()["kind"].tolist() == ["decision"] * 200 + ["restore"]
    assert list(cohort.folder.glob("ledger-*.sqlite"))


@pytest.mark.slow
def test_a_registry_that_was_cut_off_between_two_lines_is_doubted(
    begun: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = shutil.copytree(begun.cohort, tmp_path / "cohort")
    words = ["run", str(folder), "--no-notebooks", "--as-of", "2016-10-20"]

    def run() -> Path:
        with suppress(SystemExit):
            main(words)
        said = capsys.readouterr()
        assert ("请核对" in said.err) == ("少了" in said.err) == short
        return Path(said.out.strip())

    registry = folder / "registry" / "10534.csv"
    lines = registry.read_text(encoding="utf-8").splitlines(keepends=True)
    registry.write_text("".join(lines[:-7]), encoding="utf-8")
    short = True
    cut = run()
    page = overview.show_head(overview.open_overview(str(cut))).html
    head = re.sub("<[^>]*>", "", page).replace("\xa0", " ")  # a number and its unit stay together
    render_stage.write_index(tmp_path / "render_stage.html", load_run(cut))
    assert "少了" in (tmp_path / "render_stage.html").read_text(encoding="utf-8")
    assert f"少了 7 人（原 {len(lines) - 1} 人，现 {len(lines) - 8} 人）" in head
    registry.write_text("".join(lines), encoding="utf-8")
    short = False
    run()


@pytest.mark.parametrize("before", [{}, {"colleges_state": [1]}, {"colleges_state": {"10534/土木": {"statuses": 3}}}])
def test_a_spoilt_run_before_makes_no_registry_doubtful(before: dict[str, object]):
    assert shrunk_registries(_summary(3), _COHORT | before) == {}


def test_who_is_outside_the_class_now_has_not_left_the_registry():
    """One student on leave was told as an export that is not whole."""
    assert shrunk_registries(_summary(2, 1), _summary(3)) == {}
    assert shrunk_registries(_summary(2), _summary(2, 1)) == {"10534": {"before": 3, "now": 2}}


_COHORT: dict[str, Any] = {"cohort": {"schools": [{"code": "10534", "name": "甲"}]}}


def _summary(approved: int, outside: int = 0) -> dict[str, Any]:
    state = {"10534/土木": {"statuses": {"approved": approved}}}
    return _COHORT | {"colleges_state": state, "counts": {"outside": {"甲": outside} if outside else {}}}
