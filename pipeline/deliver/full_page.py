"""Attachments of staff mail: a college's page, a counselor's own page, the papers of their classes."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.deliver.dashboard import FullPage
from pipeline.deliver.message import XLSX, Attachment
from pipeline.deliver.recipients import Recipient, within
from pipeline.deliver.source import MailSource, page_is_whole, site_folder
from pipeline.errors import RefusedError
from pipeline.papers import corrections
from pipeline.papers.class_roster import PROOF, paper_students, proof_paper
from pipeline.papers.corrections import Form, Row, rows_to_mend
from pipeline.papers.make import PaperFolder, class_file
from pipeline.render.pieces import BACK
from pipeline.view.run_tables import college_folder, load_run

if TYPE_CHECKING:
    from pipeline.render.page_guard import Expected, Guard


_WAY_BACK = '<a href="{href}">{title}</a>'.format(**BACK).encode()
MOST = 5  # colleges of one recipient whose pages are attached
_REMEDY = "请重新执行 mingce run 后再寄送"


def college_pages(cohort: Cohort, source: MailSource, recipient: Recipient) -> tuple[Attachment, ...]:
    """Return a secretary's pages, and headcounts ready to sign. Raise `RefusedError` if a page is incomplete."""
    scope = sorted(recipient.scope)[:MOST]
    site = {key: site_folder(cohort, source.run, *key) for key in scope}
    pages = tuple(_attachment(key, "看板", folder / "dashboard.html") for key, folder in site.items())
    own = within(source.colleges, ["school", "college"], scope)
    done = set(own[own["approved"] == own["registered"]][["school", "college"]].itertuples(index=False, name=None))
    done -= set(source.extras[["school", "college"]].itertuples(index=False, name=None))  # cannot be signed yet
    printed = [(key, site[key] / "headcount.pdf") for key in scope if key in done]
    there = [(key[1][:12], path.read_bytes()) for key, path in printed if path.is_file()]
    return pages + tuple(Attachment(f"{name}_人数表.pdf", content, "application/pdf") for name, content in there)


def _attachment(key: tuple[str, ...], what: str, page: Path) -> Attachment:
    if not page_is_whole(page):
        raise RefusedError("页面不完整", where=key[1], remedy=_REMEDY)
    alone = page.read_bytes().replace(_WAY_BACK, b"")  # an attachment has no index to go back to
    return Attachment(f"{key[1][:12]}_{what}.html", alone, "text/html")


def counselor_pages(cohort: Cohort, source: MailSource, who: list[Recipient]) -> FullPage:
    """Render all counselors' own pages at once, one per college. Returns a function that gives a counselor's."""
    if not who:
        return no_pages
    from pipeline.render.notebooks import NotebookJob, run_notebooks
    from pipeline.render.own import Notebooks
    from pipeline.render.page_guard import Guard

    guard, notebooks = Guard(load_run(source.run)), Notebooks(cohort.notebooks_folder)
    made: dict[str, tuple[Attachment, ...]] = {}
    failed: dict[str, str] = {}
    with _scratch(cohort) as name:  # executed notebooks hold names, so they are deleted
        jobs: list[NotebookJob] = []
        wanted = [(one, key) for one in who for key in sorted({(key[0], key[1]) for key in one.scope})[:MOST]]
        for place, (recipient, key) in enumerate(wanted):
            folder = name / str(place)
            folder.mkdir()
            parameters = {
                "run": str(source.run), "college": key[1], "school": cohort.code_of(key[0]),
                "counselor": recipient.address,
            }  # fmt: skip
            notebook, own = notebooks.source("counselor")
            made_here, page = folder / "counselor.ipynb", folder / "page.html"
            jobs.append(NotebookJob(notebook, made_here, page, parameters, str(place), own=own, ours=not own))
        for result, (recipient, key) in zip(run_notebooks(jobs), wanted, strict=True):
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
    """Yield an empty folder in the outbox. The lock of sending allows deleting what a crash left there."""
    folder = cohort.reports_folder / "outbox" / ".pages"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _checked(guard: Guard, expected: Expected, key: tuple[str, str], page: Path | None) -> Attachment:
    from pipeline.render.page_guard import PageError

    if page is None or not page_is_whole(page):
        raise RefusedError("辅导员页面生成失败", where=key[1], remedy=_REMEDY)
    try:
        guard.check(page.read_text(encoding="utf-8"), expected)
    except PageError as error:
        raise RefusedError(error.what, where=key[1], remedy="没有寄出，请报告维护人员") from error
    return _attachment(key, "我的班级", page)


def no_pages(recipient: Recipient) -> tuple[Attachment, ...]:
    """Raise `RefusedError`: no counselor's page was rendered."""
    raise RefusedError("页面没有生成", where=recipient.kind, remedy=_REMEDY)


_KEPT = 8  # colleges whose students are kept in memory
MOST_BYTES = 1_000_000  # bytes of all papers of one mail


class CounselorPapers:
    """The papers of counselors' classes. Each college is read once, and each PDF is made once."""

    def __init__(self, cohort: Cohort, source: MailSource) -> None:
        self._cohort, self._form, self._folder = cohort, Form.of(cohort), PaperFolder(cohort, source.run_id)
        self._students = lru_cache(_KEPT)(partial(paper_students, load_run(source.run)))
        self._to_mend = lru_cache(_KEPT)(self._rows)

    def __call__(self, recipient: Recipient) -> tuple[Attachment, ...]:
        """Return each class's sheet to sign and workbook of corrections; none if they exceed `MOST_BYTES`."""
        made: list[Attachment] = []
        for school, college, class_name in sorted(recipient.scope):
            made += self._of_class(College(self._cohort.code_of(school), school, college), class_name)
            if sum(len(paper.content) for paper in made) > MOST_BYTES:
                return ()
        return tuple(made)

    def _rows(self, college: College) -> list[Row]:
        return rows_to_mend(self._students(college))

    def _of_class(self, college: College, class_name: str) -> Iterator[Attachment]:
        name = class_name[:12]
        file = f"{college_folder(college.code, college.name)}/{class_file(class_name, f'{PROOF}.pdf')}"
        sheet = proof_paper(self._students(college).of_class(class_name), self._cohort.name, full=False)
        yield Attachment(f"{name}_{PROOF}.pdf", self._folder.pdf(file, sheet), "application/pdf")
        rows = [row for row in self._to_mend(college) if row.class_name == class_name]
        if rows:
            whose = f"{college.name} {class_name}"
            workbook = corrections.corrections_workbook(rows, whose, self._form, masked=True)
            yield Attachment(f"{name}_{corrections.NAME}.xlsx", workbook, XLSX)
