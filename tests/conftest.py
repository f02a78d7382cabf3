"""Fixtures that several suites share."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The facts and the sample beside the checkout; a user's clone has none."""
    folder = Path(os.environ.get("MINGCE_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip("../shared is not beside this checkout (it holds the sample cohort and reference tables)")
    return folder


@pytest.fixture
def sample(shared: Path, tmp_path: Path) -> Path:
    """A writable copy of the sample cohort."""
    folder = tmp_path / "sample"
    shutil.copytree(shared / "sample", folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder
