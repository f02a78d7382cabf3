"""The office in JupyterLab: run, look, search, decide and send, through the command line's own functions.

Every `show_…` returns a widget; nothing happens until a button is pressed, so that "run all cells" is harmless.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cohort import Cohort, load_cohort
from pipeline.errors import MingceError, RefusedError
from pipeline.render.pieces import Piece, piece
from pipeline.tables import STATUSES

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML
    from ipywidgets import Output, Widget

    from pipeline.review.actions import Outcome
    from pipeline.review.desk import Desk, RunTables, Student
    from pipeline.review.ledger import Ledger

_SHOWN = 200
_EVERY = "全部"
_REQUEST = "申请修改"
_TABLE_WORDS = {
    "search": "查找：",
    "lengthMenu": "每页 _MENU_ 人",
    "info": "第 _START_ 到 _END_ 人，共 _TOTAL_ 人",
    "infoEmpty": "没有学生",
    "infoFiltered": "（从 _MAX_ 人中筛选）",
    "zeroRecords": "没有符合的学生",
    "emptyTable": "没有学生",
}


@dataclass(frozen=True)
class Office:
    """One cohort at the office's desk."""

    cohort: Cohort

    def desk(self) -> Desk:
        """Return the newest run's tables under the decisions of this moment."""
        from pipeline.review.desk import KINDS, lay_desk, open_tables
        from pipeline.review.ledger import open_ledger

        tables, today = open_tables(self.cohort)
        with open_ledger(self.cohort) as ledger:
            return lay_desk(tables, ledger.entries(*KINDS), today)


def open_office(cohort: str) -> Office:
    """Open a cohort.

    Args:
        cohort: `cohort.toml` or its folder.

    Raises:
        ConfigurationError: the settings are wrong; all mistakes at once.
    """
    return Office(load_cohort(Path(cohort or ".")))


def show_run(office: Office) -> Widget:
    """Return a button that runs the main job and says which page to open."""
    return _command(office, "现在运行", ["run"], "核对全部数据，约几十秒到几分钟。")


def show_send(office: Office) -> Widget:
    """Return the buttons of sending: first who would get what, then the sending itself, which asks for a tick."""
    import ipywidgets as widgets

    sure = widgets.Checkbox(description="我已看过名单，确认发送", indent=False)
    trial = _command(office, "先看看发给谁（不发）", ["send", "--dry-run"], "只列出收件人，不会发出。")
    real = _command(
        office,
        "发送",
        ["send"],
        "把看板发给辅导员；没有设置邮件服务器时写成 .eml 文件。",
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
        output.clear_output()
        if not allowed():
            output.append_stdout("请先打勾确认。\n")
            return
        button.disabled = True
        output.append_stdout(f"{label}……\n")
        try:
            output.append_stdout(_mingce([*words, str(office.cohort.folder)]))
        finally:
            button.disabled = False

    button.on_click(pressed)
    return widgets.VBox([widgets.HBox([button, widgets.Label(said)]), output])


def _mingce(words: list[str]) -> str:
    """Run one command in a process of its own and return all it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words], capture_output=True, text=True, encoding="utf-8", check=False
    )
    ended = "完成。" if done.returncode == 0 else f"没有完成（退出码 {done.returncode}）。"
    return f"{done.stderr}{done.stdout}{ended}\n"


def show_look(office: Office) -> Piece:
    """Return what is left today in all colleges, of the newest run; before the first run, what to press."""
    from pipeline.render import overview
    from pipeline.review.desk import newest_run

    try:
        run = newest_run(office.cohort)
    except RefusedError as error:
        return Piece(piece("notes", heading="请看这里", lines=[str(error)]).html, "还没有运行")
    page = overview.open_overview(str(run))
    site = f"网页在 {run / 'site' / 'index.html'}，双击即可打开，也可以整个文件夹拷走。"
    parts = [
        overview.show_today(page).html,
        overview.show_colleges(page).html,
        piece("notes", heading="请看这里", lines=[site]).html,
    ]
    return Piece("\n".join(parts), "今天要做的")


def show_search(office: Office) -> Widget:
    """Return a search: student number or name to state and open reasons."""
    import ipywidgets as widgets

    wanted = widgets.Text(placeholder="学号或姓名", description="学生")
    button = widgets.Button(description="查找", button_style="primary")
    output = widgets.Output()

    def pressed(_: object) -> None:
        output.clear_output()
        _guarded(output, lambda: found_students(office.desk(), wanted.value))

    button.on_click(pressed)
    wanted.on_submit(pressed)
    return widgets.VBox([widgets.HBox([wanted, button]), output])


def found_students(desk: Desk, text: str) -> Piece:
    """Return the students of that number (`SCHOOL/NUMBER` too) or name: state, reasons, change requests."""
    from pipeline.review.desk import records

    code, _, word = text.strip().rpartition("/")
    people = desk.people[desk.people["school_code"] == code] if code else desk.people
    rows = people[(people["student_number"] == word) | (people["name"] == word)] if word else people.iloc[:0]
    listed = student_list(desk, rows, "找到的学生", "没有找到：请核对学号或姓名。")
    requests = [change_request(desk, student) for student in records(rows[rows["change_request"]].head(_SHOWN))]
    return Piece("\n".join(one.html for one in [listed, *requests]), listed.title)


def change_request(desk: Desk, student: Student) -> Piece:
    """Return what an approved student asks to change: the approved submission beside the newer one."""
    from pipeline import fields
    from pipeline.review.comparison import change_requested

    def labelled(differs: bool) -> list[dict[str, str]]:
        return [
            {"label": fields.label(one.field), "approved": one.approved, "requested": one.requested}
            for one in both
            if one.differs == differs
        ]

    both = change_requested(desk, student)
    submissions = (str(student["approved_submission_id"]), str(student["submission_id"]))
    then, now = (str(desk.submission(submission_id)["submitted_at"]) for submission_id in submissions)
    title = f"{student['name']}（{student['school_code']}/{student['student_number']}）{_REQUEST}"
    return piece(
        "comparison",
        title,
        title=title,
        lead=f"{then} 提交的已通过，仍然有效；{now} 又提交了一次。",
        changed=labelled(True),
        same=labelled(False),
        reasons=desk.reasons(submissions[1]),
        command=f"mingce review withdraw --submission {submissions[1]} --why 原因 --by 经办人",
    )


def student_list(desk: Desk, rows: pd.DataFrame, title: str, nothing: str) -> Piece:
    """Return students as a table: who, where, state, reasons."""
    shown = [
        (
            f"{row['school_code']}/{row['student_number']}",
            str(row["name"]),
            str(row["college"]),
            str(row["class_name"]),
            _state(row),
            "；".join(desk.reasons(str(row["submission_id"]))),
        )
        for row in rows.head(_SHOWN).to_dict("records")
    ]
    return piece(
        "listing",
        title,
        title=title,
        section="students",
        lead=f"共 {len(rows)} 人。",
        rows=shown,
        headings=("学号", "姓名", "院系", "班级", "状态", "要解决的"),
        hidden=max(len(rows) - _SHOWN, 0),
        nothing=nothing,
    )


def _state(row: Mapping[Any, Any]) -> str:
    """Return a student's status in words, a change request beside the approval that stands."""
    return STATUSES[str(row["status"])] + (f"，{_REQUEST}" if row["change_request"] else "")


def show_desk(office: Office) -> Widget:
    """Return the desk: students filtered by college and state in a table that can be searched and sorted."""
    import ipywidgets as widgets
    from itables import init_notebook_mode

    try:
        desk = office.desk()
    except RefusedError as error:
        return widgets.HTML(piece("notes", heading="请看这里", lines=[str(error)]).html)
    init_notebook_mode(all_interactive=False, connected=False)  # the table's library comes with it, not from the net
    pairs = desk.people[["school_code", "college"]].drop_duplicates().itertuples(index=False)
    colleges = [_EVERY, *sorted(f"{code}/{college}" for code, college in pairs)]
    college = widgets.Dropdown(options=colleges, description="院系")
    status = widgets.Dropdown(
        options=[_EVERY, *STATUSES.values(), _REQUEST], value=STATUSES["awaiting"], description="状态"
    )
    output = widgets.Output()

    def changed(_: object) -> None:
        output.clear_output()
        _guarded(output, lambda: desk_table(office.desk(), str(college.value), str(status.value)))

    for widget in (college, status):
        widget.observe(changed, names="value")
    changed(None)
    return widgets.VBox([widgets.HBox([college, status]), output])


def desk_table(desk: Desk, college: str, status: str) -> HTML:
    """Return the students of a college (`code/college` or 全部) and a state as an interactive table.

    Besides the states, 申请修改 picks the approved students who submitted again.
    """
    from IPython.display import HTML
    from itables import to_html_datatable

    from pipeline.review.desk import records

    rows = desk.people
    if college != _EVERY:
        code, _, name = college.partition("/")
        rows = rows[(rows["school_code"] == code) & (rows["college"] == name)]
    if status == _REQUEST:
        rows = rows[rows["change_request"]]
    elif status != _EVERY:
        rows = rows[rows["status"].map(STATUSES) == status]
    reasons = [", ".join(desk.reasons(str(submission))) for submission in rows["submission_id"]]
    columns = {"student_number": "学号", "name": "姓名", "college": "院系", "class_name": "班级", "status": "状态"}
    numbers = rows["school_code"] + "/" + rows["student_number"]  # as the form below takes them
    states = [_state(row) for row in records(rows)]
    table = rows[list(columns)].assign(status=states, student_number=numbers).rename(columns=columns)
    shown = table.assign(要解决的=reasons).reset_index(drop=True)
    return HTML(
        to_html_datatable(shown, connected=False, showIndex=False, maxBytes=0, allow_html=False, language=_TABLE_WORDS)
    )


def show_decide(office: Office) -> Widget:
    """Return the form of a decision; it goes through the same functions as `mingce review`."""
    import ipywidgets as widgets

    numbers = widgets.Textarea(placeholder="学号，一行一个，可写 学校代码/学号", description="学号")
    action = widgets.Dropdown(options=["通过", "退回", "取消审核"], description="意见")
    by = widgets.Text(description="经办人")
    why = widgets.Text(description="说明", placeholder="退回和取消审核必须写明原因")
    button = widgets.Button(description="登记", button_style="primary")
    output = widgets.Output()

    def pressed(_: object) -> None:
        output.clear_output()
        words = str(numbers.value).split()
        _guarded(output, lambda: decide(office, str(action.value), words, str(by.value), str(why.value)))

    button.on_click(pressed)
    return widgets.VBox([numbers, action, by, why, button, output])


def decide(office: Office, action: str, numbers: Sequence[str], by: str, why: str) -> Piece:
    """Record one decision on these students and return what was done.

    Args:
        office: the cohort.
        action: 通过, 退回 or 取消审核.
        numbers: student numbers, with or without the school's code.
        by: who decides.
        why: the reason (needed for all but 通过).

    Raises:
        RefusedError: some are not ready; nothing was recorded.
        UsageError: nobody, or several students, have a number; a name or reason is missing.
    """
    from pipeline.review.actions import Actor, approve, reopen, send_back
    from pipeline.review.desk import open_tables
    from pipeline.review.ledger import open_ledger

    acts: dict[str, Callable[[RunTables, Ledger, Sequence[str], Actor], Outcome]] = {
        "通过": approve,
        "退回": send_back,
        "取消审核": reopen,
    }
    tables, today = open_tables(office.cohort)
    with open_ledger(office.cohort) as ledger:
        outcome = acts[action](tables, ledger, numbers, Actor(by, why, today))
    lines = [f"{action}：{len(outcome.done)} 人 {'、'.join(outcome.done)}"]
    lines += [f"早已如此：{'、'.join(outcome.already)}"] if outcome.already else []
    lines += [f"{number}：{reason}" for number, reason in outcome.rest]
    return piece("notes", "已登记", heading="已登记", lines=[*lines, "下次运行后，网页和人数表随之更新。"])


def _guarded(output: Output, make: Callable[[], object]) -> None:
    """Show what `make` returns in `output`, or the Chinese line of what is wrong."""
    try:
        output.append_display_data(make())
    except MingceError as error:
        output.append_stdout(f"{error}\n")
