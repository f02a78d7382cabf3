"""Widgets that run a `mingce` command, list today's open work, and ask which heading means which field."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE, STDOUT, Popen
from threading import Thread

import ipywidgets as widgets

from pipeline.cohort import FILE_NAME, load_cohort
from pipeline.cohort_text import save_columns
from pipeline.errors import MingceError, RefusedError, UsageError
from pipeline.office.desk_cohort import DeskCohort, box, button, error_box, in_a_row, show_in
from pipeline.operate.column_report import Proposal, answers_of, report_columns
from pipeline.render import overview
from pipeline.render.fragments import Fragment, fragment
from pipeline.resources import report_table
from pipeline.review.ledger import entries_of
from pipeline.review.review_snapshot import newest_run
from pipeline.review.scope_decisions import YEARS
from pipeline.run_folder import newer_attempt
from pipeline.summary import questions, with_answers

_BOXES, _MORE = (report_table("desk")[name] for name in ("boxes", "more"))
_PROGRESS = re.compile(r"页面 ([0-9]+)/([0-9]+) ")
_FAILURES = {4: "有一部分没有做成", 5: "另一次运行正在进行，请等它结束"}


def show_run(office: DeskCohort) -> widgets.Widget:
    """Return a button that runs `mingce run`."""
    return _command(office, "现在运行", lambda: ["run"], "核对全部数据，约几十秒到几分钟。")


def show_send(office: DeskCohort) -> widgets.Widget:
    """Return the buttons of `mingce send`: a dry run, and sending, which needs a tick."""
    confirmation = widgets.Checkbox(description="我已看过名单，确认寄送", indent=False)
    dry_run = _command(office, "先看看寄给谁（不寄）", lambda: ["send", "--dry-run"], "只列出收件人，不会寄出。")

    def confirmed() -> list[str]:
        if not confirmation.value:
            raise UsageError("还没有打勾确认", remedy="看过名单后打勾，再按一次")
        return ["send"]

    explanation = "把看板寄给辅导员和副书记；没有设置邮件服务器时写成 .eml 文件。"
    return widgets.VBox([dry_run, confirmation, _command(office, "寄送", confirmed, explanation)])


def show_more(office: DeskCohort) -> widgets.Widget:
    """Return a form for the less frequent commands."""
    chosen = box(widgets.Dropdown, "要做的", "420px", options=list(_MORE))
    boxes = {name: widgets.Text(description=one["label"], placeholder=one["hint"]) for name, one in _BOXES.items()}

    def words() -> list[str]:
        command, needs = (_MORE[str(chosen.value)][name] for name in ("words", "needs"))
        values = {name: str(text.value).strip() for name, text in boxes.items()}
        missing = [_BOXES[need]["label"] for need in needs if not values[need]]
        if missing:
            raise UsageError(f"还没有填写{'、'.join(missing)}", remedy="填好后再按一次")
        command = [values["number"] if word == "NUMBER" else word for word in command]
        college = [values["college"]] if "college" in needs else []
        author = ["--by", values["by"], *(["--why", values["why"]] if values["why"] else [])] if "by" in needs else []
        return [*command, *author, *college]

    return widgets.VBox([in_a_row(chosen, *boxes.values()), _command(office, "执行", words), show_columns(office)])


def _command(office: DeskCohort, label: str, words: Callable[[], list[str]], explanation: str = "") -> widgets.Widget:
    """Return a button that runs `words` on the cohort in a thread, then refreshes all."""
    bar = widgets.IntProgress(value=0, max=1, layout=widgets.Layout(visibility="hidden", width="260px"))
    output = widgets.Output()

    def work(command: list[str]) -> None:
        try:
            for done, total, text in _run_mingce(command):
                bar.max, bar.value = total or bar.max, done if total else bar.value
                if text:
                    show_in(output, text)
        finally:
            start.disabled, bar.layout.visibility = False, "hidden"
            office.notify()

    def pressed() -> None:
        try:
            command = [*words(), str(office.cohort.folder)]
        except UsageError as error:
            show_in(output, error_box(error))
            return
        start.disabled, bar.value, bar.layout.visibility = True, 0, "visible"
        show_in(output, f"{label}……\n")
        Thread(target=work, args=(command,), name=f"desk {command[0]}", daemon=True).start()

    start = button(label, pressed, "primary")
    return widgets.VBox([in_a_row(start, bar, widgets.Label(explanation)), output])


def _run_mingce(words: list[str]) -> Iterator[tuple[int, int, str]]:
    """Run one command. Yields done, total (0: no count) and all output so far. Counts of pages only move the bar."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}  # Chinese Windows defaults to GBK
    command = [sys.executable, "-m", "pipeline", *words]
    lines: list[str] = []
    with Popen(command, stdout=PIPE, stderr=STDOUT, encoding="utf-8", env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            progress = _PROGRESS.match(line)
            if progress:
                yield int(progress[1]), int(progress[2]), ""
            else:
                lines.append(line)
                yield 0, 0, "".join(lines)
    failure = _FAILURES.get(process.returncode, "请看上面的说明")
    ended = f"没有完成：{failure}。" if process.returncode else "完成。"
    yield 0, 0, f"{''.join(lines)}{ended}\n"


def show_look(office: DeskCohort) -> widgets.Widget:
    """Return today's open work of all colleges, refreshed after each run and decision."""
    output = widgets.Output()

    def look() -> None:
        show_in(output, open_work_fragment(office))

    office.on_change(look)
    look()
    return output


def open_work_fragment(office: DeskCohort) -> Fragment:
    """Return today's open work from the newest run. Before the first run, return the button to press."""
    try:
        run = newest_run(office.cohort)
    except RefusedError as error:
        return Fragment(fragment("notes", heading="请看这里", lines=[str(error)]).html, "还没有运行")
    page = overview.open_overview(str(run))
    site = f"网页在 {run / 'site' / 'index.html'}，双击即可打开，也可以整个文件夹拷走。"
    older = newer_attempt(office.cohort.reports_folder, run.name)
    asked = questions(with_answers(page.run.summary, entries_of(office.cohort, YEARS)))
    parts = [
        *([fragment("notes", heading="请先核对", lines=asked[:12]).html] if asked else []),
        overview.show_today(page).html,
        overview.show_colleges(page).html,
        fragment("notes", heading="请看这里", lines=[*filter(None, [older]), site]).html,
    ]
    return Fragment("\n".join(parts), "今天要做的")


def show_columns(office: DeskCohort) -> widgets.Widget:
    """Return a button that reads every source and asks which headings mean which field."""
    questions, output = widgets.VBox(), widgets.Output()
    width = widgets.Layout(width="auto")

    def look() -> None:
        try:
            cohort = load_cohort(office.cohort.folder)
            report = report_columns(cohort)
        except MingceError as error:
            show_in(output, error_box(error))
            return
        proposals = [
            (line, widgets.Checkbox(value=line.proved, description=line.question(cohort), indent=False, layout=width))
            for line in report.proposals
        ]
        save = button(f"把打勾的写进 {FILE_NAME}", lambda: _save_ticked(office, proposals, output), "primary")
        questions.children = [*(box for _, box in proposals), save] if proposals else []
        lines = report.lines(office.cohort) + ["请核对上面的问题，是的打勾，然后写入。"] * bool(proposals)
        show_in(output, "\n".join(lines or ["每一列都认得，没有要确认的。"]) + "\n")

    return widgets.VBox([button("逐列核对：每一列读成了什么", look), questions, output])


def _save_ticked(office: DeskCohort, lines: list[tuple[Proposal, widgets.Checkbox]], output: widgets.Output) -> None:
    answers = answers_of(line for line, box in lines if box.value)
    try:
        show_in(output, f"{save_columns(office.cohort.folder / FILE_NAME, answers)}。\n")
    except MingceError as error:
        show_in(output, error_box(error))
