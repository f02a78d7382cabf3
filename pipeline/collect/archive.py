"""The parts of a zipped workbook (xlsx, xlsb, ods), inflated within bounds before any library touches them."""

from __future__ import annotations

import io
import zipfile
import zlib

from pipeline.collect.inputs import Content
from pipeline.errors import InputError

_MOST = 240 << 20  # bytes of XML in one workbook: 8,000 rows of 36 cells are 13 MB
_PICTURE = 20 << 20
_ENTRIES = 20_000
_BIG = "请只留有内容的行和列，分成几个文件，或另存为 CSV、Parquet"
DAMAGED = "请用 Excel 或 WPS 打开并修复，另存为 xlsx 后再放回来；打不开就请对方重新发送"


class Archive:
    """A zipped workbook whose parts have been measured: nothing in it inflates past the bound."""

    def __init__(self, content: Content) -> None:
        """Open the directory of parts.

        Raises:
            InputError: it is damaged, encrypted, or would inflate past the bound.
        """
        self.name = content.name
        self._parts: dict[str, bytes] = {}
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content.data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError):
            raise InputError("文件不完整或已损坏，打不开", where=content.name, remedy=DAMAGED) from None
        infos = self._zip.infolist()
        if any(info.flag_bits & 1 for info in infos):
            raise InputError("压缩包有密码", where=self.name, remedy="请去掉密码，另存为 xlsx 后再放回来")
        self.names = {info.filename.replace("\\", "/").lstrip("/"): info for info in infos}
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
        """Let go of a part's bytes."""
        self._parts.pop(name, None)

    def _inflate(self, name: str) -> bytes:
        info = self.names[name]
        if self._is_media(name) and info.file_size > _PICTURE:
            return b""
        try:
            return self._zip.read(info)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
            raise InputError("文件的一部分已损坏", where=self.name, remedy=DAMAGED) from None

    def measure(self) -> None:
        """Inflate every XML part once, so that a part longer than the directory says is found out here.

        Raises:
            InputError: a part is damaged.
        """
        for name in self.names:
            if name.lower().endswith((".xml", ".rels", ".bin")):
                self.part(name)
