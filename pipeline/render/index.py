"""`site/index.html`, which leads to all others; made without a notebook, so it is there even where one fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline import resources
from pipeline.render.load import Run
from pipeline.render.overview import Overview, college_folder
from pipeline.render.pieces import render

_SITE = (("overview.html", "全校一览"), ("registry.html", "学籍库"), ("../tables.xlsx", "全部数据表"))
_FILES = (("headcount.pdf", "PDF"), ("headcount.xlsx", "表格"))


def write_index(path: Path, run: Run) -> None:
    """Write `site/index.html` into file `path`; only pages and files that are there are linked.

    Args:
        path: the file to write, in the run's `site/`.
        run: the run whose pages have been made.
    """
    overview = Overview(run, run.table("roster", ["school", "college", "status"]), run.table("colleges"))
    site = path.parent
    entries = [_entry(site, run, entry) for entry in overview.entries]
    html = render(
        "page/site_index.html.j2",
        cohort=run.cohort,
        schools="、".join(run.schools.values()),
        as_of=str(run.as_of),
        links=[{"href": href, "title": title} for href, title in _SITE if (site / href).is_file()],
        entries=entries,
        several=overview.several,
        counts=overview.counts,
        css=(resources.templates() / "page" / "page.css").read_text(encoding="utf-8"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8", newline="\n")


def _entry(site: Path, run: Run, entry: dict[str, Any]) -> dict[str, Any]:
    folder = college_folder(run.code_of(str(entry["school"])), str(entry["college"]))
    made = [
        {"href": f"{quote(folder)}/{name}", "title": title}
        for name, title in _FILES
        if (site / folder / name).is_file()
    ]
    page = f"{quote(folder)}/dashboard.html" if (site / folder / "dashboard.html").is_file() else ""
    return {**entry, "page": page, "files": made}
