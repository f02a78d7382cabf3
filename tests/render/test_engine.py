"""Forked kernels: equal to cold ones, nothing leaks, bounds hold, nothing is left behind."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from pipeline.errors import UsageError
from pipeline.render.notebooks import NotebookJob, NotebookResult, run_notebooks
from pipeline.render.prepared import Prepared, can_fork, prepare
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not can_fork(), reason="kernels are forked on Linux alone")

EVERYTHING = [
    "import os, sys, time\nprint('文字'); print('错误流', file=sys.stderr)",
    "import pandas as pd\nframe = pd.DataFrame({'学号': ['1305030101', '1305030102'], '人数': [1, 2]})\nframe",
    "frame.groupby('学号')['人数'].sum()",
    "import matplotlib.pyplot as plt\nplt.rcParams['svg.hashsalt'] = 'x'\nplt.plot([1, 2, 3])",
    """import base64, io
figure, axes = plt.subplots(figsize=(2, 1))
axes.barh([0, 1], [3, 4])
svg, png = io.BytesIO(), io.BytesIO()
figure.savefig(svg, format='svg', metadata={'Date': None})
figure.savefig(png, format='png')
plt.close(figure)
picture = {'image/svg+xml': svg.getvalue().decode(), 'image/png': base64.b64encode(png.getvalue()).decode()}
display({**picture, 'text/plain': '图'}, raw=True, metadata={'image/png': {'width': 600}})""",
    "import ipywidgets\nslider = ipywidgets.IntSlider(value=3, description='分')\ndisplay(slider)",
    "handle = display('前', display_id='d')\nhandle.update('后')",
    "out = ipywidgets.Output()\ndisplay(out)\nwith out:\n    print('在部件里')",
    ("input('?')", "raises-exception"),
    ("def inner():\n    return 1 / 0\ninner()", "raises-exception"),
    "os.system('echo 子进程的输出')\nimport subprocess\nsubprocess.run(['echo', '另一个'])\ntime.sleep(0.3)",
    "%time\n!echo 魔法",
    "print(sys.argv[0].split('/')[-1], __name__, os.path.basename(os.getcwd()), plt.get_backend())",
    "import asyncio\nawait asyncio.sleep(0.01)\n'异步'",
    "from IPython.display import clear_output\nprint('没了')\nclear_output()\nprint('还在')",
    "import logging, warnings\nlogging.warning('记下')\nwarnings.warn('当心')\nlen(logging.getLogger().handlers)",
    "school",
    "raise KeyError('张三')",
    "print('到不了这里')",
]

PARAMETERS = 'run: str = ""  # 运行文件夹\ncollege: str = ""  # 院系\nschool: str = "10534"  # 学校代码\nlimit: int = 5'


def write_notebook(path: Path, *cells: str | tuple[str, str]) -> Path:
    """A notebook with the documented parameters and these cells; a pair is source and tag."""
    made = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_markdown_cell("# 名册")]
    for cell in cells:
        source, tags = (cell, []) if isinstance(cell, str) else (cell[0], [cell[1]])
        made.append(new_code_cell(source, metadata={"tags": tags}))
    for number, cell in enumerate(made):
        cell.id = f"cell-{number}"
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=made, metadata={"kernelspec": spec}), path)
    return path


class Folder:
    """Writes notebooks, runs them and reads what came out."""

    def __init__(self, path: Path, prepared: Prepared) -> None:
        self.path, self.prepared = path, prepared

    def job(self, name: str, *cells: str | tuple[str, str], **parameters: object) -> NotebookJob:
        notebook = write_notebook(self.path / f"{name}.ipynb", *cells)
        out = self.path / "out"
        return NotebookJob(notebook, out / f"{name}.ipynb", out / f"{name}.html", parameters, name)

    def run(self, *jobs: NotebookJob, processes: int = 2, timeout: float = 120.0, **more) -> dict[str, NotebookResult]:
        results = run_notebooks(jobs, processes=processes, timeout=timeout, prepared=self.prepared, **more)
        return {result.job.name: result for result in results}

    def text(self, name: str) -> str:
        """All stream text of an executed notebook."""
        cells = nbformat.read(self.path / "out" / f"{name}.ipynb", 4).cells
        return "".join(o.text for c in cells for o in c.get("outputs", []) if o.output_type == "stream")


@pytest.fixture(scope="module")
def prepared():
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # ipykernel would capture no subprocess' output
    with prepare() as process:
        yield process


@pytest.fixture
def folder(tmp_path: Path, prepared: Prepared) -> Folder:
    return Folder(tmp_path, prepared)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: list[int], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


def merged(outputs: list[dict]) -> list[dict]:
    """Outputs with neighbouring pieces of one stream joined: where they are cut is a matter of time."""
    made: list[dict] = []
    for output in outputs:
        if made and output["output_type"] == "stream" == made[-1]["output_type"] and output["name"] == made[-1]["name"]:
            made[-1]["text"] += output["text"]
        else:
            made.append(output)
    return made


def plain(notebook: nbformat.NotebookNode) -> dict:
    """An executed notebook without times and random widget ids."""
    data = json.loads(json.dumps(notebook))
    for part in [data, *data["cells"]]:
        part["metadata"].pop("papermill", None)
        part["metadata"].pop("execution", None)
    for cell in data["cells"]:
        if "papermill-error-cell-tag" in cell["metadata"].get("tags", []):
            cell["id"] = ""
        if "injected-parameters" in cell["metadata"].get("tags", []):  # the same values; ours are readable
            cell["id"] = ""
            assigned = [line for line in ast.parse(cell["source"]).body if isinstance(line, ast.Assign)]
            cell["source"] = [(ast.unparse(one.targets[0]), ast.literal_eval(one.value)) for one in assigned]
        cell["outputs"] = merged(cell.get("outputs", []))
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x", text)
    text = re.sub(r"ipykernel_[0-9]+", "ipykernel", text)
    text = re.sub(r"Wall time: [^\\]*|CPU times: [^\\]*", "", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{24}(_\d+)*", "message", text)
    ids: dict[str, str] = {}
    text = re.sub(
        r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", lambda found: ids.setdefault(found[0], f"id{len(ids)}"), text
    )
    data = json.loads(text)
    widgets = data["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    widgets["state"] = sorted(json.dumps(re.sub(r"id\d+", "id", str(v))) for v in widgets.get("state", {}).values())
    return data


def by_papermill_alone(notebook: Path, output: Path, given: dict[str, str], tries: int = 3) -> None:
    """Execute a notebook as Papermill does without us.

    Its kernel's ports are chosen before they are bound: another kernel of this machine may take one, and a cell then
    waits for ever. So it may try again.
    """
    patience = {"start_timeout": 60, "execution_timeout": 60}
    for left in reversed(range(tries)):
        try:
            papermill.execute_notebook(notebook, output, given, progress_bar=False, cwd=Path.cwd(), **patience)
        except (CellTimeoutError, RuntimeError):
            if not left:
                raise
        else:
            return


@pytest.mark.slow
def test_a_forked_kernel_writes_what_a_cold_one_writes(folder: Folder, monkeypatch: pytest.MonkeyPatch):
    given = {"school": "10534", "college": "土木工程学院"}
    job = folder.job("every", *EVERYTHING, **given)
    result = folder.run(job)["every"]
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with pytest.raises(PapermillExecutionError):
        by_papermill_alone(job.notebook, folder.path / "cold.ipynb", given)
    fast, cold = (plain(nbformat.read(p, 4)) for p in (job.output_notebook, folder.path / "cold.ipynb"))
    assert not result.ok
    assert "KeyError" in result.error
    assert "张三" not in result.error
    assert len(fast["cells"]) == len(cold["cells"])
    for ours, theirs in zip(fast["cells"], cold["cells"], strict=True):
        assert ours == theirs, theirs["source"]
    assert fast["metadata"] == cold["metadata"]


def test_results_pages_and_records(folder: Folder):
    heard: list[str] = []
    good = folder.job("good", "print(school, type(school).__name__, college)", college="土木", school="0534")
    bad = folder.job("bad", "print('前')\nraise ValueError('李四')", "print('后')")
    wrong = folder.job("wrong", "1", school=10534, colledge="土木")
    results = folder.run(good, bad, wrong, on_done=lambda r: heard.append(r.job.name))
    assert sorted(heard) == ["bad", "good", "wrong"]
    assert results["good"].ok
    assert folder.text("good") == "0534 str 土木\n"
    assert "0534 str 土木" in good.output_html.read_text()
    assert "school: str" not in good.output_html.read_text()
    assert good.output_html.stat().st_mode & 0o777 == 0o600
    assert good.output_notebook.stat().st_mode & 0o777 == 0o600
    assert (results["bad"].kind, results["wrong"].kind) == ("failed", "usage")
    assert "李四" not in results["bad"].error
    assert not bad.output_html.exists()
    assert "papermill-error-cell" in bad.output_notebook.read_text()
    assert "后" not in folder.text("bad")
    assert "没有参数 colledge" in results["wrong"].error
    assert "参数 school 应为文字" in results["wrong"].error
    assert not wrong.output_notebook.exists()
    assert sorted(p.name for p in (folder.path / "out").iterdir()) == ["bad.ipynb", "good.html", "good.ipynb"]
    recorded = nbformat.read(good.output_notebook, 4).metadata
    assert recorded.papermill.output_path == "good.ipynb"
    assert "/" not in json.dumps(recorded.papermill)


SPOIL = """import os, sys, random, warnings
import pandas as pd, numpy as np, matplotlib.pyplot as plt
left_behind = 1
pd.options.display.max_rows = 7
os.environ['LEFT_BEHIND'] = '1'
os.chdir('/')
os.umask(0o022)
plt.rcParams['font.size'] = 33
warnings.simplefilter('error')
import wave
sys.path.append('/left')
pd.DataFrame.left_behind = 1
np.random.seed(1); random.seed(1)
get_ipython().set_hook('editor', print)"""

LOOK = """import os, sys, random, warnings, uuid
import pandas as pd, numpy as np, matplotlib.pyplot as plt
print('left_behind' in globals(), pd.options.display.max_rows, 'LEFT_BEHIND' in os.environ, os.getcwd() == '/')
print(plt.rcParams['font.size'], 'wave' in sys.modules, '/left' in sys.path, hasattr(pd.DataFrame, 'left_behind'))
print(any(f[0] == 'error' for f in warnings.filters[:1]))
print('random', random.random(), np.random.rand(), uuid.uuid4())"""


def test_nothing_leaks_from_one_notebook_into_the_next(folder: Folder):
    jobs = [folder.job("spoil", SPOIL), folder.job("one", LOOK), folder.job("two", LOOK)]
    results = folder.run(*jobs, processes=1)
    assert [r.error for r in results.values()] == ["", "", ""]
    one, two = folder.text("one").splitlines(), folder.text("two").splitlines()
    assert one[:3] == two[:3] == ["False 60 False False", "10.0 False False False", "False"]
    assert not set(one[3].split()[1:]) & set(two[3].split()[1:])


def test_a_loop_is_interrupted(folder: Folder):
    loop = folder.job("loop", "import time\nprint('开始')\nwhile True:\n    time.sleep(0.01)", "print('后')")
    names: list[str] = []
    for _ in range(3):  # a kernel on a busy machine may hear of it too late, and is killed
        (result,) = folder.run(loop, timeout=8).values()
        assert result.kind == "timeout"
        assert "超过 8 秒" in result.error
        assert "后" not in folder.text("loop")
        names = [
            output.ename
            for cell in nbformat.read(loop.output_notebook, 4).cells
            for output in cell.get("outputs", [])
            if output.output_type == "error"
        ]
        if len(names) > 1:
            break
    assert names == ["NotebookTimeout", "KeyboardInterrupt"]


def test_a_loop_that_ignores_the_interrupt_is_killed(folder: Folder):
    deaf = folder.job("deaf", "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass")
    (result,) = folder.run(deaf, timeout=5).values()
    assert result.kind == "timeout"


def test_memory_exits_and_kills_are_told_and_stop_no_other(folder: Folder):
    jobs = [
        folder.job("greedy", "kept = []\nwhile True:\n    kept.append(bytearray(1 << 24))"),
        folder.job("arrow", "import pyarrow as pa\nkept = [pa.allocate_buffer(1 << 27) for _ in range(100)]"),
        folder.job("exits", "print('前', flush=True)\nimport os; os._exit(3)", "print('后')"),
        folder.job("killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        folder.job("fine", "print('好')"),
    ]
    results = folder.run(*jobs, memory=512 << 20)
    kinds = {name: result.kind for name, result in results.items()}
    assert kinds == {"greedy": "memory", "arrow": "memory", "exits": "died", "killed": "died", "fine": ""}
    assert "内核中途退出" in results["exits"].error
    assert "papermill-error-cell" in jobs[2].output_notebook.read_text()
    assert folder.text("fine") == "好\n"


def test_what_a_notebook_starts_ends_with_it(folder: Folder):
    started = """import os, subprocess, sys, time
print(subprocess.Popen(['sleep', '300']).pid)
print(subprocess.Popen(['sleep', '300'], start_new_session=True).pid)
detach = 'import os,time;os.setsid();p=os.fork();(print(p,flush=True),os._exit(0)) if p else time.sleep(300)'
subprocess.run([sys.executable, '-c', detach], stdin=subprocess.DEVNULL)
time.sleep(0.5)"""
    forked = "child = os.fork()\nif child == 0:\n    time.sleep(300)\nprint(child)"
    result = folder.run(folder.job("parent", started, forked))["parent"]
    pids = [int(text) for text in re.findall(r"\d+", folder.text("parent"))]
    assert result.ok
    assert len(pids) == 4
    assert gone(pids)


def test_plain_papermill_calls_take_the_engine(folder: Folder):
    notebook = write_notebook(folder.path / "in.ipynb", "print(limit)")
    out = folder.path / "out.ipynb"
    common = {"engine_name": "mingce", "progress_bar": False}
    node = papermill.execute_notebook(notebook, out, {"limit": 3}, **common)
    assert node.cells[-1].outputs[0].text == "3\n"
    with pytest.raises(UsageError, match="没有参数 limits"):
        papermill.execute_notebook(notebook, out, {"limits": 3}, **common)


def test_the_engines_module_may_be_the_first_import_of_all():
    """Its import imports papermill, which loads the entry point meanwhile."""
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    code = f"""import entrypoints
point = entrypoints.EntryPoint.from_string({points["papermill.engine"]["mingce"]!r}, "mingce")
entrypoints.get_group_all = lambda group: [point]
from pipeline.render.engine import MingceEngine
from papermill.engines import papermill_engines
assert papermill_engines.get_engine("mingce").execute_notebook == MingceEngine.execute_notebook"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_parameters_are_those_of_this_call_alone(folder: Folder):
    """An executed notebook, edited by a person and run again: neither its record nor its cell wins over the edit."""
    common = {"engine_name": "mingce", "progress_bar": False}
    notebook = write_notebook(folder.path / "in.ipynb", "print(school, college)")
    first, second, third = (folder.path / f"{name}.ipynb" for name in ("first", "second", "third"))
    papermill.execute_notebook(notebook, first, {"school": "0534", "college": "土木"}, **common)
    edited = nbformat.read(first, 4)
    (cell,) = [cell for cell in edited.cells if "injected-parameters" in cell.metadata.tags]
    assert "土木" in cell.source
    cell.source = cell.source.replace("土木", "数学")
    nbformat.write(edited, first)
    node = papermill.execute_notebook(first, second, **common)
    assert node.cells[-1].outputs[0].text == "0534 数学\n" and node.metadata.papermill.parameters == {}
    node = papermill.execute_notebook(second, third, {"college": "物理"}, **common)
    assert node.cells[-1].outputs[0].text == "10534 物理\n"
    assert node.metadata.papermill.parameters == {"college": "物理"}


def test_options_are_passed_on_or_refused(folder: Folder):
    common = {"engine_name": "mingce", "progress_bar": False}
    notebook = write_notebook(folder.path / "in.ipynb", "1 / 0", "print('后')")
    out = folder.path / "out.ipynb"
    with pytest.raises(PapermillExecutionError):
        papermill.execute_notebook(notebook, out, allow_errors=True, **common)
    assert "后" in out.read_text()
    with pytest.raises(UsageError, match="没有选项 alow_errors"):
        papermill.execute_notebook(notebook, out, alow_errors=True, **common)


def test_a_dead_kernel_is_told_and_what_stood_before_a_long_cell_is_on_disk(folder: Folder):
    look = f"""import time, pathlib
deadline = time.monotonic() + 20
while '早先的' + '输出' not in pathlib.Path({str(folder.path / "out.ipynb")!r}).read_text():
    assert time.monotonic() < deadline
    time.sleep(0.1)
import os; os._exit(3)"""
    notebook = write_notebook(folder.path / "in.ipynb", "print('早先的' + '输出')", look)
    command = [sys.executable, "-m", "papermill", "--engine", "mingce", str(notebook), str(folder.path / "out.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 138, done.stderr
    outputs = nbformat.read(folder.path / "out.ipynb", 4).cells[-1].outputs
    assert [output.ename for output in outputs if output.output_type == "error"] == ["KernelDied"]
    assert "papermill-error-cell" in (folder.path / "out.ipynb").read_text()


STARTER = """import sys
from pathlib import Path
from pipeline.render.notebooks import NotebookJob, run_notebooks
from pipeline.render.prepared import prepare
folder = Path(sys.argv[1])
prepared = prepare()
(folder / 'prepared').write_text(str(prepared.pid))
jobs = [NotebookJob(folder / 'sleeps.ipynb', folder / f'{n}.ipynb', None, {'run': str(folder)}) for n in range(2)]
results = run_notebooks(jobs, processes=2, prepared=prepared)
(folder / 'told').write_text(' '.join(r.kind for r in results))
"""


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["starter", "prepared"])
def test_kill_9_leaves_no_orphan(tmp_path: Path, victim: str):
    sleeps = """import os, pathlib, subprocess, sys, time
detach = 'import os,time\\nos.setsid()\\nif os.fork(): os._exit(0)\\n'
detach += 'open(os.path.join({run!r}, str(os.getpid()) + ".detached"), "w").close(); time.sleep(300)'
subprocess.run([sys.executable, '-c', detach.format(run=run)])
pathlib.Path(run, f'{os.getpid()}.pid').write_text('')
time.sleep(300)"""
    write_notebook(tmp_path / "sleeps.ipynb", sleeps)
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)])
    deadline = time.monotonic() + 120
    while len([*tmp_path.glob("*.pid"), *tmp_path.glob("*.detached")]) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    server = (tmp_path / "prepared").read_text()
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    pids = [int(server), *map(int, children), *(int(p.stem) for p in tmp_path.glob("*.pid"))]
    pids += [int(path.stem) for path in tmp_path.glob("*.detached")]
    assert len(set(pids)) == 7  # the prepared process, two jobs, what runs their cells, what each of these has detached
    os.kill(starter.pid if victim == "starter" else int(server), signal.SIGKILL)
    starter.wait(60)
    assert gone(pids)
    if victim == "prepared":
        assert (tmp_path / "told").read_text() == "died died"


FORKS = """import json, os, sys, tempfile
from pathlib import Path
from pipeline.logs import silence_libraries
from pipeline.render.notebooks import NotebookJob, run_notebooks
from pipeline.render.prepared import prepare, limit_threads
limit_threads(os.environ)
silence_libraries()
import pyarrow, pandas
folder = Path(sys.argv[1])
held, kept = (folder / 'held').open('w'), tempfile.TemporaryDirectory()
with prepare() as process:
    forked = Path(f'/proc/{process.pid}/cmdline').read_bytes() == Path('/proc/self/cmdline').read_bytes()
    (result,) = run_notebooks([NotebookJob(folder / 'n.ipynb', folder / 'out.ipynb', None)], prepared=process)
print(json.dumps([forked, result.error, Path(kept.name).is_dir()]))
"""


def test_a_starter_of_one_thread_is_forked_and_its_cells_have_nothing_of_it(tmp_path: Path):
    cell = """import atexit, os, pathlib, warnings
warnings.warn('当心')
print([os.path.realpath(file) for file in pathlib.Path('/proc/self/fd').iterdir()])
print(b'geheim' in pathlib.Path('/proc/self/environ').read_bytes(), pathlib.Path('/proc/self/comm').read_text())
print('geheim' in os.environ.values(), os.environ['OMP_NUM_THREADS'])"""
    write_notebook(tmp_path / "n.ipynb", cell)
    env = {**os.environ, "A_PASSWORD": "geheim"}
    told = subprocess.run([sys.executable, "-c", FORKS, str(tmp_path)], env=env, capture_output=True, check=True)
    assert json.loads(told.stdout) == [True, "", True]
    outputs = [output for each in nbformat.read(tmp_path / "out.ipynb", 4).cells for output in each.get("outputs", [])]
    assert "当心" in "".join(output.text for output in outputs if output.name == "stderr")
    printed = "".join(output.text for output in outputs if output.name == "stdout")
    assert "held" not in printed and printed.endswith("False mingce-pages\n\nFalse 1\n")


@pytest.mark.slow
def test_twenty_at_once(folder: Folder):
    jobs = [folder.job(f"n{n}", "print(limit)", limit=n) for n in range(20)]
    results = folder.run(*jobs, processes=20, timeout=300)
    assert [r.error for r in results.values()] == [""] * 20
    assert [folder.text(job.name) for job in jobs] == [f"{n}\n" for n in range(20)]


FILES = "import os\nfrom pathlib import Path\nprint([os.path.realpath(f) for f in Path('/proc/self/fd').iterdir()])"


def reaches_no_terminal(said: str, starter: int | str) -> bool:
    """Whether a kernel that said which files it has open holds none of its starter's standard error."""
    terminal = os.path.realpath(f"/proc/{starter}/fd/2")
    return "/dev/null" in said and (terminal == "/dev/null" or terminal not in said)


def test_what_libraries_say_in_a_kernel_reaches_no_terminal(folder: Folder):
    """The kernel has no way to the standard error of whoever started it: cells' own goes to the notebook."""
    folder.run(folder.job("quiet", FILES))
    assert reaches_no_terminal(folder.text("quiet"), folder.prepared.pid)


@pytest.mark.slow
def test_cold_kernels_run_the_same_jobs(folder: Folder, capfd: pytest.CaptureFixture[str]):
    curve = "import ipykernel\nprint('curve_secretkey' in ipykernel.get_connection_info())"
    jobs = [
        folder.job("one", "print(school)", curve, FILES, school="0534"),
        folder.job("greedy", "bytearray(8 << 30)"),
        folder.job("wrong", "1", school=534),
    ]
    results = folder.run(*jobs, cold=True, memory=1 << 30)
    kinds = {name: result.kind for name, result in results.items()}
    assert kinds == {"one": "", "greedy": "memory", "wrong": "usage"}
    school, safe, files = folder.text("one").splitlines()
    assert (school, safe) == ("0534", "True")  # no other account of the machine reads along
    assert reaches_no_terminal(files, "self")
    assert "0534" in jobs[0].output_html.read_text()
    assert jobs[0].output_notebook.stat().st_mode & 0o777 == 0o600
    assert capfd.readouterr().err == ""
