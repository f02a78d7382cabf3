"""One lock per cohort and kind of work. The operating system releases it when the process ends."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Literal

from filelock import BaseFileLock, FileLock, Timeout

from pipeline.atomic_files import lock_folder, place_named, read_object
from pipeline.cohort import Cohort
from pipeline.errors import BusyError, MingceError

Work = Literal["run", "send", "backup"]
_NAMES: dict[str, str] = {"run": "运行", "send": "寄送", "backup": "备份"}
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)
_GRACE = 0.3  # seconds: `is_held` briefly takes a free lock


def lock_path(cohort: Cohort, work: Work = "run") -> Path:
    """Return the lock file in the cohort folder. The file remains when the lock is free."""
    return cohort.folder / ".mingce" / f"{work}.lock"


@contextmanager
def cohort_lock(cohort: Cohort, now: datetime, work: Work = "run", wait: float = _GRACE) -> Generator[None]:
    """Lock the cohort for `work`. Sending has its own lock, so that it does not block runs.

    A run locks its results folder too, because two cohorts of one name may share it. `now` is noted for other
    processes. `wait` is in seconds.

    Raises:
        BusyError: another process holds a lock.
        MingceError: the file system of the cohort folder has no locks.
    """
    path = lock_path(cohort, work)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(path, timeout=wait, mode=0o600)
    try:
        _acquire(lock, cohort)
    except Timeout:
        note = holder(cohort, work)
        who = f"（进程 {note.get('pid', '')}，始于 {note.get('since', '')}）" if note else ""
        raise BusyError(
            f"另一个{_NAMES[work]}正在进行{who}",
            where=cohort.name,
            remedy="请等它结束后再试；若确知它已停住，请结束该进程，锁会自动释放",
        ) from None
    try:
        note = {"pid": os.getpid(), "since": f"{now:%Y-%m-%d %H:%M}"}
        _note_path(path).write_text(json.dumps(note), encoding="utf-8")
        with place_named(cohort.reports_folder), _results_lock(cohort) if work == "run" else nullcontext():
            yield
    finally:
        _note_path(path).unlink(missing_ok=True)
        lock.release()


def _acquire(lock: BaseFileLock, cohort: Cohort) -> None:
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # a Timeout is one too
            raise
        raise MingceError(
            "届别文件夹所在的文件系统不能加锁（多见于网络共享）",
            where=str(cohort.folder),
            remedy="请把届别文件夹放到本机磁盘，或请管理员为这个共享启用文件锁（见 docs/scheduling.md）",
        ) from None


@contextmanager
def _results_lock(cohort: Cohort) -> Generator[None]:
    runs = cohort.reports_folder / "runs"
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    with lock_folder(runs) as free:
        if not free:
            raise BusyError(
                "另一个届别的运行正在写这个结果文件夹",
                where=str(cohort.reports_folder),
                remedy="请等它结束后再试；两届同名又共用结果文件夹时，请给其中一届改名，或换一个结果文件夹",
            )
        yield


def is_held(cohort: Cohort, work: Work = "run") -> bool:
    """Return whether a running process holds the lock."""
    path = lock_path(cohort, work)
    if not path.is_file():
        return False
    lock = FileLock(path, timeout=0)
    try:
        _acquire(lock, cohort)
    except Timeout:
        return True
    lock.release()
    return False


def holder(cohort: Cohort, work: Work = "run") -> dict[str, str]:
    """Return `pid` and `since` of the current or crashed holder; empty when there is none."""
    noted = read_object(_note_path(lock_path(cohort, work))) or {}
    return {key: str(value) for key, value in noted.items()}


def _note_path(path: Path) -> Path:
    return path.with_suffix(".json")  # on Windows a locked file cannot be read
