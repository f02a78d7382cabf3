"""The frames that tasks hand on are gone when a run ends."""

import errno
import os
from pathlib import Path

import pandas as pd
import pytest

from pipeline.scale.spool import open_spool


def refuse(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the system refuse to remove a file, `times` times."""
    left, remove = [times], os.unlink

    def unlink(*given, **more) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        remove(*given, **more)

    monkeypatch.setattr(os, "unlink", unlink)


def test_a_refusal_to_remove_a_frame_is_overcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with open_spool(tmp_path / "spool") as spool:
        spool.write("some/0", pd.DataFrame({"name": ["张三"]}))
        refuse(monkeypatch, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_run_does_not_finish_whose_frames_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(OSError, match="Input/output"), open_spool(tmp_path / "spool") as spool:
        spool.write("some/0", pd.DataFrame({"name": ["张三"]}))
        refuse(monkeypatch, 99)


def test_what_stops_a_run_is_told_not_what_stays_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(KeyError), open_spool(tmp_path / "spool") as spool:
        spool.write("some/0", pd.DataFrame({"name": ["张三"]}))
        refuse(monkeypatch, 99)
        raise KeyError
