"""Sanitised HTML and pictures of foreign output: no script, no event handler, no external resource."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup

if TYPE_CHECKING:
    from bleach.sanitizer import Cleaner


def _set(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_TAGS = _set(
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6",
    "hr i img ins kbd li mark ol p pre s samp section small span strong sub summary sup table tbody td tfoot th thead",
    "tr u ul var wbr",
)
_DROPPED = _set("script style iframe object embed applet noscript template title textarea select svg math")
"""Tags that are removed with their content."""
_ACTIVE_TAGS = _set("script iframe object embed applet form input button select textarea video audio canvas")
"""Tags that a page counts as omitted."""
_ATTRIBUTES = {
    "*": _set("class id style title lang role tabindex aria-label aria-hidden"),
    "a": _set("href"),
    "img": _set("alt width height"),
    "td": _set("colspan rowspan align bgcolor"),
    "th": _set("colspan rowspan align bgcolor scope"),
    "table": _set("cellpadding data-sort"),
    "ol": _set("start"),
    "details": _set("open"),
}
_PROPERTIES = _set(
    "background-color border border-bottom border-collapse border-color border-left border-radius border-right",
    "border-spacing border-style border-top border-width color display font font-family font-size font-style",
    "font-variant font-variant-numeric font-weight height letter-spacing line-height list-style-type margin",
    "margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width opacity overflow",
    "overflow-wrap overflow-x padding padding-bottom padding-left padding-right padding-top table-layout text-align",
    "text-decoration text-indent vertical-align white-space width word-break",
)
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
_LINK = re.compile(r"(?:https?://|mailto:|#|\.{0,2}/?[^:?#\s]*(?:[?#]|$))", re.IGNORECASE)
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.DOTALL | re.IGNORECASE)
_SVG_ELEMENT = re.compile(r"<svg\b.*?</svg\s*>", re.DOTALL | re.IGNORECASE)
_STYLER_ID = "#T_"  # prefix of the selectors of pandas' Styler


def clean_html(html: str) -> Markup:
    """Return `html` with its text, tables, colours and embedded pictures only."""
    rules = "".join(rule for sheet in _STYLE.findall(html) for rule in _styler_rules(sheet))
    html = _SVG_ELEMENT.sub(lambda svg: embedded_picture("image/svg+xml", _with_namespace(svg[0]), ""), html)
    cleaned = _cleaner().clean(html)
    return Markup(f"<style>{rules}</style>{cleaned}" if rules else cleaned)


def embedded_picture(kind: str, data: str, alt: str, width: int | None = None) -> Markup:
    """Return a picture (`image/svg+xml`, `image/png` …) as an `<img>` with a data URI, which runs no script."""
    content = b64encode(data.encode()).decode() if kind == "image/svg+xml" else "".join(data.split())
    size = Markup(' width="{}"').format(width) if width else ""
    return Markup('<img alt="{}"{} src="data:{};base64,{}">').format(alt, size, kind, content)


def count_active(html: str) -> int:
    """Count the scripts, frames, forms, players and external pictures in `html`, which no page shows."""
    found = _ActiveCounter()
    found.feed(html)
    return found.number


def has_content(html: str) -> bool:
    """Return whether sanitised HTML has text or a picture."""
    return "<img" in html or bool(re.sub(r"<style>.*?</style>|<[^>]*>|&nbsp;|\s", "", html, flags=re.DOTALL))


class _ActiveCounter(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.number += tag in _ACTIVE_TAGS or (tag == "img" and not _IMAGE.fullmatch(dict(attrs).get("src") or ""))


def _with_namespace(svg: str) -> str:
    """Return an `<svg>` with the namespace that an SVG file needs."""
    return (
        svg if "xmlns=" in svg[: svg.index(">")] else svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    )


def _styler_rules(sheet: str) -> Iterator[str]:
    """Yield the rules of a style sheet that select only frames of pandas' Styler."""
    import tinycss2

    for rule in cast("list[Any]", tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)):
        if rule.type != "qualified-rule":
            continue
        selectors = tinycss2.serialize(rule.prelude)
        if all(selector.strip().startswith(_STYLER_ID) for selector in selectors.split(",")) and "<" not in selectors:
            yield f"{selectors.strip()}{{{_css().sanitize_css(tinycss2.serialize(rule.content))}}}"


@cache
def _css() -> Any:  # noqa: ANN401 - bleach ships no types
    from bleach.css_sanitizer import CSSSanitizer

    return CSSSanitizer(allowed_css_properties=_PROPERTIES)


@cache
def _cleaner() -> Cleaner:
    from bleach.sanitizer import Cleaner

    allowed = _TAGS | _DROPPED
    return Cleaner(
        tags=allowed,
        attributes=_is_allowed,
        protocols={"http", "https", "mailto", "data"},
        strip=True,
        strip_comments=True,
        filters=[_drop_tags],  # pyright: ignore[reportArgumentType]  (any callable that yields tokens works)
        css_sanitizer=_css(),
    )


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return _IMAGE.fullmatch(value) is not None
    if tag == "a" and name == "href":
        return _LINK.match(value) is not None
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, frozenset())


def _drop_tags(source: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Drop the tags of `_DROPPED` with their content, and images without a source, from the token stream."""
    depth = 0
    for token in source:
        dropped = token.get("name") in _DROPPED or (token.get("name") == "img" and (None, "src") not in token["data"])
        depth += dropped and token["type"] == "StartTag"
        if not depth and not dropped:
            yield token
        depth -= dropped and token["type"] == "EndTag" and depth > 0
