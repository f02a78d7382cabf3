"""`mingce desk`: one command opens the office's notebook in JupyterLab, ready to use."""

from __future__ import annotations

import importlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
import requests
from jupyter_client.manager import KernelManager

from pipeline.cohort import load_cohort
from pipeline.errors import error_box_lines
from pipeline.office import DeskCohort, open_office
from pipeline.office.server import NOTEBOOK, prepare_folder, wait_for_kernel, waiting_page
from pipeline.resources import notebooks
from tests.cohorts import make_cohort, settings
from tests.command import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "届别 2017"
    (where / "registry").mkdir(parents=True)
    (where / "cohort.toml").write_text(settings("registry/10534.csv"), encoding="utf-8")
    (where / "colleges.csv").write_text("学校名称,院系,别名,副书记,邮箱\n", encoding="utf-8")
    (where / "counselors.csv").write_text("学校名称,院系,班级,姓名,邮箱\n", encoding="utf-8")
    return where


def test_the_notebook_is_of_this_cohort_and_its_code_is_folded(folder: Path):
    desk = prepare_folder(load_cohort(folder))
    assert stat.S_IMODE(desk.stat().st_mode) == 0o700
    code = [cell for cell in nbformat.read(desk / NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert all(cell.metadata["jupyter"]["source_hidden"] for cell in code)
    assert str(folder) in code[0].source
    overrides = json.loads((desk / ".jupyter/config/labconfig/default_setting_overrides.json").read_text())
    assert overrides["@jupyterlab/translation-extension:plugin"]["locale"] == "zh_CN"


def test_what_a_person_is_told_to_press_stands_in_the_menu():
    pack = Path(importlib.import_module("jupyterlab_language_pack_zh_CN").__file__ or "").parent
    words = json.loads((pack / "locale/zh_CN/LC_MESSAGES/jupyterlab.json").read_text(encoding="utf-8"))
    pressed = f"运行 → {words['Run All Cells'][0]}"
    told = [path.read_text(encoding="utf-8") for path in notebooks().glob("*.ipynb")]
    assert len(told) == 6 and all(pressed in text for text in [*told, "".join(error_box_lines("x", []))])


def test_a_notebook_that_a_person_changed_is_kept(folder: Path):
    cohort = load_cohort(folder)
    desk = prepare_folder(cohort)
    prepare_folder(cohort)
    assert [path.name for path in desk.glob("*.ipynb")] == [NOTEBOOK]
    mine = nbformat.read(desk / NOTEBOOK, as_version=4)
    mine.cells[0].source = "我的笔记"
    nbformat.write(mine, desk / NOTEBOOK)
    prepare_folder(cohort)
    kept = list(desk.glob("START-*.ipynb"))
    assert len(kept) == 1 and "我的笔记" in kept[0].read_text(encoding="utf-8")


def test_whoever_waits_sees_it_and_comes_to_the_desk_by_himself():
    with waiting_page() as waiting:
        first = requests.get(waiting.address, allow_redirects=False, timeout=60)
        assert first.status_code == 200 and "正在打开" in first.text and 'http-equiv="refresh"' in first.text
        strange = requests.get(waiting.address.rpartition("/")[0] + "/", allow_redirects=False, timeout=60)
        assert strange.status_code == 404
        waiting.desk = "http://127.0.0.1:1/doc?token=x"
        then = requests.get(waiting.address, allow_redirects=False, timeout=60)
        assert (then.status_code, then.headers["Location"]) == (302, "http://127.0.0.1:1/doc?token=x")
        assert requests.get(waiting.address.rpartition("/")[0] + "/", timeout=60).status_code == 404


@pytest.mark.parametrize("starts", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_cell_run_as_soon_as_its_kernel_answers_ends(starts: int):
    """One start in three lost the end of its first cell where only the kernel's replies were waited for."""
    for _ in range(starts):
        manager = KernelManager()
        manager.start_kernel()
        client = manager.blocking_client()
        client.start_channels()
        try:
            wait_for_kernel(client)
            reply = client.execute_interactive("1", allow_stdin=False, timeout=60, output_hook=lambda _: None)
            assert reply["content"]["status"] == "ok"
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


_IN_SIGHT = """() => {
  const all = [...document.querySelectorAll("button")].filter(one => one.innerText.trim() === "查看");
  return all.length && all.every(one => one.getBoundingClientRect().right <= innerWidth - 30);
}"""
"""No button of the list is under JupyterLab's right bar."""


@pytest.mark.browser
@pytest.mark.slow
def test_one_command_opens_a_desk_where_who_is_ticked_is_decided_on_and_the_last_step_goes_back(tmp_path: Path):
    """Its buttons are alive, in a second tab too; search in parts, tick, see whom, confirm, look at one student, undo:
    by hand in a browser. The token is needed; Ctrl+C ends the server and its kernels."""
    from playwright.sync_api import sync_playwright

    cohort = make_cohort(tmp_path / "届别 2017", 60, 1, seed=3, kind="one-school")
    assert run("check", cohort, "--as-of", "2016-10-20") == 0
    office = open_office(str(cohort))
    command = [sys.executable, "-m", "pipeline", "desk", str(cohort), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        try:
            assert running.stdout is not None
            address = running.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:") and "token=" in address
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
                context = browser.new_context()
                tabs = [context.new_page() for _ in range(2)]
                for page in tabs:
                    page.set_default_timeout(300_000)
                    page.goto(address)
                    page.get_by_role("button", name="登记").first.click()
                    page.get_by_text("请先勾选学生").wait_for()
                    assert not page.get_by_text("show_run(office)").is_visible()
                _decide_and_take_back(tabs[-1], office)
                tabs[0].set_viewport_size({"width": 390, "height": 844})
                tabs[0].wait_for_function(_IN_SIGHT)
                stranger = browser.new_context().new_page()
                stranger.goto(address.partition("?")[0])
                assert "token" in stranger.content().lower() and not stranger.get_by_role("button", name="登记").count()
                browser.close()
        finally:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(240)
    end = time.monotonic() + 120
    while _left(cohort) and time.monotonic() < end:
        time.sleep(0.5)
    assert not _left(cohort)


def _decide_and_take_back(page: Any, office: DeskCohort) -> None:
    """Approve one student in the browser and undo it."""
    ready = office.build_snapshot().people.query("status == 'awaiting'").iloc[-1]
    name, number = str(ready["name"]), str(ready["student_number"])
    page.get_by_placeholder("姓名、学号").fill(number[-7:])
    page.get_by_text("找到 1 人").wait_for()
    page.get_by_role("checkbox", name=name).check()
    page.get_by_text(f"已勾选 1 人：{name}").wait_for()
    page.get_by_placeholder("您的姓名").fill("王老师")
    page.get_by_role("button", name="登记").first.click()
    page.get_by_text("将登记“通过” 1 人").wait_for()
    assert _status(office, number) == "awaiting"
    page.get_by_role("button", name="确认").click()
    page.get_by_text("已登记：通过").wait_for()
    assert _status(office, number) == "approved"
    page.get_by_role("button", name="查看").click()
    page.get_by_role("heading", name="审核记录").wait_for()
    assert page.get_by_text("学籍库", exact=True).count()
    page.get_by_role("button", name="撤销上一步").click()
    page.get_by_text("已撤销上一步").wait_for()
    assert _status(office, number) == "awaiting"


def _left(folder: Path) -> str:
    """Return the processes that still work in the desk's folder."""
    found = subprocess.run(["pgrep", "-f", str(folder / "desk")], capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _chromium() -> str:
    import shutil

    found = shutil.which("chromium")
    if not found:
        pytest.skip("needs Chromium")
    return found


def _status(office: DeskCohort, number: str) -> str:
    people = office.build_snapshot().people
    return str(people["status"][people["student_number"] == number].iloc[0])
