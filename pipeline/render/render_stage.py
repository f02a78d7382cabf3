"""The render stage: executed notebooks, pages and their index, printed headcounts, and the workbook of tables."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
from markupsafe import Markup

from pipeline.atomic_files import remove_drafts
from pipeline.cache import Cache, code_digest, digest_of
from pipeline.colleges import College
from pipeline.errors import MingceError
from pipeline.progress import Reporter
from pipeline.render.college import headcount_of, open_page
from pipeline.render.fragments import render, with_office_name
from pipeline.render.headcount_files import HEADCOUNT_WRITERS, SignedFolder
from pipeline.render.notebooks import NotebookJob, NotebookResult, run_notebooks
from pipeline.render.overview import banners, show_today
from pipeline.render.page_guard import Guard, guard_page, write_failure
from pipeline.render.page_notebooks import CustomPage, Notebooks
from pipeline.render.prepared import can_fork, prepare
from pipeline.render.printed_headcount import Headcount
from pipeline.render.tables_xlsx import write_tables_xlsx
from pipeline.run_folder import RenderOptions, RunFolder
from pipeline.view.all_colleges import Overview
from pipeline.view.run_tables import Run, college_folder, load_run, school_page

_PAGE_TABLES = ("roster", "findings", "headcount", "course", "colleges", "registry", "differences", "outside")
"""Tables whose rows of a college are on its pages."""


@dataclass
class Rendered:
    """The result of each page by name (ok, seconds, error), and the pages reused from an earlier run."""

    pages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    reused: list[str] = field(default_factory=list[str])

    def record(self, name: str, seconds: float, error: str = "") -> None:
        """Record the result of one page."""
        self.pages[name] = {"ok": not error, "seconds": round(seconds, 2), "error": error}

    def as_summary(self) -> dict[str, Any]:
        """Return the summary's entry of the render stage."""
        failed = [name for name, page in self.pages.items() if not page["ok"]]
        return {"pages": self.pages, "failed": failed, "taken_over": sorted(self.reused)}


@dataclass
class Renderer:
    """Renders a run. Enter it before reading, so that the prepared process imports in the meantime."""

    options: RenderOptions
    reporter: Reporter
    cache: Cache
    scheduler: str | None = None
    signed: SignedFolder | None = None
    notebooks: Notebooks = field(default_factory=Notebooks)
    _stack: ExitStack = field(default_factory=ExitStack)
    _interrupted: bool = False

    def __post_init__(self) -> None:
        self._run: Callable[..., object] = partial(run_notebooks, processes=self.options.jobs, cold=self.options.cold)

    def __enter__(self) -> Renderer:
        if not self.options.notebooks or self.options.cold:
            return self
        if self.scheduler is not None:
            from pipeline.render.cluster import notebook_workers

            self._run = self._stack.enter_context(notebook_workers(self.scheduler))
        elif can_fork():
            prepared = self._stack.enter_context(prepare(custom=self.notebooks.folder is not None))
            self._run = partial(self._run, prepared=prepared)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def render(self, folder: RunFolder) -> Rendered:
        """Render all files of the run folder. A failed page becomes a failure page and does not stop the others."""
        pyarrow.default_memory_pool().release_unused()  # 50 MB from the checks, while all pages are rendered
        run = load_run(folder.path)
        listed = [
            College(run.code_of(school), school, college)
            for school, college in run.table("colleges", ["school", "college"]).itertuples(index=False)
        ]
        colleges = [college for college in listed if run.has_pages(college.code)]
        rendered = Rendered()
        keys = college_digests(run, [run.school_name(code) for code in self.options.schools])
        keys |= {"registry": registry_page_digest(run)}
        writers: list[tuple[str, Callable[[], object]]] = []
        for college in colleges:
            site = folder.path / "site" / college_folder(college.code, college.name)
            site.mkdir(mode=0o700, parents=True, exist_ok=True)
            writers += self._headcount_writers(run, folder.path, college, keys, rendered)
        with ThreadPoolExecutor(1, "printed") as executor:  # this process only waits for notebooks
            workbook = partial(write_tables_xlsx, folder.path / "tables.xlsx", run, cache=self.cache)
            writers.append(("tables.xlsx", workbook))
            printing = executor.submit(self._write_files, writers, rendered)
            try:
                if self.options.notebooks:
                    jobs = list(self.notebooks.jobs(run, folder.path, colleges, by_school=run.many_schools))
                    due = [job for job in jobs if job.custom or not self._reuse(job.name, keys, rendered)]
                    self._run_notebooks(run, folder, due, keys, rendered)
                printing.result()
            finally:  # after an interrupt only the current table is finished
                self._interrupted = not printing.done()
        index = partial(write_index, folder.path / "site" / "index.html", run, self.notebooks.added)
        self._write_files([("index", index)], rendered)
        return rendered

    def _reuse(self, name: str, keys: Mapping[str, str], rendered: Rendered) -> bool:
        reused = self.cache.reuse(page_key(name, keys))
        if reused:
            rendered.record(name, 0.0)
            rendered.reused.append(name)
        return reused

    def _run_notebooks(
        self, run: Run, folder: RunFolder, jobs: list[NotebookJob], keys: Mapping[str, str], rendered: Rendered
    ) -> None:
        (folder.path / "notebooks").mkdir(mode=0o700, exist_ok=True)
        guard = Guard(run)
        with self.reporter.progress_bar("页面", len(jobs)) as advance:

            def on_done(result: NotebookResult) -> None:
                job, error, executed = result.job, "" if result.ok else result.error, result.job.output_notebook
                if executed.is_file():
                    text = executed.read_text(encoding="utf-8")
                    executed.write_text(text.replace(str(folder.path), str(folder.final)), encoding="utf-8")
                if job.output_html is not None and not result.ok:
                    write_failure(job.output_html, job.name, error)
                elif job.output_html is not None:
                    school, college = job.of_college or ("", "")
                    error = guard_page(job.output_html, guard, college or job.name, school, college)
                    if not error and not job.custom:
                        self.cache.record([executed, job.output_html], page_key(job.name, keys))
                rendered.record(job.name, result.seconds, error)
                advance(job.name)

            self._run(jobs, on_done=on_done)
        for written in [folder.path / "notebooks", *(folder.path / "site").glob("**")]:
            remove_drafts(written)

    def _write_files(self, writers: Iterable[tuple[str, Callable[[], object]]], rendered: Rendered) -> None:
        for name, write in writers:
            if self._interrupted:
                return
            started = time.perf_counter()
            try:
                write()
                rendered.record(name, time.perf_counter() - started)
            except MingceError as error:
                rendered.record(name, time.perf_counter() - started, str(error))

    def _headcount_writers(
        self, run: Run, folder: Path, college: College, keys: Mapping[str, str], rendered: Rendered
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield name and writer of a college's headcount files. Signed files are copied, unchanged ones are reused."""
        state = run.state(college.code, college.name)
        site = folder / "site" / college_folder(college.code, college.name)
        if self.signed is not None and state.get("signed_files") and not state.get("signature_broken"):
            for name, sha256 in state["signed_files"].items():
                show = partial(self.signed.copy, str(state["signed_digest"]), name, sha256, site / name)
                yield f"{college}/{name}", show
            return
        headcount = cache(lambda: headcount_of(open_page(str(run.path), college.name, college.code)))
        for name, write in HEADCOUNT_WRITERS.items():
            page = f"{college}/{name}"
            if self._reuse(page, keys, rendered):
                continue
            path = site / name

            def writer(page: str = page, path: Path = path, write: Callable[[Path, Headcount], None] = write) -> None:
                write(path, headcount())
                self.cache.record([path], page_key(page, keys))

            yield page, writer


def page_key(name: str, keys: Mapping[str, str]) -> str:
    """Return the key of a college's or the registry's page. It is blank for the overview, which is never reused."""
    digest = keys.get(name) or keys.get(name.rpartition("/")[0], "")
    return digest and digest_of(name, digest)


def college_digests(run: Run, schools: Iterable[str] = ()) -> dict[str, str]:
    """Return, by `school code/college`, the digest of all inputs of its pages (`schools` are names; none: all)."""
    common = f"{run.as_of}|{json.dumps(run.summary['cohort'], sort_keys=True)}|{code_digest()}"
    parts: dict[tuple[str, str], list[str]] = {}
    for name in filter(run.has, _PAGE_TABLES):
        hashes: dict[tuple[str, str], list[npt.NDArray[Any]]] = {}
        for rows in run.batches(name, schools):
            hashed = pd.util.hash_pandas_object(rows, index=False)
            for (school, college), group in hashed.groupby([rows["school"], rows["college"]]):
                hashes.setdefault((str(school), str(college)), []).append(group.to_numpy())
        for key, parts_of_college in hashes.items():
            digest = hashlib.sha256(np.sort(np.concatenate(parts_of_college)).tobytes()).hexdigest()
            parts.setdefault(key, []).append(f"{name}:{digest}")
    unchecked: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in run.summary.get("not_checked", []):
        unchecked[str(item.get("school") or "")].append([str(item["rule"]), str(item["reason"])])
    digests: dict[str, str] = {}
    for (school, college), parts_of_college in parts.items():
        state = run.state(run.code_of(school), college), unchecked[""], unchecked[school]
        text = "|".join([common, json.dumps(state, sort_keys=True), *parts_of_college])
        digests[f"{run.code_of(school)}/{college}"] = hashlib.sha256(text.encode()).hexdigest()
    return digests


def registry_page_digest(run: Run) -> str:
    """Return the digest of all inputs of the registry's page."""
    parts = [json.dumps([run.as_of.isoformat(), run.summary["cohort"], run.summary.get("inputs")], sort_keys=True)]
    columns = {"colleges": ["school", "college", "registered"], "registry_findings": None}
    for name in filter(run.has, columns):
        for rows in run.batches(name, columns=columns[name]):
            parts.append(hashlib.sha256(pd.util.hash_pandas_object(rows).to_numpy().tobytes()).hexdigest())
    return digest_of("registry", code_digest(), *parts)


_SITE = (("overview.html", "总体情况"), ("registry.html", "学籍库"), ("../tables.xlsx", "全部数据表"))
_FILES = (("headcount.pdf", "PDF"), ("headcount.xlsx", "表格"))


def write_index(path: Path, run: Run, added: Sequence[CustomPage] = ()) -> None:
    """Write the index into `path`, with links to existing files only. `added` are the office's own pages."""
    overview = Overview(run, run.table("colleges"))
    site = path.parent
    entries = [_entry(site, run, entry, added, overview.by_school) for entry in overview.units]
    site_pages = [*_SITE, *((f"{page.name}.html", page.title) for page in added if not page.per_college)]
    html = render(
        "page/site_index.html.j2",
        cohort=run.cohort,
        schools=run.schools_in_words,
        as_of=str(run.as_of),
        links=[{"href": quote(href), "title": title} for href, title in site_pages if (site / href).is_file()],
        banners=banners(overview),
        today=Markup(show_today(overview).html),
        unit=overview.unit,
        groups=_groups(entries, overview),
        counts=overview.counts,
        extras=overview.extras.total(),
        office=run.office,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    html = with_office_name(html, run.office["name"])
    path.write_text(html, encoding="utf-8", newline="\n")


def _groups(entries: list[dict[str, Any]], overview: Overview) -> list[tuple[str, list[dict[str, Any]]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    if not overview.by_school:
        for entry in sorted(entries, key=lambda item: str(item["school"])):
            groups.setdefault(str(entry["school"]) if overview.several_schools else "", []).append(entry)
        return list(groups.items())
    with_page = [entry for entry in entries if entry["page"]]
    without_page = [entry for entry in entries if not entry["page"]]
    named = {"有页面的学校" if without_page else "": with_page, "这次没有生成页面的学校": without_page}
    return [(heading, group) for heading, group in named.items() if group]


def _entry(site: Path, run: Run, entry: dict[str, Any], added: Sequence[CustomPage], by_school: bool) -> dict[str, Any]:
    """Return an entry of a college, or of a school with `by_school`, with the addresses of what is there."""
    code = run.code_of(str(entry["school"]))
    fields: dict[str, Any] = {**entry, "expected": bool(entry["href"]), "files": [], "custom": [], "differences": ""}
    if by_school:
        return {**fields, "page": page if (site / (page := school_page(code))).is_file() else ""}
    folder = college_folder(code, str(entry["college"]))

    def links(files: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
        existing = [(name, title) for name, title in files if (site / folder / name).is_file()]
        return [{"href": f"{quote(folder)}/{quote(name)}", "title": title} for name, title in existing]

    page = links([("dashboard.html", "")])
    differences = links([("headcount.html", "")])
    return {
        **fields,
        "page": page[0]["href"] if page else "",
        "files": links(_FILES),
        "custom": links((f"{extra.name}.html", extra.title) for extra in added if extra.per_college),
        "differences": f"{differences[0]['href']}#differences" if differences else "",
    }
