"""The files of a source: found, read once, kept as the very bytes that were read; a zipped workbook within bounds.

A shared Google Sheet is named `gsheet:<key or address>[#title]`; what names one is known here, without gspread.
"""

from __future__ import annotations

import glob
import hashlib
import io
import os
import re
import stat
import zipfile
import zlib
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.collected import Note
from pipeline.errors import ConfigurationError, InputError, reason_of
from pipeline.whole import appearing

GSHEET = "gsheet:"
_SHEET = re.compile(GSHEET + r"(?:https://docs\.google\.com/spreadsheets/d/)?([A-Za-z0-9_-]+)(?:/[^#]*)?(?:#(.+))?")
_LARGEST = 4 << 30  # bytes; more than this is no cohort's table
_MOST = 240 << 20  # bytes of XML in one workbook: 8,000 rows of 36 cells are 13 MB
_PICTURE = 20 << 20
_PICTURES = 512 << 20  # all of one workbook: 8,000 portraits of 60 KB
_ENTRIES = 20_000
_XML = (".xml", ".rels", ".bin", "mimetype")
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".emf", ".wmf", ".tif", ".tiff", ".webp")
_DAMAGED = "请用 Excel 或 WPS 打开并修复，另存为 xlsx 后再放回来；打不开就请对方重新发来"


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


def is_gsheet(source: str | None) -> bool:
    """Say whether a source, a file of decisions or a row's `file` is a shared sheet and no file here."""
    return (source or "").startswith(GSHEET)


def parse_source(source: str) -> tuple[str, str]:
    """Return spreadsheet key and worksheet title ("" where none is named) of `gsheet:<key or address>[#title]`.

    Raises:
        ConfigurationError: it is no such source.
    """
    found = _SHEET.fullmatch(source.strip())
    if not found:
        raise ConfigurationError(
            ["Google 表格应写作 gsheet:<key>，key 是网址中 /d/ 与 /edit 之间的一段"], where=source[:80]
        )
    return found[1], found[2] or ""


def spreadsheet_key(name: str) -> str:
    """Return the key of a spreadsheet that may be named by its key or address alone, without `gsheet:`."""
    return parse_source(GSHEET + name.removeprefix(GSHEET))[0]


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
    return path.name.startswith(("~$", ".")) or path.name in ("Thumbs.db", "desktop.ini")


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
    if keep is None or (keep / content.sha256).exists():
        return
    with appearing(keep / content.sha256, contended=True) as draft:
        draft.touch(mode=0o600)
        with draft.open("wb") as file:
            file.write(content.data)
            file.flush()
            os.fsync(file.fileno())


class Archive:
    """A zipped workbook (xlsx, xlsb, ods) whose parts have been measured: nothing in it inflates past the bound."""

    def __init__(self, content: Content) -> None:
        """Open the directory of parts.

        Raises:
            InputError: it is damaged, encrypted, or would inflate past the bound.
        """
        self.name = content.name
        self._parts: dict[str, bytes] = {}
        self._room = _PICTURES
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content.data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
            raise self._damaged("文件不完整或已损坏，打不开") from None
        infos = self._zip.infolist()
        if any(info.flag_bits & 1 for info in infos):
            raise InputError("压缩包有密码", where=self.name, remedy="请去掉密码，另存为 xlsx 后再放回来")
        self.names = {info.filename.replace("\\", "/").lstrip("/"): info for info in infos}
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
            raise self._damaged("压缩方法不是表格软件用的")
        text = sum(info.file_size for info in infos if not info.filename.lower().endswith(_MEDIA))
        if text > _MOST or len(infos) > _ENTRIES:
            remedy = "请只留有内容的行和列，分成几个文件，或另存为 CSV、Parquet"
            raise InputError(f"展开后有 {text >> 20} MB，太大，未读取", where=self.name, remedy=remedy)

    def _damaged(self, what: str) -> InputError:
        return InputError(what, where=self.name, remedy=_DAMAGED)

    def __contains__(self, part: str) -> bool:
        """Say whether the archive has this part."""
        return part in self.names

    def part(self, name: str) -> bytes:
        """Return one part's bytes, blank where it is not there.

        Raises:
            InputError: the part is damaged, or longer than the directory says.
        """
        if name not in self._parts:
            self._parts[name] = self._inflate(name) if name in self.names else b""
        return self._parts[name]

    def forget(self, name: str) -> None:
        """Drop a part's bytes from the cache."""
        self._parts.pop(name, None)

    def _inflate(self, name: str) -> bytes:
        info = copy(self.names[name])
        claimed = info.file_size
        if name.lower().endswith(_MEDIA):
            if claimed > min(_PICTURE, self._room):
                return b""
            self._room -= claimed
        info.file_size += 1  # room for one byte more than the directory says, so that a longer part is found out
        try:
            with self._zip.open(info) as part:
                data = part.read(info.file_size)
                longer = len(data) > claimed or part.read(1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
            raise self._damaged("文件的一部分已损坏") from None
        if longer:
            raise self._damaged("有一部分比目录所写的大，文件已损坏")
        return data

    def measured(self) -> bytes:
        """Return the workbook anew with its XML parts alone, as they were measured here, and not compressed.

        A library that is given these bytes sees what was measured and nothing else: two readers of zips may take one
        file for two (two directories, one name twice).
        """
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as whole:
            for name in self.names:
                if name.lower().endswith(_XML):
                    whole.writestr(zipfile.ZipInfo(name), self.part(name))
        return out.getvalue()
