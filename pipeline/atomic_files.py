"""Files and folders that appear complete or not at all, after a kill, a full disk or Ctrl-C too.

The draft `.part-NAME` lies in the same folder. The next writer replaces a draft that a kill left. If several writers
are possible, the owner of the folder must `remove_drafts`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pipeline.errors import FULL, errno_name

_DRAFT = ".part-"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_to_disk(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk (`fsync`). Windows and some shares cannot flush folders."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):
            raise
    finally:
        os.close(descriptor)


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file that never changes, or copy it if the file system has no links."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def place_named(path: Path) -> Generator[None]:
    """Let errors of a full disk, which name no file, and those of `path`'s draft name `path`."""
    try:
        yield
    except OSError as error:
        full = error.filename is None and errno_name(error) in FULL
        if full or str(error.filename) == str(path.with_name(f"{_DRAFT}{path.name}")):
            error.filename = str(path)
        raise


@contextmanager
def atomic_path(path: Path, *, contended: bool = False) -> Generator[Path]:
    """Yield a draft that replaces `path` if the body succeeds. `contended`: others may write the same file."""
    with place_named(path), _draft_of(path, contended=contended) as draft:
        try:
            draft.unlink(missing_ok=True)
            yield draft
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, or None if there is no readable one."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def write_atomically(path: Path, content: str | bytes, *, contended: bool = False) -> None:
    """Write a file of the owner alone and flush it to the disk. A reader sees the old or the new content."""
    with atomic_path(path, contended=contended) as draft, draft.open("wb") as file:
        draft.chmod(0o600)
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def atomic_folder(path: Path) -> Generator[Path]:
    """Yield a draft folder that is renamed to `path` at the end. An empty folder there is replaced."""
    target = path.resolve()  # "." has no name
    with place_named(path), _draft_of(target) as draft:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
            if target.is_dir():
                target.rmdir()
            draft.rename(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _draft_of(path: Path, *, contended: bool = False) -> Generator[Path]:
    """Yield the folder's usual draft, or a private one while another process has the folder's lock."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = path.with_name(f"{_DRAFT}{secrets.token_hex(4)}-{path.name}")  # PIDs repeat across containers
    if contended:
        yield private
        return
    with lock_folder(path.parent) as free:
        yield path.with_name(f"{_DRAFT}{path.name}") if free else private


@contextmanager
def lock_folder(folder: Path) -> Generator[bool]:
    """Lock a folder with `flock` until the process ends. Yields True if it was free, or if locks are unsupported."""
    if sys.platform == "win32":
        yield True
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        free = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            free = False
        except OSError:
            pass
        yield free
    finally:
        os.close(descriptor)


def remove_drafts(folder: Path, names: str = "*") -> None:
    """Delete drafts of files that match `names`, which kills left in `folder`. No writer may be active."""
    for draft in folder.glob(f"{_DRAFT}{names}"):
        if draft.is_file():
            draft.unlink(missing_ok=True)
