"""A wheel built from the tree runs the demo in a fresh environment: suites, notebooks and templates come with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
_PLACES = (ROOT / ".uv" / "bin" / "uv", Path(sys.prefix).parent / ".uv" / "bin" / "uv")  # a worktree's lies elsewhere
UV = next((str(path) for path in _PLACES if path.exists()), shutil.which("uv"))

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not UV, reason="uv is not here: make setup puts it into .uv")]


def _quiet(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel; what builds it is in uv's cache since the editable install (tests never reach the network)."""
    out = tmp_path_factory.mktemp("dist")
    (ROOT / "reports" / "demo").mkdir(exist_ok=True)
    (ROOT / "reports" / "demo" / ".of-a-test").write_text("of a demo that ran here", encoding="utf-8")
    build = [str(UV), "build", "--wheel", "--offline", "--python", sys.executable, "--out-dir", str(out), str(ROOT)]
    try:
        done = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
    finally:
        (ROOT / "reports" / "demo" / ".of-a-test").unlink()
    if done.returncode and "offline" in done.stderr.lower():
        pytest.skip("hatchling is not in uv's cache, and tests do not reach the network")
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def mingce(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from the wheel beside this environment's libraries (but not its editable mingce)."""
    venv = tmp_path_factory.mktemp("fresh") / "venv"
    _quiet(UV or "", "venv", "--quiet", "--offline", "--python", sys.executable, venv)
    _quiet(UV or "", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", venv / "bin" / "python", wheel)
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (venv / "share").mkdir(exist_ok=True)  # where the libraries' own data are: nbconvert's templates
    (venv / "share" / "jupyter").symlink_to(Path(sysconfig.get_path("data")) / "share" / "jupyter")
    return venv / "bin" / "mingce"


def test_the_wheel_holds_every_resource_and_nothing_rendered(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("expectations", "notebooks", "reports"):
        wanted = _quiet("git", "-C", ROOT, "ls-files", folder).stdout.split()
        assert {f"pipeline/_resources/{name}" for name in wanted} <= set(names)
    practice = _quiet("git", "-C", ROOT, "ls-files", "pipeline/practice").stdout.split()
    assert set(practice) <= set(names)
    assert not [name for name in names if "/reports/demo" in name or name.startswith(("tests/", "docs/"))]


@pytest.mark.skipif(os.name == "nt", reason="paths of the environment are those of Linux and macOS")
def test_the_demo_runs_from_the_wheel_outside_the_checkout(mingce: Path, tmp_path: Path):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    where = "from pipeline import resources; print(resources.resource_root())"
    root = _quiet(mingce.with_name("python"), "-c", where, cwd=tmp_path, env=clean).stdout.strip()
    assert root.endswith("site-packages/pipeline/_resources")
    digest = "from pipeline.cache import code_digest; print(code_digest())"
    assert len(_quiet(mingce.with_name("python"), "-c", digest, cwd=tmp_path, env=clean).stdout.strip()) >= 32
    done = _quiet(mingce, "demo", cwd=tmp_path, env=clean)
    page = tmp_path / done.stdout.strip().splitlines()[-1]
    assert page.name == "index.html" and page.is_relative_to(tmp_path / "reports" / "demo")
    assert "土木工程学院" in page.read_text(encoding="utf-8")
    assert len(list(page.parent.glob("*/dashboard.html"))) == 3
    assert (page.parents[1] / "tables.xlsx").is_file()
