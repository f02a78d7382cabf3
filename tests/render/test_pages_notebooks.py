"""Every notebook, cold and by the fast engine, says the same; a dozen side by side hold only their own rows."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import date
from pathlib import Path

import nbformat
import papermill
import pytest
from invented_run import make_run
from pages_support import SCHOOL, jobs_of
from papermill.exceptions import PapermillExecutionError

from pipeline import resources
from pipeline.render.notebooks import NotebookJob, run_notebooks
from pipeline.render.page_guard import Guard
from pipeline.view.run_tables import Run, load_run


@pytest.mark.slow
@pytest.mark.parametrize("names", [{"headcount"}, pytest.param(set(), marks=pytest.mark.soak)], ids=["one", "every"])
def test_cold_kernels_make_the_same_pages(season: Run, site: Path, tmp_path: Path, names: set[str]) -> None:
    jobs = [job for job in jobs_of(season.path, tmp_path) if not names or job.name in names]
    results = run_notebooks(jobs, cold=True, processes=2)
    assert [result.error for result in results] == [""] * len(results)
    for result in results:
        name = f"{result.job.name}.html"
        assert (tmp_path / name).read_text(encoding="utf-8") == (site / name).read_text(encoding="utf-8"), name


@pytest.mark.slow
def test_a_dozen_pages_side_by_side_hold_only_their_own_rows(tmp_path: Path) -> None:
    colleges = [(SCHOOL, f"第{n:02d}学院") for n in range(12)]
    run = make_run(
        tmp_path, date(2016, 10, 5), colleges=colleges, sizes={name: 12 for _, name in colleges}, canary=True
    )
    notebook = resources.notebooks() / "college.ipynb"
    jobs = [
        NotebookJob(
            notebook,
            tmp_path / f"{name}.ipynb",
            tmp_path / f"{name}.html",
            {"run": str(run), "college": name, "school": code},
            name,
        )
        for code, name in colleges
    ]
    results = run_notebooks(jobs)
    assert [result.error for result in results] == [""] * 12
    guard = Guard(load_run(run))
    for code, name in colleges:
        html = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        guard.check(html, guard.allowed(code, name))
        assert set(re.findall(r"第\d\d学院", html)) == {name}
    assert (
        len(
            {
                re.search(r"页面校验 ([0-9a-f]{12})", (tmp_path / f"{n}.html").read_text(encoding="utf-8")).group(1)
                for _, n in colleges
            }
        )
        == 12
    )  # pyright: ignore


@pytest.mark.parametrize("name", ["college", "headcount", "counselor", "overview", "registry"])
def test_every_notebook_runs_twice_in_one_kernel_after_a_mistake_too(season: Run, tmp_path: Path, name: str) -> None:
    (job,) = [job for job in jobs_of(season.path, tmp_path) if job.name == name]
    notebook = nbformat.read(job.notebook, 4)
    mistake = 'from pipeline.render.college import open_page\nopen_page(run, "没有学院", "1")'
    again = [cell for cell in deepcopy(notebook.cells) if cell.cell_type == "code"]
    given = nbformat.v4.new_code_cell("\n".join(f"{key} = {value!r}" for key, value in job.parameters.items()))
    again[0].metadata.tags = []
    notebook.cells += [nbformat.v4.new_code_cell(mistake), again[0], given, *again[1:]]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number}"
    twice = tmp_path / "twice.ipynb"
    nbformat.write(notebook, twice)
    options = {"progress_bar": False, "allow_errors": True}
    with pytest.raises(PapermillExecutionError) as told:
        papermill.execute_notebook(twice, job.output_notebook, job.parameters, "mingce", **options)
    assert told.value.ename == "InputError"
    cells = [cell for cell in nbformat.read(job.output_notebook, 4).cells if cell.cell_type == "code"]
    at = next(at for at, cell in enumerate(cells) if "没有学院" in cell.source)
    box = "\n".join(cells[at].outputs[0].traceback)
    assert "没有做成：这次运行里没有学校 1" in box and "怎么办：可选：" in box and "File" not in box
    first, second = cells[2:at], cells[at + 3 :]
    assert [cell.source for cell in first] == [cell.source for cell in second]
    for one, two in zip(first, second, strict=True):
        said = [[(o.get("data"), o.get("text")) for o in cell.outputs] for cell in (one, two)]
        assert said[0] == said[1]


def test_unknown_college_fails_without_a_page(season: Run, tmp_path: Path) -> None:
    parameters = {"run": str(season.path), "college": "没有学院", "school": SCHOOL}
    job = NotebookJob(
        resources.notebooks() / "college.ipynb", tmp_path / "x.ipynb", tmp_path / "x.html", parameters, "x"
    )
    (result,) = run_notebooks([job])
    assert not result.ok and not (tmp_path / "x.html").exists()


def test_office_notebooks_open_before_the_first_run_and_do_nothing_by_themselves(sample: Path, tmp_path: Path) -> None:
    jobs = [
        NotebookJob(
            resources.notebooks() / f"{name}.ipynb", tmp_path / f"{name}.ipynb", None, {"cohort": str(sample)}, name
        )
        for name in ("START",)
    ]
    before = sorted(path.name for path in sample.iterdir())
    assert [result.error for result in run_notebooks(jobs)] == [""]
    assert sorted(path.name for path in sample.iterdir()) == before
    assert "还没有一次完整的运行" in (tmp_path / "START.ipynb").read_text(encoding="utf-8")
