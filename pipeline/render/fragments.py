"""Fragments: HTML with inline styles from `reports/fragments` for page, notebook and mail. Every value is escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from pipeline import resources
from pipeline.states import OFFICE, theme, tint
from pipeline.view.remaining_work import days_left_in_words, format_count, group_name, month_day, percent

_UNBREAKABLE = re.compile(
    r"[0-9]{1,2}月[0-9]{1,2}日前?"
    r"|(?<![\w-])[0-9A-Za-z]{1,10}(?:-[0-9A-Za-z]{1,10}){1,4}(?![\w-])"  # 2016-10-31, UTF-8, a run's id
    r"|[0-9]+(?:[.,:][0-9]+)*%? ?[\u4e00-\u9fff]",  # 4.3 人, 1班
    re.ASCII,
)
INDEX_LINK = {"href": "../index.html", "title": "← 全部院系"}
"""The link from a college's page to the index. `deliver` removes it from mailed pages."""
_NOWRAP = Markup('<span style="white-space:nowrap">{}</span>')


@dataclass(frozen=True)
class Fragment:
    """A part of a page, which Jupyter shows as HTML. `cards` reads its `metadata` from the executed notebook."""

    html: str
    title: str = ""
    metadata: dict[str, Any] | None = None

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self.html, "text/plain": self.title}, {"mingce": self.metadata or {}}


@cache
def environment() -> Environment:
    """Return the Jinja environment of `reports/`. It escapes HTML and raises on an unknown name."""
    env = Environment(
        loader=FileSystemLoader(str(resources.templates())),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),  # letters in plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    look, page = theme(), resources.templates() / "page"
    names: dict[str, Any] = {"t": look, "family": look.family, "ink": look.ink, "font": Markup(look.font)}
    names |= {"tint": tint, "group_name": group_name}
    for name, file in (("css", "page.css"), ("script", "page.js")):
        names[name] = Markup((page / file).read_text(encoding="utf-8").strip())
    env.globals.update(names)  # pyright: ignore[reportCallIssue, reportArgumentType]  (its type lists jinja's own)
    for function in (month_day, days_left_in_words, percent, format_count, nowrap, css_text):
        env.filters[function.__name__] = function
    return env


def render(name: str, /, **values: object) -> str:
    """Return `reports/<name>` rendered."""
    return environment().get_template(name).render(**values)


def fragment(name: str, title: str = "", metadata: dict[str, Any] | None = None, /, **values: object) -> Fragment:
    """Return the rendered fragment `reports/fragments/<name>.html.j2`."""
    return Fragment(render(f"fragments/{name}.html.j2", **values), title, metadata)


def section(template: str, title: str, name: str = "", /, *, short: bool = False, **values: object) -> Fragment:
    """Return a section of a page; a blank `name` is the template. A `short` one shares a card."""
    name = name or template
    metadata = {"section": name, "short": short}
    return Fragment(render(f"fragments/{template}.html.j2", title=title, section=name, **values), title, metadata)


def nowrap(text: str) -> Markup:
    """Return escaped text that never breaks a line inside a date, a code or a number with its unit."""
    html, end = Markup(), 0
    for found in _UNBREAKABLE.finditer(text):
        html += escape(text[end : found.start()]) + _NOWRAP.format(found.group().replace(" ", "\u00a0"))
        end = found.end()
    return html + escape(text[end:])


def with_office_name(html: str, name: str) -> str:
    """Replace the default name of the office in HTML by `name`, unless that is blank."""
    return html.replace(OFFICE, str(escape(name))) if name else html


def css_text(text: str) -> Markup:
    """Escape text for a quoted CSS string, so that it cannot end the string, rule or sheet."""
    return Markup("".join(char if char.isalnum() or char in " ·，、（）-" else f"\\{ord(char):x} " for char in text))
