"""The desk's list and form by their widgets: search, tick, confirm, decide, look, undo; a desk before the first run."""

import re
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest

from pipeline.office import open_office, show_students
from tests.cohorts import make_cohort
from tests.command import run

pytestmark = pytest.mark.slow


def every(widget: Any, kind: type) -> list[Any]:
    """Return all widgets of a kind inside `widget`, in order."""
    inner = [found for child in getattr(widget, "children", ()) for found in every(child, kind)]
    return ([widget] if isinstance(widget, kind) else []) + inner


def named(widget: Any, label: str) -> Any:
    """Return the first box or button with this label."""
    kinds = (widgets.Button, widgets.Text, widgets.Dropdown, widgets.Checkbox)
    return next(one for kind in kinds for one in every(widget, kind) if one.description == label)


def told(widget: Any) -> str:
    """Return what the form's answer shows."""
    shown = every(widget, widgets.Output)[0].outputs
    return re.sub("<[^>]*>", "", str(shown[0]["data"]["text/html"])).replace("\u00a0", " ") if shown else ""


def test_who_is_ticked_is_decided_on_and_the_last_step_goes_back(tmp_path: Path):
    cohort = make_cohort(tmp_path / "2017", 40, 1, seed=3, kind="one-school", faults=0)
    office = open_office(str(cohort))
    desk: Any = show_students(office)
    assert "还没有一次完整的运行" in "".join(each.value for each in every(desk, widgets.HTML))
    named(desk, "勾选找到的全部").click()  # nobody is there, and nothing happens
    named(desk, "查找").value = "1"
    named(desk, "下一页").click()
    named(desk, "查找").value = ""
    assert run("check", cohort, "--as-of", "2016-10-20") == 0
    office.notify()
    awaiting = office.build_snapshot().people.query("status == 'awaiting'")
    name, number = str(awaiting["name"].iloc[0]), str(awaiting["student_number"].iloc[0])
    whole = f"{awaiting['school_code'].iloc[0]}/{number}"

    named(desk, "下一页").click()
    assert any("第 2 / 3 页" in each.value for each in every(desk, widgets.Label))
    named(desk, "院系").value = f"{awaiting['school_code'].iloc[0]}/{awaiting['college'].iloc[0]}"
    named(desk, "查找").value = whole
    assert any("找到 1 人，第 1 / 1 页" in each.value for each in every(desk, widgets.Label))
    named(desk, "登记").click()
    assert "请先勾选学生" in told(desk)
    named(desk, name[:12]).value = True
    assert list(office.listing.ticked) == [whole]
    named(desk, "登记").click()
    assert "请先写经办人" in told(desk)
    named(desk, "经办人").value = "王老师"
    named(desk, "登记").click()
    assert any(f"将登记“通过” 1 人：</b>{name}" in each.value for each in every(desk, widgets.HTML))
    assert office.build_snapshot().student(whole)["status"] == "awaiting"
    named(desk, "确认").click()
    assert "已登记：通过 1 人" in told(desk)
    assert office.build_snapshot().student(whole)["status"] == "approved" and not office.listing.ticked
    assert named(desk, "院系").value != "全部"  # the filter stays after a decision
    named(desk, "查看").click()
    assert name in str(every(desk, widgets.Output)[-1].outputs)
    named(desk, "撤销上一步").click()
    assert "已撤销上一步" in told(desk) and office.build_snapshot().student(whole)["status"] == "awaiting"

    named(desk, "查找").value = ""
    named(desk, "勾选找到的全部").click()
    assert len(office.listing.ticked) == len(office.listing.matching()) > 1
    named(desk, "下一名").click()
    named(desk, "只勾选这名学生").click()
    assert len(office.listing.ticked) == 1
    named(desk, "意见").value = "准予例外"
    assert {"证明", "例外的问题"} <= {one.description for one in every(desk, widgets.Dropdown)}
