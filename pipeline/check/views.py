"""Render Great Expectations' Data Docs with our own templates, which load no external files.

Great Expectations' templates need scripts, styles and pictures from the internet.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render.view.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader

from pipeline import resources


class DocsPage(DefaultJinjaPageView):
    """A page about one suite or one validation."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - its own
        super().__init__(**settings)
        ours_first(self.env)


class Index(DefaultJinjaIndexPageView):
    """The page that leads to the others."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(**settings)
        ours_first(self.env)


def ours_first(pages: Environment) -> None:
    """Use the templates of `reports/data_docs/` instead of Great Expectations' templates of the same name."""
    loaders: list[BaseLoader] = [FileSystemLoader(resources.templates() / "data_docs")]
    pages.loader = ChoiceLoader([*loaders, *([pages.loader] if pages.loader else [])])
