"""`mingce backup`: copies and verifies the ledger, and restores a copy."""

from __future__ import annotations

import glob
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from pipeline.atomic_files import remove_drafts
from pipeline.cohort import Cohort, safe_name
from pipeline.errors import InputError, MingceError, RefusedError, UsageError
from pipeline.lock import cohort_lock
from pipeline.review.chain import Entry
from pipeline.review.ledger import Head, Ledger, known_heads, missing_heads, open_ledger
from pipeline.review.ledger_database import ledger_url

_SIDE_FILES = ("-wal", "-shm")  # SQLite's side files of a database that was not closed


def backup_ledger(cohort: Cohort, destination: Path, now: datetime, by: str = "") -> tuple[Path, int]:
    """Copy the ledger into a folder or file and list the copy in it; return the copy's path and number of entries.

    Raises:
        UsageError: the file's name has another ending.
        RefusedError: the ledger itself does not verify.
        MingceError: the copy exists, or does not verify.
        BusyError: another backup of this cohort is running.
    """
    path, pattern = destination, glob.escape(destination.name)
    if destination.is_dir() or not destination.suffix:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = safe_name(cohort.name)
        path = destination / f"{name}-{now:%Y%m%d-%H%M%S}.sqlite"
        pattern = f"{glob.escape(name)}-????????-??????.sqlite"  # another cohort's name may begin with this one's
    elif path.suffix.lower() not in (".sqlite", ".sqlite3", ".db"):
        raise UsageError("备份是 SQLite 文件", where=str(path), remedy="文件名请以 .sqlite 结尾，或写已有的文件夹")
    with cohort_lock(cohort, now, "backup"), open_ledger(cohort) as ledger:
        remove_drafts(path.parent, f"{pattern}*")
        found = ledger.verify()
        if found:
            raise RefusedError(f"账本没有通过核对：{found[0]}", where=cohort.name, remedy="请先运行 mingce doctor")
        number, entry_hash = ledger.head()
        count = ledger.backup(path)
        path.chmod(0o600)
        data = {"path": str(path.resolve()), "number": number, "hash": entry_hash}
        ledger.append(Entry("backup", action="copy", by=by, data=data))
    return path, count


def restore(cohort: Cohort, file: Path, now: datetime, by: str, why: str) -> list[str]:
    """Replace the ledger by a copy, keep the old file, record which entries the copy lacks. Return Chinese lines.

    Raises:
        UsageError: a name or reason is missing, or the ledger is on a server.
        InputError: the file does not exist.
        RefusedError: the file is not a ledger, or does not verify. The ledger itself may be put back, even empty.
        BusyError: a run, a sending or a backup is running.
    """
    if not by.strip() or not why.strip():
        raise UsageError("换回副本要写明经办人和原因", where="--by、--why")
    url = ledger_url(cohort.ledger.url, cohort.folder)
    if url.get_backend_name() != "sqlite":
        raise UsageError("账本在数据库服务器上，请用数据库自己的办法恢复", where="[ledger] url")
    if not file.is_file():
        raise InputError("没有这个副本", where=str(file), remedy="请核对路径")
    current = Path(str(url.database))
    draft = current.with_name(f".part-restore-{current.name}")
    old_path = current.with_name(f"{current.stem}-{now:%Y%m%d-%H%M%S}{current.suffix}")
    with cohort_lock(cohort, now), cohort_lock(cohort, now, "send"), cohort_lock(cohort, now, "backup"):
        try:
            shutil.copyfile(file, draft)
            draft.chmod(0o600)
            try:
                with Ledger(url.set(database=str(draft)), reviewers=cohort.review.reviewers) as copy:
                    own = current.exists() and file.samefile(current)
                    lines = _record_restore(cohort, copy, file, old_path, by, why, own=own)
            except MingceError as error:  # of the copy, not of the ledger in use
                raise RefusedError(f"这个副本不能用：{error.what}", where=str(file), remedy=error.remedy) from None
            _keep_old(current, old_path)
            draft.replace(current)
        finally:
            for leftover in (draft, *(Path(f"{draft}{side}") for side in _SIDE_FILES)):
                leftover.unlink(missing_ok=True)
    return lines


def _record_restore(cohort: Cohort, copy: Ledger, file: Path, old: Path, by: str, why: str, *, own: bool) -> list[str]:
    found, (number, entry_hash) = copy.verify(), copy.head()
    if found or not (number or own):
        raise MingceError(found[0] if found else "不是账本")
    lost = missing_heads(cohort, copy)
    lost += _unrecorded_head(cohort, copy, max((head.number for head in lost), default=0))
    explains = [[head.number, head.hash, head.where] for head in lost]
    data = {"path": str(file.resolve()), "kept": old.name, "until": [number, entry_hash], "explains": explains}
    copy.append(Entry("restore", action="restore", by=by.strip(), why=why.strip(), data=data))
    lines = [f"已换回副本，到第 {number} 条；原来的账本留在 {old.name}"]
    if lost:
        earlier = f" 及以前的 {lost[-1].number - number} 条" if lost[-1].number > number else ""
        lines.append(f"副本里没有的：{lost[-1]}{earlier}，请照页面、邮件和各人记录补记")
    shared = {head for head in known_heads(cohort) if head.number <= number}
    if shared and shared <= set(lost):
        remedy = f"若拿错了别的一届的，请用 --restore 换回 {old.name}"
        lines.append(f"请核对：这一届记下过的，副本里一条也没有；{remedy}")
    return lines


def _unrecorded_head(cohort: Cohort, copy: Ledger, recorded: int) -> list[Head]:
    """Return the head of the replaced ledger, if it is after `recorded` and the copy lacks it."""
    with suppress(MingceError, DatabaseError):  # a damaged one tells nothing
        if Path(str(ledger_url(cohort.ledger.url, cohort.folder).database)).is_file():
            with open_ledger(cohort) as ledger:
                number, entry_hash = ledger.head()
            if number > recorded and copy.hashes([number]).get(number) != entry_hash:
                return [Head("", number, entry_hash, "换下的账本")]
    return []


def _keep_old(current: Path, old_path: Path) -> None:
    """Keep the old ledger under another name. SQLite's unmerged changes are merged, or kept with it."""
    if not current.is_file():
        return
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(current)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for side in _SIDE_FILES:  # SQLite would write a remaining one into the copy
        if Path(f"{current}{side}").is_file():
            Path(f"{current}{side}").replace(f"{old_path}{side}")
    try:
        os.link(current, old_path)
    except OSError:
        shutil.copyfile(current, old_path)
    old_path.chmod(0o600)
