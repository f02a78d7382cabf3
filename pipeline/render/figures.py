"""Charts by matplotlib with the bundled font: SVG for pages, PNG for mail, and alternative text."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import Image

from pipeline.errors import MingceError
from pipeline.render.pieces import Picture
from pipeline.states import theme
from pipeline.view.remaining_work import Course, month_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 440, 264  # CSS pixels: text of 13 stays readable at phone width
_DPI = 100
_LEFT, _ACROSS, _UP = 0.105, 0.87, 0.82
"""Where the axes begin, and the shares of width and height that they take."""
_HEAD = 1.36
"""How high the axes reach, in shares of all students: room for the words at the deadlines."""
_LINE, _WORD = 19, 62
"""Pixels of a line of words, and across of the words at a deadline."""
_AFTER = 14  # days drawn after the deadline, if not a quarter of the season


@cache
def _family() -> str:
    from matplotlib import font_manager
    from pylopdf_fonts_zh_cn import sans_path

    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()


def trend(course: Course, title: str) -> Picture:
    """Return submissions and approvals against the two deadlines as SVG."""
    with _style():
        figure = _draw(course)
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        return Picture(_trim(svg.getvalue().decode("utf-8")), figure_words(course), title=title)


def trend_png(course: Course) -> bytes:
    """Return the same chart as PNG, because mail clients show no SVG.

    Raises:
        MingceError: the image is blank.
    """
    with _style():
        return _png(_draw(course))


def settings() -> dict[Any, Any]:
    """Return matplotlib settings for users' own charts: the bundled font, the theme's colours, fewer frame lines."""
    import matplotlib as mpl
    from cycler import cycler

    look, ink = theme(), theme().ink
    colours = [look.family(name).fill for name in ("done", "fix", "verify", "review", "missing")]
    spines = {f"axes.spines.{side}": False for side in ("top", "right")}
    muted = dict.fromkeys(("axes.labelcolor", "xtick.color", "ytick.color"), ink["muted"])
    return {
        "font.family": ["sans-serif"],
        "font.sans-serif": list(dict.fromkeys([_family(), *mpl.rcParams["font.sans-serif"]])),
        "axes.prop_cycle": cycler(color=colours),
        "axes.unicode_minus": False,
        "axes.edgecolor": ink["line"],
        "axes.axisbelow": True,
        "grid.color": ink["line"],
        "text.color": ink["text"],
        "figure.figsize": (6.4, 3.6),
        "figure.dpi": 120,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        **spines,
        **muted,
    }


def _style() -> AbstractContextManager[None]:
    """Return the context for the package's own charts. It ignores settings that users made."""
    from matplotlib import style

    ours: dict[Any, Any] = {
        "font.family": _family(),
        "font.size": 10,
        "svg.fonttype": "path",
        "svg.hashsalt": "mingce",
        "axes.unicode_minus": False,
        "path.simplify_threshold": 0.5,
    }
    return style.context(["default", ours])


def _draw(course: Course) -> Figure:
    from matplotlib.figure import Figure

    colours, ink = theme(), theme().ink
    figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI)
    axes = figure.add_axes((_LEFT, 0.12, _ACROSS, _UP))
    top, shown = max(course.total, 1), _shown(course)
    submitted, approved = (
        f"已{what} {points[-1][1]}" for what, points in (("提交", shown.submitted), ("通过", shown.approved))
    )
    _frame(axes, shown, top, _room(submitted, approved))
    done, review = colours.family("done"), colours.family("review")
    _line(axes, shown.submitted, review.text, "--", 1.6)
    _line(axes, shown.approved, done.fill, "-", 2.6)
    last_submitted, last_approved = shown.submitted[-1][1], shown.approved[-1][1]
    upper, lower = _apart(*(number / top / _HEAD * _UP * _HEIGHT for number in (last_submitted, last_approved)))
    for text, number, at, colour in (
        (submitted, last_submitted, upper, review.text), (approved, last_approved, lower, done.text),
    ):  # fmt: skip
        move = at - number / top / _HEAD * _UP * _HEIGHT
        _label(axes, shown.as_of, number, text, colour, (8, move * 72 / _DPI))
    span, ahead = course.college_due - course.opens, course.college_due - course.as_of
    if last_approved < top and ahead.days > 0:
        days: Any = [course.as_of, course.college_due]
        axes.plot(days, [last_approved, top], ls=(0, (1, 2)), lw=1.6, color=done.fill)
        if ahead > span * (0.6 if upper > _HEIGHT * 0.45 else 0.3):  # else the words would not fit
            _label(axes, course.college_due, top, "要赶上的进度", ink["muted"], (-6, 10), "right", size=9)
    return figure


def _shown(course: Course) -> Course:
    """Return the course up to 14 days (or a quarter of the season) after the deadline, where the chart ends."""
    end = course.college_due + max(timedelta(days=_AFTER), (course.college_due - course.opens) / 4)
    if course.as_of <= end:
        return course
    submitted, approved = (
        [*(point for point in points if point[0] < end), (end, points[-1][1])]
        for points in (course.submitted, course.approved)
    )
    return replace(course, submitted=submitted, approved=approved, as_of=end)


def _room(*words: str) -> float:
    widest = max(sum(17 if ord(each) > 0x2E80 else 9.5 for each in word) for word in words)
    return (widest + 14) / (_ACROSS * _WIDTH)


def _apart(upper: float, lower: float) -> tuple[float, float]:
    """Return the heights of two labels in pixels, moved apart so that they do not overlap."""
    lower = max(lower, _LINE / 2)
    return max(upper, lower + _LINE), lower


def _frame(axes: Axes, course: Course, top: int, share: float) -> None:
    from matplotlib.ticker import MaxNLocator

    ink, day = theme().ink, timedelta(days=1)
    end = max(course.college_due, course.as_of)
    room = (course.as_of - course.opens + day) * share / (1 - share)
    right = max(end + day, course.as_of + room)
    axes.set_ylim(0, top * _HEAD)
    axes.set_xlim(course.opens - day, right)  # pyright: ignore[reportArgumentType]
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ink["line"])
    axes.grid(axis="y", color=ink["line"], lw=0.8)
    axes.set_axisbelow(True)
    steps = MaxNLocator(nbins=4, integer=True, steps=[1, 2, 5, 10]).tick_values(0, top)
    numbers = [0, *(step for step in steps if 0 < step < top * 0.9), top]
    axes.set_yticks(numbers, [f"{n / 10_000:g}万" if n >= 100_000 else f"{n:g}" for n in numbers])
    axes.tick_params(length=0, colors=ink["muted"], labelsize=9)
    axes.tick_params(axis="x", pad=6)
    axes.axhline(top, color=ink["muted"], lw=0.8, ls=":")
    wide = (_ACROSS * _WIDTH) / ((right - course.opens + day) / day)  # pixels of a day
    ticks = _far_enough([course.opens, course.college_due, course.closes], 36 / wide)
    axes.set_xticks(ticks, [f"{each.month}/{each.day}" for each in ticks])  # pyright: ignore[reportArgumentType]
    close = (course.college_due - course.closes).days * wide < _WORD
    for at, said, row in ((course.closes, "学生截止", 0), (course.college_due, "学院上报", int(close))):
        _deadline(axes, at, said, row, fits=((at - course.opens) / day + 1) * wide > _WORD)


def _far_enough(days: list[date], least: float) -> list[date]:
    """Return the days whose tick labels are at least `least` apart. Earlier list items win."""
    taken: list[date] = []
    for each in days:
        if all(abs((each - other).days) >= least for other in taken):
            taken.append(each)
    return taken


def _deadline(axes: Axes, day: date, said: str, row: int, *, fits: bool) -> None:
    """Draw one deadline. Its label is left of the line if it `fits`; `row` 1 is below `row` 0."""
    ink, side = theme().ink, -4 if fits else 4
    axes.axvline(day, color=ink["muted"], lw=1, ls="--")  # pyright: ignore[reportArgumentType]
    axes.annotate(
        said,
        (day, 1),  # pyright: ignore[reportArgumentType]
        xycoords=("data", "axes fraction"),
        xytext=(side, -2 - 11 * row),
        textcoords="offset points",
        ha="right" if fits else "left",
        va="top",
        color=ink["muted"],
        fontsize=9,
    )


def _line(axes: Axes, points: list[tuple[date, int]], colour: str, dashes: str, width: float) -> None:
    days, numbers = [day for day, _ in points], [number for _, number in points]
    axes.plot(days, numbers, color=colour, lw=width, ls=dashes, solid_capstyle="round")  # pyright: ignore[reportArgumentType]
    axes.plot(days[-1:], numbers[-1:], "o", color=colour, ms=6)  # pyright: ignore[reportArgumentType]


def _label(
    axes: Axes,
    day: date,
    number: int,
    text: str,
    colour: str,
    move: tuple[float, float],
    side: str = "left",
    size: int = 12,
) -> None:
    """Write a label beside a point on a white ground, so that no line crosses it."""
    axes.annotate(
        text,
        (day, number),
        xytext=move,
        textcoords="offset points",
        ha=side,
        va="center",
        color=colour,
        fontsize=size,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
    )


def figure_words(course: Course) -> str:
    """Return the alternative text of the chart."""
    submitted = course.submitted[-1][1] if course.submitted else 0
    approved = course.approved[-1][1] if course.approved else 0
    return (
        f"趋势图：截至{month_day(course.as_of)}，应有 {course.total} 人，已提交 {submitted} 人，已通过 {approved} 人；"
        f"学生提交截止 {month_day(course.closes)}，学院上报截止 {month_day(course.college_due)}。"
    )


def _png(figure: Figure) -> bytes:
    """Return the figure as PNG with 64 colours: a quarter of the size without a visible difference.

    Raises:
        MingceError: the image has one colour, so nothing was drawn.
    """
    raw = io.BytesIO()
    figure.savefig(raw, format="rgba", dpi=2 * _DPI)
    size = (2 * _WIDTH, 2 * _HEIGHT)
    image = Image.frombytes("RGBA", size, raw.getvalue()).convert("RGB")
    if image.getcolors(1) is not None:
        raise MingceError("趋势图是空白的", remedy="请检查中文字体包 pylopdf-fonts-zh-cn 是否完整")
    out = io.BytesIO()
    image.quantize(64, Image.Quantize.FASTOCTREE).save(out, format="PNG", compress_level=6)
    return out.getvalue()


def _trim(svg: str) -> str:
    """Return the `<svg>` element without prolog, metadata, comments and size, with one decimal in paths."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path.group()), svg)
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
    return re.sub(r"\s*\n\s*", " ", svg)
