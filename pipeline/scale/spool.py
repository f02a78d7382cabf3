"""The spool: frames that tasks exchange, in a private folder that is deleted when the run ends."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false
from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather

from pipeline.tables import Frame
from pipeline.whole import appearing, sha256_of


@dataclass(frozen=True)
class Spool:
    """A folder of named frames. Writing is atomic, so a task may run twice."""

    folder: Path

    def write(self, name: str, frame: Frame) -> None:
        """Write one frame without its index."""
        table = pa.Table.from_pandas(frame, preserve_index=False)

        def write(draft: Path) -> None:
            feather.write_feather(table, str(draft), compression="lz4")

        self._whole(name, write)

    def read(self, name: str, columns: list[str] | None = None) -> Frame:
        """Return one frame, or some of its columns."""
        return feather.read_feather(str(self._path(name)), columns=columns, use_threads=False)

    def read_table(self, name: str) -> pa.Table:
        """Return one frame as an Arrow table, for data that are only passed on."""
        return feather.read_table(str(self._path(name)), use_threads=False)

    def read_all(self, names: Iterable[str], columns: list[str] | None = None) -> Frame:
        """Concatenate frames with the same columns. At least one name is needed."""
        return pd.concat([self.read(name, columns) for name in names], ignore_index=True)

    def digest(self, name: str) -> str:
        """Return the SHA-256 of the file of one frame. Equal rows have equal digests."""
        return sha256_of(self._path(name))

    def has(self, name: str) -> bool:
        """Return whether the frame exists."""
        return self._path(name).is_file()

    def write_object(self, name: str, what: object) -> None:
        """Pickle an object for all tasks. Only this program's own workers read it."""
        self._whole(name, lambda draft: draft.write_bytes(pickle.dumps(what)))

    def read_object(self, name: str) -> Any:  # noqa: ANN401 - what was written
        """Return the object, cached per process."""
        return _loaded(str(self._path(name)))

    def remove(self, *names: str) -> None:
        """Delete these frames from the spool."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _whole(self, name: str, write: Callable[[Path], object]) -> None:
        with appearing(self._path(name), contended=True) as draft:
            write(draft)


@lru_cache(maxsize=4)
def _loaded(path: str) -> Any:  # noqa: ANN401 - what was written
    return pickle.loads(Path(path).read_bytes())  # written by this run into its own 0700 folder


@contextmanager
def open_spool(folder: Path) -> Generator[Spool]:
    """Yield a new, empty spool and delete it at the end, also after an error.

    Raises:
        OSError: the folder could not be removed in two attempts.
    """
    folder.mkdir(mode=0o700)
    try:
        yield Spool(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
