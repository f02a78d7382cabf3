"""Finding the files of a source, reading each once, and keeping the very bytes that were read."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.collected import Note
from pipeline.errors import InputError, reason_of
from pipeline.whole import appearing

_LARGEST = 4 << 30  # bytes; more than this is no cohort's table
_NOT_TABLES = ("~$", ".~", "._", ".", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Content:
    """The bytes of one input, read once; `name` is what messages call it, `path` where it stands if it is a file."""

    name: str
    data: bytes
    sha256: str
    path: Path | None = None


def name_of(path: Path, folder: Path) -> str:
    r"""Return how messages and tables call the file: relative to the cohort folder, with forward slashes.

    Linux lets a name be any bytes; those that are no text are shown as \ufffd.
    """
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    return name.encode(errors="surrogateescape").decode(errors="replace")


def is_database(source: str) -> bool:
    """Say whether a source is a database's address and no file."""
    return "://" in source


def files_of(source: str, folder: Path) -> tuple[list[Path], list[Note]]:
    """Return the files that the glob `source` names, sorted, and what is to be said about the ones left out.

    Raises:
        InputError: the glob names no file.
    """
    pattern = str(Path(source).expanduser())
    named = folder / pattern
    matched = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207  # absolute patterns too
    found = [named] if named.exists() else [folder / path for path in matched]
    if named.is_dir():
        raise InputError("这里需要文件，却是一个文件夹", where=source, remedy=f"请写成 {source.rstrip('/')}/*")
    notes = [
        Note("info", name_of(path, folder), "", 0, "临时文件或系统文件，未读取") for path in found if _is_litter(path)
    ]
    notes += [Note("info", name_of(path, folder), "", 0, "是文件夹，未读取") for path in found if path.is_dir()]
    files = [path for path in found if not path.is_dir() and not _is_litter(path)]
    if not files:
        raise InputError("没有找到文件", where=source, remedy="请把文件放进这个位置，或改正 cohort.toml 中的路径")
    return files, notes


def _is_litter(path: Path) -> bool:
    return path.name.startswith(_NOT_TABLES[:4]) or path.name in _NOT_TABLES


def read_content(path: Path, folder: Path) -> Content:
    """Read the file once.

    Raises:
        InputError: it is no regular file, a link out of the folder, cannot be read, or is larger than 4 GB.
    """
    name = name_of(path, folder)
    stands = Path(os.path.normpath(path))
    if stands.is_relative_to(folder) and not path.resolve().is_relative_to(folder.resolve()):
        remedy = "请把文件本身放进来，或在 cohort.toml 中写它真正的位置"
        raise InputError("是一个指向届别文件夹之外的链接，没有读取", where=name, remedy=remedy)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever, a device never end
            raise InputError("不是普通文件（是管道、设备或文件夹）", where=name, remedy="请把真正的文件放在这里")
        if status.st_size > _LARGEST:
            what = f"文件有 {status.st_size >> 30} GB，太大"
            raise InputError(what, where=name, remedy="请分成几个文件，或存为 Parquet")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            f"文件打不开（{reason_of(error)}）", where=name, remedy="请确认文件存在、没有被占用、有读取权限"
        ) from None
    return Content(name, data, hashlib.sha256(data).hexdigest(), path)


def keep_bytes(content: Content, keep: Path | None) -> None:
    """Store the bytes as `<keep>/<sha256>`, once per content, readable by the owner alone, whole or not at all."""
    if keep is None:
        return
    target = keep / content.sha256
    if target.exists():
        return
    with appearing(target, contended=True) as draft:
        draft.touch(mode=0o600)
        with draft.open("wb") as file:
            file.write(content.data)
            file.flush()
            os.fsync(file.fileno())
