"""The full pages that go with a mail: a college's from the site, a counselor's from `counselor.ipynb`."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cohort import Cohort
from pipeline.deliver.counselor_papers import CounselorPapers
from pipeline.deliver.dashboard import FullPage
from pipeline.deliver.message import Attachment
from pipeline.deliver.recipients import Recipient, within
from pipeline.deliver.source import MailSource, page_is_whole, site_folder
from pipeline.errors import RefusedError
from pipeline.render.pieces import BACK

if TYPE_CHECKING:
    from pipeline.render.page_guard import Expected, Guard

_WAY_BACK = '<a href="{href}">{title}</a>'.format(**BACK).encode()
MOST = 5  # colleges of one recipient whose pages are attached
_REMEDY = "请重新执行 mingce run 后再寄送"


def college_pages(cohort: Cohort, source: MailSource, recipient: Recipient) -> tuple[Attachment, ...]:
    """Return the pages of a secretary's colleges from the run's site, and the headcounts that can be signed.

    Raises:
        RefusedError: a page is not there or not whole.
    """
    scope = sorted(recipient.scope)[:MOST]
    site = {key: site_folder(cohort, source.run, *key) for key in scope}
    pages = tuple(_attachment(key, "看板", folder / "dashboard.html") for key, folder in site.items())
    own = within(source.colleges, ["school", "college"], scope)
    done = set(own[own["approved"] == own["registered"]][["school", "college"]].itertuples(index=False, name=None))
    done -= set(source.extras[["school", "college"]].itertuples(index=False, name=None))  # cannot be signed yet
    printed = [(key, site[key] / "headcount.pdf") for key in scope if key in done]
    return pages + tuple(
        Attachment(f"{key[1][:12]}_人数表.pdf", path.read_bytes(), "application/pdf")
        for key, path in printed
        if path.is_file()
    )


def _attachment(key: tuple[str, ...], what: str, page: Path) -> Attachment:
    if not page_is_whole(page):
        raise RefusedError("页面不完整", where=key[1], remedy=_REMEDY)
    alone = page.read_bytes().replace(_WAY_BACK, b"")  # there is no index beside an attachment
    return Attachment(f"{key[1][:12]}_{what}.html", alone, "text/html")


def counselor_pages(cohort: Cohort, source: MailSource, who: list[Recipient]) -> FullPage:
    """Render each counselor's own page (one for each of their colleges), all at once, and return what gives them."""
    if not who:
        return _none
    from pipeline.render.notebooks import NotebookJob, run_notebooks
    from pipeline.render.own import Notebooks
    from pipeline.render.page_guard import Guard
    from pipeline.view.run_tables import load_run

    guard, notebooks = Guard(load_run(source.run)), Notebooks(cohort.notebooks_folder)
    made: dict[str, tuple[Attachment, ...]] = {}
    failed: dict[str, str] = {}
    with _scratch(cohort) as name:  # the executed notebooks are not kept: a name is in them
        jobs: list[NotebookJob] = []
        whose: list[tuple[Recipient, tuple[str, str]]] = []
        for place, (recipient, key) in enumerate((r, key) for r in who for key in _colleges(r)):
            folder = name / str(place)
            folder.mkdir()
            parameters = {
                "run": str(source.run), "college": key[1], "school": cohort.code_of(key[0]),
                "counselor": recipient.address,
            }  # fmt: skip
            notebook, own = notebooks.source("counselor")
            page = folder / "page.html"
            made_here = folder / "counselor.ipynb"
            jobs.append(NotebookJob(notebook, made_here, page, parameters, str(place), own=own, ours=not own))
            whose.append((recipient, key))
        for result, (recipient, key) in zip(run_notebooks(jobs), whose, strict=True):
            try:
                mine = within(source.roster, ["school", "college", "class_name"], recipient.scope)["student_number"]
                expected = guard.expected(cohort.code_of(key[0]), key[1], only=frozenset(mine))
                page = _checked(guard, expected, key, result.job.output_html if result.ok else None)
            except RefusedError as error:
                failed[recipient.key] = error.what
            else:
                made[recipient.key] = (*made.get(recipient.key, ()), page)

    papers = CounselorPapers(cohort, source)

    def page_of(recipient: Recipient) -> tuple[Attachment, ...]:
        if recipient.key in failed or recipient.key not in made:
            raise RefusedError(failed.get(recipient.key, "页面没有生成"), where="辅导员页面", remedy=_REMEDY)
        return made[recipient.key] + papers(recipient)

    return page_of


@contextmanager
def _scratch(cohort: Cohort) -> Generator[Path]:
    """Give a folder beside the outbox (whoever sends holds the lock); what a crash left there is removed first."""
    folder = cohort.reports_folder / "outbox" / ".pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _colleges(recipient: Recipient) -> list[tuple[str, str]]:
    return sorted({(key[0], key[1]) for key in recipient.scope})[:MOST]


def _checked(guard: Guard, expected: Expected, key: tuple[str, str], page: Path | None) -> Attachment:
    """Return the page as an attachment, held to the recipient's own students.

    Raises:
        RefusedError: it failed, is cut off, or a student of another class stands on it.
    """
    from pipeline.render.page_guard import PageError

    if page is None or not page_is_whole(page):
        raise RefusedError("辅导员页面生成失败", where=key[1], remedy=_REMEDY)
    try:
        guard.check(page.read_text(encoding="utf-8"), expected)
    except PageError as error:
        raise RefusedError(error.what, where=key[1], remedy="没有寄出，请报告维护人员") from error
    return _attachment(key, "我的班级", page)


def _none(recipient: Recipient) -> tuple[Attachment, ...]:
    raise RefusedError("页面没有生成", where=recipient.kind, remedy=_REMEDY)
