"""An office's own notebooks: in place of ours or a page more, linked, guarded; and what docs/own-report.md promises."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pages_support import COLLEGE, SCHOOL

from pipeline.cohort import load_cohort
from pipeline.colleges import College
from pipeline.errors import ConfigurationError
from pipeline.render.notebooks import run_notebooks
from pipeline.render.page_guard import Guard, guard_page
from pipeline.render.page_notebooks import Notebooks
from pipeline.render.render_stage import write_index
from pipeline.view.run_tables import Run, load_run

GUIDE = Path(__file__).parents[2] / "docs" / "own-report.md"
PARAMETERS = 'run: str = ""\ncollege: str = ""'
TABLE = 'import pandas as pd\nroster = pd.read_parquet(f"{run}/tables/roster.parquet")\n'


def write(path: Path, *sources: str) -> None:
    """A notebook of a text, its parameters and code."""
    title, parameters, *code = sources
    cells = [new_markdown_cell(title), new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=[*cells, *map(new_code_cell, code)]), path)


@pytest.fixture(scope="module")
def own(season: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A site made with an office's own notebooks: its folder, and what the guard says of each page."""
    folder = tmp_path_factory.mktemp("own")
    run, notebooks = folder / "run", folder / "notebooks"
    shutil.copytree(season.path, run)
    notebooks.mkdir()
    blocks = re.findall(r"```(?:markdown|python)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    write(notebooks / "gender.ipynb", *blocks)
    write(notebooks / "headcount.ipynb", "# 我们的人数表", PARAMETERS, "print('在学院里')")
    write(notebooks / "all.ipynb", "# 全校小结", 'run: str = ""', "import helper\nhelper.word")
    write(notebooks / "leak.ipynb", "# 漏", PARAMETERS, TABLE + "roster.groupby('college').size()")
    write(notebooks / "numbers.ipynb", "# 漏", PARAMETERS, TABLE + "print(list(roster.student_number))")
    opening = f"from pipeline.render.college import open_page\npage = open_page(run, college, '{SCHOOL}')"
    write(notebooks / "slip.ipynb", "# 手误", PARAMETERS, opening, "a = 1\npgae.roster")
    write(notebooks / "broken.ipynb", "# 错", 'run: str = ""', "1 / 0")
    (notebooks / "bad.ipynb").write_text("{}")
    (notebooks / "helper.py").write_text('word = "旁边的文件"')
    made = Notebooks(notebooks)
    opened = load_run(run)
    jobs = list(made.jobs(opened, run, [College(SCHOOL, "湖南科技大学", COLLEGE)], by_school=False))
    wanted = [job for job in jobs if job.custom]
    assert {job.name for job in jobs if not job.custom} == {"overview", "registry", f"{SCHOOL}/{COLLEGE}/dashboard"}
    guard, told = Guard(opened), dict[str, str]()
    for result in run_notebooks(wanted):
        page = result.job.output_html
        assert page is not None
        told[page.stem] = result.error or guard_page(page, guard, "x", *(result.job.of_college or ("", "")))
    write_index(run / "site" / "index.html", opened, made.added)
    return run / "site", told


def test_own_pages_stand_where_they_belong(own: tuple[Path, dict[str, str]]) -> None:
    site, told = own
    assert [told[name] for name in ("gender", "headcount", "all")] == ["", "", ""]
    folder = next(site.glob(f"{SCHOOL}-*"))
    gender = (folder / "gender.html").read_text(encoding="utf-8")
    for words in ("<h1", "性别比例", COLLEGE, "各班男生、女生的人数", "data:image/png", "班级</th>"):
        assert words in gender
    assert "在学院里" in (folder / "headcount.html").read_text(encoding="utf-8")
    assert "旁边的文件" in (site / "all.html").read_text(encoding="utf-8")
    index = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="all.html">全校小结</a>' in index and "/gender.html" in index and "性别比例" in index


def test_what_must_not_stand_on_a_page_closes_it(own: tuple[Path, dict[str, str]]) -> None:
    site, told = own
    assert "别的院系" in told["leak"] and "别的院系" in told["numbers"]
    folder = next(site.glob(f"{SCHOOL}-*"))
    assert "本页没有生成" in (folder / "leak.html").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in told["broken"] and "不是能读的 notebook" in told["bad"]


def test_a_slip_is_told_in_a_calm_box_and_on_its_page(own: tuple[Path, dict[str, str]]) -> None:
    site, told = own
    assert "NameError" in told["slip"] and "请检查拼写" in told["slip"] and "除数是 0" in told["broken"]
    executed = nbformat.read(next((site.parent / "notebooks").glob("*slip.ipynb")), 4)
    (error,) = [output for output in executed.cells[-1].outputs if output.output_type == "error"]
    box = "\n".join(error.traceback)
    for words in (
        "这个单元格没有做成",
        "第 2 行：pgae.roster",
        "name 'pgae' is not defined",
        "怎么办：用到的名字没有定义",
    ):
        assert words in box
    assert "Traceback" not in box


def test_the_folder_must_be_there_and_names_must_be_free(tmp_path: Path, sample: Path) -> None:
    cohort = tmp_path / "cohort"
    shutil.copytree(sample, cohort, ignore=shutil.ignore_patterns("photos", "reports"))
    file = cohort / "cohort.toml"
    text = re.sub(r"\[reports\]\n(?:\w.*\n)*", "", file.read_text(encoding="utf-8"))
    file.write_text(f'{text}\n[reports]\nnotebooks = "own"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="没有文件夹 own"):
        load_cohort(cohort)
    (cohort / "own").mkdir()
    (cohort / "own" / "index.ipynb").write_text("{}")
    with pytest.raises(ConfigurationError, match="已被本程序的网页占用"):
        load_cohort(cohort)
