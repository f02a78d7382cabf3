"""Concatenation of each table's parts, streamed, so that memory does not grow with the table."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.kept import code_digest, digest_of
from pipeline.scale.spool import Spool
from pipeline.tables import CSV_ROW_LIMIT, ROW_GROUPS
from pipeline.whole import appearing

_LEAST, _MOST = 2_000, 60_000
"""Rows of a row group: a reader that wants one school reads little beside it."""


@dataclass(frozen=True)
class Pieces:
    """A table's name, its frames in the spool, and by frame the schools (names) of its students."""

    table: str
    names: tuple[str, ...]
    schools: tuple[tuple[str, ...], ...]

    def key(self, spool: Spool) -> str:
        """Return the digest of the table's inputs, for `kept`."""
        return digest_of("table", self.table, code_digest(), repr(self.schools), *map(spool.digest, self.names))


def gather_table(spool: Spool, pieces: Pieces, folder: Path) -> Pieces:
    """Write a table as parquet, and up to a million rows as csv; return `pieces`.

    Row groups end with a school, and the file's metadata list the row groups of each school (`tables.ROW_GROUPS`), so
    that a reader of one school opens no others. Parquet's own minimum and maximum are of little use when students
    moved.
    """
    path = folder / f"{pieces.table}.parquet"
    count = groups = 0
    places: dict[str, list[int]] = {}
    with appearing(path, contended=True) as draft:
        writer: pq.ParquetWriter | None = None
        try:
            for name, schools in zip(pieces.names, pieces.schools, strict=True):
                table = spool.read_table(name)
                writer = writer or pq.ParquetWriter(draft, table.schema, compression="zstd")
                first = groups
                for start, end in row_groups(table) if table.num_rows or not count else ():
                    writer.write_table(table.slice(start, end - start).cast(writer.schema), row_group_size=_MOST)
                    groups += max(1, -(-(end - start) // _MOST))
                for school in sorted(_told(table, schools)):  # sorted for equal bytes
                    places.setdefault(school, []).extend(range(first, groups))
                count += table.num_rows
            if writer is not None:
                writer.add_key_value_metadata({ROW_GROUPS: json.dumps(places, ensure_ascii=False)})
        finally:
            if writer is not None:
                writer.close()
    if count <= CSV_ROW_LIMIT:
        with appearing(path.with_suffix(".csv"), contended=True) as draft:
            _write_csv(spool, pieces.names, draft)
    return pieces


def _told(table: pa.Table, schools: Sequence[str]) -> set[str]:
    """Return the schools of a piece: those of its students, and those that its rows name."""
    return {*schools, *(table["school"].unique().to_pylist() if "school" in table.column_names else ())}


def row_groups(table: pa.Table) -> Iterator[tuple[int, int]]:
    """Yield start and end of each row group."""
    start = 0
    if "school" in table.column_names and table.num_rows:
        schools = table["school"].combine_chunks().dictionary_encode().indices.to_numpy()
        for end in (np.flatnonzero(schools[1:] != schools[:-1]) + 1).tolist():
            if end - start >= _LEAST:
                yield start, end
                start = end
    yield start, table.num_rows


def _write_csv(spool: Spool, names: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        for at, name in enumerate(names):
            spool.read(name).to_csv(lines, index=False, header=at == 0, lineterminator="\n")
