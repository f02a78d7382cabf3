"""One hostile season that all tests of this folder look at: its commands ran once, in a sandbox of their own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.render.prepared import NAME
from tests.conftest import ROOT, Once
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
        """Run one command in the sandbox, in a process of its own."""
        done = self._python("pipeline", *words)
        self.said[name] = done.returncode, done.stdout, done.stderr

    def each(self, commands: dict[str, list[str]]) -> None:
        """Run some commands, one after another, in forks of one process."""
        done = self._python(
            "tests.security.several", given="".join(json.dumps(each) + "\n" for each in commands.values())
        )
        assert done.returncode == 0, done.stderr
        ends = map(json.loads, done.stdout.splitlines())
        self.said |= {name: (code, out, err) for name, (code, out, err) in zip(commands, ends, strict=True)}

    def _python(self, module: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a module under a careless umask, where all folders and secrets are the sandbox's."""
        env = os.environ | SECRETS | {
            "TMPDIR": str(self.sandbox / "tmp"),
            "HOME": str(self.sandbox / "home"),
            "XDG_CACHE_HOME": str(self.sandbox / "home" / "cache"),
            "PYTHONPATH": str(ROOT),
            "MINGCE_GOOGLE_KEY_FILE": str(self.sandbox / "home" / "google.json"),
            "MINGCE_DEBUG": "1",
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", module, *words],
            input=given, capture_output=True, text=True, encoding="utf-8", env=env, timeout=570, check=False,
            umask=0o000, cwd=self.sandbox,
        )  # fmt: skip


def _watch(season: Season, over: threading.Event) -> None:
    """Gather the command lines of this machine's processes, as any account may read them."""
    while not over.is_set():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                season.lines.add(line)
                forked = path.with_name("comm").read_bytes().strip() == NAME
                if forked or "pipeline.render.preload" in line:  # kernels are forked from it
                    season.environments.add(path.with_name("environ").read_bytes().decode(errors="replace"))
            except OSError:
                continue
        time.sleep(0.1)


@pytest.fixture(scope="session")
def season(once: Once) -> Season:
    """Run, refuse, decide, send, explain and fail, all on the hostile cohort."""
    return once("sandbox", _play)


def _play(sandbox: Path) -> Season:
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
    ready, wrong = _numbers(season, "awaiting"), _numbers(season, "correct")
    season.each(
        {
            "approve": ["review", "approve", cohort, "--student", *ready[:2], "--by", "王老师\x1b[2J"],
            **_commands(season, wrong[0]),
            "debug": ["--debug", "check", str(_broken_cohort(season))],
        }
    )
    over.set()
    if watcher.is_alive():
        watcher.join()
    return season


def _commands(season: Season, wrong: str) -> dict[str, list[str]]:
    """Return what is tried after the run, by name; `wrong` is a student who cannot be approved."""
    cohort, registry = str(season.cohort), str(season.cohort / "registry" / "10534.csv")
    out = ["--draft", "--out", str(season.reports / "handin")]
    return {
        "refused": ["review", "approve", cohort, "--student", wrong, "--by", "王老师"],
        "list-json": ["review", "list", cohort, "--json"],
        "sign": ["sign", "10534/../../../CON", cohort, "--by", "=1+1"],
        "send": ["send", cohort],
        "doctor": ["doctor", cohort],
        "explain": ["explain", wrong, cohort],
        "explain-json": ["explain", wrong, cohort, "--json"],
        "backup": ["backup", str(season.sandbox / "copies"), cohort],
        "write-back": ["write-back", cohort, "--dry-run"],
        "docs": ["docs", cohort],
        "handin": ["handin", cohort, *out],
        "handin-dbf": ["handin", cohort, *out, "--college", "10534/土木工程学院", "--format", "dbf"],
        "anonymise": ["anonymise", cohort, str(season.sandbox / "others")],
        "diff": ["registry", "diff", registry, registry],
    }


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
