"""Photos found, decoded whole, measured upright, and told apart."""

import io
import sys
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from pipeline.knowledge import photos


def column(*values):
    return pd.Series(list(values), dtype="str")


def portrait(seed, size=(295, 413)):
    """A drawn portrait before a plain backdrop: head and shoulders where they are in every such photo."""
    draw_from = np.random.default_rng(seed)
    skin, coat, hair = (tuple(int(value) for value in draw_from.integers(20, 235, 3)) for _ in range(3))
    image = Image.new("RGB", size, (67, 142, 219))
    pen = ImageDraw.Draw(image)
    pen.ellipse((85, 90, 210, 260), fill=skin)
    pen.pieslice((80, 70, 215, 230), 180, 360, fill=hair)
    pen.rectangle((40, 290, 255, 413), fill=coat)
    return image


def examine(folder, *cells, numbers=None, ids=None):
    names = column(*cells)
    blank = [""] * len(cells)
    return photos.examine_photos(
        photos.PhotoFolder(folder), names, column(*(numbers or blank)), column(*(ids or blank))
    )


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "土木").mkdir(parents=True)
    portrait(1).save(folder / "1305030101.jpg", quality=90)
    portrait(2).save(folder / "李四.PNG")
    portrait(3).save(folder / "土木" / "11010519491231002X.jpeg")
    return folder


def test_found_by_name_number_and_id(folder):
    seen = examine(
        folder, "1305030101.jpg", "1305030101", "李四.png", "李四.jpg", "", "", "nothing.jpg",
        "土木/11010519491231002x.jpeg",
        numbers=["", "", "", "", "1305030101", "", "", ""], ids=["", "", "", "", "", "11010519491231002X", "", ""],
    )  # fmt: skip
    assert seen["found"].tolist() == [True, True, True, True, True, True, False, True]
    assert seen["path"].iat[5] == "土木/11010519491231002X.jpeg"
    assert (seen["width"].iat[0], seen["height"].iat[0]) == (295, 413)
    assert seen["bytes"].iat[0] == (folder / "1305030101.jpg").stat().st_size
    assert seen["readable"][seen["found"]].all()


def test_two_files_of_one_name_go_by_the_number(folder):
    for number in ("1", "2"):
        (folder / number).mkdir()
        portrait(int(number) + 70).save(folder / number / "证件照.jpg")
    portrait(80).save(folder / "1305030199.jpg")
    seen = examine(folder, "2/证件照.jpg", "证件照.jpg", "学院/李四.png", numbers=["", "1305030199", ""])
    assert seen["path"].tolist() == ["2/证件照.jpg", "1305030199.jpg", "李四.PNG"]


def test_index_and_kinds_are_kept(folder):
    names = pd.Series(["李四", ""], index=[9, 4], dtype="str")
    seen = photos.examine_photos(photos.PhotoFolder(folder), names, names, names)
    assert list(seen.columns) == photos.PHOTO_COLUMNS
    assert list(seen.index) == [9, 4]
    assert seen.dtypes.astype(str).to_dict() == {
        "found": "bool", "path": "str", "readable": "bool", "bytes": "int64", "width": "int64", "height": "int64",
        "sha256": "str", "phash": "str",
    }  # fmt: skip
    assert list(seen.loc[4]) == [False, "", False, 0, 0, 0, "", ""]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
@pytest.mark.parametrize(
    "trick",
    [
        "../secret.jpg",
        "..\\secret.jpg",
        "/etc/secret.jpg",
        "C:\\secret.jpg",
        "link.jpg",
        "away/secret.jpg",
        "土木/../../secret.jpg",
    ],
)
def test_path_tricks_are_never_opened(folder, trick):
    outside = folder.parent / "secret.jpg"
    portrait(9).save(outside)
    (folder / "link.jpg").symlink_to(outside)
    (folder / "away").symlink_to(folder.parent, target_is_directory=True)
    assert not examine(folder, trick)["found"].any()
    assert not examine(folder, str(outside))["found"].any()


def test_nothing_is_started_for_a_picture(folder, monkeypatch):
    """Pillow would hand PostScript to Ghostscript, whatever the file is called."""
    tools = folder.parent / "tools"
    tools.mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch '{tools}/ran'\n")
    (tools / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    (folder / "eps.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n/x 1 def\n%%EOF\n")
    assert not examine(folder, "eps.jpg")["readable"].any()
    assert not (tools / "ran").exists()


def test_links_in_a_circle_are_no_pictures(folder):
    (folder / "round.jpg").symlink_to("round.jpg")
    assert examine(folder, "1305030101", "round.jpg")["found"].tolist() == [True, False]


def test_half_a_jpeg_cannot_be_opened(folder):
    whole = (folder / "1305030101.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.jpg").write_bytes(b"")
    seen = examine(folder, "half.jpg", "text.jpg", "empty.jpg")
    assert seen["found"].all()
    assert not seen["readable"].any()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
def test_broken_files_of_every_kind_are_only_unreadable(folder, kind):
    stream = io.BytesIO()
    portrait(4).save(stream, format=kind)
    content = bytearray(stream.getvalue())
    draw_from = np.random.default_rng(11)
    for number in range(40):
        broken = content.copy()
        for place in draw_from.integers(0, min(len(broken), 600), 6):
            broken[place] = int(draw_from.integers(0, 256))
        (folder / f"{kind}{number}.jpg").write_bytes(bytes(broken[: int(draw_from.integers(20, len(broken)))]))
    seen = examine(folder, *(f"{kind}{number}.jpg" for number in range(40)))
    assert seen["found"].all()


def test_a_decompression_bomb_is_not_unpacked(folder):
    Image.new("1", (40_000, 40_000)).save(folder / "bomb.png")
    assert not examine(folder, "bomb.png")["readable"].any()


def test_size_is_that_of_the_picture_held_upright(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    portrait(5).rotate(90, expand=True).save(folder / "turned.jpg", exif=exif)
    seen = examine(folder, "turned.jpg")
    assert (seen["width"].iat[0], seen["height"].iat[0]) == (295, 413)


def test_copies_are_one_picture_and_two_students_are_two(folder):
    (folder / "copy.jpg").write_bytes((folder / "1305030101.jpg").read_bytes())
    portrait(1).save(folder / "saved.jpg", quality=40)
    portrait(1).resize((148, 207)).save(folder / "small.jpg")
    for seed in range(20, 60):
        portrait(seed).save(folder / f"{seed}.jpg")
    cells = ["1305030101.jpg", "copy.jpg", "saved.jpg", "small.jpg", *(f"{seed}.jpg" for seed in range(20, 60)), "none"]
    seen = examine(folder, *cells)
    groups = photos.near_duplicates(seen["phash"], seen["sha256"])
    assert groups[:4].nunique() == 1
    assert groups.iat[0] != ""
    assert groups[4:].eq("").all()


def test_many_pictures_are_grouped_without_comparing_all_pairs():
    draw = np.random.default_rng(3).integers(0, 2**63, 50_000)
    hashes = pd.Series([f"{value:016x}" for value in draw], dtype="str")
    near = pd.Series([f"{int(hashes.iat[0], 16) ^ 0b10110000000000001:016x}"], dtype="str")
    both = pd.concat([hashes, near], ignore_index=True)
    groups = photos.near_duplicates(both, both + "x")
    assert groups.iat[0] == groups.iat[-1] != ""
    assert groups.ne("").sum() == 2


def test_pictures_that_are_nearly_one_cost_no_comparison_of_all_pairs():
    """A grey head for everybody, saved anew for each: as many pictures as students, all of them near each other."""
    draw = np.random.default_rng(5)
    seen = [f"{0x1F2E << 40:016x}{draw.integers(100, 104, 108).astype(np.uint8).tobytes().hex()}" for _ in range(1500)]
    digests = pd.Series([str(number) for number in range(len(seen))], dtype="str")
    started = time.process_time()
    groups = photos.near_duplicates(pd.Series(seen, dtype="str"), digests)
    assert groups.nunique() == 1
    assert time.process_time() - started < 30  # of the processor: a second; all pairs took three minutes


def test_no_photos():
    none = column()
    assert photos.near_duplicates(none, none).empty
