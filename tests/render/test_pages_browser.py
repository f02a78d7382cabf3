"""Pages in headless Chromium: axe-core finds nothing, nothing scrolls sideways, the script does its comfort."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from pipeline.deliver import dashboard
from pipeline.deliver.message import render_letter
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import open_run
from pipeline.render.page_guard import write_failure
from tests.deliver.runs import SCHOOL as RUN_SCHOOL
from tests.deliver.runs import class_of, make_cohort, roster_of, write_run

pytestmark = pytest.mark.browser
PAGES = ("college", "headcount", "counselor", "overview", "registry", "index", "failure")
MAILS = ("mail-counselor", "mail-secretary", "mail-student", "mail-registrar")
OFFICE = '[office]\nname = "招生就业处"\ncontact = "江老师"\nphone = "58291319"\nform = "https://example.edu.cn/f"\n'
SENDER = '[mail]\nserver = "localhost"\nport = 25\nsecurity = "none"\nsender = "招生就业处 <jyc@example.edu.cn>"\n'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = os.environ.get("MINGCE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=path, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(site: Path) -> Path:
    write_failure(site / "failure.html", "土木工程学院", "页面的图是空白的")
    return site


@pytest.fixture(scope="module")
def mails(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One mail of each kind, beside the pages, as a mail program shows them."""
    cohort = make_cohort(tmp_path_factory.mktemp("mails") / "2017", OFFICE + SENDER)
    run = write_run(cohort, "20161001-080000-aaaa", roster_of(2, each=9, night=4), as_of=date(2016, 10, 1))
    source = open_run(cohort, run)
    counselor = Recipient("counselor", "a@example.edu.cn", ("周老师",), frozenset({(RUN_SCHOOL, *class_of(0))}))
    secretary = Recipient("secretary", "b@example.edu.cn", ("李书记",), frozenset({(RUN_SCHOOL, "学院0")}))
    said = {"title": "毕业生信息核对", "about": [cohort.name], "preheader": "请更正"}
    said |= {"greeting": "张三同学", "headline": "您提交的信息需要更正", "lead": "请按下面的提示更正，并重新提交一次。"}
    student = {
        "deadline": "提交截止：2016年10月31日",
        "items": (("民族", "填错了", "汗"),),
        "code": "K7Q2",
        "code_note": "请填入表格。",
        "steps": ("打开表格。",),
    }
    made = {
        "mail-counselor": dashboard.staff_draft(cohort, source, counselor, lambda _: ()).build().html,
        "mail-secretary": dashboard.staff_draft(cohort, source, secretary, lambda _: ()).build().html,
        "mail-student": render_letter("student", said | student, cohort)[0],
        "mail-registrar": render_letter("registrar", said, cohort)[0],
    }
    for name, html in made.items():
        (pages / f"{name}.html").write_text(html.replace("cid:progress@mingce", "data:,"), encoding="utf-8")
    return pages


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", MAILS)
def test_axe_finds_nothing_in_a_mail_and_one_touch_reaches_the_office(
    browser: Any, mails: Path, name: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, _ = open_at(browser, mails / f"{name}.html", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    links = page.locator("a").evaluate_all("all => all.map((a) => [a.href, a.getBoundingClientRect().height])")
    assert {"https://example.edu.cn/f", "tel:58291319", "mailto:jyc@example.edu.cn"} <= {href for href, _ in links}
    assert [href for href, height in links if height < 40] == []
    words = page.locator("body").inner_text()
    assert "招生就业处" in words and "江老师" in words and "就业办" not in words
    page.context.close()


def open_at(browser: Any, path: Path, width: int) -> tuple[Any, list[str]]:
    """The page, offline, and what its console said (a breach of the policy is said there)."""
    page = browser.new_context(viewport={"width": width, "height": 800}, offline=True).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith("file:") else said.append(request.url))
    page.goto(path.as_uri())
    return page, said


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(browser: Any, pages: Path, name: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, said = open_at(browser, pages / f"{name}.html", width)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # the policy forbids foreign scripts: axe enters through a page opened without it
    page.context.close()
    free = browser.new_context(viewport={"width": width, "height": 800}, offline=True, bypass_csp=True).new_page()
    free.goto((pages / f"{name}.html").as_uri())
    result = Axe().run(free)
    assert result.violations_count == 0, result.generate_report()
    free.context.close()


BROKEN = """(selector) => {
    const walker = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const lines = new Set(Array.from(range.getClientRects(), (box) => Math.round(box.top))).size;
        if (lines > 1) found.push([walker.currentNode.data.trim(), lines]);
    }
    return found;
}"""
"""The pieces of text in an element that stand on more than one line."""


def test_a_phone_breaks_no_word_of_a_heading_and_no_group_of_a_digest(browser: Any, pages: Path) -> None:
    page, _ = open_at(browser, pages / "college.html", 390)
    assert page.evaluate(BROKEN, "[data-headcount] thead") == []  # 已提交 breaks before 提交 or not at all
    assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('[data-headcount]'))") == 0
    page.context.close()
    page, _ = open_at(browser, pages / "registry.html", 390)
    assert page.locator("#inputs tbody td:last-child").inner_text() == "0000 0000 0000 0000"
    assert page.evaluate(BROKEN, "#inputs tbody td:last-child") in ([], [["0000 0000 0000 0000", 2]])
    page.context.close()


BOXES = """() => Object.fromEntries(["trend", "reasons", "changes", "classes"].map((name) => {
    const box = document.getElementById(name).getBoundingClientRect();
    return [name, [Math.round(box.left), Math.round(box.top), Math.round(box.bottom)]];
}))"""
"""Where some sections stand: left, top, bottom."""


@pytest.mark.parametrize("name", ["college", "overview", "index"])
def test_a_thumb_hits_every_link_on_a_phone(browser: Any, pages: Path, name: str) -> None:
    page, _ = open_at(browser, pages / f"{name}.html", 390)
    small = page.evaluate(
        "[...document.querySelectorAll('main a, nav a')].filter((a) => a.offsetParent && a.getClientRects().length"
        " && a.getBoundingClientRect().height < 44).map((a) => a.textContent.trim())"
    )
    assert small == []


def test_no_half_of_the_page_stays_empty(browser: Any, pages: Path) -> None:
    page, _ = open_at(browser, pages / "college.html", 1280)
    long = page.evaluate(BOXES)
    assert long["changes"][0] == long["trend"][0] < long["reasons"][0]  # both beside the long list of reasons
    page.evaluate("""() => {
        const reasons = document.getElementById("reasons");
        reasons.querySelector("table").remove();
        reasons.parentNode.classList.add("short");
    }""")
    short = page.evaluate(BOXES)
    assert short["changes"][0] == short["reasons"][0] > short["trend"][0]
    assert short["reasons"][2] < short["changes"][1] and short["changes"][2] == short["trend"][2]
    page.context.close()


def test_on_paper_the_first_page_is_full_and_no_heading_is_left_alone(
    browser: Any, pages: Path, tmp_path: Path
) -> None:
    page, _ = open_at(browser, pages / "college.html", 1280)
    numbers = page.locator("#chase tr[data-s]").evaluate_all("rows => rows.map((row) => row.dataset.s)")
    page.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.getElementById('trend').getBoundingClientRect().bottom") < 1016  # 269 mm
    assert page.evaluate("getComputedStyle(document.querySelector('main')).display") == "block"  # grids lose pictures
    page.context.close()
    # no Chinese here: the machine may lack a font for it
    sheets = ["".join(sheet.extract_text().split()) for sheet in PdfReader(tmp_path / "page.pdf").pages]
    assert [number for number in numbers if number not in "".join(sheets)] == []
    assert len([sheet for sheet in sheets if "headcount.xlsx" in sheet]) == 1


def test_sorting_and_finding_work_without_a_network(browser: Any, pages: Path) -> None:
    page, said = open_at(browser, pages / "college.html", 1280)
    page.get_by_role("button", name="在册").first.click()
    totals = [int(text) for text in page.locator("#classes tbody td:nth-child(2)").all_inner_texts()]
    assert totals == sorted(totals)
    page.get_by_role("button", name="在册").first.click()
    totals = [int(text) for text in page.locator("#classes tbody td:nth-child(2)").all_inner_texts()]
    assert totals == sorted(totals, reverse=True)
    number = page.locator("#chase tr[data-s]").first.get_attribute("data-s")
    page.get_by_label("找学生").fill(number)
    assert page.locator("#chase tr[data-s]:visible").count() == 1
    page.get_by_label("找学生").fill("没有这个人")
    assert page.locator("#chase tr[data-s]:visible").count() == 0
    assert said == []


def test_all_is_said_without_script_and_by_keyboard(browser: Any, pages: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((pages / "college.html").as_uri())
    assert "先动手" in page.inner_text("#today")
    page.keyboard.press("Tab")
    assert page.locator(".skip:focus").count() == 1
    context.close()


def test_a_long_index_is_searched_and_a_short_one_has_no_box(browser: Any, pages: Path, tmp_path: Path) -> None:
    short = (pages / "index.html").read_text(encoding="utf-8")
    page, said = open_at(browser, pages / "index.html", 1280)
    assert page.get_by_label("找院系").count() == 0
    rows = "".join(f'<tr><th scope="row">第{number}学院</th><td>1</td></tr>' for number in range(40))
    (tmp_path / "long.html").write_text(short.replace("</thead>", f"</thead><tbody>{rows}</tbody>"), encoding="utf-8")
    page, said = open_at(browser, tmp_path / "long.html", 375)
    page.get_by_label("找院系").fill("第17")
    assert page.locator("[data-find] > table > tbody > tr:visible").count() == 1
    page.get_by_label("找院系").fill("没有的")
    assert page.get_by_role("status").inner_text() == "没有名称含“没有的”的院系。"
    page.get_by_label("找院系").fill("")
    assert page.locator("[data-find] > table > tbody > tr:visible").count() > 40
    assert page.locator("[data-find] table table tr:visible").count() == short.count('role="img"')  # no bar is lost
    assert said == []
