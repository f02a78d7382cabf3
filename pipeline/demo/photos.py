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
    index = planted.school.index
    for person, name in zip(planted.people.tolist(), planted.submissions["photo"].to_pylist(), strict=True):
        path = folder / (name if "." in name else f"{name}.jpg")
        if not name or path.exists():
            continue
        wrong, mate = planted.pictures.get(person, ("", person))
        content = picture(int(index[person]), seed, wrong, int(index[mate]), path.suffix)
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
    light = rng.choice([60, 235], (8, 6, 1)) * rng.uniform(0.75, 1.0, (8, 6, 3))  # near-same pictures are told by these
    image = Image.fromarray(light.astype(np.uint8), "RGB").resize(_SIZE, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    width, height = _SIZE
    middle, top = width // 2 + int(rng.integers(-9, 10)), height // 2 + int(rng.integers(-8, 9))
    wide, tall = int(rng.integers(13, 19)), int(rng.integers(19, 26))
    coat, skin = _COAT[int(rng.integers(len(_COAT)))], _SKIN[int(rng.integers(len(_SKIN)))]
    pen.ellipse((middle - 34, top + tall + 7, middle + 34, height + 60), fill=coat)
    pen.rectangle((middle - 7, top + tall - 6, middle + 7, top + tall + 10), fill=skin)
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
    grain = rng.integers(-40, 40, (616, 440, 1))
    pixels = np.asarray(image.resize((440, 616))).astype(np.int64) + grain
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB").save(out, "JPEG", quality=97)
    return out.getvalue()
