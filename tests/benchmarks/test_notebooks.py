"""Twenty college notebooks to HTML: forked kernels against papermill and nbconvert one after the other.

`pytest -m bench tests/benchmarks/test_notebooks.py -s`. The cold way is measured on `MINGCE_BENCH_COLD` notebooks
(default 2) each repeat and scaled to twenty: each costs the same, and twenty take minutes.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pipeline.render.notebooks import NotebookJob, run_notebooks
from pipeline.render.prepared import can_fork, prepare
from tests.benchmarks.measure import repeats

pytestmark = [pytest.mark.bench, pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux alone")]

COLLEGES = 20
CELLS = [
    "import pathlib\nimport base64, io\nimport pandas as pd\nimport matplotlib.pyplot as plt\n"
    "from matplotlib import font_manager\nfrom pylopdf_fonts_zh_cn import sans_path\n"
    "font_manager.fontManager.addfont(str(sans_path()))\nplt.rcParams['font.family'] = 'Noto Sans SC'",
    "roster = pd.read_parquet(pathlib.Path(run) / 'roster.parquet')\nrows = roster[roster.college == college]",
    "table = rows.groupby(['major', 'status'], as_index=False).size()\n"
    "table = table.pivot(index='major', columns='status', values='size').fillna(0)\n"
    "display({'text/html': table.to_html(), 'text/plain': ''}, raw=True)",
    "figure, axes = plt.subplots(figsize=(6, 3))\ntable.plot(kind='barh', ax=axes)\naxes.set_title(college)\n"
    "svg, png = io.BytesIO(), io.BytesIO()\nfigure.savefig(svg, format='svg')\nfigure.savefig(png, format='png')\n"
    "plt.close(figure)\ndisplay({'image/svg+xml': svg.getvalue().decode(), 'text/plain': college, "
    "'image/png': base64.b64encode(png.getvalue()).decode()}, raw=True)",
    "html = ''.join(f'<tr><td>{n}<td>{m}<td>{s}' for n, m, s in zip(rows.name, rows.major, rows.status))\n"
    "display({'text/html': f'<table>{html}</table>', 'text/plain': ''}, raw=True)",
]


@pytest.fixture
def college(tmp_path: Path) -> Path:
    n = COLLEGES * 400
    roster = pd.DataFrame(
        {
            "college": [f"学院{i % COLLEGES}" for i in range(n)],
            "major": [f"专业{i % 7}" for i in range(n)],
            "name": [f"学生{i}" for i in range(n)],
            "status": [("missing", "approved", "correct")[i % 3] for i in range(n)],
        }
    )
    roster.to_parquet(tmp_path / "roster.parquet")
    cells = [new_code_cell('run: str = ""\ncollege: str = ""', metadata={"tags": ["parameters"]})]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "college.ipynb"
    nbformat.write(new_notebook(cells=cells + [new_code_cell(c) for c in CELLS], metadata={"kernelspec": spec}), path)
    return path


def measured(action) -> tuple[float, float]:
    """Seconds on the clock and CPU seconds of the child processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def cold(notebook: Path, count: int) -> None:
    folder = notebook.parent
    for n in range(count):
        out = folder / f"cold{n}.ipynb"
        parameters = ["-p", "run", str(folder), "-p", "college", f"学院{n}"]
        for command in (
            ["papermill", "--no-progress-bar", str(notebook), str(out), *parameters],
            ["nbconvert", "--to", "html", str(out)],
        ):
            subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)


def forked(notebook: Path) -> None:
    folder = notebook.parent
    jobs = [
        NotebookJob(notebook, folder / f"{n}.ipynb", folder / f"{n}.html", {"run": str(folder), "college": f"学院{n}"})
        for n in range(COLLEGES)
    ]
    with prepare() as prepared:
        results = run_notebooks(jobs, prepared=prepared)
    assert [r.error for r in results] == [""] * COLLEGES


def test_twenty_college_notebooks(college: Path, record):
    count = int(os.environ.get("MINGCE_BENCH_COLD", "2"))
    ratios: list[tuple[float, float]] = []
    for _ in range(repeats()):
        slow, fast = measured(lambda: cold(college, count)), measured(lambda: forked(college))
        each = f"{slow[0] / count:.1f} s a notebook ({slow[1] / count:.1f} CPU)"
        print(f"\n  cold {each}, forked {fast[0]:.1f} s for all ({fast[1]:.1f} CPU)", end="", flush=True)
        ratios.append((slow[0] / count * COLLEGES / fast[0], slow[1] / count * COLLEGES / fast[1]))
    clock, cpu = (statistics.median(column) for column in zip(*ratios, strict=True))
    record("cold / forked, its preparation included, clock", clock, "times", at_least=10)
    record("cold / forked, its preparation included, CPU", cpu, "times")
