"""Deciding: the form behind which the functions of `mingce review` stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pipeline.office.cohort import Office, guarded
from pipeline.render.pieces import Piece, piece

if TYPE_CHECKING:
    from ipywidgets import Widget

    from pipeline.review.actions import Actor, Outcome
    from pipeline.review.desk import RunTables
    from pipeline.review.ledger import Ledger

ACTIONS = ("通过", "退回", "取消审核", "不同意修改")

_WHEN = "上面的表要再按“刷新”或“查找”才是新的；网页和人数表在下次运行后更新。"
_NAMED = 20  # students named in what was done


def show_decide(office: Office) -> Widget:
    """Return the form of a decision; it goes through the same functions as `mingce review`."""
    import ipywidgets as widgets

    wide = widgets.Layout(width="460px")
    numbers = widgets.Textarea(
        placeholder="学号，一行一个，可写 学校代码/学号", description="学号", rows=4, layout=wide
    )
    listed = widgets.Button(description="填入上面列出的学生", layout=widgets.Layout(width="auto"))
    action = widgets.Dropdown(options=ACTIONS, description="意见", layout=wide)
    by = widgets.Text(description="经办人", layout=wide)
    why = widgets.Text(description="说明", placeholder="除“通过”外必须写明原因", layout=wide)
    button = widgets.Button(description="登记", button_style="primary")
    output = widgets.Output()

    def fill(_: object) -> None:
        numbers.value = "\n".join(office.shown)

    def pressed(_: object) -> None:
        words = str(numbers.value).split()
        guarded(output, lambda: decide(office, str(action.value), words, str(by.value), str(why.value)))

    listed.on_click(fill)
    button.on_click(pressed)
    return widgets.VBox([widgets.HBox([numbers, listed]), action, by, why, button, output])


def decide(office: Office, action: str, numbers: Sequence[str], by: str, why: str) -> Piece:
    """Record one decision on these students and return what was done.

    Args:
        office: the cohort; only what its desk has shown is decided, unless an approval is undone.
        action: one of `ACTIONS`.
        numbers: student numbers, with or without the school's code.
        by: who decides.
        why: the reason (needed for all but 通过).

    Raises:
        RefusedError: some are not ready, or were not seen as they are now; nothing was recorded.
        UsageError: nobody, or several students, have a number; a name or reason is missing.
    """
    from pipeline.errors import UsageError
    from pipeline.review.actions import Actor, approve, keep_approved, reopen, send_back
    from pipeline.review.desk import open_tables
    from pipeline.review.ledger import open_ledger

    if not numbers:
        raise UsageError("没有写学号", remedy="请填写学号，一行一个")
    acts: dict[str, Callable[[RunTables, Ledger, Sequence[str], Actor], Outcome]] = {
        "通过": partial(approve, seen=office.seen),
        "退回": partial(send_back, seen=office.seen),
        "取消审核": reopen,
        "不同意修改": partial(keep_approved, seen=office.seen),
    }
    tables, today = open_tables(office.cohort)
    with open_ledger(office.cohort) as ledger:
        outcome = acts[action](tables, ledger, numbers, Actor(by, why, today))
    named = f"：{'、'.join(outcome.done)}" if 0 < len(outcome.done) <= _NAMED else ""
    lines = [f"{action} {len(outcome.done)} 人{named}"]
    lines += [f"{len(outcome.already)} 人此前已是如此，未重复记入"] if outcome.already else []
    return piece("notes", "已登记", heading="已登记", lines=[*lines, _WHEN])
