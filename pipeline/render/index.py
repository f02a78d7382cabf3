"""`site/index.html` with links to all pages. No notebook makes it, so it exists even when one fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from pipeline.render.fragments import render, with_office_name
from pipeline.render.overview import banners, show_today
from pipeline.render.page_notebooks import OwnPage
from pipeline.view.all_colleges import Overview
from pipeline.view.run_tables import Run, college_folder, school_page

_SITE = (("overview.html", "总体情况"), ("registry.html", "学籍库"), ("../tables.xlsx", "全部数据表"))
_FILES = (("headcount.pdf", "PDF"), ("headcount.xlsx", "表格"))


def write_index(path: Path, run: Run, added: Sequence[OwnPage] = ()) -> None:
    """Write the index into `path`, with links to existing files only. `added` are the office's own pages."""
    overview = Overview(run, run.table("colleges"))
    site = path.parent
    entries = [_entry(site, run, entry, added, overview.by_school) for entry in overview.units]
    site_pages = [*_SITE, *((f"{page.name}.html", page.title) for page in added if not page.per_college)]
    html = render(
        "page/site_index.html.j2",
        cohort=run.cohort,
        schools=run.schools_in_words,
        as_of=str(run.as_of),
        links=[{"href": quote(href), "title": title} for href, title in site_pages if (site / href).is_file()],
        banners=banners(overview),
        today=Markup(show_today(overview).html),
        unit=overview.unit,
        groups=_groups(entries, overview),
        counts=overview.counts,
        extras=overview.extras.total(),
        office=run.office,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    html = with_office_name(html, run.office["name"])
    path.write_text(html, encoding="utf-8", newline="\n")


def _groups(entries: list[dict[str, Any]], overview: Overview) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    if not overview.by_school:
        for entry in sorted(entries, key=lambda each: str(each["school"])):
            groups.setdefault(str(entry["school"]) if overview.several else "", []).append(entry)
        return list(groups.items())
    made = [entry for entry in entries if entry["page"]]
    others = [entry for entry in entries if not entry["page"]]
    named = {"有页面的学校" if others else "": made, "这次没有生成页面的学校": others}
    return [(heading, group) for heading, group in named.items() if group]


def _entry(site: Path, run: Run, entry: dict[str, Any], added: Sequence[OwnPage], by_school: bool) -> dict[str, Any]:
    """Return an entry of a college, or of a school with `by_school`, with the addresses of what is there."""
    code = run.code_of(str(entry["school"]))
    more: dict[str, Any] = {**entry, "asked": bool(entry["href"]), "files": [], "own": [], "who": ""}
    if by_school:
        return {**more, "page": page if (site / (page := school_page(code))).is_file() else ""}
    folder = college_folder(code, str(entry["college"]))

    def links(files: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
        there = [(name, title) for name, title in files if (site / folder / name).is_file()]
        return [{"href": f"{quote(folder)}/{quote(name)}", "title": title} for name, title in there]

    page = links([("dashboard.html", "")])
    who = links([("headcount.html", "")])
    return {
        **more,
        "page": page[0]["href"] if page else "",
        "files": links(_FILES),
        "own": links((f"{one.name}.html", one.title) for one in added if one.per_college),
        "who": f"{who[0]['href']}#differences" if who else "",
    }
