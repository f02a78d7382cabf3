"""Files and folders that appear whole or not at all: a kill, a full disk, Ctrl-C leave no half of one.

What is being written has a name of its own beside the place, `.part-NAME`. One that a kill left behind is replaced by
the next writer of the same place; where several may write at once, whoever owns the folder must `sweep` it.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_DRAFT = ".part-"


@contextmanager
def appearing(path: Path, *, contended: bool = False) -> Generator[Path]:
    """Give the place to write to of a file that appears as `path` whole or, where writing it fails, not at all.

    Args:
        path: where the file will stand; its folder is made, for the owner alone, where it is not there.
        contended: others may write the same file at the same time, on other machines too: each has its own draft.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine = f"{secrets.token_hex(4)}-" if contended else ""  # processes of two containers may have one number
    draft = path.with_name(f"{_DRAFT}{mine}{path.name}")
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
    draft = place.with_name(f"{_DRAFT}{place.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    try:
        yield draft
        if place.is_dir():
            place.rmdir()
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def sweep(folder: Path, names: str = "*") -> None:
    """Remove what kills left behind in `folder` of files whose names fit the pattern; nobody may be writing them."""
    for draft in folder.glob(f"{_DRAFT}{names}"):
        if draft.is_file():
            draft.unlink(missing_ok=True)
