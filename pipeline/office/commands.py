"""Running, looking and sending: buttons that run a `mingce` command, and what is left today."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from threading import Thread
from typing import TYPE_CHECKING

from pipeline.errors import RefusedError
from pipeline.office.cohort import Office, show_in
from pipeline.render.pieces import Piece, piece

if TYPE_CHECKING:
    from ipywidgets import Widget

_COUNTED = re.compile(r"页面 ([0-9]+)/([0-9]+) ")
_ENDED = {4: "有一部分没有做成", 5: "另一次运行正在进行，请等它结束"}


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


_PAPERS = {
    "proof": ("核对签名表", "每班一份，全班传阅、本人签名。"),
    "corrections": ("问题表", "每个院系一份，改好放回补充来源再读入。"),
    "results": ("核对结果", "每班一份，只有学号后几位，可以公布。"),
    "errata": ("学籍勘误汇总表", "每校一份，交教务处更正。"),
    "guide": ("操作流程", "一页纸和一段群消息，发给学生。"),
}


def show_papers(office: Office) -> Widget:
    """Return a button for each paper that goes round."""
    import ipywidgets as widgets

    buttons = [_command(office, name, ["papers", "--kind", kind], said) for kind, (name, said) in _PAPERS.items()]
    return widgets.VBox(buttons)


def _command(
    office: Office, label: str, words: list[str], said: str, allowed: Callable[[], bool] = lambda: True
) -> Widget:
    """Return a button that runs one `mingce` command; the other buttons stay alive while it works."""
    import ipywidgets as widgets

    button = widgets.Button(description=label, button_style="primary", layout=widgets.Layout(width="auto"))
    bar = widgets.IntProgress(value=0, max=1, layout=widgets.Layout(visibility="hidden", width="260px"))
    output = widgets.Output()

    def work() -> None:
        try:
            for done, total, text in _mingce([*words, str(office.cohort.folder)]):
                bar.max, bar.value = total or bar.max, done if total else bar.value
                if text:
                    show_in(output, text)
        finally:
            button.disabled, bar.layout.visibility = False, "hidden"

    def pressed(_: object) -> None:
        if not allowed():
            show_in(output, "请先打勾确认。\n")
            return
        button.disabled, bar.value, bar.layout.visibility = True, 0, "visible"
        show_in(output, f"{label}……\n")
        Thread(target=work, name=f"desk {words[0]}", daemon=True).start()

    button.on_click(pressed)
    return widgets.VBox([widgets.HBox([button, bar, widgets.Label(said)]), output])


def _mingce(words: list[str]) -> Iterator[tuple[int, int, str]]:
    """Run one command in a process of its own.

    Yields:
        What is done, of how many (0: no count), and all that the command has said so far where that is more than a
        count. Pages that are counted are no lines of their own: the bar shows them.
    """
    said = {**os.environ, "PYTHONIOENCODING": "utf-8"}  # Chinese Windows would have it say GBK
    command = [sys.executable, "-m", "pipeline", *words]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env=said
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            counted = _COUNTED.match(line)
            if counted:
                yield int(counted[1]), int(counted[2]), ""
            else:
                lines.append(line)
                yield 0, 0, "".join(lines)
    ended = "完成。" if process.returncode == 0 else f"没有完成：{_ENDED.get(process.returncode, '请看上面的说明')}。"
    yield 0, 0, f"{''.join(lines)}{ended}\n"


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
