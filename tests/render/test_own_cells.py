"""A page is its notebook: what an analyst adds stands on it in order, and what cannot stand there is counted."""

from __future__ import annotations

import re
from base64 import b64decode
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pages_support import COLLEGE, SCHOOL
from PIL import Image

from pipeline import resources
from pipeline.render.cards import page
from pipeline.render.frames import FRAME_ROWS, frame_html
from pipeline.render.notebooks import NotebookJob, run_notebooks
from pipeline.render.page_guard import Guard, guard_page
from pipeline.render.sanitise import clean_html
from pipeline.view.run_tables import Run

CHART = """import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(4, 2))
axes.bar(["本科", "研究生"], [3, 4])
axes.set_title("前后都有图")"""

ADDED = [
    new_markdown_cell("## 分析员的话\n\n**性别**与班级"),
    new_code_cell(CHART),
    new_code_cell('page.roster.groupby(["class_name", "gender"]).size().unstack(fill_value=0)'),
    new_code_cell('page.roster[["student_number", "status"]].head(3)'),
    new_code_cell('import warnings\nprint("一行文字")\nwarnings.warn("旧了")'),
    new_code_cell("import ipywidgets\nipywidgets.IntSlider()"),
    new_code_cell("from IPython.display import HTML\nHTML(\"<p onclick='x()'>好的<script>x()</script></p>\")"),
    new_code_cell('plt.get_backend(), plt.rcParams["font.sans-serif"][0]'),
]


@pytest.fixture(scope="module")
def analyst(season: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, nbformat.NotebookNode]:
    """The college's page with an analyst's cells before and after our pieces, and its executed notebook."""
    folder = tmp_path_factory.mktemp("analyst")
    notebook = nbformat.read(resources.notebooks() / "college.ipynb", 4)
    at = next(at for at, cell in enumerate(notebook.cells) if "open_page(" in cell.source) + 1
    notebook.cells[at:at] = deepcopy(ADDED[:2])
    notebook.cells += ADDED
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number}"
    nbformat.write(notebook, folder / "in.ipynb")
    parameters = {"run": str(season.path), "college": COLLEGE, "school": SCHOOL}
    files = folder / "in.ipynb", folder / "out.ipynb", folder / "out.html"
    job = NotebookJob(*files, parameters, "college", bundled=True)  # as one of ours that somebody changed
    (result,) = run_notebooks([job])
    assert result.ok, result.error
    assert guard_page(folder / "out.html", Guard(season), COLLEGE, SCHOOL, COLLEGE) == ""
    return (folder / "out.html").read_text(encoding="utf-8"), nbformat.read(folder / "out.ipynb", 4)


def test_an_analysts_cells_stand_on_the_page_in_order(analyst: tuple[str, nbformat.NotebookNode]) -> None:
    html, _ = analyst
    wanted = [
        "<h2>分析员的话</h2>", "data:image/png", 'id="today"', 'id="notes"', "<h2>分析员的话</h2>", "data:image/png",
        "班级", "学号", "状态", "一行文字", "好的", "inline", "</main>",
    ]  # fmt: skip
    at = 0
    for each in wanted:
        at = html.index(each, at) + 1
    assert "approved" not in html and "missing" not in html  # codes are in words
    assert '<a href="#s' in html  # and its headings are in the line of links
    told = html[html.index('class="behind"') :]
    for words in ("警告 1 处", "按钮等控件 1 处", "脚本、表单、别处的图片 1 处"):
        assert words in told
    assert html.count("<script") == 1 and "onclick" not in html and "旧了" not in html


def test_a_chart_beside_ours_is_drawn_with_the_bundled_font(analyst: tuple[str, nbformat.NotebookNode]) -> None:
    html, notebook = analyst
    pictures = [b64decode(found) for found in re.findall(r"data:image/png;base64,([^\"]+)", html)]
    before, after = (Image.open(BytesIO(each)).convert("RGB") for each in pictures)
    assert before.tobytes() == after.tobytes() and len(before.getcolors(1 << 20) or []) > 20
    warnings = [o.text for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert not [text for text in warnings if "Glyph" in text]
    assert "Noto Sans SC" in html


def shown(*outputs: nbformat.NotebookNode) -> str:
    return page(new_notebook(cells=[new_code_cell("x", outputs=list(outputs))]))


@pytest.mark.parametrize(
    ("output", "on_page", "behind"),
    [
        (new_output("stream", name="stdout", text="\x1b[31m红\x1b[0m\n10%\r100%\n"), ["<pre>红\n100%</pre>"], ""),
        (new_output("stream", name="stderr", text="旧"), [], "警告 1"),
        (new_output("error", ename="KeyError", evalue="张三", traceback=["张三"]), [], "出错的单元格 1"),
        (new_output("display_data", {"text/markdown": "**粗**"}), ["<strong>粗</strong>"], ""),
        (new_output("execute_result", {"text/plain": "'<b>'"}), ["&lt;b&gt;"], ""),
        (new_output("execute_result", {"text/plain": "<Axes: title={'center': '图'}>"}), [], "程序对象 1"),
        (new_output("execute_result", {"text/plain": "[<matplotlib.lines.Line2D at 0x7f0>]"}), [], "程序对象 1"),
        (new_output("display_data", {"image/jpeg": "QUJD"}), ['src="data:image/jpeg;base64,QUJD"'], ""),
        (new_output("display_data", {"image/svg+xml": "<svg><a/></svg>"}), ["data:image/svg+xml;base64,"], ""),
        (new_output("display_data", {"text/html": "<script>1</script>", "text/plain": "a"}), [], "显示不了的内容 1"),
        (new_output("display_data", {"application/x-odd": "1"}), [], "显示不了的内容 1"),
        (new_output("display_data", {"text/html": "<img src='http://a/b.png'>字"}), ["字"], "别处的图片 1"),
    ],
)  # fmt: skip
def test_every_kind_of_output_is_shown_or_counted(
    output: nbformat.NotebookNode, on_page: list[str], behind: str
) -> None:
    html = shown(output)
    assert all(each in html for each in on_page), html[html.index("<main") :]
    assert (behind in html) if behind else ('class="behind"' not in html)
    assert "张三" not in html and "http://" not in html


def test_text_raw_cells_attachments_and_cells_kept_back() -> None:
    picture = {"a.png": {"image/png": "QUJD"}}
    cells = [
        new_markdown_cell("# 我的报告\n\n![图](attachment:a.png) [看板](dashboard.html)", attachments=picture),
        new_markdown_cell("只在 notebook 里", metadata={"tags": ["remove-cell"]}),
        nbformat.v4.new_raw_cell("原样"),
    ]
    html = page(new_notebook(cells=cells), token="abc", line="土木工程学院")
    assert "<title>我的报告</title>" in html and html.count("我的报告") == 3 and "土木工程学院" in html
    assert "data:image/png;base64,QUJD" in html and 'href="dashboard.html"' in html
    assert "<pre>原样</pre>" in html and "只在 notebook 里" not in html
    assert '<meta name="data-college" content="abc">' in html


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("<p onclick=x style='color:red;position:fixed'>a</p>", '<p style="color: red;">a</p>'),
        ("<a href='javascript:x'>a</a><a href=' java\nscript:x'>b</a>", "<a>a</a><a>b</a>"),
        ("<img src=x onerror=y><iframe src=z>w</iframe>", ""),
        ("<noscript><p title='</noscript><img src=x onerror=y>'>", "'&gt;"),
        ("<style>#T_1{color:red}body{display:none}</style>b", "<style>#T_1{color:red;}</style>b"),
        ("<math><mtext><script>x</script></mtext></math>", ""),
        ("<b>没有关", "<b>没有关</b>"),
    ],
)
def test_html_of_others_keeps_its_words_and_loses_its_powers(given: str, made: str) -> None:
    assert clean_html(given).replace(": ", ":") == made.replace(": ", ":")


def test_frames_are_our_tables() -> None:
    frame = pd.DataFrame({"status": ["approved", "missing"], "人数": [1200, 3.5], "ok": [True, False]})
    html = frame_html(frame)
    for words in ("状态", "通过</td>", "未提交", "1200", "3.5", "是", "否", "text-align:right"):
        assert words in html
    assert "通过</td>" in frame_html(frame.set_index("status"))
    assert "共 501 行，列出前 200 行" in frame_html(pd.DataFrame({"a": range(FRAME_ROWS + 301)}))
    assert "没有符合的行" in frame_html(frame.head(0))
    assert "&lt;b&gt;" in frame_html(pd.DataFrame({"<b>": ["<b>"]})) and "–" in frame_html(pd.Series([None, "x"]))
    assert frame_html(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))).count("<tr>") == 2


def test_a_broken_notebook_is_still_a_page_that_says_so(tmp_path: Path) -> None:
    lacking = new_markdown_cell("![图](attachment:gone.png)")
    assert "缺少的图片 1 处" in page(new_notebook(cells=[lacking]))
