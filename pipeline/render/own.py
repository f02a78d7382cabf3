"""The notebooks of a run's pages: the package's, and the office's from the folder `[reports] notebooks`.

An office's notebook replaces the package's of the same name. Any other adds a page: one per college if it documents the
parameter `college`, else one per run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline import resources
from pipeline.colleges import College
from pipeline.errors import MingceError
from pipeline.render.notebooks import NotebookJob
from pipeline.render.parameters import documented, read_notebook
from pipeline.view.run_tables import Run, college_folder, school_page, token

_PER_RUN = ("overview", "registry")
_PER_COLLEGE = {"college": "dashboard", "headcount": "headcount"}
"""A college's notebooks, each with the name of its page."""
_GIVEN = ("run", "college", "school")


@dataclass(frozen=True)
class OwnPage:
    """A page that an office's notebook adds. `name` is the file name without `.html`."""

    name: str
    title: str
    per_college: bool
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Notebooks:
    """A cohort's notebooks. `folder` holds the office's own (None: it has none)."""

    folder: Path | None = None

    def source(self, name: str) -> tuple[Path, bool]:
        """Return the path of notebook `name`, and whether it is the office's own."""
        own = self.folder / f"{name}.ipynb" if self.folder else None
        return (own, True) if own is not None and own.is_file() else (resources.notebooks() / f"{name}.ipynb", False)

    @cached_property
    def added(self) -> tuple[OwnPage, ...]:
        """The pages that the office's notebooks add, by name."""
        if self.folder is None:
            return ()
        ours = {path.stem for path in resources.notebooks().glob("*.ipynb")}
        names = sorted(path.stem for path in self.folder.glob("[!.]*.ipynb") if path.stem not in ours)
        return tuple(self._added(name) for name in names)

    def _added(self, name: str) -> OwnPage:
        path = self.source(name)[0]
        try:
            known = tuple(each for each in documented(path) if each in _GIVEN)
            return OwnPage(name, _title(path) or name, "college" in known, known)
        except MingceError:  # its page will say so
            return OwnPage(name, name, False, ())

    def _known(self, name: str) -> tuple[str, ...]:
        """Return a notebook's parameters. An office's replacement may take fewer."""
        return self._added(name).parameters if self.source(name)[1] else _GIVEN

    def jobs(self, run: Run, folder: Path, colleges: Iterable[College], *, by_school: bool) -> Iterator[NotebookJob]:
        """Yield the jobs of the run, of its `colleges`, and with `by_school` of each school's overview."""
        every = list(colleges)
        for code in dict.fromkeys(college.code for college in every if by_school):
            files = f"school-{code}", school_page(code), f"{code}/overview"
            yield self._job(run, folder, "overview", files, self._known("overview"), code)
        for name in _PER_RUN:
            yield self._job(run, folder, name, (name, f"{name}.html", name), self._known(name))
        for page in self.added:
            if not page.per_college:
                yield self._job(run, folder, page.name, (page.name, f"{page.name}.html", page.name), page.parameters)
        of_colleges = {name: self._known(name) for name in _PER_COLLEGE}
        of_colleges |= {page.name: page.parameters for page in self.added if page.per_college}
        for college in every:
            site = college_folder(college.code, college.name)
            for name, known in of_colleges.items():
                page = _PER_COLLEGE.get(name, name)
                files = f"{site}-{name}", f"{site}/{page}.html", f"{college}/{page}"
                yield self._job(run, folder, name, files, known, college.code, college.name)

    def _job(
        self,
        run: Run,
        folder: Path,
        name: str,
        files: tuple[str, str, str],
        known: Iterable[str],
        code: str = "",
        college: str = "",
    ) -> NotebookJob:
        """Return the job of notebook `name`. `files` are the executed notebook, the page, and the page's name."""
        source, own = self.source(name)
        executed, page, told = files
        given = {"run": str(folder), "college": college, "school": code}
        parts = (college, run.school_name(code) if code else "", run.cohort, f"数据截至 {run.as_of}")
        return NotebookJob(
            source,
            folder / "notebooks" / f"{executed}.ipynb",
            folder / "site" / page,
            {key: value for key, value in given.items() if value and key in known},
            told,
            token(run.run_id, code, college),
            " · ".join(filter(None, parts)),
            own,
            (code, college) if college else None,
            not own,
        )


def _title(path: Path) -> str:
    from pipeline.render.cards import title_of

    return title_of(read_notebook(path))
