"""The one picture of a mail: progress by day against the deadline, 440 px wide, 64 colours, as PNG."""

from __future__ import annotations

import io
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.errors import MingceError
from pipeline.render.theme import theme

if TYPE_CHECKING:  # costs a second to import
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

WIDTH, HEIGHT = 440, 210
_DPI = 100


def progress_png(progress: pd.DataFrame, registered: int, window: tuple[date, date, date], as_of: date) -> bytes:
    """Return the picture of `progress` (columns day, submitted, approved).

    Args:
        progress: cumulative numbers of students per day.
        registered: how many there are: the goal.
        window: opens, closes, college due.
        as_of: the day of the data.

    Raises:
        MingceError: the picture came out empty (fail closed: no mail goes out with a broken picture).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI)
    axes = figure.add_axes((0.085, 0.13, 0.715, 0.78))
    _draw(axes, progress, registered, window, as_of)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white")
    return _sixty_four_colours(buffer.getvalue())


def _draw(axes: Axes, progress: pd.DataFrame, registered: int, window: tuple[date, date, date], as_of: date) -> None:
    opens, closes, due = window
    days = [date.fromisoformat(str(day)) for day in progress["day"]]
    days = [max(opens, min(day, as_of)) for day in days]
    x = [0, *[(day - opens).days for day in days], max((as_of - opens).days, 0)]
    end = max((due - opens).days, (as_of - opens).days, 1)
    labels: list[tuple[float, str, str]] = []
    for column, name, colour, style in (
        ("submitted", "已提交", theme().family("review").text, (0, (4, 1.5))),
        ("approved", "已通过", theme().family("done").fill, "-"),
    ):
        numbers = [0, *[int(n) for n in progress[column]]]
        axes.plot(
            x,
            [*numbers, numbers[-1]],
            color=colour,
            linewidth=1.8,
            linestyle=style,
            drawstyle="steps-post",
            clip_on=False,
        )
        axes.plot([x[-1]], [numbers[-1]], "o", color=colour, markersize=4, clip_on=False)
        labels.append((float(numbers[-1]), f"{name} {numbers[-1]}", colour))
    _label(axes, labels, registered, end)
    _deadlines(axes, (closes - opens).days, (due - opens).days, registered)
    _frame(axes, registered, end, opens, closes, due)


def _label(axes: Axes, labels: list[tuple[float, str, str]], registered: int, end: int) -> None:
    """Write each line's last number to the right of the picture, kept apart from its neighbour and the goal."""
    gap = registered * 0.13
    place = registered - gap
    axes.text(
        end * 1.03, registered, f"应有 {registered}", color=theme().ink["muted"], va="center", fontproperties=_font(9.5)
    )
    for value, text, colour in sorted(labels, reverse=True):
        place = min(place, value) if value > gap else max(min(place, gap), value)
        axes.text(end * 1.03, place, text, color=colour, va="center", fontproperties=_font(9.5))
        place -= gap


def _deadlines(axes: Axes, closes_at: int, due_at: int, registered: int) -> None:
    muted = theme().ink["muted"]
    for at, name in ((closes_at, "学生截止"), (due_at, "学院上报")):
        axes.axvline(at, color=muted, linewidth=0.9, linestyle=(0, (2, 2)), clip_on=False)
        axes.annotate(
            name,
            (at, registered * 1.06),
            xytext=(-4, 0),
            textcoords="offset points",
            color=muted,
            ha="right",
            fontproperties=_font(9),
        )


def _frame(axes: Axes, registered: int, end: int, opens: date, closes: date, due: date) -> None:
    axes.set_xlim(0, end)
    axes.set_ylim(0, max(registered, 1) * 1.12)
    marks = [0, (closes - opens).days, (due - opens).days]
    axes.set_xticks(marks, [f"{day.month}/{day.day}" for day in (opens, closes, due)])
    axes.set_yticks(sorted({0, registered // 2, registered}))
    axes.grid(axis="y", color=theme().ink["line"], linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, pad=5, colors=theme().ink["muted"])
    axes.get_xticklabels()[0].set_horizontalalignment("left")  # clear of the zero beside it
    for tick in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        tick.set_fontproperties(_font(9))


@cache
def _font(size: float) -> FontProperties:
    from matplotlib.font_manager import FontProperties
    from pylopdf_fonts_zh_cn import sans_path

    return FontProperties(fname=str(sans_path()), size=size)


def _sixty_four_colours(png: bytes) -> bytes:
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(colors=64)
    if len(image.getcolors(64) or []) < 3:
        raise MingceError("进度图是空的", where="邮件", remedy="请检查字体与 matplotlib（mingce doctor）")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
