"""Executed notebook to page, and files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.render.cards import page_of
from pipeline.render.pieces import render
from pipeline.whole import appearing

if TYPE_CHECKING:
    from nbformat import NotebookNode


def page(notebook: NotebookNode, *, token: str = "", line: str = "", folder: str = "") -> str:
    """Return the HTML of an executed notebook, code left out (see `cards.page_of`)."""
    return render("page/page.html.j2", page=page_of(notebook, token, line, folder))


def write_whole(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, mode 0600, so that a reader or a crash never meets half a file."""
    with appearing(path, contended=True) as draft:  # a lost worker's job may still run beside its successor's
        draft.touch(mode=0o600)
        draft.write_text(text, encoding="utf-8", newline="\n")
