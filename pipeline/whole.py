"""Files and folders that appear whole or not at all: a kill, a full disk, Ctrl-C leave no half of one.

What is being written has a name of its own beside the place, `.part-NAME`. One that a kill left behind is replaced by
the next writer of the same place; where several may write at once, whoever owns the folder must `sweep` it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_DRAFT = ".part-"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle_on_disk(path: Path) -> None:
    """Return once a file, or the names in a folder, are on the disk: a power cut takes them no more.

    Windows, and some shares, do that for no folder.
    """
    if path.is_dir() and sys.platform == "win32":
        return
    held = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(held)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(held)


def link(source: Path, target: Path) -> None:
    """Let a file that nobody writes into stand in a second place, as a copy where the file system cannot link."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def appearing(path: Path, *, contended: bool = False) -> Generator[Path]:
    """Give the place to write to of a file that appears as `path` whole or, where writing it fails, not at all.

    Args:
        path: where the file will stand; its folder is made, for the owner alone, where it is not there.
        contended: others may write the same file at the same time, on other machines too: each has its own draft.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft_of(path, contended=contended) as draft:
        try:
            draft.unlink(missing_ok=True)
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def folder_appearing(path: Path) -> Generator[Path]:
    """Give the place to write to of a folder that appears as `path`, likewise; an empty folder there is replaced."""
    place = path.resolve()  # "." has no name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft_of(place) as draft:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
            if place.is_dir():
                place.rmdir()
            draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _draft_of(path: Path, *, contended: bool = False) -> Generator[Path]:
    """Give the draft's path: the one that the next writer replaces, or, while somebody writes there, one of its own.

    Of two commands that are started at once the second would else take the first one's draft for what a kill left.
    """
    own = path.with_name(f"{_DRAFT}{secrets.token_hex(4)}-{path.name}")  # two containers' processes may share a number
    if contended:
        yield own
        return
    with hold_folder(path.parent) as alone:
        yield path.with_name(f"{_DRAFT}{path.name}") if alone else own


@contextmanager
def hold_folder(folder: Path) -> Generator[bool]:
    """Hold a folder itself, so that no file tells of it and a crash lets go; give whether nobody else holds it.

    Where folders cannot be held (Windows, some shares) everybody is told that nobody does.
    """
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    held = os.open(folder, os.O_RDONLY)
    try:
        alone = True
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alone = False
        except OSError:
            pass
        yield alone
    finally:
        os.close(held)


def sweep(folder: Path, names: str = "*") -> None:
    """Remove what kills left behind in `folder` of files whose names fit the pattern; nobody may be writing them."""
    for draft in folder.glob(f"{_DRAFT}{names}"):
        if draft.is_file():
            draft.unlink(missing_ok=True)
