"""Write the papers of one run: files per kind, college and class, in `papers/<run id>`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.atomic_files import atomic_path
from pipeline.cache import journal, write_journal_line
from pipeline.cohort import Cohort, distinct_name
from pipeline.colleges import College
from pipeline.errors import UsageError
from pipeline.papers import errata, student_papers
from pipeline.papers.class_roster import PROOF, Students, paper_students, proof_paper
from pipeline.papers.corrections import NAME as CORRECTIONS
from pipeline.papers.corrections import Form, corrections_workbook, rows_to_correct
from pipeline.review.ledger import open_ledger
from pipeline.run_folder import JOURNAL, unread_of
from pipeline.typeset import Paper
from pipeline.view.answers import answer_rows
from pipeline.view.remaining_work import group_name
from pipeline.view.run_tables import Run, college_folder

FOLDER = "papers"
NO_RUN = "before"
"""The folder's name if there is no run yet."""
_MAX_LISTED = 30


@dataclass(frozen=True)
class PaperRequest:
    """The options of `mingce papers`. No colleges or classes means all; `full` prints ID numbers in full."""

    kinds: tuple[str, ...]
    colleges: tuple[College, ...] = ()
    classes: tuple[str, ...] = ()
    full: bool = False
    by: str = ""
    """Who hands the errata to the registrars without a mail address."""


@dataclass
class WrittenPapers:
    """The folder and files of papers. `skipped`: a Chinese line for each college without papers."""

    folder: Path
    files: list[Path] = field(default_factory=list[Path])
    skipped: list[str] = field(default_factory=list[str])


File = tuple[str, bytes | Paper]
"""A file's name in its folder, and what is in it."""


class PaperFolder:
    """The papers of a run. A file built from equal data, in this run or an earlier one, is reused."""

    def __init__(self, cohort: Cohort, run_id: str) -> None:
        self.root = cohort.reports_folder / FOLDER / run_id
        older = sorted(path.parent for path in self.root.parent.glob(f"*/{JOURNAL}") if path.parent.name < run_id)
        self._journaled = {
            key: (folder / name, sha256)
            for folder in (*older, self.root)
            for key, files in journal(folder)
            for name, sha256 in files.items()
        }

    def write(self, name: str, content: bytes | Paper) -> Path:
        """Write one paper with mode 0600 and return its path."""
        path = self.root / name
        if isinstance(content, bytes):
            self._write_file(path, content)
        elif self._journaled.get(content.key, ("",))[0] != path or not self.reusable(content.key):
            self._record(name, content.key, self.reusable(content.key) or content.pdf())
        return path

    def attachment(self, name: str, key: str, build: Callable[[], bytes]) -> bytes:
        """Return the stored file with this key, else build and store it."""
        content = self.reusable(key)
        if not content:
            content = build()
            self.store(name, key, content)
        return content

    def store(self, name: str, key: str, content: bytes) -> None:
        """Store an attachment below `mail/`: mails mask what papers may not. Without a key it is not stored."""
        if key:
            self._record(f"mail/{name}", key, content)

    def reusable(self, key: str) -> bytes:
        """Return the content of the file that was written with `key`. b"" if it is missing or was changed."""
        path, sha256 = self._journaled.get(key, (self.root, ""))
        content = path.read_bytes() if path.is_file() else b""
        return content if hashlib.sha256(content).hexdigest() == sha256 else b""

    def _record(self, name: str, key: str, content: bytes) -> None:
        self._write_file(self.root / name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        self._journaled[key] = self.root / name, sha256
        (self.root / JOURNAL).touch(mode=0o600)
        write_journal_line(self.root, key, {name: sha256})

    def _write_file(self, path: Path, content: bytes) -> None:
        for folder in (self.root.parent, self.root, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_path(path) as draft:
            draft.touch(mode=0o600)
            draft.write_bytes(content)


def write_guide(cohort: Cohort) -> WrittenPapers:
    """Write the guide, which needs no run."""
    folder = PaperFolder(cohort, NO_RUN)
    return WrittenPapers(folder.root, [folder.write(name, content) for name, content in _guide(cohort)])


def write_papers(cohort: Cohort, run: Run, wanted: PaperRequest) -> WrittenPapers:
    """Write the papers of a run. Raise `UsageError` if no requested college has a requested class."""
    folder = PaperFolder(cohort, run.run_id)
    written = WrittenPapers(folder.root)
    class_names: set[str] = set()
    for produce in [_RUN_KINDS[kind] for kind in wanted.kinds if kind in _RUN_KINDS]:
        for name, content in produce(cohort, run, wanted):
            written.files.append(folder.write(name, content))
    college_kinds = [_COLLEGE_KINDS[kind] for kind in wanted.kinds if kind in _COLLEGE_KINDS]
    for college in (wanted.colleges or colleges_of(run)) if college_kinds else ():
        unread = unread_of(run.summary, college.code, college.name)
        if unread:
            written.skipped.append(f"{college}：这次运行{unread}")
            continue
        students = paper_students(run, college)
        for produce in college_kinds:
            for name, content in produce(cohort, students, wanted):
                written.files.append(folder.write(f"{college_folder(college.code, college.name)}/{name}", content))
        class_names |= set(students.roster["class_name"])
    unknown = [name for name in wanted.classes if name not in class_names] if class_names else []
    if unknown:
        listed = "、".join(sorted(filter(None, class_names))[:_MAX_LISTED])
        raise UsageError(f"没有班级 {'、'.join(unknown)}", where="--class", remedy=f"可选：{listed}")
    return written


def colleges_of(run: Run) -> list[College]:
    """Return the colleges of a run, by school and name."""
    rows = run.table("roster", ["school", "college"]).drop_duplicates().sort_values(["school", "college"])
    return [College(run.code_of(str(school)), str(school), str(name)) for school, name in rows.itertuples(index=False)]


def _classes(students: Students, wanted: PaperRequest) -> Iterator[Students]:
    return (group for group in students.by_class() if not wanted.classes or group.class_name in wanted.classes)


def class_file(name: str, ending: str) -> str:
    """Return the file name of a class. No two classes share one."""
    return f"{distinct_name(group_name(name, 'class_name'))}-{ending}"


def _proofs(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    for group in _classes(students, wanted):
        if len(group.roster):
            paper = proof_paper(group, cohort.name, full=wanted.full)
            yield class_file(group.class_name, f"{PROOF}.pdf"), paper


def _corrections(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    rows, form = rows_to_correct(students), Form.for_cohort(cohort)
    college, name = students.college.name, f"{CORRECTIONS}.xlsx"
    for class_name in wanted.classes:
        if of_class := [row for row in rows if row.class_name == class_name]:
            yield class_file(class_name, name), corrections_workbook(of_class, f"{college} {class_name}", form)
    if rows and not wanted.classes:
        yield name, corrections_workbook(rows, college, form)


def _results(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    answers = answer_rows(students.run.path, errata.reported_students(cohort, students.run))
    of_college = answers[(answers["学校"] == students.college.school) & (answers["院系"] == students.college.name)]
    for group in _classes(students, wanted):
        of_class = of_college[of_college["班级"] == group.class_name]
        if len(of_class):
            content = student_papers.results_workbook(group, of_class, cohort.name, student_papers.contact_text(cohort))
            yield class_file(group.class_name, f"{student_papers.RESULTS}.xlsx"), content


def _errata(cohort: Cohort, run: Run, wanted: PaperRequest) -> Iterator[File]:
    unread = {str(registry["code"]) for registry in (run.summary.get("unread") or {}).get("registries", [])}
    requested = {college.code for college in wanted.colleges}
    with open_ledger(cohort) as ledger:
        for school in cohort.schools:
            if school.code in unread or (requested and school.code not in requested):
                continue
            rows = errata.errata_of(run, school, ledger.entries(errata.KIND))
            errata.record_errata(ledger, rows, errata.LISTED, by="mingce papers")
            if wanted.by and not school.registrar:
                errata.record_errata(ledger, rows, errata.REPORTED, by=wanted.by)
                rows = errata.errata_of(run, school, ledger.entries(errata.KIND))
            if rows:
                content = errata.errata_workbook(rows, cohort, school, run.as_of)
                yield f"{distinct_name(school.code)}-{errata.ERRATA}.xlsx", content


def _guide(cohort: Cohort, *_: object) -> Iterator[File]:
    yield f"{student_papers.GUIDE}.pdf", student_papers.guide_paper(cohort)
    yield f"{student_papers.GUIDE}.txt", student_papers.group_message(cohort).encode()


_COLLEGE_KINDS: dict[str, Callable[[Cohort, Students, PaperRequest], Iterator[File]]] = {
    "proof": _proofs,
    "corrections": _corrections,
    "results": _results,
}
_RUN_KINDS: dict[str, Callable[[Cohort, Run, PaperRequest], Iterator[File]]] = {"errata": _errata, "guide": _guide}
KINDS = ("proof", "errata", "corrections", "results", "guide")
