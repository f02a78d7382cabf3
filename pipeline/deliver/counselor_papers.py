"""The papers of a counselor's classes as attachments, where they are small; numbers are masked, as in all mail."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.deliver.message import XLSX, Attachment
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import MailSource
from pipeline.papers import corrections, proof
from pipeline.papers.class_roster import Students, paper_students
from pipeline.papers.corrections import Form, Row, rows_to_mend
from pipeline.papers.make import PaperFolder, class_file
from pipeline.view.run_tables import college_folder, load_run

_COLLEGES = 8  # whose students are kept in memory
MOST = 1_000_000  # bytes of all papers of one mail


class CounselorPapers:
    """The papers of a run's counselors: colleges are read once for all of theirs, a PDF is made once."""

    def __init__(self, cohort: Cohort, source: MailSource) -> None:
        self._cohort, self._run = cohort, load_run(source.run)
        self._form, self._folder = Form.of(cohort), PaperFolder(cohort, source.run_id)
        self._college = lru_cache(_COLLEGES)(self._read)

    def __call__(self, recipient: Recipient) -> tuple[Attachment, ...]:
        """Return the sheet to sign and the workbook of corrections of each class; none where they are too large."""
        made: list[Attachment] = []
        for school, college, class_name in sorted(recipient.scope):
            made += self._of_class(College(self._cohort.code_of(school), school, college), class_name)
            if sum(len(paper.content) for paper in made) > MOST:
                return ()
        return tuple(made)

    def _read(self, college: College) -> tuple[Students, list[Row]]:
        students = paper_students(self._run, college)
        return students, rows_to_mend(students)

    def _of_class(self, college: College, class_name: str) -> Iterator[Attachment]:
        students, to_mend = self._college(college)
        name = class_name[:12]
        file = f"{college_folder(college.code, college.name)}/{class_file(class_name, f'{proof.NAME}.pdf')}"
        sheet = proof.proof_paper(students.of_class(class_name), self._cohort.name, full=False)
        yield Attachment(f"{name}_{proof.NAME}.pdf", self._folder.pdf(file, sheet), "application/pdf")
        rows = [row for row in to_mend if row.class_name == class_name]
        if rows:
            whose = f"{college.name} {class_name}"
            workbook = corrections.corrections_workbook(rows, whose, self._form, masked=True)
            yield Attachment(f"{name}_{corrections.NAME}.xlsx", workbook, XLSX)
