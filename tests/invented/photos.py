"""The pictures of an invented cohort: their names in the forms, and their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.anonymise.disguise import invented_picture
from tests.invented import numbers
from tests.invented.arrow import Table
from tests.invented.arrow import compute as pc
from tests.invented.people import School
from tests.invented.plant import Planted


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
        wrong, mate = planted.pictures.get(person, ("", person))
        if not name or path.exists() or wrong == "missing":
            continue
        whose = mate if wrong in ("twin", "near_twin") else person
        path.write_bytes(invented_picture(int(index[whose]), seed, wrong, path.suffix))
