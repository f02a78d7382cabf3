"""Templates of `reports/mail` filled: HTML and plain text of one mail."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from pipeline import resources
from pipeline.render.theme import theme


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resources.templates() / "mail"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared: dict[str, Any] = {"ink": theme().ink, "family": theme().family, "font": Markup(theme().font)}
    environment.globals.update(shared)
    return environment


def fill(name: str, values: dict[str, Any]) -> tuple[str, str]:
    """Return HTML and text of the letter `name` (dashboard, student), every value escaped in the HTML."""
    environment = _environment()
    html = environment.get_template(f"{name}.html.j2").render(values)
    text = environment.get_template(f"{name}.txt.j2").render({key: _one_line(value) for key, value in values.items()})
    return re.sub(r"\n\s*", "\n", html), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _one_line(value: object) -> object:
    if isinstance(value, list):
        return [_one_line(each) for each in cast("list[object]", value)]
    return " ".join(value.split()) if isinstance(value, str) else value
