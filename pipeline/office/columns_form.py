"""The form for columns: each question about a heading with a check box, and the answers saved in `cohort.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import fields
from pipeline.cohort import FILE_NAME, load_cohort
from pipeline.errors import MingceError
from pipeline.office.desk_cohort import DeskCohort, button, error_box, show_in

if TYPE_CHECKING:
    from ipywidgets import Checkbox, Output, Widget

    from pipeline.operate.column_report import Looked, Proposal


def show_columns(office: DeskCohort) -> Widget:
    """Return a button that opens every source and asks which headings mean which field."""
    import ipywidgets as widgets

    questions, output = widgets.VBox(), widgets.Output()
    width = widgets.Layout(width="auto")

    def look() -> None:
        from pipeline.operate.column_report import look_at_columns

        try:
            cohort = load_cohort(office.cohort.folder)
            looked = look_at_columns(cohort)
        except MingceError as error:
            show_in(output, error_box(error))
            return
        asked = [
            (each, widgets.Checkbox(value=each.proved, description=each.question(cohort), indent=False, layout=width))
            for each in looked.proposals
        ]
        save = button(f"把打勾的写进 {FILE_NAME}", lambda: _save(office, asked, output), "primary")
        questions.children = [*(box for _, box in asked), save] if asked else []
        show_in(output, _summary(office, looked))

    return widgets.VBox([button("逐列核对：每一列读成了什么", look), questions, output])


def _summary(office: DeskCohort, looked: Looked) -> str:
    """Return in Chinese what is missing and what could not be read."""
    from pipeline.operate.column_report import whose_name

    lines = [f"未能读取：{line}" for line in looked.unread]
    for whose, lost in looked.missing.items():
        lines.append(f"{whose_name(office.cohort, whose)}缺少：{'、'.join(map(fields.label, lost))}")
    if looked.proposals:
        lines.append("请核对上面的问题，是的打勾，然后写入。")
    return "\n".join(lines or ["每一列都认得，没有要确认的。"]) + "\n"


def _save(office: DeskCohort, asked: list[tuple[Proposal, Checkbox]], output: Output) -> None:
    """Write the ticked proposals into `cohort.toml`, and say what was written."""
    from pipeline.cohort_text import save_columns
    from pipeline.operate.column_report import answers_of

    answers = answers_of(each for each, box in asked if box.value)
    try:
        save_columns(office.cohort.folder / FILE_NAME, answers)
    except MingceError as error:
        show_in(output, error_box(error))
        return
    told = "；".join(f"{fields.label(name)} = {text}" for given in answers.values() for name, text in given.items())
    show_in(output, f"已写入：{told}。请按“现在运行”。\n" if told else "没有打勾的，没有改动。\n")
