"""Pictures by matplotlib with the bundled font: SVG and PNG of one drawing, with words for who cannot see it."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import Image

from pipeline.errors import MingceError
from pipeline.render.pieces import Picture
from pipeline.view.course import Course
from pipeline.view.theme import theme
from pipeline.view.work import month_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 440, 264  # CSS pixels: text of 13 stays readable at phone width
_DPI = 100
_ROOM = 0.25
"""Share of the width that the words beside the last dots take: they stand to its right, where no line runs."""


@cache
def _family() -> str:
    """Register the bundled font with matplotlib, once; return its family name."""
    from matplotlib import font_manager
    from pylopdf_fonts_zh_cn import sans_path

    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()


def trend(course: Course, title: str) -> Picture:
    """Return the course of submissions and approvals against the two deadlines, as SVG and PNG.

    Raises:
        MingceError: the drawing came out empty.
    """
    with _style():
        figure = _draw(course)
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        return Picture(_trim(svg.getvalue().decode("utf-8")), _png(figure), in_words(course), _WIDTH, title=title)


def trend_png(course: Course) -> bytes:
    """Return the same picture for a mail, whose readers' programs draw no SVG.

    Raises:
        MingceError: the drawing came out empty.
    """
    with _style():
        return _png(_draw(course))


def settings() -> dict[Any, Any]:
    """Return matplotlib's settings for charts beside ours: the bundled font, our colours, a quiet frame."""
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
    """Return the settings of our own pictures, whatever others have set before."""
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
    axes = figure.add_axes((0.095, 0.12, 0.88, 0.82))
    top = max(course.total, 1)
    end = max(course.college_due, course.as_of)
    _frame(axes, course, top, end)
    done, review = colours.family("done"), colours.family("review")
    last_submitted = _line(axes, course.submitted, review.text, "--", 1.6)
    last_approved = _line(axes, course.approved, done.fill, "-", 2.6)
    span, ahead = end - course.opens, course.college_due - course.as_of
    if last_approved < top and ahead.days > 0:
        days: Any = [course.as_of, course.college_due]
        axes.plot(days, [last_approved, top], ls=(0, (1, 2)), lw=1.6, color=done.fill)
        if ahead > span * (0.45 if last_submitted > top * 0.8 else 0.25):  # else the words would not fit
            _label(axes, course.college_due, top, "要赶上的进度", ink["muted"], (-6, 5), "right", size=9)
    low = last_approved < top * 0.15  # no room below
    near = last_submitted - last_approved < top * 0.12
    above = 22 if low and near else 4
    _label(axes, course.as_of, last_submitted, f"已提交 {last_submitted}", review.text, (8, above), "left")
    below = (8, 4) if low else (8, -16)
    _label(axes, course.as_of, last_approved, f"已通过 {last_approved}", done.text, below, "left")
    return figure


def _frame(axes: Axes, course: Course, top: int, end: date) -> None:
    from matplotlib.ticker import MaxNLocator

    ink = theme().ink
    axes.set_ylim(0, top * 1.3)
    day = timedelta(days=1)
    room = (course.as_of - course.opens + day) * _ROOM / (1 - _ROOM)
    axes.set_xlim(course.opens - day, max(end + day, course.as_of + room))  # pyright: ignore[reportArgumentType]
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ink["line"])
    axes.grid(axis="y", color=ink["line"], lw=0.8)
    axes.set_axisbelow(True)
    steps = MaxNLocator(nbins=4, integer=True, steps=[1, 2, 5, 10]).tick_values(0, top)
    axes.set_yticks([0, *(step for step in steps if 0 < step < top * 0.93), top])
    axes.tick_params(length=0, colors=ink["muted"], labelsize=9)
    axes.axhline(top, color=ink["muted"], lw=0.8, ls=":")
    ticks = [course.opens, course.closes, course.college_due]
    axes.set_xticks(ticks, [f"{day.month}/{day.day}" for day in ticks])  # pyright: ignore[reportArgumentType]
    for day, said in ((course.closes, "学生截止"), (course.college_due, "学院上报")):
        axes.axvline(day, color=ink["muted"], lw=1, ls="--")  # pyright: ignore[reportArgumentType]
        axes.annotate(
            said,
            (day, top * 1.29),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            color=ink["muted"],
            fontsize=9,
        )


def _line(axes: Axes, points: list[tuple[date, int]], colour: str, dashes: str, width: float) -> int:
    """Draw one course with a dot at its end; return its last number."""
    if not points:
        return 0
    days = [day for day, _ in points]
    numbers = [number for _, number in points]
    axes.plot(days, numbers, color=colour, lw=width, ls=dashes, solid_capstyle="round")  # pyright: ignore[reportArgumentType]
    axes.plot(days[-1:], numbers[-1:], "o", color=colour, ms=6)  # pyright: ignore[reportArgumentType]
    return numbers[-1]


def _label(
    axes: Axes, day: date, number: int, text: str, colour: str, move: tuple[int, int], side: str, size: int = 12
) -> None:
    """Write words beside a point, on white, so that lines behind them do not run through."""
    axes.annotate(
        text,
        (day, number),
        xytext=move,
        textcoords="offset points",
        ha=side,
        color=colour,
        fontsize=size,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
    )


def in_words(course: Course) -> str:
    """Return what the picture shows, for who cannot see it."""
    submitted = course.submitted[-1][1] if course.submitted else 0
    approved = course.approved[-1][1] if course.approved else 0
    return (
        f"趋势图：截至{month_day(course.as_of)}，应有 {course.total} 人，已提交 {submitted} 人，已通过 {approved} 人；"
        f"学生提交截止 {month_day(course.closes)}，学院上报截止 {month_day(course.college_due)}。"
    )


def _png(figure: Figure) -> bytes:
    """Return the picture with 64 colours: a quarter of the size, the same to the eye.

    Raises:
        MingceError: there is only one colour, so nothing was drawn.
    """
    raw = io.BytesIO()
    figure.savefig(raw, format="rgba", dpi=2 * _DPI)
    size = (2 * _WIDTH, 2 * _HEIGHT)
    image = Image.frombytes("RGBA", size, raw.getvalue()).convert("RGB")
    if image.getcolors(1) is not None:
        raise MingceError("趋势图是空白的", remedy="请检查中文字体包 pylopdf-fonts-zh-cn 是否完整")
    out = io.BytesIO()
    image.quantize(64).save(out, format="PNG", optimize=True)
    return out.getvalue()


def _trim(svg: str) -> str:
    """Return the bare <svg> element: prolog, metadata and comments gone, coordinates with two decimals."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path.group()), svg)
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
    return re.sub(r"\s*\n\s*", " ", svg)
