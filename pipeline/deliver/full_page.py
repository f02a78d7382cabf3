"""The full pages that go with a mail: a college's from the site, a counselor's from `counselor.ipynb`."""

from __future__ import annotations

from pathlib import Path

from pipeline.cohort import Cohort
from pipeline.deliver.dashboard import FullPage
from pipeline.deliver.message import Attachment
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import Source, page_is_whole, site_folder
from pipeline.errors import RefusedError

MOST = 5  # colleges of one secretary whose pages are attached


def college_pages(cohort: Cohort, source: Source, recipient: Recipient) -> tuple[Attachment, ...]:
    """Return the college's own page from the run's site.

    Raises:
        RefusedError: it is not there or not whole.
    """
    return tuple(
        Attachment(f"{college[:12]}_看板.html", _whole(site_folder(cohort, source.run, school, college)), "text/html")
        for school, college in sorted(recipient.scope)[:MOST]
    )


def _whole(folder: Path) -> bytes:
    page = folder / "dashboard.html"
    if not page_is_whole(page):
        raise RefusedError("院系页面不完整", where=folder.name, remedy="请重新执行 mingce run")
    return page.read_bytes()


def counselor_pages(cohort: Cohort, source: Source, who: list[Recipient]) -> FullPage:
    """Return what gives each counselor's own page."""
    raise NotImplementedError
