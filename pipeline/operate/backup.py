"""`mingce backup`: the ledger copied and verified."""

from __future__ import annotations

import glob
from datetime import datetime
from pathlib import Path

from pipeline.cohort import Cohort, safe_name
from pipeline.errors import RefusedError
from pipeline.lock import cohort_lock
from pipeline.review.ledger import open_ledger
from pipeline.whole import sweep


def backup(cohort: Cohort, destination: Path, now: datetime) -> tuple[Path, int]:
    """Copy the ledger into `destination` (a folder, or a file name) and return the copy and its number of entries.

    Raises:
        RefusedError: the ledger itself does not verify: a copy of it would only look like one.
        MingceError: the copy does not verify, or is already there.
        BusyError: another backup of this cohort is being made.
    """
    path, mine = destination, glob.escape(destination.name)
    if destination.is_dir() or not destination.suffix:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = safe_name(cohort.name)
        path = destination / f"{name}-{now:%Y%m%d-%H%M%S}.sqlite"
        mine = f"{glob.escape(name)}-????????-??????.sqlite"  # another cohort's name may begin with this one's
    with cohort_lock(cohort, now, "backup"), open_ledger(cohort) as ledger:
        sweep(path.parent, f"{mine}*")
        found = ledger.verify()
        if found:
            raise RefusedError(f"账本没有通过核对：{found[0]}", where=cohort.name, remedy="请先运行 mingce doctor")
        count = ledger.backup(path)
    path.chmod(0o600)
    return path, count
