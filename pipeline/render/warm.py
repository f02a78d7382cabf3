"""What the prepared process imports and touches, so that no fork has to: kernels, engine, exporter, drawing.

Each line here was found by comparing `sys.modules` before and after a notebook. Nothing may start a thread
(polars and vl-convert do) or leave state that a notebook could see (pyplot's, pandas' options).
"""

# pyright: reportUnusedImport=false
from __future__ import annotations

import io

from pipeline.imports import GRAMMARS, without

# ruff: noqa: F401 - imported for those who are forked


def everything() -> None:
    """Import and warm all."""
    _tables()
    _kernel()
    _drawing()
    _pages()
    _engine()


def _tables() -> None:
    import pandas
    import pyarrow
    import pyarrow.compute
    import pyarrow.dataset
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)  # the forks share the machine: each draws on one core
    pyarrow.set_io_thread_count(1)
    frame = pandas.DataFrame({"a": ["x"], "b": [1]})
    frame.to_html()
    repr(frame)
    frame.groupby("a", as_index=False).size()


def _kernel() -> None:
    # debugpy compiles its vendored pydevd anew in every process: 0.4 s of a kernel's 0.5 s start, for a debugger
    # that nobody attaches to a batch run
    with without("debugpy"):
        import ipykernel.debugger
    import IPython.core.completerlib
    import IPython.core.debugger
    import jedi
    import matplotlib_inline.config
    import numpy.random

    from pipeline.render import cells


def _drawing() -> None:
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.pyplot
    from matplotlib import font_manager
    from matplotlib.figure import Figure
    from pylopdf_fonts_zh_cn import sans_path

    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    name = font_manager.FontProperties(fname=path).get_name()
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    axes.barh([0], [1])
    axes.set_title("名册 0123", fontfamily=name)
    for kind in ("svg", "png"):
        figure.savefig(io.BytesIO(), format=kind)


def _pages() -> None:
    """What the notebooks of this project take their pieces from, and the pieces' templates."""
    from pipeline.render import college, counselor, overview, parameters, pieces, registry

    known = pieces.environment()
    for name in known.list_templates(extensions=["j2"]):
        if name.startswith(("pieces/", "page/page.")):
            known.get_template(name)


def _engine() -> None:
    with without(GRAMMARS):
        import jsonschema
    import nbclient
    import nbformat
    import papermill

    from pipeline.render import engine, export, forked, jobs

    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("**名册**")])
    nbformat.validate(node)
    export.page(node)
