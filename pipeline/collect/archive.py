"""The parts of a zipped workbook (xlsx, xlsb, ods), inflated within bounds before any library touches them."""

from __future__ import annotations

import io
import zipfile
import zlib
from copy import copy

from pipeline.collect.inputs import Content
from pipeline.errors import InputError

_MOST = 240 << 20  # bytes of XML in one workbook: 8,000 rows of 36 cells are 13 MB
_PICTURE = 20 << 20
_PICTURES = 512 << 20  # all of one workbook: 8,000 portraits of 60 KB
_ENTRIES = 20_000
_XML = (".xml", ".rels", ".bin", "mimetype")
_BIG = "请只留有内容的行和列，分成几个文件，或另存为 CSV、Parquet"
DAMAGED = "请用 Excel 或 WPS 打开并修复，另存为 xlsx 后再放回来；打不开就请对方重新发来"


class Archive:
    """A zipped workbook whose parts have been measured: nothing in it inflates past the bound."""

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
            raise InputError("文件不完整或已损坏，打不开", where=content.name, remedy=DAMAGED) from None
        infos = self._zip.infolist()
        if any(info.flag_bits & 1 for info in infos):
            raise InputError("压缩包有密码", where=self.name, remedy="请去掉密码，另存为 xlsx 后再放回来")
        self.names = {info.filename.replace("\\", "/").lstrip("/"): info for info in infos}
        if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
            raise InputError("压缩方法不是表格软件用的", where=self.name, remedy=DAMAGED)
        text = sum(info.file_size for info in infos if not self._is_media(info.filename))
        if text > _MOST or len(infos) > _ENTRIES:
            raise InputError(f"展开后有 {text >> 20} MB，太大，未读取", where=self.name, remedy=_BIG)

    @staticmethod
    def _is_media(name: str) -> bool:
        return name.lower().endswith(
            (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".emf", ".wmf", ".tif", ".tiff", ".webp")
        )

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
        if self._is_media(name):
            if claimed > min(_PICTURE, self._room):
                return b""
            self._room -= claimed
        info.file_size += 1  # room for one byte more than the directory says, so that a longer part is found out
        try:
            with self._zip.open(info) as part:
                data = part.read(info.file_size)
                longer = len(data) > claimed or part.read(1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
            raise InputError("文件的一部分已损坏", where=self.name, remedy=DAMAGED) from None
        if longer:
            raise InputError("有一部分比目录所写的大，文件已损坏", where=self.name, remedy=DAMAGED)
        return data

    def measured(self) -> bytes:
        """Return the workbook anew with its XML parts alone, as they were measured here, and not compressed.

        A library that is given these bytes sees what was measured and nothing else: two readers of zips may take one
        file for two (two directories, one name twice).

        Raises:
            InputError: a part is damaged.
        """
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as whole:
            for name in self.names:
                if name.lower().endswith(_XML):
                    whole.writestr(zipfile.ZipInfo(name), self.part(name))
        return out.getvalue()
