"""The picture of the course at its extremes: nothing stands over anything, nothing beyond the edge."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from pipeline.cohort_sections import Window
from pipeline.render import figures
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
    boxes: list[tuple[str, Bbox]] = []
    monkeypatch.setattr(figures, "_png", lambda figure: boxes.extend(words_of(figure)) or b"")
    for name, day in DAYS.items():
        boxes.clear()
        figures.trend_png(course(size, day, window))
        for (one, its), (other, theirs) in combinations(boxes, 2):
            across = min(its.x1, theirs.x1) - max(its.x0, theirs.x0)
            down = min(its.y1, theirs.y1) - max(its.y0, theirs.y0)
            assert across <= 2 or down <= 2, f"{name}: {one} over {other} by {across:.0f} x {down:.0f}"
        for text, box in boxes:
            inside = box.x0 >= -1 and box.x1 <= 441 and box.y0 >= -1 and box.y1 <= 265
            assert inside, f"{name}: {text} stands beyond the edge"


def words_of(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return every word of the picture with its place, in pixels of 440 x 264."""
    figure.draw_without_rendering()
    (axes,) = figure.axes
    words = [text for text in (*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()) if text.get_text()]
    return [(text.get_text(), text.get_window_extent()) for text in words]
