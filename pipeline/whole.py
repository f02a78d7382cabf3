"""Files and folders that appear whole or not at all: a kill, a full disk, Ctrl-C leave no half of one.

What is being written has a name of its own beside the place, `.part-NAME`. One that a kill left behind is replaced by
the next writer of the same place, and whoever owns the folder may `sweep` it.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_DRAFT = ".part-"


@contextmanager
def appearing(path: Path, writer: str = "") -> Generator[Path]:
    """Give the place to write to of a file that appears as `path` whole or, where writing it fails, not at all.

    Args:
        path: where the file will stand; its folder is made, for the owner alone, where it is not there.
        writer: tells apart those who may write the same file at the same time (blank: nobody does).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{_DRAFT}{writer}{path.name}")
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
