"""The spool: frames that tasks exchange, in a private folder that is deleted when the run ends."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from pipeline.atomic_files import atomic_path, sha256_of
from pipeline.cache import code_digest, digest_of
from pipeline.tables import CSV_ROW_LIMIT, ROW_GROUPS, Frame

T = TypeVar("T")

_MIN_GROUP, _MAX_GROUP = 2_000, 60_000
"""Rows of a row group. Small groups let a reader of one school read few other rows."""


@dataclass(frozen=True)
class Spool:
    """A folder of named frames. Writing is atomic, so a task may run twice.

    By school (index in cohort.toml): `registry/SCHOOL` and its `.keys`, `classes/SCHOOL`. By unit of submissions:
    `read/UNIT` (as normalised), `extras/UNIT`, `amendments/UNIT`. By unit and part: `submissions/UNIT-PART` and its
    `.keys`, `changes/UNIT-PART`. By part: `special` (results across schools for its submissions), `moved` (submissions
    that move in), `foreign` (registry rows of other parts to compare with), `foreign-classes` (classes of the schools
    of both), `ledger` (entries about its schools), `parts/TABLE-PART` (its rows of a table).
    """

    folder: Path

    def write(self, name: str, frame: Frame) -> None:
        """Write one frame without its index."""
        table = pa.Table.from_pandas(frame, preserve_index=False)
        with atomic_path(self.folder / name, contended=True) as draft:
            feather.write_feather(table, str(draft), compression="lz4")

    def read(self, name: str, columns: list[str] | None = None) -> Frame:
        """Return one frame, or some of its columns."""
        return feather.read_feather(str(self.folder / name), columns=columns, use_threads=False)

    def read_all(self, names: Iterable[str], columns: list[str] | None = None, *, empty: Frame | None = None) -> Frame:
        """Concatenate frames with the same columns. Without names return `empty`."""
        read = [self.read(name, columns) for name in names]
        return pd.concat(read, ignore_index=True) if read or empty is None else empty

    def write_json(self, name: str, kind: TypeAdapter[T], value: T) -> None:
        """Write an object of plain values."""
        with atomic_path(self.folder / name, contended=True) as draft:
            draft.write_bytes(kind.dump_json(value))

    def read_json(self, name: str, kind: TypeAdapter[T]) -> T:
        """Return an object of plain values."""
        return kind.validate_json((self.folder / name).read_bytes())

    def digest(self, name: str) -> str:
        """Return the SHA-256 of the file of one frame. Equal rows have equal digests."""
        return sha256_of(self.folder / name)

    def has(self, name: str) -> bool:
        """Return whether the frame exists."""
        return (self.folder / name).is_file()

    def share(self, value: object) -> None:
        """Pickle an object for all tasks, under its type's name. Only this program's own workers read it."""
        with atomic_path(self.folder / type(value).__name__, contended=True) as draft:
            draft.write_bytes(pickle.dumps(value))

    def shared(self, kind: type[T]) -> T:
        """Return the shared object of this type, cached per process."""
        return _load(str(self.folder / kind.__name__))

    def remove(self, *names: str) -> None:
        """Delete these frames from the spool."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)


@lru_cache(maxsize=4)
def _load(path: str) -> Any:  # noqa: ANN401 - what was written
    return pickle.loads(Path(path).read_bytes())  # written by this run into its own 0700 folder


@contextmanager
def open_spool(folder: Path) -> Generator[Spool]:
    """Yield a new, empty spool; delete it at the end, also after an error. Raises OSError if that fails twice."""
    folder.mkdir(mode=0o700)
    try:
        yield Spool(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)


@dataclass(frozen=True)
class TableParts:
    """A table's name, its frames in the spool, and by frame the schools (names) of its students."""

    table: str
    names: tuple[str, ...]
    schools: tuple[tuple[str, ...], ...]

    def key(self, spool: Spool) -> str:
        """Return the digest of the table's inputs: its key in the run's cache."""
        return digest_of("table", self.table, code_digest(), repr(self.schools), *map(spool.digest, self.names))


def gather_table(spool: Spool, table_parts: TableParts, folder: Path) -> TableParts:
    """Write a table as parquet, and up to a million rows as csv; return `pieces`.

    Row groups end with a school, and the file's metadata list the row groups of each school (`tables.ROW_GROUPS`), so
    that a reader of one school opens no others. Parquet's own minimum and maximum are of little use when students
    moved.
    """
    path = folder / f"{table_parts.table}.parquet"
    count = groups = 0
    groups_of: dict[str, list[int]] = {}
    with atomic_path(path, contended=True) as draft:
        writer: pq.ParquetWriter | None = None
        try:
            for name, schools in zip(table_parts.names, table_parts.schools, strict=True):
                table = feather.read_table(str(spool.folder / name), use_threads=False)
                writer = writer or pq.ParquetWriter(draft, table.schema, compression="zstd")
                first = groups
                for start, end in _row_groups(table) if table.num_rows or not count else ():
                    writer.write_table(table.slice(start, end - start).cast(writer.schema), row_group_size=_MAX_GROUP)
                    groups += max(1, -(-(end - start) // _MAX_GROUP))
                found = table["school"].unique().to_pylist() if "school" in table.column_names else ()
                for school in sorted({*schools, *found}):  # sorted for equal bytes
                    groups_of.setdefault(school, []).extend(range(first, groups))
                count += table.num_rows
            if writer is not None:
                writer.add_key_value_metadata({ROW_GROUPS: json.dumps(groups_of, ensure_ascii=False)})
        finally:
            if writer is not None:
                writer.close()
    if count <= CSV_ROW_LIMIT:
        with (
            atomic_path(path.with_suffix(".csv"), contended=True) as draft,
            draft.open("w", encoding="utf-8", newline="") as lines,
        ):
            for part, name in enumerate(table_parts.names):
                spool.read(name).to_csv(lines, index=False, header=part == 0, lineterminator="\n")
    return table_parts


def _row_groups(table: pa.Table) -> Iterator[tuple[int, int]]:
    """Yield start and end of each row group."""
    start = 0
    if "school" in table.column_names and table.num_rows:
        schools = table["school"].combine_chunks().dictionary_encode().indices.to_numpy()
        for end in (np.flatnonzero(schools[1:] != schools[:-1]) + 1).tolist():
            if end - start >= _MIN_GROUP:
                yield start, end
                start = end
    yield start, table.num_rows
