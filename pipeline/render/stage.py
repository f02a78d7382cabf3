"""The render stage: the executed notebooks and their pages, the printed headcounts, the workbook of tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline import resources
from pipeline.cohort import Cohort, safe_name
from pipeline.errors import MingceError
from pipeline.progress import Reporter
from pipeline.render.failure import write_failure_page
from pipeline.render.notebooks import NotebookJob, NotebookResult, run_notebooks
from pipeline.render.starter import Prepared, can_fork, prepare
from pipeline.run_folder import RunFolder
from pipeline.tables import Frame

_PER_COLLEGE = {"college": "dashboard", "headcount": "headcount"}
_PER_RUN = ("overview", "registry")


@dataclass(frozen=True)
class RenderOptions:
    """How pages are made: whether at all, how many at a time (0: by cores), with cold kernels."""

    notebooks: bool = True
    jobs: int = 0
    cold: bool = False


@dataclass
class Rendered:
    """What became of each page: `pages` by name (seconds, ok, error), `failed` the names of those that are broken."""

    pages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    @property
    def failed(self) -> list[str]:
        """The names of the pages that could not be made."""
        return [name for name, page in self.pages.items() if not page["ok"]]

    def as_summary(self) -> dict[str, Any]:
        """Return what the summary says of the render."""
        return {"pages": self.pages, "failed": self.failed}


class Renderer:
    """Renders a run. Entered before anything is read, so that the notebooks' process gets ready beside that."""

    def __init__(self, cohort: Cohort, options: RenderOptions, reporter: Reporter) -> None:
        self._cohort, self._options, self._reporter = cohort, options, reporter
        self._prepared: Prepared | None = None

    def __enter__(self) -> Renderer:
        if self._options.notebooks and not self._options.cold and can_fork():
            self._prepared = prepare(template=resources.templates() / "page")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._prepared is not None:
            self._prepared.close()

    def render(self, folder: RunFolder, tables: dict[str, Frame]) -> Rendered:
        """Render everything into the run's folder. A page that fails says so itself and stops no other."""
        rendered = Rendered()
        for college in college_folders(self._cohort, tables["colleges"]):
            (folder.path / "site" / college.folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._options.notebooks:
            self._run_notebooks(folder, tables, rendered)
        self._print(folder, tables, rendered)
        return rendered

    def _run_notebooks(self, folder: RunFolder, tables: dict[str, Frame], rendered: Rendered) -> None:
        (folder.path / "notebooks").mkdir(mode=0o700, exist_ok=True)
        jobs = notebook_jobs(folder.path, self._cohort, tables["colleges"])
        with self._reporter.counting("页面", len(jobs)) as counter:

            def done(result: NotebookResult) -> None:
                rendered.pages[result.job.name] = {
                    "ok": result.ok, "seconds": round(result.seconds, 2), "error": result.error
                }  # fmt: skip
                if not result.ok and result.job.output_html is not None:
                    write_failure_page(result.job.output_html, result.job.name, result.error)
                counter.done(result.job.name)

            run_notebooks(
                jobs,
                processes=self._options.jobs,
                cold=self._options.cold,
                on_done=done,
                prepared=self._prepared,
            )
        _point_to_final(folder)

    def _print(self, folder: RunFolder, tables: dict[str, Frame], rendered: Rendered) -> None:
        """Write what needs no kernel; what fails is told like a page."""
        for name, write in printed(folder.path, self._cohort, tables):
            try:
                write()
            except MingceError as error:
                rendered.pages[name] = {"ok": False, "seconds": 0.0, "error": str(error)}


@dataclass(frozen=True)
class CollegeFolder:
    """One college and the name of its folder in `site/`."""

    code: str
    school: str
    college: str

    @property
    def folder(self) -> str:
        """`<school code>-<college>`, harmless on every platform."""
        return safe_name(f"{self.code}-{self.college}")


def college_folders(cohort: Cohort, colleges: Frame) -> list[CollegeFolder]:
    """Return the colleges of a run's `colleges` table with their folders."""
    pairs = colleges[["school", "college"]].itertuples(index=False)
    return [CollegeFolder(cohort.code_of(school), school, college) for school, college in pairs]


def notebook_jobs(run: Path, cohort: Cohort, colleges: Frame) -> list[NotebookJob]:
    """Return the notebooks to run: those of the whole run, and those of each college."""
    source = resources.notebooks()
    jobs = [
        NotebookJob(
            source / f"{name}.ipynb",
            run / "notebooks" / f"{name}.ipynb",
            run / "site" / f"{name}.html",
            {"run": str(run)},
            name,
        )
        for name in _PER_RUN
    ]
    for one in college_folders(cohort, colleges):
        for notebook, page in _PER_COLLEGE.items():
            jobs.append(
                NotebookJob(
                    source / f"{notebook}.ipynb",
                    run / "notebooks" / f"{one.folder}-{notebook}.ipynb",
                    run / "site" / one.folder / f"{page}.html",
                    {"run": str(run), "college": one.college, "school": one.code},
                    f"{one.code}/{one.college}/{page}",
                )
            )
    return jobs


def _point_to_final(folder: RunFolder) -> None:
    """Let the executed notebooks name the folder where the run will stand, not the hidden one it is made in."""
    for path in (folder.path / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(folder.path), str(folder.final)), encoding="utf-8")


def printed(run: Path, cohort: Cohort, tables: dict[str, Frame]) -> list[tuple[str, Callable[[], None]]]:
    """Return the writers of what needs no kernel, each with its name."""
    return []
