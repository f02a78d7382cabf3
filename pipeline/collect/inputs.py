"""Input files: found, read once, stored as the bytes that were read; zipped workbooks within size limits."""

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

from pipeline.atomic_files import write_atomically
from pipeline.collect.collected import Note
from pipeline.errors import ConfigurationError, InputError, reason_of

GSHEET = "gsheet:"
_SHEET = re.compile(GSHEET + r"(?:https://docs\.google\.com/spreadsheets/d/)?([A-Za-z0-9_-]+)(?:/[^#]*)?(?:#(.+))?")
_MAX_BYTES = 4 << 30  # bytes; more than this is no cohort's table
_MAX_XML = 240 << 20  # of XML in one workbook: 8,000 rows of 36 cells are 13 MB
_MAX_PICTURE = 20 << 20
_MAX_PICTURES = 512 << 20  # all of one workbook: 8,000 portraits of 60 KB
_MAX_ENTRIES = 20_000
_XML = (".xml", ".rels", ".bin", "mimetype")
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".emf", ".wmf", ".tif", ".tiff", ".webp")
_DAMAGED = "请用 Excel 或 WPS 打开并修复，另存为 xlsx 后再放回来；打不开就请对方重新发来"


@dataclass(frozen=True)
class Content:
    """One input's bytes, read once. Messages use `name`; `path` is None if it is no file."""

    name: str
    data: bytes
    sha256: str
    path: Path | None = None


def name_of(path: Path, folder: Path) -> str:
    r"""Return a file's path from the cohort folder, for messages and tables. Undecodable bytes become \ufffd."""
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    return name.encode(errors="surrogateescape").decode(errors="replace")


def is_database(source: str) -> bool:
    """Return whether a source is a database address."""
    return "://" in source


def is_gsheet(source: str | None) -> bool:
    """Return whether a source, a decisions setting or a row's `file` names a Google Sheet."""
    return (source or "").startswith(GSHEET)


def parse_source(source: str) -> tuple[str, str]:
    """Split `gsheet:<key or address>[#title]` into key and title (or ""); raise `ConfigurationError` for others."""
    found = _SHEET.fullmatch(source.strip())
    if not found:
        raise ConfigurationError(
            ["Google 表格应写作 gsheet:<key>，key 是网址中 /d/ 与 /edit 之间的一段"], where=source[:80]
        )
    return found[1], found[2] or ""


def spreadsheet_key(name: str) -> str:
    """Return a spreadsheet's key from its key or address, with or without `gsheet:`."""
    return parse_source(GSHEET + name.removeprefix(GSHEET))[0]


def files_of(source: str, folder: Path) -> tuple[list[Path], list[Note]]:
    """Return the sorted files that the glob `source` names, and notes on others; `InputError` if no file is left.

    Of links to one file the first path counts: a link to a folder above would show all files again, forty levels deep.
    """
    pattern = str(Path(source).expanduser())
    exact = folder / pattern
    matched = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207  # absolute patterns too
    paths = [exact] if exact.exists() else [folder / path for path in matched]
    first = {os.path.realpath(path): path for path in reversed(paths)}
    paths = [path for path in paths if first[os.path.realpath(path)] == path]
    if exact.is_dir():
        raise InputError("这里需要文件，却是一个文件夹", where=source, remedy=f"请写成 {source.rstrip('/')}/*")
    notes = [
        Note("info", name_of(path, folder), "", 0, "临时文件或系统文件，未读取") for path in paths if _is_hidden(path)
    ]
    notes += [Note("info", name_of(path, folder), "", 0, "是文件夹，未读取") for path in paths if path.is_dir()]
    files = [path for path in paths if not path.is_dir() and not _is_hidden(path)]
    if not files:
        raise InputError("没有找到文件", where=source, remedy="请把文件放进这个位置，或改正 cohort.toml 中的路径")
    return files, notes


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(("~$", ".")) or path.name in ("Thumbs.db", "desktop.ini")


def read_content(path: Path, folder: Path) -> Content:
    """Read a file once. Raises InputError if it is not regular, outside the folder, unreadable, or above 4 GB."""
    name = name_of(path, folder)
    normalised = Path(os.path.normpath(path))
    if normalised.is_relative_to(folder) and not Path(os.path.realpath(path)).is_relative_to(folder.resolve()):
        remedy = "请把文件本身放进来，或在 cohort.toml 中写它真正的位置"
        raise InputError("是一个指向届别文件夹之外的链接，没有读取", where=name, remedy=remedy)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would block, a device never end
            raise InputError("不是普通文件（是管道、设备或文件夹）", where=name, remedy="请把真正的文件放在这里")
        if status.st_size > _MAX_BYTES:
            what = f"文件有 {status.st_size >> 30} GB，太大"
            raise InputError(what, where=name, remedy="请分成几个文件，或存为 Parquet")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            f"文件打不开（{reason_of(error)}）", where=name, remedy="请确认文件存在、没有被占用、有读取权限"
        ) from None
    return Content(name, data, hashlib.sha256(data).hexdigest(), path)


def store_copy(content: Content, folder: Path | None) -> None:
    """Write the bytes atomically to `<keep>/<sha256>`, once per content, readable by the owner only."""
    if folder is not None and not (folder / content.sha256).exists():
        write_atomically(folder / content.sha256, content.data, contended=True)


class Archive:
    """A zipped workbook (xlsx, xlsb, ods) with measured parts: nothing in it inflates past the limits."""

    def __init__(self, content: Content) -> None:
        """Read the directory of parts. Raise `InputError` if the file is damaged, encrypted or too large."""
        self.name = content.name
        self._parts: dict[str, bytes] = {}
        self._picture_bytes_left = _MAX_PICTURES
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
        if text > _MAX_XML or len(infos) > _MAX_ENTRIES:
            remedy = "请只留有内容的行和列，分成几个文件，或另存为 CSV、Parquet"
            raise InputError(f"展开后有 {text >> 20} MB，太大，未读取", where=self.name, remedy=remedy)

    def _damaged(self, what: str) -> InputError:
        return InputError(what, where=self.name, remedy=_DAMAGED)

    def __contains__(self, part: str) -> bool:
        return part in self.names

    def read(self, name: str) -> bytes:
        """Return a part's bytes, b"" if it is missing. Raise `InputError` if it is damaged or longer than declared."""
        if name not in self._parts:
            self._parts[name] = self._inflate(name) if name in self.names else b""
        return self._parts[name]

    def discard(self, name: str) -> None:
        """Drop a part's bytes from the cache."""
        self._parts.pop(name, None)

    def _inflate(self, name: str) -> bytes:
        info = copy(self.names[name])
        declared = info.file_size
        if name.lower().endswith(_MEDIA):
            if declared > min(_MAX_PICTURE, self._picture_bytes_left):
                return b""
            self._picture_bytes_left -= declared
        info.file_size += 1  # one byte more than the directory says, so that a longer part is noticed
        try:
            with self._zip.open(info) as part:
                data = part.read(info.file_size)
                too_long = len(data) > declared or part.read(1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
            raise self._damaged("文件的一部分已损坏") from None
        if too_long:
            raise self._damaged("有一部分比目录所写的大，文件已损坏")
        return data

    def rebuilt(self) -> bytes:
        """Return the workbook rebuilt from its measured XML parts, uncompressed.

        Two readers of zips may disagree about one file (two directories, one name twice), so libraries get these bytes.
        """
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name in self.names:
                if name.lower().endswith(_XML):
                    archive.writestr(zipfile.ZipInfo(name), self.read(name))
        return out.getvalue()
