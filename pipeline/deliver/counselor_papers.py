"""The papers of a counselor's classes as attachments, where they are small; numbers are masked, as in all mail."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.deliver.message import XLSX, Attachment
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import MailSource
from pipeline.papers import corrections, proof
from pipeline.papers.class_roster import Students, paper_students
from pipeline.papers.corrections import Form
from pipeline.view.run_tables import load_run

_COLLEGES = 8  # whose students are kept in memory
MOST = 1_000_000  # bytes of all papers of one mail


class CounselorPapers:
    """The papers of a run's counselors: colleges are read once for all of theirs."""

    def __init__(self, cohort: Cohort, source: MailSource) -> None:
        self._cohort, self._run = cohort, load_run(source.run)
        self._form = Form.of(cohort)
        self._students = lru_cache(_COLLEGES)(partial(paper_students, self._run))

    def __call__(self, recipient: Recipient) -> tuple[Attachment, ...]:
        """Return the sheet to sign and the workbook of corrections of each class; none where they are too large."""
        made: list[Attachment] = []
        for one in self._classes(recipient):
            made += _of_class(one, self._form)
            if sum(len(paper.content) for paper in made) > MOST:
                return ()
        return tuple(made)

    def _classes(self, recipient: Recipient) -> Iterator[Students]:
        for school, college in sorted({(key[0], key[1]) for key in recipient.scope}):
            students = self._students(College(self._cohort.code_of(school), school, college))
            for class_name in sorted(key[2] for key in recipient.scope if key[:2] == (school, college)):
                yield students.of_class(class_name)


def _of_class(students: Students, form: Form) -> Iterator[Attachment]:
    name = students.class_name[:12]
    sheet = proof.proof_pdf(students, form.cohort, full=False)
    yield Attachment(f"{name}_{proof.NAME}.pdf", sheet, "application/pdf")
    workbook = corrections.corrections_workbook(students, form, masked=True)
    if workbook:
        yield Attachment(f"{name}_{corrections.NAME}.xlsx", workbook, XLSX)
