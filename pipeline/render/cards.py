"""An executed notebook as cards. Fragments are copied unchanged, other output is sanitised, the rest is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pipeline.render.fragments import render, with_office_name
from pipeline.render.sanitise import clean_html, count_active, embedded_picture, has_content

if TYPE_CHECKING:
    from nbformat import NotebookNode

HIDDEN_TAGS = frozenset({"remove-cell", "remove_cell", "remove-output", "remove_output"})
"""Tags of Jupyter Book and nbconvert. Cells with one of them are not on the page."""
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
_NAV_LABELS = {
    "today": "今天", "progress": "进度", "trend": "趋势", "reasons": "原因", "changes": "变化", "classes": "班级",
    "majors": "专业", "chase": "学生", "headcount": "人数表", "risks": "风险", "notes": "说明",
}  # fmt: skip
_OBJECT_REPR = re.compile(r"\[?<[\w.]+[^<>]*>(?:,\s*<[^<>]*>)*\]?|Text\(.*\)|\[Text\(.*\)\]", re.DOTALL)
"""Python's default `repr` of objects, such as the axes that a chart's last line returns."""
_HEADING = re.compile(r"<h([12])([^>]*)>(.*?)</h\1>", re.DOTALL)
_MARKDOWN_HEADING = re.compile(r"^#{1,2}\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass
class Card:
    """One card: a fragment, or the output of cells without one. `link` is its text in the navigation line."""

    parts: list[Markup]
    is_fragment: bool = False
    id: str = ""
    link: str = ""
    tags: tuple[str, ...] = ()


@dataclass
class Page:
    """The input of the page template."""

    token: str = ""
    title: str = ""
    line: str = ""
    head: Markup | None = None
    cards: list[Card] = field(default_factory=list[Card])
    links: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    office: Mapping[str, str] = field(default_factory=dict[str, str])
    """The office to contact: `name`, `contact`, `phone`, `form`."""
    opened_tokens: set[str] = field(default_factory=set[str])
    """The tokens of the colleges that the notebook has opened."""
    omitted: Counter[str] = field(default_factory=Counter[str])
    """The number of outputs that only the notebook shows, by kind in Chinese."""

    @property
    def nav(self) -> list[Mapping[str, str]]:
        """Links to this page's sections, then to other pages. A page of two sections has no section links."""
        sections = [{"href": f"#{card.id}", "title": card.link} for card in self.cards if card.link]
        return [*sections, *self.links] if len(sections) > 2 or self.links else []


def page(notebook: NotebookNode, *, token: str = "", line: str = "", folder: str = "") -> str:
    """Return an executed notebook as HTML without code (see `page_of`)."""
    data = page_of(notebook, token, line, folder)
    return with_office_name(render("page/page.html.j2", page=data, office=data.office), data.office.get("name", ""))


def page_of(notebook: NotebookNode, token: str = "", line: str = "", folder: str = "") -> Page:
    """Return the page. A blank `token` is read from its heading. `folder` holds pictures that Markdown links to."""
    page = Page(token, title_of(notebook), line)
    for cell in notebook.cells:
        if HIDDEN_TAGS & set(cell.metadata.get("tags", [])):
            page.omitted["作者留在 notebook 里的单元格"] += cell.cell_type == "code" and bool(cell.outputs)
        elif cell.cell_type == "markdown":
            _add(page, cell, [_markdown_html(page, cell.source, cell.get("attachments"), folder)], new_card=True)
        elif cell.cell_type == "raw" and cell.source.strip():
            _add(page, cell, [Markup("<pre>{}</pre>").format(cell.source)])
        elif cell.cell_type == "code":
            for output in cell.outputs:
                _add_output(page, cell, output)
    if page.head is None:
        _move_title(page)
    page.omitted = +page.omitted
    return page


def _move_title(page: Page) -> None:
    for card in page.cards:
        if not card.is_fragment and (found := _HEADING.search(card.parts[0])):
            rest = card.parts[0].replace(found[0], "", 1)
            card.parts[0], card.link = Markup(rest), ""
            if not rest.strip() and len(card.parts) == 1:
                page.cards.remove(card)
            return


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading in a notebook's Markdown cells, or a blank."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _MARKDOWN_HEADING.search(cell.source)):
            return re.sub(r"[*_`]", "", found[1])
    return ""


def _add_output(page: Page, cell: NotebookNode, output: NotebookNode) -> None:
    metadata: Mapping[str, Any] = output.get("metadata", {}).get("mingce", {})
    if metadata.get("opened"):
        page.opened_tokens.add(str(metadata["opened"]))
    elif metadata.get("token"):
        html = Markup(output.data["text/html"])
        if page.head is not None:  # a card, so that the guard reads its token too
            page.cards.append(Card([html], is_fragment=True))
            return
        page.head, page.title = html, str(metadata["title"])
        page.token = page.token or str(metadata["token"])
        page.links, page.office = list(metadata.get("links") or []), dict(metadata.get("office") or {})
    elif metadata.get("section"):
        page.cards.append(_fragment_card(cell, metadata, output.data))
    elif metadata.get("frame"):
        _add(page, cell, [Markup(output.data["text/html"])])
    else:
        _add(page, cell, list(_output_html(page, output)))


def _fragment_card(cell: NotebookNode, metadata: Mapping[str, Any], data: Mapping[str, Any]) -> Card:
    section = str(metadata["section"])
    title = str(data.get("text/plain", ""))
    short = ("short",) if metadata.get("short") else ()
    return Card([Markup(data["text/html"])], True, section, _NAV_LABELS.get(section, title), (*_layout(cell), *short))


def _layout(cell: NotebookNode) -> tuple[str, ...]:
    return tuple(tag for tag in ("half", "tall") if tag in cell.metadata.get("tags", []))


def _add(page: Page, cell: NotebookNode, parts: list[Markup], *, new_card: bool = False) -> None:
    """Append parts to the last card. They start a new one with `new_card`, after a fragment, and in another layout."""
    parts = [part for part in parts if part.strip()]
    if not parts:
        return
    last = page.cards[-1] if page.cards else None
    if new_card or last is None or last.is_fragment or _layout(cell) != last.tags:
        last = Card([], tags=_layout(cell))
        page.cards.append(last)
        heading = _HEADING.search(parts[0])
        if heading:
            last.link = Markup(heading[3]).striptags()
            last.id = f"s{len(page.cards)}"
    last.parts += parts


def _markdown_html(page: Page, source: str, attachments: Mapping[str, Any] | None, folder: str) -> Markup:
    from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(
        escape=False,
        embed_images=bool(folder),
        path=folder,
        attachments=dict(attachments or {}),
        exclude_anchor_links=True,
    )
    try:
        html = MarkdownWithMath(renderer=renderer).render(source)
    except InvalidNotebook:  # names an attachment that the notebook lacks
        page.omitted["缺少的图片"] += 1
        html = f"<pre>{escape(source)}</pre>"
    page.omitted["脚本、表单、别处的图片"] += count_active(html)
    return clean_html(html)


def _output_html(page: Page, output: NotebookNode) -> Iterator[Markup]:
    """Yield the HTML of an output that is no fragment. Count the outputs that a page cannot show."""
    if output.output_type == "error":
        page.omitted["出错的单元格"] += 1
    elif output.output_type == "stream":
        if output.name == "stderr":
            page.omitted["警告"] += 1
        else:
            yield Markup("<pre>{}</pre>").format(_plain_text(output.text))
    elif "application/vnd.jupyter.widget-view+json" in output.data:
        page.omitted["按钮等控件"] += 1
    else:
        yield from _bundle_html(page, output.data, output.metadata)


def _bundle_html(page: Page, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[Markup]:
    if "text/html" in data:
        page.omitted["脚本、表单、别处的图片"] += count_active(data["text/html"])
        html = clean_html(data["text/html"])
        if has_content(html):
            yield Markup('<div class="wide" tabindex="0">{}</div>').format(html)
            return
    kind = next((kind for kind in _PICTURES if kind in data), "")
    text = _plain_text(str(data.get("text/plain", "")))
    if kind:
        alt = "" if _OBJECT_REPR.fullmatch(text) or text.startswith("<") else text
        yield embedded_picture(kind, data[kind], alt or "图", metadata.get(kind, {}).get("width"))
    elif "text/markdown" in data:
        yield _markdown_html(page, data["text/markdown"], None, "")
    elif "text/html" in data or not text:
        page.omitted["网页上显示不了的内容"] += 1
    elif _OBJECT_REPR.fullmatch(text.strip()):
        page.omitted["没有样子的程序对象"] += 1
    else:
        yield Markup("<pre>{}</pre>").format(text)


def _plain_text(text: str) -> str:
    """Return text without terminal colours and without lines that a carriage return overwrote."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text)
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.strip("\n").split("\n"))
