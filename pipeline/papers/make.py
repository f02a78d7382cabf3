"""Making papers of one run: which files, of which colleges and classes, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cohort import Cohort, unmistakable
from pipeline.colleges import College
from pipeline.errors import UsageError
from pipeline.papers import corrections, proof
from pipeline.papers.students import NO_CLASS, Students, students_of
from pipeline.render.overview import college_folder
from pipeline.run_folder import unread_of
from pipeline.view.run import Run
from pipeline.whole import appearing

FOLDER = "papers"
_LISTED = 30


@dataclass(frozen=True)
class Wanted:
    """What was asked for: kinds, colleges (none: all), classes (none: all), ID numbers in full."""

    kinds: tuple[str, ...]
    colleges: tuple[College, ...] = ()
    classes: tuple[str, ...] = ()
    full: bool = False


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


def make_papers(cohort: Cohort, run: Run, wanted: Wanted) -> Made:
    """Write the papers of a run.

    Raises:
        UsageError: no college that was asked for has such a class.
    """
    made = Made(papers_folder(cohort, run.run_id))
    found: set[str] = set()
    for college in wanted.colleges or colleges_of(run):
        lacking = unread_of(run.summary.get("unread") or {}, college.code, college.name)
        if lacking:
            made.left.append(f"{college}：这次运行{lacking}")
            continue
        found |= _make_of_college(cohort, students_of(run, college), wanted, made)
    _require_classes(run, wanted, found)
    return made


def colleges_of(run: Run) -> list[College]:
    """Return the colleges of a run, by school and name."""
    rows = run.table("roster", ["school", "college"]).drop_duplicates().sort_values(["school", "college"])
    return [College(run.code_of(str(school)), str(school), str(name)) for school, name in rows.itertuples(index=False)]


def _make_of_college(cohort: Cohort, students: Students, wanted: Wanted, made: Made) -> set[str]:
    """Write a college's papers and return the names of its classes."""
    folder = made.folder / college_folder(students.college.code, students.college.name)
    for kind in wanted.kinds:
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


def _classes(students: Students, wanted: Wanted) -> Iterator[Students]:
    return (one for one in students.by_class() if not wanted.classes or one.class_name in wanted.classes)


def class_file(name: str, ending: str) -> str:
    """Return the name of a class's file: no two classes share one."""
    return f"{unmistakable(name or NO_CLASS)}-{ending}"


def _proofs(cohort: Cohort, students: Students, wanted: Wanted) -> Iterator[File]:
    for one in _classes(students, wanted):
        if len(one.roster):
            yield class_file(one.class_name, f"{proof.NAME}.pdf"), proof.proof_pdf(one, cohort.name, full=wanted.full)


def _corrections(cohort: Cohort, students: Students, wanted: Wanted) -> Iterator[File]:
    parts = _classes(students, wanted) if wanted.classes else [students]
    for one in parts:
        name = f"{corrections.NAME}.xlsx"
        content = corrections.corrections_workbook(one, cohort)
        if content:
            yield (class_file(one.class_name, name) if wanted.classes else name), content


_KINDS: dict[str, Callable[[Cohort, Students, Wanted], Iterator[File]]] = {
    "proof": _proofs,
    "corrections": _corrections,
}
KINDS: tuple[str, ...] = tuple(_KINDS)


def _require_classes(run: Run, wanted: Wanted, found: set[str]) -> None:
    lacking = [name for name in wanted.classes if name not in found]
    if lacking:
        listed = "、".join(sorted(filter(None, found))[:_LISTED])
        raise UsageError(f"没有班级 {'、'.join(lacking)}", where="--class", remedy=f"可选：{listed}")
