"""The papers of a counselor's classes as attachments, where they are small; numbers are masked, as in all mail."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.deliver.message import XLSX, Attachment
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import Source
from pipeline.papers import corrections, proof
from pipeline.papers.students import Students, students_of
from pipeline.view.run import load_run

MOST = 1_000_000  # bytes of all papers of one mail


def counselor_papers(cohort: Cohort, source: Source, recipient: Recipient) -> tuple[Attachment, ...]:
    """Return the sheet to sign and the workbook of corrections of each class; none where they are too large."""
    made: list[Attachment] = []
    for one in _classes(cohort, source, recipient):
        made += _of_class(cohort, one)
        if sum(len(paper.content) for paper in made) > MOST:
            return ()
    return tuple(made)


def _classes(cohort: Cohort, source: Source, recipient: Recipient) -> Iterator[Students]:
    run = load_run(source.run)
    for school, college in sorted({(key[0], key[1]) for key in recipient.scope}):
        students = students_of(run, College(cohort.code_of(school), school, college))
        for class_name in sorted(key[2] for key in recipient.scope if key[:2] == (school, college)):
            yield students.of_class(class_name)


def _of_class(cohort: Cohort, students: Students) -> Iterator[Attachment]:
    name = students.class_name[:12]
    sheet = proof.proof_pdf(students, cohort.name, full=False)
    yield Attachment(f"{name}_{proof.NAME}.pdf", sheet, "application/pdf")
    workbook = corrections.corrections_workbook(students, cohort, masked=True)
    if workbook:
        yield Attachment(f"{name}_{corrections.NAME}.xlsx", workbook, XLSX)
