"""Each mutation of `tests/mutations.md`, made in a copy of the project, turns its test red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_mutations import ROOT, Mutation, mutations

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
_COPIED = ("pipeline", "reports", "expectations", "notebooks", "tests", "pyproject.toml")
_RED, _GREEN = 1, 0  # pytest's own exit codes: anything else is a mistake of this test


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that tests need, without what is compiled."""
    folder = tmp_path_factory.mktemp("copy")
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "demo"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def run(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests on the copy, not on the package that is installed."""
    shared = os.environ.get("MINGCE_SHARED") or str(ROOT.parent / "shared")
    environment = {
        **os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "MINGCE_SHARED": shared,
    }  # fmt: skip
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)


def test_unchanged_they_are_green(copy: Path):
    done = run(copy, *dict.fromkeys(each.test for each in mutations()))
    assert done.returncode == _GREEN, done.stdout[-3000:]


@pytest.mark.parametrize("mutation", mutations(), ids=lambda each: each.harm)
def test_each_turns_its_test_red(copy: Path, mutation: Mutation):
    file = copy / mutation.file
    kept = file.read_text(encoding="utf-8")
    file.write_text(kept.replace(mutation.text, mutation.becomes), encoding="utf-8")
    try:
        done = run(copy, mutation.test)
    finally:
        file.write_text(kept, encoding="utf-8")
    assert done.returncode == _RED, done.stdout[-3000:] + done.stderr[-1000:]
    assert any(each in done.stdout for each in ("AssertionError", "assert ", "DID NOT RAISE")), done.stdout[-3000:]
