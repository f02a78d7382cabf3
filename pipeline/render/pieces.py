"""Pieces: HTML with inline styles from `reports/pieces`, the same in page, notebook and mail; every value escaped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from pipeline import resources
from pipeline.states import OFFICE, theme, tint
from pipeline.view.remaining_work import grouped, left_in_words, month_day, percent

_WHOLE = re.compile(
    r"[0-9]{1,2}月[0-9]{1,2}日前?"
    r"|(?<![\w-])[0-9A-Za-z]{1,10}(?:-[0-9A-Za-z]{1,10}){1,4}(?![\w-])"  # 2016-10-31, UTF-8, a run's id
    r"|[0-9]+(?:[.,:][0-9]+)*%? ?[\u4e00-\u9fff]",  # 4.3 人, 1班
    re.ASCII,
)
BACK = {"href": "../index.html", "title": "← 全部院系"}
"""The way back from a page in a college's folder; `deliver` takes it off what it mails."""
_ON_ONE_LINE = Markup('<span style="white-space:nowrap">{}</span>')


@dataclass(frozen=True)
class Piece:
    """A piece of a page. Shown by Jupyter as HTML; `facts` go into the output's metadata for the page's guard."""

    html: str
    title: str = ""
    facts: dict[str, Any] | None = None

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self.html, "text/plain": self.title}, {"mingce": self.facts or {}}


@dataclass(frozen=True)
class Picture:
    """A picture with its words: SVG, and `alt` for who cannot see it."""

    svg: str
    alt: str
    section: str = "trend"
    title: str = ""

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        facts = {"section": self.section, "title": self.title, "alt": self.alt}
        return {"image/svg+xml": self.svg, "text/plain": self.alt}, {"mingce": facts}


@cache
def environment() -> Environment:
    """Return the template environment of `reports/`: HTML is escaped, an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(str(resources.templates())),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),  # letters in plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    look, page = theme(), resources.templates() / "page"
    known: dict[str, Any] = {"t": look, "family": look.family, "ink": look.ink, "font": Markup(look.font), "tint": tint}
    for name, file in (("css", "page.css"), ("script", "page.js")):
        known[name] = Markup((page / file).read_text(encoding="utf-8").strip())
    made.globals.update(known)  # pyright: ignore[reportCallIssue, reportArgumentType]  (its type lists jinja's own)
    made.filters.update({each.__name__: each for each in (month_day, left_in_words, percent, grouped, glued, css_text)})
    return made


def render(name: str, /, **values: object) -> str:
    """Return `reports/<name>` filled in."""
    return environment().get_template(name).render(**values)


def piece(name: str, title: str = "", facts: dict[str, Any] | None = None, /, **values: object) -> Piece:
    """Return the piece `reports/pieces/<name>.html.j2` filled in."""
    return Piece(render(f"pieces/{name}.html.j2", **values), title, facts)


def section(template: str, title: str, name: str = "", /, *, short: bool = False, **values: object) -> Piece:
    """Return a section of a page, called like its template if `name` is blank; `short`: it needs no card of its own."""
    name = name or template
    facts = {"section": name, "short": short}
    return Piece(render(f"pieces/{template}.html.j2", title=title, section=name, **values), title, facts)


def short_digest(digest: str) -> str:
    """Return a digest as people compare it: 16 characters in groups of four."""
    return " ".join(digest[at : at + 4] for at in range(0, min(len(digest), 16), 4))


def glued(text: str) -> Markup:
    """Return a sentence, escaped, that breaks at the end of a line inside no date, code or number with its unit."""
    made, at = Markup(), 0
    for found in _WHOLE.finditer(text):
        made += escape(text[at : found.start()]) + _ON_ONE_LINE.format(found.group().replace(" ", "\u00a0"))
        at = found.end()
    return made + escape(text[at:])


def in_the_office_s_name(html: str, name: str) -> str:
    """Return HTML in which the office is called by its own name; blank: as our sentences call it."""
    return html.replace(OFFICE, str(escape(name))) if name else html


def css_text(text: str) -> Markup:
    """Return a text as CSS writes it between quotes: whatever ends a string, a rule or the sheet is a code point."""
    return Markup("".join(each if each.isalnum() or each in " ·，、（）-" else f"\\{ord(each):x} " for each in text))
