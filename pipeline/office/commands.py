"""Running, looking and sending: buttons that run a `mingce` command, and what is left today."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.errors import RefusedError
from pipeline.office.cohort import Office, show_in
from pipeline.render.pieces import Piece, piece

if TYPE_CHECKING:
    from ipywidgets import Widget


def show_run(office: Office) -> Widget:
    """Return a button that runs the main job and says which page to open."""
    return _command(office, "现在运行", ["run"], "核对全部数据，约几十秒到几分钟。")


def show_send(office: Office) -> Widget:
    """Return the buttons of sending: first who would get what, then the sending itself, which asks for a tick."""
    import ipywidgets as widgets

    sure = widgets.Checkbox(description="我已看过名单，确认寄送", indent=False)
    trial = _command(office, "先看看寄给谁（不寄）", ["send", "--dry-run"], "只列出收件人，不会寄出。")
    real = _command(
        office,
        "寄送",
        ["send"],
        "把看板寄给辅导员和副书记；没有设置邮件服务器时写成 .eml 文件。",
        allowed=lambda: bool(sure.value),
    )
    return widgets.VBox([trial, sure, real])


def _command(
    office: Office, label: str, words: list[str], said: str, allowed: Callable[[], bool] = lambda: True
) -> Widget:
    """Return a button that runs one `mingce` command and shows what it says."""
    import ipywidgets as widgets

    button = widgets.Button(description=label, button_style="primary", layout=widgets.Layout(width="auto"))
    output = widgets.Output()

    def pressed(_: object) -> None:
        if not allowed():
            show_in(output, "请先打勾确认。\n")
            return
        button.disabled = True
        show_in(output, f"{label}……\n")
        try:
            show_in(output, _mingce([*words, str(office.cohort.folder)]))
        finally:
            button.disabled = False

    button.on_click(pressed)
    return widgets.VBox([widgets.HBox([button, widgets.Label(said)]), output])


def _mingce(words: list[str]) -> str:
    """Run one command in a process of its own and return all it said."""
    said = {**os.environ, "PYTHONIOENCODING": "utf-8"}  # Chinese Windows would have it say GBK
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words], capture_output=True, encoding="utf-8", env=said, check=False
    )
    ended = "完成。" if done.returncode == 0 else f"没有完成（退出码 {done.returncode}）。"
    return f"{done.stderr}{done.stdout}{ended}\n"


def show_look(office: Office) -> Piece:
    """Return what is left today in all colleges, of the newest run; before the first run, what to press."""
    from pipeline.render import overview
    from pipeline.review.desk import newest_run
    from pipeline.run_folder import newer_attempt

    try:
        run = newest_run(office.cohort)
    except RefusedError as error:
        return Piece(piece("notes", heading="请看这里", lines=[str(error)]).html, "还没有运行")
    page = overview.open_overview(str(run))
    site = f"网页在 {run / 'site' / 'index.html'}，双击即可打开，也可以整个文件夹拷走。"
    older = newer_attempt(office.cohort.reports_folder, run.name)
    parts = [
        overview.show_today(page).html,
        overview.show_colleges(page).html,
        piece("notes", heading="请看这里", lines=[*filter(None, [older]), site]).html,
    ]
    return Piece("\n".join(parts), "今天要做的")
