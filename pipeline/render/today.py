"""The first piece of every page: how many are left, who acts first, by when; then everybody's work in that order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipeline.cohort_sections import Window
from pipeline.render.pieces import Piece, piece
from pipeline.view import remaining_work
from pipeline.view.signature import SignatureState, SigningStep
from pipeline.view.theme import theme


@dataclass(frozen=True)
class Tile:
    """One of the large words at the top: what it is, the word, what belongs to it, its colour."""

    label: str
    big: str
    small: str
    colour: str


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
) -> Piece:
    """Return the work of a college, or of several.

    Args:
        statuses: students per status.
        as_of: the day.
        window: of the cohort.
        step: what comes once all are approved.
        nothing_left: what is said once all are approved.
        signature: of the one college that the page is about.
        after: what is said under the table of work.
        headline: the sentence above all, on a page that has no progress of its own.
        people: where on the page the people behind the figures are.
    """
    duties = remaining_work.duties(remaining_work.tasks(statuses, as_of, window))
    return piece(
        "today",
        "今天要做的",
        {"section": "today"},
        tiles=tiles(statuses, as_of, window, step, signature),
        duties=duties,
        nothing_left=nothing_left,
        after=after,
        headline=headline,
        people=people,
    )


def tiles(
    statuses: dict[str, int], as_of: date, window: Window, step: SigningStep, signature: SignatureState | None = None
) -> tuple[Tile, Tile, Tile]:
    """Return the three large words: how many are left, who acts first, by when."""
    counts = remaining_work.family_counts(statuses)
    total = sum(counts.values())
    left = total - counts["done"]
    duties = remaining_work.duties(remaining_work.tasks(statuses, as_of, window))
    colours, ink = theme(), theme().ink
    done = colours.family("done").text
    number = Tile(
        "还差",
        remaining_work.grouped(left),
        f"共 {remaining_work.grouped(total)} 人",
        colours.family("missing").text if left else done,
    )
    if duties:
        first = Tile("先动手", duties[0].who, duties[0].short, ink["link"])
    elif step.who:
        first = Tile("先动手", step.who, step.short, ink["link"])
    else:
        first = Tile("进展", step.word, "不用再做什么", done)
    due = duties[0].due if duties else None
    return number, first, _when(as_of, window.college_due, due, signature)


def _when(as_of: date, college_due: date, due: date | None, signature: SignatureState | None) -> Tile:
    """Return the date that binds next; of a college that has signed, the day on which that was done."""
    ink = theme().ink["text"]
    if due is None and signature and signature.signed and signature.stands:
        late = (signature.signed - college_due).days
        if signature.accepted:
            signed = f"学院 {remaining_work.month_day(signature.signed)}签字"
            return Tile("就业办接收", remaining_work.month_day(signature.accepted), signed, ink)
        return Tile(
            "学院签字", remaining_work.month_day(signature.signed), f"晚 {late} 天" if late > 0 else "按期", ink
        )
    binding = due or college_due
    days = (binding - as_of).days
    urgent = theme().family("missing").text if days <= 3 and due else ink
    return Tile("最近截止", remaining_work.month_day(binding), remaining_work.left_in_words(days), urgent)
