"""Making papers of one run: which files, of which colleges and classes, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cohort import Cohort, unmistakable
from pipeline.colleges import College
from pipeline.errors import RefusedError, UsageError
from pipeline.papers import corrections, errata, errata_xlsx, guide, proof, results
from pipeline.papers.class_roster import NO_CLASS, Students, paper_students
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import newest_run
from pipeline.run_folder import unread_of
from pipeline.view.answers import answer_rows
from pipeline.view.run_tables import Run, college_folder
from pipeline.whole import appearing

FOLDER = "papers"
BEFORE = "before"
"""In the place of a run's id, before there is a run."""
_LISTED = 30


@dataclass(frozen=True)
class PaperRequest:
    """What was asked for: kinds, colleges (none: all), classes (none: all), ID numbers in full."""

    kinds: tuple[str, ...]
    colleges: tuple[College, ...] = ()
    classes: tuple[str, ...] = ()
    full: bool = False
    by: str = ""
    """Who hands the errata to registrars that have no address."""


@dataclass
class Made:
    """Where the papers stand, which were made, and of which colleges none could be, with the reason."""

    folder: Path
    files: list[Path] = field(default_factory=list[Path])
    left: list[str] = field(default_factory=list[str])


File = tuple[str, bytes]
"""A file's name in its folder, and what is in it."""


def papers_folder(cohort: Cohort, run_id: str) -> Path:
    """Return where the papers of a run stand."""
    return cohort.reports_folder / FOLDER / run_id


def has_run(cohort: Cohort) -> bool:
    """Return whether there is a run that papers can be made of."""
    try:
        newest_run(cohort)
    except RefusedError:
        return False
    return True


def make_guide(cohort: Cohort) -> Made:
    """Write the guide before there is any run: it needs none."""
    made = Made(papers_folder(cohort, BEFORE))
    made.files = [write_paper(made.folder, made.folder / name, content) for name, content in _guides(cohort)]
    return made


def make_papers(cohort: Cohort, run: Run, wanted: PaperRequest) -> Made:
    """Write the papers of a run.

    Raises:
        UsageError: no college that was asked for has such a class.
    """
    made = Made(papers_folder(cohort, run.run_id))
    found: set[str] = set()
    for maker in [_OF_ALL[kind] for kind in wanted.kinds if kind in _OF_ALL]:
        for name, content in maker(cohort, run, wanted):
            made.files.append(write_paper(made.folder, made.folder / name, content))
    for college in _colleges(run, wanted):
        lacking = unread_of(run.summary.get("unread") or {}, college.code, college.name)
        if lacking:
            made.left.append(f"{college}：这次运行{lacking}")
            continue
        found |= _make_of_college(cohort, paper_students(run, college), wanted, made)
    _require_classes(run, wanted, found)
    return made


def _colleges(run: Run, wanted: PaperRequest) -> Sequence[College]:
    """Return the colleges whose papers are asked for: none where only papers of a school, or of all, are."""
    if not any(kind in _KINDS for kind in wanted.kinds):
        return ()
    return wanted.colleges or colleges_of(run)


def colleges_of(run: Run) -> list[College]:
    """Return the colleges of a run, by school and name."""
    rows = run.table("roster", ["school", "college"]).drop_duplicates().sort_values(["school", "college"])
    return [College(run.code_of(str(school)), str(school), str(name)) for school, name in rows.itertuples(index=False)]


def _make_of_college(cohort: Cohort, students: Students, wanted: PaperRequest, made: Made) -> set[str]:
    """Write a college's papers and return the names of its classes."""
    folder = made.folder / college_folder(students.college.code, students.college.name)
    for kind in [kind for kind in wanted.kinds if kind in _KINDS]:
        for name, content in _KINDS[kind](cohort, students, wanted):
            made.files.append(write_paper(made.folder, folder / name, content))
    return set(students.roster["class_name"])


def write_paper(root: Path, path: Path, content: bytes) -> Path:
    """Write one paper, which the owner alone may read, and return its path."""
    for folder in (root.parent, root, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with appearing(path) as draft:
        draft.touch(mode=0o600)
        draft.write_bytes(content)
    return path


def _classes(students: Students, wanted: PaperRequest) -> Iterator[Students]:
    return (one for one in students.by_class() if not wanted.classes or one.class_name in wanted.classes)


def class_file(name: str, ending: str) -> str:
    """Return the name of a class's file: no two classes share one."""
    return f"{unmistakable(name or NO_CLASS)}-{ending}"


def _proofs(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    for one in _classes(students, wanted):
        if len(one.roster):
            yield class_file(one.class_name, f"{proof.NAME}.pdf"), proof.proof_pdf(one, cohort.name, full=wanted.full)


def _corrections(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    parts = _classes(students, wanted) if wanted.classes else [students]
    form = corrections.Form.of(cohort)
    for one in parts:
        name = f"{corrections.NAME}.xlsx"
        content = corrections.corrections_workbook(one, form)
        if content:
            yield (class_file(one.class_name, name) if wanted.classes else name), content


def _results(cohort: Cohort, students: Students, wanted: PaperRequest) -> Iterator[File]:
    answers = answer_rows(students.run.path, errata.reported_students(cohort, students.run))
    own = answers[(answers["学校"] == students.college.school) & (answers["院系"] == students.college.name)]
    for one in _classes(students, wanted):
        mine = own[own["班级"] == one.class_name]
        if len(mine):
            content = results.results_workbook(one, mine, cohort.name, guide.whom_to_ask(cohort))
            yield class_file(one.class_name, f"{results.NAME}.xlsx"), content


def _errata(cohort: Cohort, run: Run, wanted: PaperRequest) -> Iterator[File]:
    unread = {str(one["code"]) for one in (run.summary.get("unread") or {}).get("registries", [])}
    asked = {college.code for college in wanted.colleges}
    with open_ledger(cohort) as ledger:
        for school in cohort.schools:
            if school.code in unread or (asked and school.code not in asked):
                continue
            rows = errata.errata_of(run, school, ledger.entries(errata.KIND))
            errata.remember(ledger, rows, errata.LISTED, by="mingce papers")
            if wanted.by and not school.registrar:
                errata.remember(ledger, rows, errata.REPORTED, by=wanted.by)
                rows = errata.errata_of(run, school, ledger.entries(errata.KIND))
            if rows:
                content = errata_xlsx.errata_workbook(rows, cohort, school, run.as_of)
                yield f"{unmistakable(school.code)}-{errata_xlsx.NAME}.xlsx", content


def _guide(cohort: Cohort, run: Run, wanted: PaperRequest) -> Iterator[File]:
    return _guides(cohort)


def _guides(cohort: Cohort) -> Iterator[File]:
    yield f"{guide.NAME}.pdf", guide.guide_pdf(cohort)
    yield f"{guide.NAME}.txt", guide.group_message(cohort).encode()


_KINDS: dict[str, Callable[[Cohort, Students, PaperRequest], Iterator[File]]] = {
    "proof": _proofs,
    "corrections": _corrections,
    "results": _results,
}
_OF_ALL: dict[str, Callable[[Cohort, Run, PaperRequest], Iterator[File]]] = {"errata": _errata, "guide": _guide}
KINDS = ("proof", "errata", "corrections", "results", "guide")


def _require_classes(run: Run, wanted: PaperRequest, found: set[str]) -> None:
    lacking = [name for name in wanted.classes if name not in found] if found else []
    if lacking:
        listed = "、".join(sorted(filter(None, found))[:_LISTED])
        raise UsageError(f"没有班级 {'、'.join(lacking)}", where="--class", remedy=f"可选：{listed}")
