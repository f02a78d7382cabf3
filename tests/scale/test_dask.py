"""A cluster of Dask workers does what a pool of processes does, byte for byte, even when it loses one of them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.cohorts import make_cohort
from tests.scale.runs import TABLES, check, many_parts


class Cluster:
    """A scheduler and two workers, each a process on loopback."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", self._file)
        deadline = time.monotonic() + 90
        while not self._file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        for number in range(2):
            self._start(
                "worker", "--scheduler-file", self._file, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1",
                "--local-directory", folder / f"worker-{number}",
            )  # fmt: skip

    def _start(self, role: str, *words: str | Path) -> None:
        command = [sys.executable, "-m", "distributed.cli.dask_" + role, "--no-dashboard", *map(str, words)]
        quiet = subprocess.DEVNULL
        self.processes.append(subprocess.Popen(command, stdout=quiet, stderr=quiet, env=os.environ))

    @property
    def address(self) -> str:
        return str(json.loads(self._file.read_text())["address"])

    def kill_a_worker(self) -> None:
        self.processes[1].send_signal(signal.SIGKILL)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Cluster]:
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    made = Cluster(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_pool_s_tables(
    cluster: Cluster, crossing: Path, parted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    many_parts(monkeypatch)
    killed = threading.Event()

    def kill_midway() -> None:
        while not list((tmp_path / "dask").glob("*/runs/.*/spool/parts/*")):
            time.sleep(0.05)
        cluster.kill_a_worker()
        killed.set()

    threading.Thread(target=kill_midway, daemon=True).start()
    run = check(crossing, tmp_path / "dask", cluster.address)
    assert killed.is_set()
    for name in TABLES:
        for kind in ("parquet", "csv"):
            one, other = (path / "tables" / f"{name}.{kind}" for path in (parted, run))
            assert one.read_bytes() == other.read_bytes(), f"{name}.{kind}"


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_cluster_that_loses_a_worker_renders_the_local_pages(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cohort = make_cohort(tmp_path / "cohort", 60, 2, seed=5, faults=0.2)
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)  # runs of one name: pages carry it
    local = check(cohort, tmp_path / "local", command="run")
    killed = threading.Event()

    def kill_midway() -> None:
        while not [*(tmp_path / "dask").glob("*/runs/.*/notebooks/*.ipynb")]:  # the first is done, the rest is not
            time.sleep(0.02)
        cluster.kill_a_worker()
        killed.set()

    threading.Thread(target=kill_midway, daemon=True).start()
    run = check(cohort, tmp_path / "dask", cluster.address, command="run")
    assert killed.is_set()
    pages = _files(local, "site")
    assert {Path(page).suffix for page in pages} == {".html", ".pdf", ".xlsx"}
    assert _files(run, "site") == pages
    for page in pages:
        if not page.endswith(".xlsx"):  # which tells when it was written
            assert (run / "site" / page).read_bytes() == (local / "site" / page).read_bytes(), page
    notebooks = _files(local, "notebooks")
    assert _files(run, "notebooks") == notebooks
    for notebook in notebooks:
        assert _outputs(run / "notebooks" / notebook) == _outputs(local / "notebooks" / notebook), notebook


def _files(run: Path, folder: str) -> list[str]:
    return sorted(str(path.relative_to(run / folder)) for path in (run / folder).rglob("*") if path.is_file())


def _outputs(notebook: Path) -> list[Any]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]
