"""The prepared process: its imports, first uses and forks.

Each line was found by comparing `sys.modules` before and after a notebook. Nothing may start a thread (polars and
vl-convert do) or leave state that a notebook could see (pyplot's, pandas' options).
"""

# pyright: reportUnusedImport=false
# ruff: noqa: F401 - imported for those who are forked
from __future__ import annotations

import gc
import os
import signal
import socket
from multiprocessing.connection import Connection

import pandas
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

from pipeline.imports import FORMATS, without

# debugpy compiles its vendored pydevd anew in every process: 0.4 s of a kernel's 0.5 s start, for a debugger
# that nobody attaches to a batch run
with without("debugpy", *FORMATS):
    import ipykernel.debugger
    import nbformat
import IPython.core.completerlib
import IPython.core.debugger
import papermill

from pipeline.render import (
    cards,
    college,
    figures,
    forked_cells,
    fragments,
    notebooks,
    overview,
    prepared,
    registry_page,
)
from pipeline.typeset import typefaces


def initialise(*, custom: bool) -> None:
    """Call all code that initialises at its first use. With `custom`, also what only an office's own notebooks use."""
    pyarrow.set_cpu_count(1)  # forks share the machine: one core each
    pyarrow.set_io_thread_count(1)
    frame = pandas.DataFrame({"a": ["x"], "b": [1]})
    frame.to_html()
    repr(frame)
    frame.groupby("a", as_index=False).size()
    typefaces()
    if custom:  # our pages draw by typst, which starts threads
        import matplotlib.backends.backend_agg
        import matplotlib.backends.backend_svg
        import matplotlib.pyplot
        import matplotlib_inline.config

        figures.chart_settings()
    env = fragments.environment()
    for name in env.list_templates(extensions=["j2"]):
        if name.startswith(("fragments/", "page/page.")):
            env.get_template(name)
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("**名册**")])
    nbformat.validate(node)
    cards.page(node if custom else nbformat.v4.new_notebook())  # our pages show no Markdown: its libraries take 0.1 s


def main(*, custom: bool) -> None:
    """Run the prepared process: fork on request until standard input closes."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the starter handles Ctrl-C and closes standard input
    prepared.adopt_orphans()
    initialise(custom=custom)
    gc.freeze()  # the collector would write into shared pages
    gc.enable()
    jobs: set[int] = set()
    while handles := socket.recv_fds(control, 16, 1)[1]:
        with prepared.forking(signal.SIGTERM) as pid:
            if pid == 0:
                control.close()
                prepared.adopt_orphans()
                signal.signal(signal.SIGTERM, prepared.exit_job)
                notebooks.serve_notebooks(Connection(handles[0]))
                prepared.kill_orphans()
        os.close(handles[0])
        jobs.add(pid)
        prepared.kill_orphans(spare=jobs)
    prepared.kill_orphans()
    os._exit(0)
