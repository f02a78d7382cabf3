"""Parts that pages share: notebook setup, heading, open work, changes, lists of rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from linecache import getline
from traceback import extract_tb
from types import TracebackType
from typing import Any

from pipeline.cohort_sections import Window
from pipeline.errors import ERROR_HINTS, error_box_lines, hint_for_error, one_line
from pipeline.imports import after_import
from pipeline.render.figures import chart_settings
from pipeline.render.fragments import Fragment, fragment, section
from pipeline.render.frames import mime_bundle
from pipeline.states import theme
from pipeline.tables import Frame
from pipeline.view.all_colleges import LISTING_ROWS
from pipeline.view.remaining_work import Duty, days_left_in_words, duties, family_counts, format_count, month_day
from pipeline.view.run_tables import Run, token
from pipeline.view.signature import SignatureState, SigningStep

FIRST_PAGE = {"href": "index.html", "title": "← 首页"}


def page_head(
    run: Run,
    title: str,
    line: str,
    *,
    school: str = "",
    college: str = "",
    links: Sequence[dict[str, str]] = (),
    banners: Sequence[dict[str, str]] = (),
) -> Fragment:
    """Return the heading of a page: title, subtitle, links, banners.

    A link has `href` and `title`; a banner `head`, `text`, `line`, `ground`, `sign`. `school` is a code (blank: all).
    """
    page_token, as_of = token(run.run_id, school, college), str(run.as_of)
    facts: dict[str, Any] = {"token": page_token, "school": school, "college": college, "title": title}
    facts |= {"as_of": as_of, "links": list(links), "office": run.office}
    return fragment("head", title, facts, title=title, line=line, as_of=as_of, token=page_token, banners=banners)


def _tile(label: str, big: str, small: str, colour: str) -> dict[str, str]:
    return {"label": label, "big": big, "small": small, "colour": colour}


def show_work(
    statuses: dict[str, int],
    as_of: date,
    window: Window,
    step: SigningStep,
    nothing_left: str,
    signature: SignatureState | None = None,
    *,
    after: str = "",
    headline: str = "",
    people: str = "#colleges",
) -> Fragment:
    """Return the open work. `step` and `nothing_left` are shown when all are approved; `people` is an anchor."""
    work = duties(statuses, as_of, window)
    due = work[0].due if work else None
    return section(
        "today",
        "今天要做的",
        tiles=(_left_tile(statuses), _actor_tile(work, step), _due_tile(as_of, window.college_due, due, signature)),
        duties=work,
        nothing_left=nothing_left,
        after=after,
        headline=headline,
        people=people,
    )


def _left_tile(statuses: dict[str, int]) -> dict[str, str]:
    counts = family_counts(statuses)
    total = sum(counts.values())
    left = total - counts["done"]
    colour = theme().family("missing" if left else "done").text
    return _tile("还差", format_count(left), f"共 {format_count(total)} 人", colour)


def _actor_tile(work: list[Duty], step: SigningStep) -> dict[str, str]:
    link = theme().ink["link"]
    if work:
        return _tile("先动手", work[0].who, work[0].short, link)
    if step.who:
        return _tile("先动手", step.who, step.short, link)
    return _tile("进展", step.word, "不用再做什么", theme().family("done").text)


def _due_tile(as_of: date, college_due: date, due: date | None, signature: SignatureState | None) -> dict[str, str]:
    """Return the next deadline, or the day of the signature or acceptance of a signed college."""
    ink = theme().ink["text"]
    if due is None and signature and signature.signed and signature.valid:
        signed = month_day(signature.signed)
        if signature.accepted:
            return _tile("就业办接收", month_day(signature.accepted), f"学院 {signed}签字", ink)
        late = (signature.signed - college_due).days
        return _tile("学院签字", signed, f"晚 {late} 天" if late > 0 else "按期", ink)
    binding = due or college_due
    days = (binding - as_of).days
    urgent = theme().family("missing").text if days <= 3 and due else ink
    return _tile("最近截止", month_day(binding), days_left_in_words(days), urgent)


def page_changes(lead: str = "", lines: Sequence[dict[str, Any]] = ()) -> Fragment:
    """Return 比上次变了什么, without `lead` of the first run.

    A line has a `move`, its named `people`, and `where` (name, link, number).
    """
    nothing = "没有学生的状态变化。" if lead else "这是第一次运行，没有可比的上一次。"
    return section("changes", "比上次变了什么", lead=lead, lines=lines, nothing=nothing)


def listing(
    title: str,
    name: str,
    lead: str,
    rows: Sequence[tuple[str, ...]],
    headings: tuple[str, ...],
    nothing: str,
    *,
    unlisted: int = 0,
    complete_file: str = "tables.xlsx",
) -> Fragment:
    """Return 400 of the `rows`, without an empty last column. `complete_file` has these and as many `unlisted` ones."""
    visible = list(rows[:LISTING_ROWS])
    if not any(row[-1] for row in rows):
        headings, visible = headings[:-1], [row[:-1] for row in visible]
    return section(
        "listing",
        title,
        name,
        lead=lead if rows else "",
        rows=visible,
        headings=headings,
        hidden=len(rows) - len(visible) + unlisted,
        nothing=nothing,
        complete_file=complete_file,
    )


def rows_of(table: Frame, columns: list[str]) -> list[tuple[str, ...]]:
    """Return the rows of a `listing`."""
    return [tuple(map(str, row)) for row in table[columns].itertuples(index=False)]


def set_up_notebook(message: str = "", page_token: str = "") -> None:
    """Set up the running notebook (if any) for a page. Display `message`, with the page's token in its metadata."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    import pandas as pd

    shell.set_custom_exc(tuple(ERROR_HINTS), _show_error)
    after_import("matplotlib", _style_charts)  # our own pages draw without it: 0.3 s
    for kind in (pd.DataFrame, pd.Series):
        shell.display_formatter.mimebundle_formatter.for_type(kind, mime_bundle)
    if message:
        from IPython.display import display

        display({"text/plain": message}, metadata={"mingce": {"opened": page_token}}, raw=True)


def _style_charts() -> None:
    import matplotlib as mpl

    mpl.rcParams.update(chart_settings())


def _show_error(
    shell: Any,  # noqa: ANN401 - IPython's own
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show a user's error in a cell as a box with line, message and remedy instead of a traceback."""
    cell = [frame for frame in extract_tb(trace) if "ipykernel_" in frame.filename or frame.filename.startswith("<ipy")]
    place = [f"第 {at.lineno} 行：{getline(at.filename, at.lineno or 0).strip()}" for at in cell[:1]]
    body = [*place, f"Python 的原话：{kind.__name__}: {one_line(str(error))}", f"怎么办：{hint_for_error(kind)}。"]
    shell._showtraceback(kind, error, error_box_lines("这个单元格没有做成", body))
