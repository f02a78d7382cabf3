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
from pipeline.render.parameters import documented_parameters, read_notebook
from pipeline.view.run_tables import Run, college_folder, school_page, token

_PER_RUN = ("overview", "registry")
_PER_COLLEGE = {"college": "dashboard", "headcount": "headcount"}
"""A college's notebooks, each with the name of its page."""
_PARAMETERS = ("run", "college", "school")


@dataclass(frozen=True)
class CustomPage:
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
        path = self.folder / f"{name}.ipynb" if self.folder else None
        return (path, True) if path is not None and path.is_file() else (resources.notebooks() / f"{name}.ipynb", False)

    @cached_property
    def added(self) -> tuple[CustomPage, ...]:
        """The pages that the office's notebooks add, by name."""
        bundled = {path.stem for path in resources.notebooks().glob("*.ipynb")}
        return tuple(page for name, page in self._custom.items() if name not in bundled)

    @cached_property
    def _custom(self) -> dict[str, CustomPage]:
        """The office's notebooks by name, those that replace ours too."""
        paths = self.folder.glob("[!.]*.ipynb") if self.folder else ()
        return {path.stem: _page_of(path) for path in sorted(paths, key=lambda path: path.stem)}

    def jobs(self, run: Run, folder: Path, colleges: Iterable[College], *, by_school: bool) -> Iterator[NotebookJob]:
        """Yield the jobs of the run, of its `colleges`, and with `by_school` of each school's overview."""
        listed = list(colleges)
        for code in dict.fromkeys(college.code for college in listed if by_school):
            yield self._job(run, folder, "overview", (f"school-{code}", school_page(code), f"{code}/overview"), code)
        for name in (*_PER_RUN, *(page.name for page in self.added if not page.per_college)):
            yield self._job(run, folder, name, (name, f"{name}.html", name))
        of_colleges = [*_PER_COLLEGE, *(page.name for page in self.added if page.per_college)]
        for college in listed:
            site = college_folder(college.code, college.name)
            for name in of_colleges:
                page = _PER_COLLEGE.get(name, name)
                files = f"{site}-{name}", f"{site}/{page}.html", f"{college}/{page}"
                yield self._job(run, folder, name, files, college.code, college.name)

    def _job(
        self, run: Run, folder: Path, name: str, files: tuple[str, str, str], code: str = "", college: str = ""
    ) -> NotebookJob:
        """Return the job of notebook `name`. `files` are the executed notebook, the page, and the page's name."""
        source, custom = self.source(name)
        executed, page, page_name = files
        accepted = self._custom[name].parameters if custom else _PARAMETERS  # an office's replacement may take fewer
        values = {"run": str(folder), "college": college, "school": code}
        parts = (college, run.school_name(code) if code else "", run.cohort, f"数据截至 {run.as_of}")
        return NotebookJob(
            source,
            folder / "notebooks" / f"{executed}.ipynb",
            folder / "site" / page,
            {key: value for key, value in values.items() if value and key in accepted},
            page_name,
            token(run.run_id, code, college),
            " · ".join(filter(None, parts)),
            custom,
            (code, college) if college else None,
            not custom,
        )


def _page_of(path: Path) -> CustomPage:
    from pipeline.render.cards import title_of

    try:
        accepted = tuple(name for name in documented_parameters(path) if name in _PARAMETERS)
        return CustomPage(path.stem, title_of(read_notebook(path)) or path.stem, "college" in accepted, accepted)
    except MingceError:  # its job fails, and its page states why
        return CustomPage(path.stem, path.stem, False, ())
