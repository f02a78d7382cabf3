"""`mingce backup`: the ledger copied and verified."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pipeline.cohort import Cohort, safe_name
from pipeline.errors import RefusedError
from pipeline.review.ledger import open_ledger


def backup(cohort: Cohort, destination: Path, now: datetime) -> tuple[Path, int]:
    """Copy the ledger into `destination` (a folder, or a file name) and return the copy and its number of entries.

    Raises:
        RefusedError: the ledger itself does not verify: a copy of it would only look like one.
        MingceError: the copy does not verify, or is already there.
    """
    path = destination
    if destination.is_dir() or not destination.suffix:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = destination / f"{safe_name(cohort.name)}-{now:%Y%m%d-%H%M%S}.sqlite"
    with open_ledger(cohort) as ledger:
        found = ledger.verify()
        if found:
            raise RefusedError(f"账本没有通过核对：{found[0]}", where=cohort.name, remedy="请先运行 mingce doctor")
        count = ledger.backup(path)
    path.chmod(0o600)
    return path, count
