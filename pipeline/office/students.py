"""Looking: one student by number or name, many by college and state, a change request side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.errors import RefusedError
from pipeline.office.cohort import Office, guarded
from pipeline.render.pieces import Piece, piece
from pipeline.tables import STATUSES

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML
    from ipywidgets import Widget

    from pipeline.review.desk import Desk, Student

_SHOWN = 200
_EVERY = "全部"
_REQUEST = "申请修改"
_GAP = '<div style="height:12px"></div>'
_COLUMNS = [
    {"width": "17%", "targets": 0},  # a number with its school's code, which must not touch the name
    {"width": "32%", "targets": 5},  # sentences
    {"className": "dt-left", "targets": "_all"},
]
_TABLE_WORDS = {
    "search": "查找：",
    "lengthMenu": "每页 _MENU_ 人",
    "info": "第 _START_ 到 _END_ 人，共 _TOTAL_ 人",
    "infoEmpty": "没有学生",
    "infoFiltered": "（从 _MAX_ 人中筛选）",
    "zeroRecords": "没有符合的学生",
    "emptyTable": "没有学生",
}


def show_search(office: Office) -> Widget:
    """Return a search: student number or name to state and open reasons."""
    import ipywidgets as widgets

    wanted = widgets.Text(placeholder="学号或姓名", description="学生")
    button = widgets.Button(description="查找", button_style="primary")
    output = widgets.Output()

    def found() -> Piece:
        desk = office.desk()
        rows = students_named(desk, wanted.value).head(_SHOWN)
        office.remember(rows)
        return found_students(desk, rows)

    def pressed(_: object) -> None:
        guarded(output, found)

    button.on_click(pressed)
    wanted.on_submit(pressed)
    return widgets.VBox([widgets.HBox([wanted, button]), output])


def students_named(desk: Desk, text: str) -> pd.DataFrame:
    """Return the rows of the desk's people of that number (`SCHOOL/NUMBER` too) or name."""
    code, _, word = text.strip().rpartition("/")
    people = desk.people[desk.people["school_code"] == code] if code else desk.people
    return people[(people["student_number"] == word) | (people["name"] == word)] if word else people.iloc[:0]


def found_students(desk: Desk, rows: pd.DataFrame) -> Piece:
    """Return these students: state, reasons, change requests side by side."""
    from pipeline.review.desk import records

    listed = student_list(desk, rows, "找到的学生", "没有找到：请核对学号或姓名。")
    requests = [change_request(desk, student) for student in records(rows[rows["change_request"]])]
    return Piece(_GAP.join(one.html for one in [listed, *requests]), listed.title)


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
        headings=("学号", "姓名", "院系", "班级", "状态", "未解决"),
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
    again = widgets.Button(description="刷新", tooltip="登记意见之后，重新看一遍")
    output = widgets.Output()

    def table() -> HTML:
        desk = office.desk()
        rows = students_in(desk, str(college.value), str(status.value))
        office.remember(rows)
        return desk_table(desk, rows)

    def changed(_: object) -> None:
        guarded(output, table)

    for widget in (college, status):
        widget.observe(changed, names="value")
    again.on_click(changed)
    changed(None)
    return widgets.VBox([widgets.HBox([college, status, again]), output])


def students_in(desk: Desk, college: str, status: str) -> pd.DataFrame:
    """Return the rows of a college (`code/college` or 全部) in a state.

    Besides the states, 申请修改 picks the approved students who submitted again.
    """
    rows = desk.people
    if college != _EVERY:
        code, _, name = college.partition("/")
        rows = rows[(rows["school_code"] == code) & (rows["college"] == name)]
    if status == _REQUEST:
        return rows[rows["change_request"]]
    return rows if status == _EVERY else rows[rows["status"].map(STATUSES) == status]


def desk_table(desk: Desk, rows: pd.DataFrame) -> HTML:
    """Return these students as an interactive table."""
    from IPython.display import HTML
    from itables import to_html_datatable

    from pipeline.review.desk import records

    reasons = ["；".join(desk.reasons(str(submission))) for submission in rows["submission_id"]]
    columns = {"student_number": "学号", "name": "姓名", "college": "院系", "class_name": "班级", "status": "状态"}
    numbers = rows["school_code"] + "/" + rows["student_number"]  # as the form below takes them
    states = [_state(row) for row in records(rows)]
    table = rows[list(columns)].assign(status=states, student_number=numbers).rename(columns=columns)
    shown = table.assign(未解决=reasons).reset_index(drop=True)
    return HTML(
        to_html_datatable(
            shown,
            connected=False,
            showIndex=False,
            maxBytes=0,
            allow_html=False,
            language=_TABLE_WORDS,
            classes="display compact",
            style="width:100%;margin:0",
            columnDefs=_COLUMNS,
        )
    )
