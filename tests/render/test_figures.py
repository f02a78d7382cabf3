"""The picture of the course at its extremes: nothing stands over anything, nothing beyond the edge."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import date, timedelta
from io import BytesIO
from itertools import combinations
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from PIL import Image, ImageFont
from pylopdf_fonts_zh_cn import sans_path

from pipeline.cohort_sections import Window
from pipeline.render import figures
from pipeline.typeset import drawing
from pipeline.view.remaining_work import Course, course_of

OPENS, CLOSES, DUE = date(2016, 9, 20), date(2016, 10, 31), date(2016, 11, 20)
WINDOW = Window(opens=OPENS, closes=CLOSES, college_due=DUE)
ONE_DAY = Window(opens=OPENS, closes=OPENS, college_due=OPENS)
NEAR = Window(opens=OPENS, closes=CLOSES, college_due=CLOSES + timedelta(days=1))
DAYS = {
    "before it opens": OPENS - timedelta(days=3), "first": OPENS, "second": OPENS + timedelta(days=1),
    "half": date(2016, 10, 10), "last": CLOSES, "due": DUE, "past": DUE + timedelta(days=3),
    "long after": date(2017, 3, 1), "ten years later": date(2026, 11, 1),
}  # fmt: skip
SIZES = {
    "nobody": (0, 0, 0), "one, nothing": (1, 0, 0), "one, submitted": (1, 1, 0), "one, approved": (1, 1, 1),
    "a few": (19, 5, 3), "almost": (500, 499, 498), "all": (500, 500, 500), "many submitted": (500, 480, 20),
    "a nation": (8_000_000, 7_999_999, 1),
}  # fmt: skip


def course(size: tuple[int, int, int], as_of: date, window: Window) -> Course:
    total, submitted, approved = size
    half = min(as_of, OPENS + timedelta(days=15)).isoformat()
    rows = pd.DataFrame({"day": [half], "submitted": [submitted], "approved": [approved]})
    return course_of(rows, total, as_of, window)


@pytest.mark.parametrize("window", [WINDOW, ONE_DAY, NEAR], ids=["usual", "one day", "one day between"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_no_word_over_another(size: tuple[int, int, int], window: Window, monkeypatch: pytest.MonkeyPatch):
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(figures, "drawing", lambda _, data, **__: drawn.append(data) or b"")
    for name, day in DAYS.items():
        drawn.clear()
        figures.trend_png(course(size, day, window))
        [chart] = drawn
        boxes = [(word["text"], box_of(word)) for word in chart["words"]]
        for (one, its), (other, theirs) in combinations(boxes, 2):
            across = min(its[2], theirs[2]) - max(its[0], theirs[0])
            down = min(its[3], theirs[3]) - max(its[1], theirs[1])
            assert across <= 2 or down <= 2, f"{name}: {one} over {other} by {across:.0f} x {down:.0f}"
        for text, (left, top, right, bottom) in boxes:
            inside = left >= -1 and right <= 441 and top >= -1 and bottom <= 265
            assert inside, f"{name}: {text} stands beyond the edge"


def box_of(word: dict[str, Any]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a word's ink, measured by another library than draws it."""
    (x, y), size = word["at"], word["size"]
    left, top, right, bottom = ImageFont.truetype(str(sans_path()), 100).getbbox(word["text"])
    wide, high = (right - left) * size / 100, (bottom - top) * size / 100
    x -= {"start": 0, "center": wide / 2, "end": wide}[word["side"]]
    return x, y - high / 2, x + wide, y + high / 2


def test_the_words_stand_where_they_are_placed():
    """The ink of a PNG's word is where `box_of` says: what the test above measures is what people see."""
    middle = {"size": (440, 264), "lines": [], "dots": []}
    for side in ("start", "center", "end"):
        word = {"text": "已提交 380", "at": (200, 100), "side": side, "size": 16.7, "colour": "#000000", "ground": True}
        picture = Image.open(BytesIO(drawing("trend", {**middle, "words": [word]}, png=True))).convert("L")
        ink = picture.point(lambda shade: 255 * (shade < 128)).getbbox()
        assert ink == pytest.approx([2 * edge for edge in box_of(word)], abs=4)


def test_grid_lines_are_few_and_round():
    for top in (1, 2, 7, 19, 44, 500, 999, 8_000_000):
        numbers = {round(figure, 1) for figure in heights(course((top, 0, 0), DUE, WINDOW))}
        assert 2 <= len(numbers) <= 6, top


def heights(one: Course) -> list[float]:
    html = figures.show_trend(cast(Any, SimpleNamespace(trend=one))).html
    svg = b64decode(html.partition(";base64,")[2].partition('"')[0]).decode()
    return [float(up) for up in re.findall(r'd="M 0 0m 46\.2 ([0-9.]+)h 382\.8', svg)]
