"""What the office's notebook shows after a button: one thing, whole, in the place of the last."""

import ipywidgets as widgets

from pipeline.errors import UsageError
from pipeline.office.desk_cohort import error_box, show_in
from pipeline.render.fragments import fragment


def test_each_answer_takes_the_place_of_the_last():
    output = widgets.Output()
    show_in(output, "现在运行……\n")
    show_in(output, fragment("notes", heading="已登记", lines=["通过 1 人"]))
    (shown,) = output.outputs
    assert "通过" in shown["data"]["text/html"] and "1\u00a0人" in shown["data"]["text/html"]
    show_in(output, error_box(UsageError("退回要写明原因", where="--why")))
    (shown,) = output.outputs
    assert "说明：退回要写明原因" in shown["data"]["text/html"]  # the form has no --why
