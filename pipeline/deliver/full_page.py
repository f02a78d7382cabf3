"""Attachments of staff mail: pages of colleges and counselors, and the papers of their classes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path

from pipeline.cache import code_digest, digest_of, journal
from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.deliver.dashboard import FullPage
from pipeline.deliver.message import XLSX, Attachment
from pipeline.deliver.recipients import SCOPES, Recipient, in_scope
from pipeline.deliver.source import MailSource, page_complete, site_folder
from pipeline.errors import RefusedError
from pipeline.papers.class_roster import PROOF, paper_students, proof_paper
from pipeline.papers.corrections import NAME, CorrectionRow, Form, corrections_workbook, rows_to_correct
from pipeline.papers.paper_files import PaperFolder, class_file
from pipeline.render.fragments import INDEX_LINK
from pipeline.render.notebooks import NotebookJob, run_notebooks
from pipeline.render.page_guard import AllowedContent, Guard, PageError
from pipeline.render.page_notebooks import Notebooks
from pipeline.view.run_tables import college_folder

_INDEX_LINK = '<a href="{href}">{title}</a>'.format(**INDEX_LINK).encode()
MAX_COLLEGES = 5  # colleges of one recipient whose pages are attached
_REMEDY = "请重新执行 mingce run 后再寄送"


def college_pages(source: MailSource, recipient: Recipient) -> tuple[Attachment, ...]:
    """Return a secretary's pages, and headcounts ready to sign. Raise `RefusedError` if a page is incomplete."""
    scope = sorted(recipient.scope)[:MAX_COLLEGES]
    colleges = in_scope(source.colleges, ["school", "college"], scope)
    complete = colleges.loc[colleges["approved"] == colleges["registered"], SCOPES["secretary"]]
    ready = set(complete.itertuples(index=False, name=None))
    ready -= set(source.extras[SCOPES["secretary"]].itertuples(index=False, name=None))  # cannot be signed yet
    pages: list[Attachment] = []
    for key in scope:
        page, printed = (site_folder(source.run, *key) / name for name in ("dashboard.html", "headcount.pdf"))
        if not page_complete(page):
            raise RefusedError("页面不完整", where=key[1], remedy=_REMEDY)
        content = page.read_bytes().replace(_INDEX_LINK, b"")  # it has no index to go back to
        pages.append(Attachment(f"{key[1][:12]}_看板.html", content, "text/html"))
        if key in ready and printed.is_file():
            pages.append(Attachment(f"{key[1][:12]}_人数表.pdf", printed.read_bytes(), "application/pdf"))
    return tuple(pages)


def counselor_pages(cohort: Cohort, source: MailSource, counselors: list[Recipient]) -> FullPage:
    """Render the pages of all counselors, one per college. Returns a function from a counselor to the attachments.

    A page is reused as long as the page of its college is reused from run to run.
    """
    if not counselors:
        return no_pages
    notebook, custom = Notebooks(cohort.notebooks_folder).source("counselor")
    papers = CounselorPapers(cohort, source)
    products = {} if custom else {name: key for key, files in journal(source.run.path) for name in files}
    pages: dict[_Place, bytes | RefusedError] = {}
    keys: dict[_Place, str] = {}
    for counselor in counselors:
        for school, college in sorted({(key[0], key[1]) for key in counselor.scope})[:MAX_COLLEGES]:
            folder = college_folder(cohort.code_of(school), college)
            product = products.get(f"site/{folder}/dashboard.html", "")
            details = json.dumps([counselor.address, counselor.names, sorted(counselor.scope)])
            place = counselor, (school, college)
            keys[place] = product and digest_of("counselor", product, details)
            pages[place] = papers.folder.reusable(keys[place])
    missing = [place for place, content in pages.items() if not content]
    for place, content in _render_pages(cohort, source, missing, notebook, custom=custom) if missing else ():
        pages[place] = content
        if isinstance(content, bytes):
            papers.folder.store(f"{digest_of(place[0].key, *place[1])}.html", keys[place], content)

    def attachments_of(recipient: Recipient) -> tuple[Attachment, ...]:
        attachments: list[Attachment] = []
        for (counselor, (_, college)), content in pages.items():
            if counselor == recipient and isinstance(content, RefusedError):
                raise content
            if counselor == recipient and isinstance(content, bytes):
                attachments.append(Attachment(f"{college[:12]}_我的班级.html", content, "text/html"))
        return (*attachments, *papers(recipient)) if attachments else no_pages(recipient)

    return attachments_of


_Place = tuple[Recipient, tuple[str, str]]
"""A counselor, and the (school, college) of the page."""


def _render_pages(
    cohort: Cohort, source: MailSource, places: list[_Place], notebook: Path, *, custom: bool
) -> Iterator[tuple[_Place, bytes | RefusedError]]:
    """Execute the notebook of each place. Yield the place with its page, or with the error."""
    guard = Guard(source.run)
    with _scratch(cohort) as name:  # executed notebooks hold names, so they are deleted
        jobs: list[NotebookJob] = []
        new_job = partial(NotebookJob, notebook, custom=custom, bundled=not custom)
        for number, (recipient, (school, college)) in enumerate(places):
            folder = name / str(number)
            folder.mkdir()
            key, executed, page = (cohort.code_of(school), college), folder / "counselor.ipynb", folder / "page.html"
            values = {"run": str(source.run.path), "college": college, "school": key[0], "counselor": recipient.address}
            jobs.append(new_job(executed, page, values, str(number), of_college=key))
        for result, place in zip(run_notebooks(jobs), places, strict=True):
            recipient, (school, college) = place
            try:
                students = in_scope(source.roster, SCOPES["counselor"], recipient.scope)
                numbers = frozenset(students["student_number"])
                expected = guard.allowed(cohort.code_of(school), college, only=numbers)
                yield place, _checked_page(guard, expected, college, result.job.output_html if result.ok else None)
            except RefusedError as error:
                yield place, error


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


def _checked_page(guard: Guard, expected: AllowedContent, college: str, page: Path | None) -> bytes:
    if page is None or not page_complete(page):
        raise RefusedError("辅导员页面生成失败", where=college, remedy=_REMEDY)
    content = page.read_bytes()
    try:
        guard.check(content.decode(), expected)
    except PageError as error:
        raise RefusedError(error.what, where=college, remedy="没有寄出，请报告维护人员") from error
    return content


def no_pages(recipient: Recipient) -> tuple[Attachment, ...]:
    """Raise `RefusedError`, because no counselor's page was rendered."""
    raise RefusedError("页面没有生成", where=recipient.kind, remedy=_REMEDY)


_CACHED_COLLEGES = 8  # colleges whose students are kept in memory
MAX_BYTES = 1_000_000  # bytes of all papers of one mail


class CounselorPapers:
    """The papers of counselors' classes. Each college is read once, and unchanged papers are reused."""

    def __init__(self, cohort: Cohort, source: MailSource) -> None:
        self._cohort, self._form = cohort, Form.for_cohort(cohort)
        self.folder = PaperFolder(cohort, source.run.run_id)
        self._students = lru_cache(_CACHED_COLLEGES)(partial(paper_students, source.run))
        self._to_correct = lru_cache(_CACHED_COLLEGES)(self._rows)
        self._version = digest_of(code_digest(), repr(self._form))

    def _rows(self, college: College) -> list[CorrectionRow]:
        return rows_to_correct(self._students(college))

    def __call__(self, recipient: Recipient) -> tuple[Attachment, ...]:
        """Return the classes' sheets to sign and the colleges' corrections. () if they exceed `MAX_BYTES`."""
        classes: dict[College, list[str]] = {}
        for school, name, class_name in sorted(recipient.scope):
            classes.setdefault(College(self._cohort.code_of(school), school, name), []).append(class_name)
        papers: list[Attachment] = []
        for college, names in classes.items():
            papers += [self._sheet(college, name) for name in names]
            papers += self._corrections(college, names, recipient.key.rpartition(":")[2])
            if sum(len(paper.content) for paper in papers) > MAX_BYTES:
                return ()
        return tuple(papers)

    def _sheet(self, college: College, class_name: str) -> Attachment:
        sheet = proof_paper(self._students(college).of_class(class_name), self._cohort.name, full=False)
        file = f"{college_folder(college.code, college.name)}/{class_file(class_name, f'{PROOF}.pdf')}"
        content = self.folder.attachment(file, sheet.key, sheet.pdf)
        return Attachment(f"{class_name[:12]}_{PROOF}.pdf", content, "application/pdf")

    def _corrections(self, college: College, names: list[str], owner: str) -> Iterator[Attachment]:
        rows = [row for row in self._to_correct(college) if row.class_name in names]
        if rows:
            classes = names[0] if len(names) == 1 else f"{names[0]}等{len(names)}个班"
            title = f"{college.name} {classes}"
            build = partial(corrections_workbook, rows, title, self._form, masked=True)
            file = f"{college_folder(college.code, college.name)}/{owner}-{NAME}.xlsx"
            content = self.folder.attachment(file, digest_of(self._version, title, repr(rows)), build)
            yield Attachment(f"{names[0][:12]}{classes.removeprefix(names[0])}_{NAME}.xlsx", content, XLSX)
