"""A picture that stood in a cell is the row's photo, beside files of the photo folder."""

import io
from pathlib import Path

from PIL import Image

from pipeline.knowledge.photos import PhotoFolder
from pipeline.scale.reading import photos_of
from pipeline.scale.spool import Spool
from tests.frames import submissions


def _portrait(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (120, 160), colour).save(data, "PNG")
    return data.getvalue()


def test_a_picture_out_of_a_cell_is_the_photo_of_its_row(tmp_path: Path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "1305030101.png").write_bytes(_portrait("blue"))
    spool = Spool(tmp_path / "spool")
    (cells := tmp_path / "cells").mkdir()
    (cells / "ID_1F.png").write_bytes(_portrait("red"))
    rows = submissions({"photo": "1305030101.png"}, {"photo": "ID_1F.png", "student_number": "2"}, {"photo": "no.png"})
    rows["student_number"] = ["1", "2", "3"]
    seen = photos_of(rows, folder, spool, PhotoFolder(cells))
    assert seen["photo_found"].tolist() == [True, True, False]
    assert seen["photo_readable"].tolist() == [True, True, False]
    assert seen["photo_sha256"].iloc[0] != seen["photo_sha256"].iloc[1]
