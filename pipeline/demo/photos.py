"""Pictures for the demo: drawn, of nobody, small; some broken, too large, lying down, or handed in twice."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageEnhance

from pipeline.demo import numbers
from pipeline.demo.arrow import Table
from pipeline.demo.arrow import compute as pc
from pipeline.demo.people import School
from pipeline.demo.plant import Planted

_SIZE = (108, 151)  # one inch, upright
_SKIN = ((241, 206, 178), (228, 187, 155), (250, 219, 195))
_COAT = ((32, 44, 70), (60, 30, 40), (40, 60, 50), (70, 70, 80))
_QUALITY = 55


def name_files(forms: Table, school: School, rng: np.random.Generator) -> Table:
    """Return the submissions with the names people give their pictures: either number, with or without ending."""
    number = school.registry["student_number"].combine_chunks()
    citizen = school.registry["id_number"].combine_chunks()
    stems = [number, number, number, citizen]
    endings = [".jpg", "", ".png", ".jpg"]
    way = numbers.weighted(rng, [0.82, 0.08, 0.03, 0.07], len(number))
    named = [pc.binary_join_element_wise(stem, end, "") for stem, end in zip(stems, endings, strict=True)]
    column = pc.choose(pa.array(way), *named)
    return forms.set_column(forms.column_names.index("photo"), "photo", column)


def draw_photos(folder: Path, schools: list[Planted], seed: int) -> None:
    """Draw every submission's picture into `folder` under the name that the submission gives."""
    folder.mkdir(parents=True, exist_ok=True)
    for planted in schools:
        _draw_school(folder, planted, seed)


def _draw_school(folder: Path, planted: Planted, seed: int) -> None:
    index = dict(zip(planted.registry["student_number"].to_pylist(), planted.school.index.tolist(), strict=True))
    by_position = dict(
        zip(
            planted.truth["submitted_student_number"].to_pylist(),
            planted.truth["student_number"].to_pylist(),
            strict=True,
        )
    )
    table = planted.submissions.select(["student_number", "photo"]).to_pydict()
    for given, name in zip(table["student_number"], table["photo"], strict=True):
        own = by_position.get(given, given)
        path = folder / (name if "." in name else f"{name}.jpg")
        if not name or own not in index or path.exists():
            continue
        wrong, mate = planted.pictures.get(own, ("", ""))
        content = picture(index[own], seed, wrong, index.get(mate, 0), path.suffix)
        if content:
            path.write_bytes(content)


def picture(person: int, seed: int, wrong: str = "", mate: int = 0, suffix: str = ".jpg") -> bytes:
    """Return an invented person's picture as a file's bytes; `wrong` as in `case.Case.photo`, missing gives none."""
    if wrong == "missing":
        return b""
    if wrong in ("twin", "near_twin"):
        image = portrait(mate, seed)
        return _encoded(ImageEnhance.Brightness(image).enhance(1.06) if wrong == "near_twin" else image, suffix)
    image = portrait(person, seed)
    if wrong == "landscape":
        return _encoded(image.rotate(90, expand=True), suffix)
    if wrong == "narrow":
        return _encoded(image.resize((72, 100)), suffix)
    if wrong == "large":
        return _large(image, person)
    content = _encoded(image, suffix)
    return content[: len(content) // 2] if wrong == "broken" else content


def portrait(person: int, seed: int) -> Image.Image:
    """Draw head and shoulders before a mottled curtain that no two people share."""
    rng = np.random.default_rng([seed, 77, person])
    curtain = rng.integers(40, 255, (7, 5, 3)).astype(np.uint8)
    image = Image.fromarray(curtain, "RGB").resize(_SIZE, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    width, height = _SIZE
    middle, top = width // 2 + int(rng.integers(-6, 7)), height // 3 + int(rng.integers(-6, 7))
    wide, tall = int(rng.integers(17, 23)), int(rng.integers(23, 29))
    coat, skin = _COAT[int(rng.integers(len(_COAT)))], _SKIN[int(rng.integers(len(_SKIN)))]
    pen.ellipse((middle - 44, height - 44, middle + 44, height + 50), fill=coat)
    pen.rectangle((middle - 8, top + tall - 6, middle + 8, height - 36), fill=skin)
    pen.ellipse((middle - wide - 3, top - tall - 6, middle + wide + 3, top + tall // 2), fill=(25, 20, 20))
    pen.ellipse((middle - wide, top - tall + 4, middle + wide, top + tall), fill=skin)
    for side in (-8, 8):
        pen.ellipse((middle + side - 2, top - 2, middle + side + 2, top + 2), fill=(30, 25, 25))
    pen.line((middle - 6, top + 14, middle + 6, top + 14), fill=(150, 70, 70), width=2)
    return image


def _encoded(image: Image.Image, suffix: str) -> bytes:
    out = io.BytesIO()
    if suffix == ".png":
        image.quantize(24).save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _large(image: Image.Image, person: int) -> bytes:
    """A picture that a camera made and nobody made smaller: a little over 200 KB."""
    rng = np.random.default_rng(person)
    grain = rng.integers(-28, 28, (560, 400, 1))
    pixels = np.asarray(image.resize((400, 560))).astype(np.int64) + grain
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB").save(out, "JPEG", quality=97)
    return out.getvalue()
