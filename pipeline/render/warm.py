"""What the prepared process imports and touches, so that no fork has to: kernel, engine, exporter, drawing.

Each line here was found by comparing `sys.modules` before and after a notebook. Nothing may start a thread
(polars and vl-convert do) or leave state that a notebook could see (pyplot's, pandas' options).
"""

# pyright: reportUnusedImport=false
# ruff: noqa: F401 - imported for those who are forked
from __future__ import annotations

import io

import pandas
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

from pipeline.imports import GRAMMARS, without

# debugpy compiles its vendored pydevd anew in every process: 0.4 s of a kernel's 0.5 s start, for a debugger
# that nobody attaches to a batch run
with without("debugpy", GRAMMARS):
    import ipykernel.debugger
    import nbformat
import IPython.core.completerlib
import IPython.core.debugger
import matplotlib.backends.backend_agg
import matplotlib.backends.backend_svg
import matplotlib.pyplot
import matplotlib_inline.config
import papermill
from matplotlib import font_manager
from matplotlib.figure import Figure
from pylopdf_fonts_zh_cn import sans_path

from pipeline.render import cards, cells, college, counselor, notebooks, overview, pieces, registry


def touch() -> None:
    """Use once what makes something at its first use."""
    pyarrow.set_cpu_count(1)  # the forks share the machine: each draws on one core
    pyarrow.set_io_thread_count(1)
    frame = pandas.DataFrame({"a": ["x"], "b": [1]})
    frame.to_html()
    repr(frame)
    frame.groupby("a", as_index=False).size()
    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    axes.barh([0], [1])
    axes.set_title("名册 0123", fontfamily=font_manager.FontProperties(fname=path).get_name())
    for kind in ("svg", "png"):
        figure.savefig(io.BytesIO(), format=kind)
    known = pieces.environment()
    for name in known.list_templates(extensions=["j2"]):
        if name.startswith(("pieces/", "page/page.")):
            known.get_template(name)
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("**名册**")])
    nbformat.validate(node)
    cards.page(node)
