"""Pages: what they say, what they must never say, and that a wrong one does not come out."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from invented_run import make_run
from markupsafe import Markup
from pages_support import COLLEGE, SCHOOL

from pipeline import resources, tables
from pipeline.errors import InputError
from pipeline.logs import mask_id, mask_phone
from pipeline.render import cards
from pipeline.render.college import (
    open_counselor,
    open_page,
    show_bars,
    show_changes,
    show_chase,
    show_head,
    show_headcount,
    show_matrix,
    show_progress,
    show_today,
    show_trend,
)
from pipeline.render.fragments import css_text, nowrap, render, section
from pipeline.render.overview import open_overview, show_colleges, show_standing
from pipeline.render.overview import show_changes as show_moves
from pipeline.render.overview import show_progress as show_gates
from pipeline.render.overview import show_today as overview_today
from pipeline.render.page_guard import AllowedContent, Guard, PageError, PageReader, guard_page
from pipeline.render.render_stage import write_index
from pipeline.render.sanitise import embedded_picture
from pipeline.view.run_tables import Run, load_run

SECTIONS = ("today", "progress", "trend", "reasons", "changes", "classes", "majors", "chase", "headcount", "notes")


def text_of(html: str) -> str:
    body = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", html, flags=re.DOTALL)
    body = re.sub(r'<span style="white-space:nowrap">([^<]*)</span>', r"\1", body)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]


def test_page_answers_how_many_who_and_when(season: Run) -> None:
    words = text_of(show_today(open_page(str(season.path), COLLEGE, SCHOOL)).html)
    roster = season.rows("roster", school="湖南科技大学", college=COLLEGE)
    left = int((roster["status"] != "approved").sum())
    assert f"还差 {left} 人" in words
    assert "先动手 学生" in words
    assert "10月31日 还有 3 天" in words


def test_numbers_keep_to_their_units_at_the_end_of_a_line(season: Run) -> None:
    progress = show_progress(open_page(str(season.path), COLLEGE, SCHOOL)).html
    whole = '<span style="white-space:nowrap">'
    assert re.search(rf"每天要通过 {whole}[0-9.]+\u00a0人</span>", progress)
    text = "编码 UTF-8，与 2016-10-31 相比，10月31日前 13土木<b>1班 12,000 人，近 9.5% 的人"
    kept = ("UTF-8", "2016-10-31", "10月31日前", "1班", "12,000\u00a0人", "9.5%\u00a0的")
    assert all(f"{whole}{each}</span>" in nowrap(text) for each in kept) and "&lt;b&gt;" in nowrap(text)
    assert not re.search(r"[0-9] [人天]", progress.partition("<table")[0])


def test_page_of_500_is_small_and_asks_for_nothing(site: Path) -> None:
    html = (site / "college.html").read_text(encoding="utf-8")
    assert len(html.encode("utf-8")) < 150_000
    tags = Tags(html)
    assert not tags.named("link") and not tags.named("iframe")
    assert len(tags.named("script")) == 1 and "src" not in tags.named("script")[0]
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", html)
    assert [tag.get("id") for tag in tags.named("section")] == list(SECTIONS)


def test_policy_lets_only_our_script_run(site: Path) -> None:
    html = (site / "college.html").read_text(encoding="utf-8")
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode("utf-8")).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_no_id_number_phone_or_code_on_any_page(season: Run, site: Path) -> None:
    numbers = set(season.table("registry")["id_number"]) | set(season.table("submissions")["phone"]) - {""}
    for page in site.glob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert not [number for number in numbers if number in html]
        assert "import" not in text_of(html) and "Traceback" not in html


def test_masks() -> None:
    assert mask_id("430302199503141234") == "430***********1234"
    assert mask_phone("13812345678") == "138****5678"
    assert mask_id("") == "" and mask_phone("0731-58290000") == "0****0"
    assert "12345" not in mask_id("A1234567")


def test_guard_refuses_what_is_not_this_college(season: Run, site: Path) -> None:
    html = (site / "college.html").read_text(encoding="utf-8")
    guard = Guard(season)
    expected = guard.allowed(SCHOOL, COLLEGE)
    guard.check(html, expected)
    others = season.table("roster")
    others = others[(others["college"] != COLLEGE) & ~others["name"].isin(list(expected.words))]
    other = others.iloc[0]
    number = str(other["student_number"])
    known = season.table("registry")["id_number"].iloc[0]
    phone = next(phone for phone in season.table("submissions")["phone"] if len(phone) == 11)
    added = [
        f"<p>{number}</p>",
        f"<p>学号{number}，</p>",
        f"<p>{number[:4]}<b>{number[4:]}</b></p>",
        f"<p>{number}<sup>2</sup></p>",
        f"<p title='{number}'>x</p>",
        f"<!-- {number} -->",
        f"<table><tr><td>{other['name']}</td></tr></table>",
        f"<table><tr><th><b>{other['class_name']}</b><tr></table>",
        f"<table><tr><td>{other['college']}</td></tr></table>",
        f"<pre>college\n{other['college']}  47\n</pre>",
        f"<p>{known}</p>",
        f"<p>{known[:6]}&#8203;{known[6:]}</p>",
        "<p>证件 430302199503141239</p>",  # nobody's that we know of
        f"<p>{phone}</p>",
        drawn(f"<text>{number}</text>"),
        drawn(f"<text>{known}</text>"),
        f'<meta name="data-college" content="{"0" * 12}">',
    ]
    wrong = [html.replace("</main>", f"{each}</main>") for each in added]
    wrong += [
        re.sub(r"(?<=svg\+xml;base64,)[^\"]+", "", html),
        html.replace('data-s="', 'data-s="9', 1),
        "<html></html>",
    ]
    wrong += [html.replace(expected.token, "0" * 12)]
    for page in wrong:
        with pytest.raises(PageError):
            guard.check(page, expected)
    with pytest.raises(PageError):
        guard.check(html, AllowedContent("0" * 12, expected.numbers, expected.words))
    one = f"<p>{next(iter(expected.words))} 2016-10-31 20161031</p>{drawn('<text>12</text>')}"
    guard.check(html.replace("</main>", f"{one}</main>"), expected)


def test_a_blank_cell_is_nobodys_where_the_college_left_nothing_blank(season: Run) -> None:
    expected = AllowedContent("0" * 12, words=frozenset(["土木工程学院"]))
    page = '<section data-college="000000000000"><table><tr><td></td><td>土木工程学院</td></tr></table></section>'
    Guard(season).check(page, expected)


def test_a_chart_without_strokes_is_no_page_and_a_small_drawing_of_an_office_is(season: Run) -> None:
    icon = drawn("<path d='M0 0h1'/>")
    Guard(season).check(f"<section>{icon}</section>", AllowedContent(""))
    with pytest.raises(PageError, match="空白"):
        Guard(season).check(str(section("figure", "", "trend", alt="趋势图", picture=icon).html), AllowedContent(""))


def drawn(svg: str) -> Markup:
    """A drawing as our pages embed those of others."""
    return embedded_picture("image/svg+xml", f'<svg xmlns="http://www.w3.org/2000/svg">{svg}</svg>', "图")


def test_guards_read_student_numbers_as_they_were_before_they_were_escaped() -> None:
    assert PageReader("<tr data-s=\"A&amp;B&quot;1\"></tr><span data-s='2'></span>").numbers == {'A&B"1', "2"}


def test_a_student_number_that_somebody_gave_as_a_telephone_closes_no_page(tmp_path: Path) -> None:
    run = make_run(tmp_path, pd.Timestamp("2016-10-10").date(), colleges=[(SCHOOL, COLLEGE)])
    number = tables.read_table(run, "roster")["student_number"].iloc[0]
    given = tables.read_table(run, "submissions").assign(phone=number, family_phone="13812345679")
    tables.write_table(run / "tables", "submissions", given)
    guard = Guard(load_run(run))
    guard.check(f"<section>{number}</section>", AllowedContent(""))
    with pytest.raises(PageError, match="完整的证件号或手机号"):
        guard.check("<section>13812345679</section>", AllowedContent(""))
    run = load_run(run)
    run.summary["cohort"]["asked"] = {"phone": "0731-13812345679"}
    Guard(run).check("<section>13812345679</section>", AllowedContent(""))  # the office's own number is public


def test_wrong_page_is_replaced_by_one_that_says_so(season: Run, site: Path, tmp_path: Path) -> None:
    path, guard = tmp_path / "dashboard.html", Guard(season)
    path.write_text((site / "college.html").read_text(encoding="utf-8"), encoding="utf-8")
    assert guard_page(path, guard, COLLEGE, SCHOOL, COLLEGE) == ""
    assert guard_page(path, guard, "土木", SCHOOL, "土木工程学院")
    html = path.read_text(encoding="utf-8")
    assert "本页没有生成" in html and "data-s=" not in html and COLLEGE not in html
    assert guard_page(tmp_path / "absent.html", guard, COLLEGE, SCHOOL, COLLEGE)


def test_hostile_words_are_inert(tmp_path: Path) -> None:
    run = make_run(tmp_path, pd.Timestamp("2016-10-10").date(), colleges=[(SCHOOL, "马克思主义学院")])
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>{{7*71911}}{% raise %}'
    roster = tables.read_table(run, "roster")
    for column in ("name", "class_name", "major", "counselor"):
        roster[column] = evil
    findings = tables.read_table(run, "findings").assign(message=evil, class_name=evil)
    tables.write_table(run / "tables", "roster", roster)
    tables.write_table(run / "tables", "findings", findings)
    page = open_page(str(run), "马克思主义学院", SCHOOL)
    from pipeline.render import college

    groups = [college.show_matrix(page.by_class(), "各班级"), college.show_bars(page.by_major(), "各专业")]
    sections = [
        getattr(college, f"show_{name}")(page) for name in ("head", *SECTIONS) if name not in ("classes", "majors")
    ]
    for shown in [*groups, *sections]:
        html = shown.html if hasattr(shown, "html") else ""
        tags = Tags(html)
        assert not tags.named("script") and all(tag["src"].startswith("data:image/svg") for tag in tags.named("img"))
        assert "503377" not in html
    assert "&lt;script&gt;" in show_chase(page).html


def test_whom_the_registry_gives_no_college_class_or_major_stand_under_words(tmp_path: Path) -> None:
    run = make_run(tmp_path, pd.Timestamp("2016-10-10").date(), colleges=[(SCHOOL, "")])
    tables.write_table(run / "tables", "roster", tables.read_table(run, "roster").assign(class_name="", major=""))
    page, counts = open_page(str(run), "", SCHOOL), tables.read_table(run, "headcount").assign(major="")
    tables.write_table(run / "tables", "headcount", counts)
    assert "学籍未写院系" in text_of(show_head(page).html)
    assert "学籍未写班级" in text_of(show_matrix(page.by_class(), "各班级").html)
    assert "学籍未写专业" in text_of(show_bars(page.by_major(), "各专业").html)
    assert "学籍未写班级" in text_of(show_chase(page).html)
    assert "学籍未写专业" in text_of(show_headcount(page).html)
    assert "学籍未写院系" in text_of(show_colleges(open_overview(str(run))).html)


def signed_run(folder: Path, run: Run, *, broken: bool = False, accepted: str = "") -> Run:
    """A copy of the run whose colleges have signed on the 25th of November, five days late."""
    shutil.copytree(run.path, folder)
    colleges = run.table("colleges").assign(signed_at="2016-11-25T10:00:00+08:00", accepted_at=accepted)
    tables.write_table(folder / "tables", "colleges", colleges)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for state in summary["colleges_state"].values():
        state |= {"signed_digest": "0" * 64, "signature_broken": broken}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return load_run(folder)


def test_signed_college_whose_data_changed_says_so(season: Run, tmp_path: Path) -> None:
    page = open_page(str(season.path), COLLEGE, SCHOOL)
    for broken, words in ((False, "已签字"), (True, "签字后有改动")):
        run = signed_run(tmp_path / words, season, broken=broken)
        signed = open_page(str(run.path), COLLEGE, SCHOOL)
        assert words in text_of(show_head(signed).html)
        assert ("签字于 2016-11-25" in text_of(show_headcount(signed).html)) is not broken
    assert "通过后有改动" in text_of(show_head(page).html)


def test_finished_college_is_told_to_sign(finished: Run) -> None:
    words = text_of(show_today(open_page(str(finished.path), "马克思主义学院", SCHOOL)).html)
    assert "还差 0 人" in words and "先动手 副书记" in words and "签字" in words
    assert "第一次运行" in text_of(show_changes(open_page(str(finished.path), "马克思主义学院", SCHOOL)).html)


def test_who_has_signed_is_not_told_to_sign_again(finished: Run, tmp_path: Path) -> None:
    accepted = "2016-11-26T10:00:00+08:00"
    for name, given, who, when in (
        ("signed", {}, "先动手 就业办 核对后接收", "学院签字 11月25日 晚 5 天"),
        ("accepted", {"accepted": accepted}, "进展 已接收 不用再做什么", "就业办接收 11月26日"),
        ("broken", {"broken": True}, "先动手 副书记 核对后重新签字", "最近截止 11月20日"),
    ):
        run = signed_run(tmp_path / name, finished, **given)
        page = open_page(str(run.path), "马克思主义学院", SCHOOL)
        today = text_of(show_today(page).html)
        assert who in today and when in today
        assert ("晚 5 天" in text_of(show_progress(page).html)) is (name != "broken")
        overview = open_overview(str(run.path))
        assert who.split()[1] in text_of(overview_today(overview).html)
        assert overview.entries[0]["step"] == {"signed": "已签字", "accepted": "已接收", "broken": "待重签"}[name]


def test_who_has_submissions_of_strangers_settles_them_first(finished: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished.path, run)
    headcount = finished.table("headcount")
    tables.write_table(run / "tables", "headcount", headcount.assign(extra=(headcount.index == 0).astype(int)))
    stranger = finished.table("roster")[["school", "college", "education_level", "major"]].head(1)
    stranger = stranger.assign(kind="extra", student_number="99", name="陌生人", submission_id="X", elsewhere="")
    tables.write_table(run / "tables", "differences", stranger)
    page = open_page(str(run), "马克思主义学院", SCHOOL)
    today = text_of(show_today(page).html)
    assert "先动手 辅导员 核实名单外的提交" in today and "不妨碍签字" in today
    chase = show_chase(page).html
    assert "名单外的提交 1 条" in text_of(chase) and "陌生人 99" in text_of(chase) and not PageReader(chase).numbers
    told = text_of(overview_today(open_overview(str(run))).html)
    assert "先动手 辅导员" in told and "名单外的提交共 1 条" in told
    (run / "site").mkdir(exist_ok=True)
    write_index(run / "site" / "index.html", load_run(run))
    index = text_of((run / "site" / "index.html").read_text(encoding="utf-8"))
    assert "名单外的提交 1 条" in index and "名单外的提交共 1 条：" in index
    assert "名单外" not in text_of(overview_today(open_overview(str(finished.path))).html)


def test_changes_say_with_which_run_they_are_compared(season: Run, tmp_path: Path) -> None:
    shutil.copytree(season.path.parent, tmp_path / "runs")
    page = open_page(str(tmp_path / "runs" / season.path.name), COLLEGE, SCHOOL)
    before = page.run.previous
    assert before is not None
    assert f"与 {before.as_of} 08:00 的结果相比" in text_of(show_changes(page).html)
    summary = before.path / "summary.json"
    told = json.loads(summary.read_text(encoding="utf-8"))
    summary.write_text(json.dumps({**told, "started_at": "2026-11-27T13:39:40+08:00"}), encoding="utf-8")
    page = open_page(str(page.run.path), COLLEGE, SCHOOL)
    assert f"与 {before.as_of} 的结果（2026-11-27 13:39 运行）相比" in text_of(show_changes(page).html)


def test_what_was_not_checked_is_said_in_words(season: Run) -> None:
    rules = ("photo.size", "photo.file", "identity.not_checked", "our.rule")
    reasons = [{"rule": rule, "school": "", "reason": "没有设置照片文件夹"} for rule in rules]
    run = Run(season.path, {**season.summary, "not_checked": reasons})
    assert run.not_checked() == ["未能核验：没有设置照片文件夹。没有核对的是：证件照、身份、our。"]


def test_the_overview_leads_with_a_forecast_and_shows_the_gates_and_who_moved(season: Run) -> None:
    page = open_overview(str(season.path))
    today, gates = text_of(overview_today(page).html), text_of(show_gates(page).html)
    assert re.search(r"按现在的速度 \d+月\d+日完成", today)
    counts = season.table("headcount")[["registered", "submitted", "certified", "approved"]].sum()
    wanted = zip(("在册", "提交", "认证", "通过"), map(int, counts), strict=True)
    assert page.gates == [*wanted, ("签字", 0)]
    assert all(f"{word}{number}" in re.sub(r"&nbsp;|\s", "", gates) for word, number in page.gates)
    changes = show_moves(page)
    assert changes is not None and "dashboard.html#changes" in changes.html


def test_every_figure_leads_to_people_and_every_page_back(season: Run, site: Path) -> None:
    college = Tags((site / "college.html").read_text(encoding="utf-8")).named("a")
    assert {"#chase", "../index.html"} <= {link.get("href") for link in college}
    for name in ("overview", "registry"):
        assert 'href="index.html"' in (site / f"{name}.html").read_text(encoding="utf-8")
    assert "index.html" not in (site / "counselor.html").read_text(encoding="utf-8")  # it goes by mail, alone
    index = (site / "index.html").read_text(encoding="utf-8")
    assert "dashboard.html#chase" in index and 'href="#colleges"' in index


def test_the_office_stands_on_every_page_by_its_own_name(season: Run) -> None:
    told = {**season.summary["cohort"], "office": "招生<就业>处", "asked": {"contact": "江老师", "phone": "58291319"}}
    run = dataclasses.replace(season, summary={**season.summary, "cohort": told})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()])
    facts = {"token": "t", "title": "土木", "office": run.office}
    shown = {"text/html": "<header>等就业办接收</header>"}
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", shown, metadata={"mingce": facts})]
    html = cards.page(notebook)
    assert "等招生&lt;就业&gt;处接收" in html and "就业办" not in html
    assert 'href="tel:58291319"' in html and "江老师" in html


def test_printed_pages_have_a_running_title_and_numbers(site: Path) -> None:
    html = (site / "college.html").read_text(encoding="utf-8")
    assert 'content:"第 " counter(page) " 页 共 " counter(pages) " 页"' in html
    assert f'@top-left{{content:"{COLLEGE}"' in html


def test_a_title_ends_no_style_and_no_string() -> None:
    said = css_text('"}</style><script>\\\n土木 A-1')
    assert not set(said) & set('"<>{}\n') and "土木 A-1" in said


def test_nobody_is_ranked_before_somebody_submits(tmp_path: Path) -> None:
    run = make_run(tmp_path, pd.Timestamp("2016-09-20").date(), colleges=[(SCHOOL, "马克思主义学院")], progress=0.0)
    standing = text_of(show_standing(open_overview(str(run))).html)
    assert "还没有学生提交" in standing and "得分" not in standing


def test_counselor_of_a_signed_college_is_not_told_of_changes(season: Run, tmp_path: Path) -> None:
    run = signed_run(tmp_path / "signed", season)
    name = season.rows("counselors", college=COLLEGE)["name"].iloc[0]
    assert "签字后有改动" not in text_of(show_head(open_counselor(str(run.path), COLLEGE, SCHOOL, name)).html)


def test_nothing_submitted_yet_still_draws(tmp_path: Path) -> None:
    run = make_run(tmp_path, pd.Timestamp("2016-09-20").date(), colleges=[(SCHOOL, "马克思主义学院")], progress=0.0)
    page = open_page(str(run), "马克思主义学院", SCHOOL)
    picture = show_trend(page)
    assert "已提交 0 人" in text_of(picture.html) and 'src="data:image/svg+xml;base64,' in picture.html
    assert picture._repr_mimebundle_()[0]["text/plain"].startswith("趋势图：")  # where no HTML is shown
    assert "还差 19 人" in text_of(show_today(page).html)


def test_unknown_college_school_run(season: Run, tmp_path: Path) -> None:
    for run, college, school, message in (
        (str(season.path), "没有学院", SCHOOL, "没有院系“没有学院”"),
        (str(season.path), COLLEGE, "99999", "没有学校 99999"),
        (str(tmp_path), COLLEGE, SCHOOL, "没有一次完整的运行"),
        ("", COLLEGE, "", "参数 run、school 还没有填"),
        (str(season.path), "", SCHOOL, "参数 college 还没有填"),
    ):
        with pytest.raises(InputError, match=message):
            open_page(run, college, school)


def test_counselor_sees_her_classes_only(season: Run) -> None:
    page = open_counselor(str(season.path), COLLEGE, SCHOOL, "周老师")
    assert set(page.roster["counselor"]) == {"周老师"}
    others = season.rows("roster", school="湖南科技大学", college=COLLEGE)
    others = set(others[others["counselor"] != "周老师"]["student_number"])
    shown = set(re.findall(r'data-s="([^"]+)"', show_chase(page).html))
    assert shown and not shown & others
    with pytest.raises(InputError, match="参数 counselor 还没有填"):
        open_counselor(str(season.path), COLLEGE, SCHOOL, "")


def test_same_college_name_in_two_schools_stays_apart(season: Run) -> None:
    one, two = (open_page(str(season.path), "土木工程学院", code) for code in ("10534", "12649"))
    assert not set(one.roster["student_number"]) & set(two.roster["student_number"])
    assert one.token != two.token


def test_failure_page_escapes() -> None:
    html = render("page/failure.html.j2", title="<b>", reason="<script>", remedy="", css="")
    assert "<script>" not in html and "&lt;b&gt;" in html


def test_index_links_only_what_is_there(site: Path) -> None:
    html = (site / "index.html").read_text(encoding="utf-8")
    links = [str(link["href"]) for link in Tags(html).named("a")]
    assert "overview.html" in links and "../tables.xlsx" not in links
    from urllib.parse import unquote

    assert all((site / unquote(link.partition("#")[0])).is_file() for link in links if not link.startswith("#"))
    assert html.count("没有页面") == 3


def test_notebooks_are_clean_and_short() -> None:
    for path in sorted(resources.notebooks().glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert cells[0]["cell_type"] == "markdown" and re.search("[一-鿿]", "".join(cells[0]["source"])), path.name
        for cell in cells:
            if cell["cell_type"] == "code":
                assert cell["outputs"] == [] and cell["execution_count"] is None, path.name
                assert len(cell["source"]) <= 20, path.name
                code = "".join(cell["source"])
                assert not re.search(r"^\s*(for|if|while|def|class|import (?!pipeline))\b", code, re.MULTILINE), (
                    path.name
                )
