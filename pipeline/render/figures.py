"""The chart of the course, drawn by typst with the bundled font: SVG for pages, PNG for mail, and alternative text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from pipeline.render.fragments import Fragment, section
from pipeline.render.sanitise import embedded_picture
from pipeline.resources import report_table
from pipeline.states import theme
from pipeline.typeset import drawing
from pipeline.view.all_colleges import Overview
from pipeline.view.people import People
from pipeline.view.remaining_work import Course, month_day

Point = tuple[float, float]
_WIDTH, _HEIGHT = 440, 264  # CSS pixels: text of 13 stays readable at phone width
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.2, 429.0, 15.8, 232.3
"""The edges of the axes."""
_HEADROOM = 1.36
"""How high the axes reach, in shares of all students: room for the words at the deadlines."""
_LINE_HEIGHT, _LABEL_WIDTH = 19, 62
"""Pixels of a line of words, and across of the words at a deadline."""
_LARGE_TEXT, _SMALL_TEXT = 16.7, 12.5  # sizes of words
_DAYS_AFTER = 14  # days drawn after the deadline, if not a quarter of the season
_DAY = timedelta(days=1)
_SOLID, _DASHED, _DOTTED, _FAINT = (), (3.7, 1.6), (1.0, 2.0), (1.0, 1.65)
"""Lengths of strokes and gaps, in widths of the line."""

_DEFAULTS = re.compile(r' (?:stroke-(?:dasharray=""|miterlimit="4"|dashoffset="0")|[xy]="0"|fill-rule="nonzero")')
"""Attributes of typst's SVG that say what holds without them."""
_LONG_DECIMALS = re.compile(r"\d+\.\d{3,}")

Polyline = tuple[list[Point], str, float, tuple[float, ...]]
"""Points, colour, width and dashes."""


@dataclass(frozen=True)
class _Chart:
    """What is drawn, in the order of drawing, and the scales of its axes."""

    first: date
    days: float
    """From the left edge (`first`) to the right one."""
    top: int
    lines: list[Polyline] = field(default_factory=list[Polyline])
    dots: list[tuple[Point, str]] = field(default_factory=list[tuple[Point, str]])
    texts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def x(self, day: date) -> float:
        return round(_LEFT + (day - self.first) / _DAY / self.days * (_RIGHT - _LEFT), 1)

    def y(self, number: float) -> float:
        return round(_BOTTOM - number / self.top / _HEADROOM * (_BOTTOM - _TOP), 1)

    def add_line(self, points: list[Point], colour: str, width: float, dashes: tuple[float, ...] = _SOLID) -> None:
        self.lines.append((points, colour, width, dashes))

    def add_text(
        self,
        text: str,
        point: Point,
        side: str = "center",
        *,
        size: float = _SMALL_TEXT,
        colour: str = "",
        background: bool = False,
    ) -> None:
        """Write a text whose `side` (start, center, end) is at a point. On a `ground` no line crosses it."""
        style = {"size": size, "colour": colour or theme().ink["muted"], "ground": background}
        self.texts.append({"text": text, "at": point, "side": side, **style})


def show_trend(page: People | Overview, title: str = "") -> Fragment:
    """Return submissions and approvals against the two deadlines, as SVG in an `<img>`: JupyterLab strips `<svg>`."""
    alt, svg = figure_alt_text(page.trend), _DEFAULTS.sub("", drawing("trend", _chart_data(page.trend)).decode())
    shorter = _LONG_DECIMALS.sub(lambda number: f"{round(float(number[0]), 2):g}", svg)
    picture = embedded_picture("image/svg+xml", shorter, alt)
    return replace(section("figure", title, "trend", alt=alt, picture=picture), title=alt)


def trend_png(course: Course) -> bytes:
    """Return the same chart as PNG, because mail clients show no SVG."""
    return drawing("trend", _chart_data(course), png=True)


def _chart_data(course: Course) -> dict[str, Any]:
    """Return the lines, dots and words of the chart, as `reports/print/trend.typ` draws them."""
    visible, done, review = _visible_course(course), theme().family("done"), theme().family("review")
    last_submitted, last_approved = visible.submitted[-1][1], visible.approved[-1][1]
    submitted, approved = f"已提交 {last_submitted}", f"已通过 {last_approved}"
    chart = _chart_frame(visible, _label_share(submitted, approved))
    for points, colour, width, dashes in (
        (visible.submitted, review.text, 2.2, _DASHED), (visible.approved, done.fill, 3.6, _SOLID),
    ):  # fmt: skip
        placed = [(chart.x(day), chart.y(number)) for day, number in points]
        chart.add_line(placed, colour, width, dashes)
        chart.dots.append((placed[-1], colour))
    upper, lower = _separate_labels(*(_BOTTOM - chart.y(number) for number in (last_submitted, last_approved)))
    label_x = chart.x(visible.as_of) + 11
    for text, height, colour in ((submitted, upper, review.text), (approved, lower, done.text)):
        chart.add_text(text, (label_x, _BOTTOM - height), "start", size=_LARGE_TEXT, colour=colour, background=True)
    days_left = course.college_due - course.as_of
    if last_approved < chart.top and days_left.days > 0:
        due = (chart.x(course.college_due), chart.y(chart.top))
        chart.add_line([(chart.x(course.as_of), chart.y(last_approved)), due], done.fill, 2.2, _DOTTED)
        if days_left > (course.college_due - course.opens) * (0.6 if upper > _HEIGHT * 0.45 else 0.3):  # else no room
            chart.add_text("要赶上的进度", (due[0] - 8, due[1] - 14), "end", background=True)
    return {"size": (_WIDTH, _HEIGHT), "lines": chart.lines, "dots": chart.dots, "words": chart.texts}


def _visible_course(course: Course) -> Course:
    """Return the course up to 14 days (or a quarter of the season) after the deadline, where the chart ends."""
    end = course.college_due + max(timedelta(days=_DAYS_AFTER), (course.college_due - course.opens) / 4)
    if course.as_of <= end:
        return course
    submitted, approved = (
        [*(point for point in points if point[0] < end), (end, points[-1][1])]
        for points in (course.submitted, course.approved)
    )
    return replace(course, submitted=submitted, approved=approved, as_of=end)


def _label_share(*words: str) -> float:
    """Return the share of the chart's width that the widest of these labels takes."""
    widest = max(sum(17 if ord(character) > 0x2E80 else 9.5 for character in word) for word in words)
    return (widest + 14) / (_RIGHT - _LEFT)


def _separate_labels(upper: float, lower: float) -> Point:
    """Return the heights of two labels in pixels, moved apart so that they do not overlap."""
    lower = max(lower, _LINE_HEIGHT / 2)
    return max(upper, lower + _LINE_HEIGHT), lower


def _chart_frame(course: Course, share: float) -> _Chart:
    """Return the chart with grid, scales and deadlines. The labels take a `share` of its width, right of `as_of`."""
    start, end = course.opens - _DAY, max(course.college_due, course.as_of)
    room = (course.as_of - course.opens + _DAY) * share / (1 - share)
    chart = _Chart(start, (max(end + _DAY, course.as_of + room) - start) / _DAY, max(course.total, 1))
    ink, top = theme().ink, chart.top
    for number in (*_grid_numbers(top), top):
        chart.add_line([(_LEFT, chart.y(number)), (_RIGHT, chart.y(number))], ink["line"], 1.1)
        label = f"{number / 10_000:g}万" if number >= 100_000 else f"{number:g}"
        chart.add_text(label, (_LEFT - 5, chart.y(number)), "end")
    chart.add_line([(_LEFT, chart.y(top)), (_RIGHT, chart.y(top))], ink["muted"], 1.1, _FAINT)
    day_width = (_RIGHT - _LEFT) / chart.days  # pixels of a day
    for tick in _tick_days([course.opens, course.college_due, course.closes], 36 / day_width):
        chart.add_text(f"{tick.month}/{tick.day}", (chart.x(tick), _BOTTOM + 15))
    overlap = (course.college_due - course.closes).days * day_width < _LABEL_WIDTH
    for day, label, row in ((course.closes, "学生截止", 0), (course.college_due, "学院上报", int(overlap))):
        x, fits = chart.x(day), ((day - course.opens) / _DAY + 1) * day_width > _LABEL_WIDTH
        chart.add_line([(x, _TOP), (x, _BOTTOM)], ink["muted"], 1.4, _DASHED)
        side, offset = ("end", -5.5) if fits else ("start", 5.5)  # left of its line, if there is room
        chart.add_text(label, (x + offset, _TOP + 10 + 15 * row), side)
    return chart


def _grid_numbers(top: int) -> list[int]:
    """Return round numbers from 0 to nine tenths of `top`, at most four steps apart."""
    step = next(step for power in range(12) for step in (10**power, 2 * 10**power, 5 * 10**power) if step * 4 >= top)
    return [number for number in range(0, top, step) if number < top * 0.9]


def _tick_days(days: list[date], least: float) -> list[date]:
    """Return the days whose tick labels are at least `least` apart. Earlier list items win."""
    chosen: list[date] = []
    for day in days:
        if all(abs((day - other).days) >= least for other in chosen):
            chosen.append(day)
    return chosen


def figure_alt_text(course: Course) -> str:
    """Return the alternative text of the chart."""
    submitted = course.submitted[-1][1] if course.submitted else 0
    approved = course.approved[-1][1] if course.approved else 0
    return (
        f"趋势图：截至 {month_day(course.as_of)}，应有 {course.total} 人，已提交 {submitted} 人，已通过 {approved} 人；"
        f"学生提交截止 {month_day(course.closes)}，学院上报截止 {month_day(course.college_due)}。"
    )


@cache
def _font_family() -> str:
    from matplotlib import font_manager
    from pylopdf_fonts_zh_cn import sans_path

    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()


def chart_settings() -> dict[Any, Any]:
    """Return matplotlib settings for users' own charts: the bundled font, the theme's colours, fewer frame lines."""
    import matplotlib as mpl
    from cycler import cycler

    colours = [theme().family(name).fill for name in ("done", "fix", "verify", "review", "missing")]
    return {
        **report_table("theme")["chart"],
        **{name: theme().ink[ink] for name, ink in report_table("theme")["chart_ink"].items()},
        "font.sans-serif": list(dict.fromkeys([_font_family(), *mpl.rcParams["font.sans-serif"]])),
        "axes.prop_cycle": cycler(color=colours),
    }
