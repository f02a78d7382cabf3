"""Drawn pictures for a cohort. One is broken, too large, landscape, narrow or repeated if the original was."""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance

from pipeline.anonymise.disguise import Disguise
from pipeline.check.rules.contact_rules import MAXIMUM_PHOTO, MINIMUM_PHOTO_WIDTH
from pipeline.knowledge.photos import IMAGE_SUFFIXES, PhotoFile, near_duplicates, read_picture

_SIZE = (108, 151)  # one inch, upright
_QUALITY = 55


def invented_picture(person: int, seed: int, wrong: str = "", suffix: str = ".jpg") -> bytes:
    """Return a picture's bytes. `wrong`: broken, large, landscape, narrow, near_twin (brighter)."""
    image = _curtain(person, seed)
    if wrong == "near_twin":
        image = ImageEnhance.Brightness(image).enhance(1.02)
    elif wrong == "landscape":
        image = image.rotate(90, expand=True)
    elif wrong == "narrow":
        image = image.resize((72, 100))
    elif wrong == "large":
        return _large(image, person)
    out = io.BytesIO()
    if suffix == ".png":
        image.quantize(24).save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", quality=_QUALITY)
    content = out.getvalue()
    return content[: len(content) // 2] if wrong == "broken" else content


def _curtain(person: int, seed: int) -> Image.Image:
    """Draw a mottled curtain that differs for every person, so that no two are taken for the same picture."""
    rng = np.random.default_rng([seed, 77, person])
    light = rng.choice([60, 235], (8, 6, 1)) * rng.uniform(0.75, 1.0, (8, 6, 3))
    return Image.fromarray(light.astype(np.uint8), "RGB").resize(_SIZE, Image.Resampling.BICUBIC)


def _large(image: Image.Image, person: int) -> bytes:
    rng = np.random.default_rng(person)
    grain = rng.integers(-40, 40, (616, 440, 1))
    pixels = np.asarray(image.resize((440, 616))).astype(np.int64) + grain
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB").save(out, "JPEG", quality=97)
    return out.getvalue()


class PictureNames:
    """New names of picture files: a student's number or ID number becomes the disguised one, others get a count."""

    def __init__(self, rows: pd.DataFrame, disguise: Disguise) -> None:
        self._own: dict[str, str] = {}
        for number in rows["student_number"].str.strip().unique():
            self._own[number.lower()] = disguise.number("student_number", number)
        for number in rows["id_number"].str.strip().unique():
            self._own[number.lower()] = disguise.id_number(number)
        self._other: dict[str, str] = {}

    def name(self, given: str) -> str:
        """Return the new name of a picture file, or of a cell that names one."""
        if not given.strip():
            return given
        last = PurePosixPath(given.strip().replace("\\", "/"))
        suffix = last.suffix if last.suffix.lower() in IMAGE_SUFFIXES else ""
        stem = last.name.removesuffix(suffix)
        known = self._own.get(stem.lower())
        return (known or self._other.setdefault(stem.lower(), f"photo{len(self._other):05d}")) + suffix


def draw_pictures(folder: Path, out: Path, names: PictureNames) -> None:
    """Draw a picture with the fault of each one in `folder`."""
    out.mkdir(exist_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES)
    pictures = [read_picture(path) for path in files]
    frame = pd.DataFrame({"sha": [p.sha256 for p in pictures], "near": [p.phash for p in pictures]}, dtype="str")
    groups = near_duplicates(frame["near"], frame["sha"])
    people: dict[str, tuple[int, str]] = {}
    for number, (path, picture, group) in enumerate(zip(files, pictures, groups, strict=True)):
        person, first = people.setdefault(str(group) or picture.sha256, (number, picture.sha256))
        wrong = _wrong(picture) or ("near_twin" if first != picture.sha256 else "")
        (out / names.name(path.name)).write_bytes(invented_picture(person, 0, wrong, path.suffix.lower()))


def _wrong(picture: PhotoFile) -> str:
    if not picture.readable:
        return "broken"
    if picture.bytes > MAXIMUM_PHOTO:
        return "large"
    if picture.width > picture.height:
        return "landscape"
    return "narrow" if picture.width < MINIMUM_PHOTO_WIDTH else ""
