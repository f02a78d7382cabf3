"""Make the papers of one run: which files, of which colleges and classes, in which folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.atomic_files import atomic_path
from pipeline.cache import journal, write_journal_line
from pipeline.cohort import Cohort, distinct_name
from pipeline.colleges import College
from pipeline.errors import RefusedError, UsageError
from pipeline.papers import corrections, errata, student_papers
from pipeline.papers.class_roster import NO_CLASS, PROOF, Students, paper_students, proof_paper
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import newest_run
from pipeline.run_folder import JOURNAL, unread_of
from pipeline.typeset import Paper
from pipeline.view.answers import answer_rows
from pipeline.view.run_tables import Run, college_folder

FOLDER = "papers"
BEFORE = "before"
"""In the place of a run's id, before there is a run."""
_LISTED = 30


@dataclass(frozen=True)
class PaperRequest:
    """The options of `mingce papers`. No colleges or classes means all; `full` prints ID numbers in full."""

    kinds: tuple[str, ...]
    colleges: tuple[College, ...] = ()
    classes: tuple[str, ...] = ()
    full: bool = False
    by: str = ""
    """Who hands the errata to registrars that have no address."""


@dataclass
class WrittenPapers:
    """The folder and files of papers, and the colleges without papers, with the reason."""

    folder: Path
    files: list[Path] = field(default_factory=list[Path])
    left: list[str] = field(default_factory=list[str])


File = tuple[str, bytes | Paper]
"""A file's name in its folder, and what is in it."""


class PaperFolder:
    """The papers of a run. What was made of equal data, of this run or an earlier one, is reused."""

    def __init__(self, cohort: Cohort, run_id: str) -> None:
        self.root = cohort.reports_folder / FOLDER / run_id
        older = sorted(path.parent for path in self.root.parent.glob(f"*/{JOURNAL}") if path.parent.name < run_id)
        self._known = {
            key: (folder / name, sha256)
            for folder in (*older, self.root)
            for key, files in journal(folder)
            for name, sha256 in files.items()
        }

    def write(self, name: str, content: bytes | Paper) -> Path:
        """Write one paper with mode 0600 and return its path."""
        path = self.root / name
        if isinstance(content, bytes):
            self._put(path, content)
        elif self._known.get(content.key, ("",))[0] != path or not self.reusable(content.key):
            self._note(name, content.key, self.reusable(content.key) or content.pdf())
        return path

    def attachment(self, name: str, key: str, make: Callable[[], bytes]) -> bytes:
        """Return what was made of equal data before, else make and keep it."""
        content = self.reusable(key)
        if not content:
            content = make()
            self.store(name, key, content)
        return content

    def store(self, name: str, key: str, content: bytes) -> None:
        """Keep an attachment, apart from the papers: mails mask what papers may not. Without a key it is not kept."""
        if key:
            self._note(f"mail/{name}", key, content)

    def reusable(self, key: str) -> bytes:
        """Return the file that was made with a key, if it exists and has its SHA-256, else nothing."""
        path, sha256 = self._known.get(key, (self.root, ""))
        content = path.read_bytes() if path.is_file() else b""
        return content if hashlib.sha256(content).hexdigest() == sha256 else b""

    def _note(self, name: str, key: str, content: bytes) -> None:
        self._put(self.root / name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        self._known[key] = self.root / name, sha256
        (self.root / JOURNAL).touch(mode=0o600)
        write_journal_line(self.root, key, {name: sha256})

    def _put(self, path: Path, content: bytes) -> None:
        for folder in (self.root.parent, self.root, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_path(path) as draft:
            draft.touch(mode=0o600)
            draft.write_bytes(content)


def has_run(cohort: Cohort) -> bool:
    """Return whether there is a run to make papers of."""
    try:
        newest_run(cohort)
    except RefusedError:
        return False
    return True


def make_guide(cohort: Cohort) -> WrittenPapers:
    """Write the guide, which needs no run."""
    folder = PaperFolder(cohort, BEFORE)
    return WrittenPapers(folder.root, [folder.write(name, content) for name, content in _guide(cohort)])


def make_papers(cohort: Cohort, run: Run, wanted: PaperRequest) -> WrittenPapers:
    """Write the papers of a run. Raise `UsageError` if no requested college has a requested class."""
    folder = PaperFolder(cohort, run.run_id)
    made = WrittenPapers(folder.root)
    found: set[str] = set()
    for maker in [_OF_ALL[kind] for kind in wanted.kinds if kind in _OF_ALL]:
        for name, content in maker(cohort, run, wanted):
            made.files.append(folder.write(name, content))
    of_colleges = [_KINDS[kind] for kind in wanted.kinds if kind in _KINDS]
    for college in (wanted.colleges or colleges_of(run)) if of_colleges else ():
        lacking = unread_of(run.summary, college.code, college.name)
        if lacking:
            made.left.append(f"{college}：这次运行{lacking}")
            continue
        students = paper_students(run, college)
        for make in of_colleges:
            for name, content in make(cohort, students, wanted):
                made.files.append(folder.write(f"{college_folder(college.code, college.name)}/{name}", content))
        found |= set(students.roster["class_name"])
    lacking = [name for name in wanted.classes if name not in found] if found else []
    if lacking:
        listed = "、".join(sorted(filter(None, found))[:_LISTED])
        raise UsageError(f"没有班级 {'、'.join(lacking)}", where="--class", remedy=f"可选：{listed}")
    return made


def colleges_of(run: Run) -> list[College]:
    """Return the colleges of a run, by school and name."""
    rows = run.table("roster", ["school", "college"]).drop_duplicates().sort_values(["school", "college"])
    return [College(run.code_of(str(school)), str(school), str(name)) for school, name in rows.itertuples(index=False)]


def _classes(students: Students, wanted: PaperRequest) -> Iterator[Students]:
    return (one for one in students.by_class() if not wanted.classes or one.class_name in wanted.classes)


def class_file(name: str, ending: str) -> str:
    """Return the file name of a class. No two classes share one."""
    return f"{distinct_name(name or NO_CLASS)}-{ending}"


def _proofs(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    for one in _classes(students, wanted):
        if len(one.roster):
            yield class_file(one.class_name, f"{PROOF}.pdf"), proof_paper(one, cohort.name, full=wanted.full)


def _corrections(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    rows, form = corrections.rows_to_correct(students), corrections.Form.of(cohort)
    name = f"{corrections.NAME}.xlsx"
    for one in wanted.classes:
        own = [row for row in rows if row.class_name == one]
        if own:
            yield class_file(one, name), corrections.corrections_workbook(own, f"{students.college.name} {one}", form)
    if rows and not wanted.classes:
        yield name, corrections.corrections_workbook(rows, students.college.name, form)


def _results(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    answers = answer_rows(students.run.path, errata.reported_students(cohort, students.run))
    own = answers[(answers["学校"] == students.college.school) & (answers["院系"] == students.college.name)]
    for one in _classes(students, wanted):
        mine = own[own["班级"] == one.class_name]
        if len(mine):
            content = student_papers.results_workbook(one, mine, cohort.name, student_papers.contact_text(cohort))
            yield class_file(one.class_name, f"{student_papers.RESULTS}.xlsx"), content


def _errata(cohort: Cohort, run: Run, wanted: PaperRequest) -> Iterator[File]:
    unread = {str(one["code"]) for one in (run.summary.get("unread") or {}).get("registries", [])}
    asked = {college.code for college in wanted.colleges}
    with open_ledger(cohort) as ledger:
        for school in cohort.schools:
            if school.code in unread or (asked and school.code not in asked):
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


_KINDS: dict[str, Callable[[Cohort, Students, PaperRequest], Iterator[File]]] = {
    "proof": _proofs,
    "corrections": _corrections,
    "results": _results,
}
_OF_ALL: dict[str, Callable[[Cohort, Run, PaperRequest], Iterator[File]]] = {"errata": _errata, "guide": _guide}
KINDS = ("proof", "errata", "corrections", "results", "guide")
