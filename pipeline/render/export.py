"""Executed notebook to page, and files that appear whole or not at all."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.render.pieces import glued
from pipeline.whole import appearing

if TYPE_CHECKING:
    from nbconvert import HTMLExporter
    from nbformat import NotebookNode


def page(notebook: NotebookNode, template: Path) -> str:
    """Return the HTML of an executed notebook, by the nbconvert template in folder `template`, code left out."""
    html, _ = _exporter(template).from_notebook_node(notebook)
    return html


@cache
def _exporter(template: Path) -> HTMLExporter:
    """Return the one exporter of this process (and, made before a fork, of every child): making it costs 0.7 s."""
    from nbconvert import HTMLExporter
    from nbconvert.exporters import TemplateExporter

    class PageExporter(HTMLExporter):
        """Without the pass through BeautifulSoup, half of a conversion: it marks what our template does not have."""

        from_notebook_node = TemplateExporter.from_notebook_node

    exporter = PageExporter(
        template_name=template.name,
        extra_template_basedirs=[str(template.parent)],
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        default_preprocessors=[],  # the template takes outputs as they are; each would copy and validate them all
    )
    exporter.register_filter("glued", glued)
    return exporter


def write_whole(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, mode 0600, so that a reader or a crash never meets half a file."""
    with appearing(path, contended=True) as draft:  # a lost worker's job may still run beside its successor's
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8", newline="\n")
