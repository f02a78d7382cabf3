"""The lock of a cohort on a file system that has none."""

import errno
import os
from datetime import datetime
from types import SimpleNamespace

import pytest

from pipeline.clock import SHANGHAI
from pipeline.errors import MingceError
from pipeline.lock import cohort_lock


@pytest.mark.skipif(os.name != "posix", reason="Windows locks otherwise")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_in_words(tmp_path, monkeypatch, number):
    import fcntl

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    cohort = SimpleNamespace(folder=tmp_path, name="2017届", reports_folder=tmp_path / "reports")
    with pytest.raises(MingceError, match="不能加锁"), cohort_lock(cohort, datetime.now(SHANGHAI), "send"):
        pass
