"""One hostile season that all tests of this folder look at: its commands ran once, in a sandbox of their own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.security.hostile import FOLDER, make_hostile

SECRETS = {
    "MINGCE_MAIL_PASSWORD": "canary-mail-password-7Q",
    "MINGCE_LEDGER_PASSWORD": "canary-ledger-password-7Q",
    "MINGCE_CANARY_TOKEN": "canary-token-7Q",
}
KEY = (
    '{"type": "service_account", "private_key": "canary-google-key-7Q", "client_email": "a@b.iam.gserviceaccount.com"}'
)


@dataclass
class Season:
    """The cohort, its latest run, and all that its commands said, by name: (exit code, stdout, stderr)."""

    cohort: Path
    sandbox: Path
    said: dict[str, tuple[int, str, str]] = field(default_factory=dict[str, tuple[int, str, str]])
    lines: set[str] = field(default_factory=set[str])
    """Command lines of all processes seen meanwhile."""
    environments: set[str] = field(default_factory=set[str])
    """What the notebooks' processes were started with."""

    @property
    def reports(self) -> Path:
        return next((self.cohort / "reports").iterdir())

    @property
    def run(self) -> Path:
        return self.reports / "runs" / (self.reports / "latest.txt").read_text(encoding="utf-8").strip()

    def mingce(self, name: str, *words: str) -> None:
        """Run one command in the sandbox, under a careless umask."""
        env = os.environ | SECRETS | {
            "TMPDIR": str(self.sandbox / "tmp"),
            "HOME": str(self.sandbox / "home"),
            "XDG_CACHE_HOME": str(self.sandbox / "home" / "cache"),
            "PYTHONPATH": str(ROOT),
            "MINGCE_GOOGLE_KEY_FILE": str(self.sandbox / "home" / "google.json"),
            "MINGCE_DEBUG": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *words],
            capture_output=True, text=True, encoding="utf-8", env=env, timeout=400, check=False, umask=0o000,
            cwd=self.sandbox,
        )  # fmt: skip
        self.said[name] = done.returncode, done.stdout, done.stderr


def _watch(season: Season, over: threading.Event) -> None:
    """Gather the command lines of this machine's processes, as any account may read them."""
    while not over.is_set():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                season.lines.add(line)
                if "pipeline.render.prepared" in line:  # kernels are forked from it
                    season.environments.add(path.with_name("environ").read_bytes().decode(errors="replace"))
            except OSError:
                continue
        time.sleep(0.1)


@pytest.fixture(scope="session")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Season]:
    """Run, refuse, decide, send, explain and fail, all on the hostile cohort."""
    sandbox = tmp_path_factory.mktemp("sandbox")
    for name in ("tmp", "home"):
        (sandbox / name).mkdir()
    (sandbox / "home" / "google.json").write_text(KEY, encoding="utf-8")
    season = Season(make_hostile(sandbox / FOLDER), sandbox)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(season, over), daemon=True)
    if sys.platform == "linux":
        watcher.start()
    cohort = str(season.cohort)
    season.mingce("run", "run", cohort, "--as-of", "2016-10-20")
    assert season.said["run"][0] == 0, season.said["run"]
    ready = _numbers(season, "awaiting")
    wrong = _numbers(season, "correct")
    season.mingce("approve", "review", "approve", cohort, "--student", *ready[:2], "--by", "王老师\x1b[2J")
    season.mingce("refused", "review", "approve", cohort, "--student", wrong[0], "--by", "王老师")
    season.mingce("list-json", "review", "list", cohort, "--json")
    season.mingce("sign", "sign", "10534/../../../CON", cohort, "--by", "=1+1")
    season.mingce("send", "send", cohort)
    season.mingce("doctor", "doctor", cohort)
    season.mingce("explain", "explain", wrong[0], cohort)
    season.mingce("explain-json", "explain", wrong[0], cohort, "--json")
    season.mingce("backup", "backup", str(sandbox / "copies"), cohort)
    season.mingce("write-back", "write-back", cohort, "--dry-run")
    season.mingce("docs", "docs", cohort)
    season.mingce("handin", "handin", cohort, "--draft", "--out", str(season.reports / "handin"))
    words = ("--draft", "--college", "10534/土木工程学院", "--format", "dbf", "--out", str(season.reports / "handin"))
    season.mingce("handin-dbf", "handin", cohort, *words)
    season.mingce("anonymise", "anonymise", cohort, str(sandbox / "others"))
    registry = season.cohort / "registry" / "10534.csv"
    season.mingce("diff", "registry", "diff", str(registry), str(registry))
    broken = _broken_cohort(season)
    season.mingce("debug", "--debug", "check", str(broken))
    over.set()
    yield season


def _numbers(season: Season, status: str) -> list[str]:
    import pandas as pd

    roster = pd.read_parquet(season.run / "tables" / "roster.parquet")
    picked = roster[(roster["status"] == status) & roster["school"].eq("湖南科技大学")]
    return ["10534/" + number for number in picked["student_number"]]


def _broken_cohort(season: Season) -> Path:
    """Return a cohort whose registry is damaged in the middle of a row of personal data."""
    import shutil

    folder = season.sandbox / "broken"
    shutil.copytree(season.cohort, folder, ignore=shutil.ignore_patterns("reports", "ledger*", ".mingce"))
    source = folder / "registry" / "10534.csv"
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2] + b'"\xff\xfe\x00')
    (folder / "submissions" / "12649.csv").write_bytes(b"PK\x03\x04" + data[:4000])
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)
