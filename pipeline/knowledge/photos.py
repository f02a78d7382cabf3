"""Photos: search in the folder, complete decoding, upright size, comparison with other students' photos.

Cells are untrusted: absolute paths, `..` and links that lead out of the folder are never opened. A `phash` is 16
hexadecimal digits of the perceptual hash, which finds candidates, and the colours of a 6 by 6 grid, which confirm them:
portraits before one backdrop have similar hashes.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import struct
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from zlib import error as zlib_error

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.atomic_files import sha256_of

MAX_HASH_DISTANCE = 4  # bits of 64
MAX_COLOUR_DISTANCE = 6.0  # mean difference of colours, of 255: copies at quality 40 or half the size stay under 3
_BLOCKS = 6  # hashes within four bits have two of six blocks in common
_HASH = r"[0-9a-f]{16,}"

Hashes = npt.NDArray[np.uint64]
Colours = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


def near_duplicates(phashes: pd.Series, sha256: pd.Series) -> pd.Series:
    """Return a group id (a member's SHA-256) for pictures that were submitted at least twice, else ""."""
    photos = pd.DataFrame({"sha256": sha256.to_numpy(), "phash": phashes.to_numpy()}).astype("str")
    distinct = photos[photos["sha256"].ne("")].drop_duplicates("sha256")
    hashed = distinct[distinct["phash"].str.fullmatch(_HASH)]
    digests = hashed["sha256"].to_numpy(dtype=object)
    group_ids = {digest: digest for digest in distinct["sha256"]}
    group_ids |= dict(zip(digests, digests[_group_labels(hashed["phash"].tolist())], strict=True))
    ids = photos["sha256"].map(group_ids).fillna("").astype("str")
    shared = ids.ne("") & ids.groupby(ids).transform("size").gt(1)
    return pd.Series(ids.where(shared, "").to_numpy(), index=sha256.index, dtype="str")


def _group_labels(phashes: list[str]) -> Positions:
    hashes = np.array([int(value[:16], 16) for value in phashes], dtype=np.uint64)
    colours, label = _colours(phashes), np.arange(len(phashes))
    for left, right in _candidate_pairs(hashes, label):
        close = _similar_colours(colours[left], colours[right])
        merge_labels(label, left[close], right[close])
    return label


def merge_labels(label: Positions, left: Positions, right: Positions) -> None:
    """Merge the labels of each pair in place: all rows with one of the two labels get the smaller one."""
    while (label[left] != label[right]).any():
        pairs = np.sort([label[left], label[right]], axis=0)
        least = np.arange(len(label))
        np.minimum.at(least, pairs[1], pairs[0])
        label[:] = least[label]


def _colours(phashes: list[str]) -> Colours:
    width = max((len(value) for value in phashes), default=16)
    digits = "".join(value.ljust(width, "0")[16:] for value in phashes)
    return np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(len(phashes), (width - 16) // 2)


def _similar_colours(left: Colours, right: Colours) -> npt.NDArray[np.bool_]:
    if left.shape[1] == 0:
        return np.ones(len(left), dtype=bool)
    return np.abs(left.astype(np.int16) - right).mean(axis=1) <= MAX_COLOUR_DISTANCE


def _candidate_pairs(hashes: Hashes, label: Positions) -> Iterator[tuple[Positions, Positions]]:
    """Yield pairs of positions with different labels whose hashes differ by at most `MAX_HASH_DISTANCE` bits."""
    edges = [64 * block // _BLOCKS for block in range(_BLOCKS + 1)]
    masks = [((1 << end) - (1 << start)) for start, end in itertools.pairwise(edges)]
    for first, second in itertools.combinations(masks, 2):
        keys = hashes & np.uint64(first | second)
        order = np.argsort(keys, kind="stable")
        for left, right in _equal_key_pairs(keys[order], order):
            unmerged = label[left] != label[right]
            left, right = left[unmerged], right[unmerged]
            close = np.bitwise_count(hashes[left] ^ hashes[right]) <= MAX_HASH_DISTANCE
            yield left[close], right[close]


def _equal_key_pairs(keys: Hashes, order: Positions) -> Iterator[tuple[Positions, Positions]]:
    for lag in range(1, len(order)):
        same = keys[lag:] == keys[:-lag]
        if not bool(same.any()):
            return
        yield order[:-lag][same], order[lag:][same]


# Pillow knows forty more kinds, and would start Ghostscript for one of them
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MAX_PIXELS = 40_000_000  # bounds a decompression bomb; a scanned A4 page at 600 dpi has 35 million
MAX_BYTES = 50_000_000  # larger files are never decoded (the rule's limit is 200 KB)
GRID = 6
PHOTO_COLUMNS = ["found", "path", "readable", "bytes", "width", "height", "sha256", "phash"]


class PhotoFile(NamedTuple):
    """One file: whether it decodes completely, bytes, upright pixels, SHA-256, perceptual hash."""

    readable: bool
    bytes: int
    width: int
    height: int
    sha256: str
    phash: str


def examine_photos(
    folder: PhotoFolder, names: pd.Series, student_numbers: pd.Series, id_numbers: pd.Series
) -> pd.DataFrame:
    """Find each row's photo by name, student number or ID number. Returns `PHOTO_COLUMNS`; `path` is relative."""
    paths = [
        folder.find(name, number, identity)
        for name, number, identity in zip(names, student_numbers, id_numbers, strict=True)
    ]
    pictures = {path: read_picture(path) for path in {path for path in paths if path is not None}}
    missing = (False, "", False, 0, 0, 0, "", "")
    rows = [(True, path.relative_to(folder.root).as_posix(), *pictures[path]) if path else missing for path in paths]
    frame = pd.DataFrame(rows, columns=pd.Index(PHOTO_COLUMNS), index=names.index)
    kinds = {"found": bool, "path": "str", "readable": bool, "bytes": "int64", "width": "int64", "height": "int64"}
    return frame.astype({**kinds, "sha256": "str", "phash": "str"})


class PhotoFolder:
    """The image files of a folder and its subfolders, by name and by stem, case-insensitive."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in sorted(self._files()):
            relative = path.relative_to(self.root)
            for key in {_fold(relative.as_posix()), _fold(path.name)}:
                self._by_name.setdefault(key, []).append(path)
            for key in {_fold(relative.with_suffix("").as_posix()), _fold(path.stem)}:
                self._by_stem.setdefault(key, []).append(path)

    def _files(self) -> Iterable[Path]:
        for parent, _, files in os.walk(self.root, followlinks=False):
            for name in files:
                path = Path(parent) / name
                if path.suffix.lower() in IMAGE_SUFFIXES and self._inside(path):
                    yield path

    def _inside(self, path: Path) -> bool:
        if not path.is_symlink():
            return path.is_file()
        target = Path(os.path.realpath(path))  # `resolve` raises where links make a circle
        return target.is_relative_to(self.root) and target.is_file()

    def find(self, name: str, student_number: str, id_number: str) -> Path | None:
        """Return the photo of one row, or None. The numbers decide between several files of the same name."""
        named = self._find_named(name)
        if len(named) == 1:
            return named[0]
        return self._find_numbered(student_number) or self._find_numbered(id_number) or next(iter(named), None)

    def _find_named(self, name: str) -> list[Path]:
        path = PurePosixPath(_fold(name).replace("\\", "/"))
        leads_out = path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts)
        if leads_out or not path.name:
            return []
        for candidate in (path, PurePosixPath(path.name)):  # the office may not have kept the folder in 照片/张三.jpg
            stem = candidate.with_suffix("") if candidate.suffix in IMAGE_SUFFIXES else candidate
            key = candidate.as_posix()
            if found := self._by_name.get(key) or self._by_stem.get(key) or self._by_stem.get(stem.as_posix()):
                return found
        return []

    def _find_numbered(self, number: str) -> Path | None:
        paths = self._by_stem.get(_fold(number)) if number else None
        return paths[0] if paths else None


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def read_picture(path: Path) -> PhotoFile:
    """Read and measure one file. `readable` is false if it cannot be opened or decoded completely."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_BYTES else b""
        digest = hashlib.sha256(content).hexdigest() if content else sha256_of(path)
    except OSError:
        return PhotoFile(False, 0, 0, 0, "", "")
    measured = _decode(content) if content else None
    width, height, phash = measured or (0, 0, "")
    return PhotoFile(measured is not None, size, width, height, digest, phash)


def _decode(content: bytes) -> tuple[int, int, str] | None:
    """Return width and height after EXIF and the `phash`, or None if the image is incomplete."""
    import imagehash
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.load()  # verify() accepts half a JPEG (traps.md)
            upright = ImageOps.exif_transpose(image)
            colours = upright.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX).tobytes().hex()
            return upright.width, upright.height, f"{imagehash.phash(upright.convert('L'))}{colours}"
    except (
        OSError, ValueError, SyntaxError, struct.error, zlib_error, Image.DecompressionBombError, IndexError, KeyError,
        TypeError, OverflowError, EOFError, MemoryError,
    ):  # fmt: skip
        return None
