"""The parts of each table become one table: streamed, so that its size does not matter."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.scale.spool import Spool
from pipeline.tables import CSV_ROW_LIMIT, Frame

_LEAST, _MOST = 2_000, 60_000
"""Rows of a row group: a reader that wants one school reads little beside it."""


def gather_table(spool: Spool, parts: Sequence[str], folder: Path, name: str) -> int:
    """Write the parts of table `name` as `name.parquet`, and up to a million rows as csv; return its rows.

    Row groups end where a school ends, so that a reader of one school's rows skips the others'.
    """
    path = folder / f"{name}.parquet"
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for part in parts:
            frame = spool.read(part)
            count += len(frame)
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            if not len(frame) and count:
                continue
            for start, end in row_groups(frame):
                writer.write_table(table.slice(start, end - start).cast(writer.schema), row_group_size=_MOST)
    finally:
        if writer is not None:
            writer.close()
    if count <= CSV_ROW_LIMIT:
        _write_csv(spool, parts, folder / f"{name}.csv")
    return count


def row_groups(frame: Frame) -> Iterator[tuple[int, int]]:
    """Yield start and end of each row group."""
    start = 0
    if "school" in frame.columns and len(frame):
        schools = frame["school"].to_numpy(dtype=object)
        for end in (np.flatnonzero(schools[1:] != schools[:-1]) + 1).tolist():
            if end - start >= _LEAST:
                yield start, end
                start = end
    yield start, len(frame)


def _write_csv(spool: Spool, parts: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        for at, part in enumerate(parts):
            spool.read(part).to_csv(lines, index=False, header=at == 0, lineterminator="\n")
