"""The cache: pages, parts, papers and whole runs are reused if the digest of their inputs (the key) is equal.

Each finished product has a line in its run's journal, with the SHA-256 of its files. The next run copies products from
the latest, newest or killed run. A missing or changed file is made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from pipeline import resources
from pipeline.atomic_files import sha256_of
from pipeline.cohort import Cohort
from pipeline.collect.inputs import files_of, is_database, is_gsheet
from pipeline.errors import InputError
from pipeline.review.ledger import entries_of
from pipeline.review.scope_decisions import YEARS
from pipeline.run_folder import JOURNAL, RunFolder, finished_files, latest_run, newer_runs, previous_run

Files = dict[str, str]
"""SHA-256 of files by their paths within a folder."""
_IGNORED_KINDS = ["delivery", "write_back", "purge", "backup"]
"""Kinds of ledger entries that no run reads."""
_REVIEW_KINDS = ["decision", "reading", "exception", "signature", "acceptance", YEARS]
"""Kinds that only review and later stages read. Match and check may read all others."""
_CODE_SUFFIXES = (".py", ".ipynb", ".yml", ".csv", ".toml", ".j2", ".css", ".js", ".typ", ".json")


@dataclass(frozen=True)
class Cache:
    """The products that the run in `folder` may reuse, by key: the earlier run, and its files."""

    folder: RunFolder
    products: dict[str, tuple[RunFolder, Files]] = field(default_factory=dict[str, tuple[RunFolder, Files]])
    _known_digests: dict[Path, str] = field(default_factory=dict[Path, str])

    def reuse(self, key: str) -> bool:
        """Copy a product's files into the current run. Return whether all are complete."""
        if not key or key not in self.products:
            return False
        files = _copy_files(*self.products[key], self.folder)
        if files is not None:
            write_journal_line(self.folder.path, key, files)
        return files is not None

    def find(self, key: str) -> Path | None:
        """Return the file of an earlier run that contains a product, or None."""
        run, files = self.products.get(key, (self.folder, {}))
        for name, digest in files.items():
            path = (run.path if run.path.is_dir() else run.final) / name
            if path not in self._known_digests:
                self._known_digests[path] = sha256_of(path) if path.is_file() else ""
            return path if self._known_digests[path] == digest else None
        return None

    def record(self, paths: Iterable[Path], *keys: str) -> None:
        """Record in the journal that these files are, or contain, products. Without a key they cannot be reused."""
        files = {path.relative_to(self.folder.path).as_posix(): sha256_of(path) for path in paths if any(keys)}
        for key in filter(None, keys):
            write_journal_line(self.folder.path, key, files)


def open_cache(folder: RunFolder, *, force: bool = False) -> Cache:
    """Return the products that the current run may reuse; none with `force`."""
    opened = Cache(folder)
    latest = latest_run(folder.root)
    names = [latest[0].name] if latest else []
    finished = [RunFolder(folder.root, name) for name in [*names, max(newer_runs(folder.root, ""), default="")] if name]
    for run in [] if force else finished:
        opened.products.update({key: (run, files) for key, files in journal(run.final)})
    if folder.killed and not force:
        opened.products.update({key: (folder.killed, files) for key, files in journal(folder.killed.path)})
    return opened


def reuse_run(folder: RunFolder, fingerprint: str) -> dict[str, Any] | None:
    """Copy the latest run if its fingerprint is equal, and return its summary, else None (also on a damaged file)."""
    latest = latest_run(folder.root) if fingerprint else None
    if latest is None or latest[1].get("fingerprint") != fingerprint:
        return None
    files = finished_files(latest[0])
    reusable = {name: digest for name, digest in files.items() if name not in ("summary.json", JOURNAL)}
    copied = _copy_files(RunFolder(folder.root, latest[0].name), reusable, folder) if files else None
    if copied is None:
        return None
    for key, product in journal(latest[0]):  # executed notebooks changed: they contain the path of this run
        if all(reusable.get(name) == digest for name, digest in product.items()):
            write_journal_line(folder.path, key, {name: copied[name] for name in product})
    return latest[1]


def _copy_files(source: RunFolder, files: Files, target: RunFolder) -> Files | None:
    """Copy files, or none if a SHA-256 differs (None). Executed notebooks get the path of the new run folder."""
    origin = source.path if source.path.is_dir() else source.final
    digests: Files = {}
    for name, digest in files.items():
        path = target.path / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digests[name] = _copy(origin / name, path)
        if digests[name] != digest:
            for name_copied in digests:
                (target.path / name_copied).unlink(missing_ok=True)
            return None
        if path.suffix == ".ipynb":
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(str(source.final), str(target.final)), encoding="utf-8", newline="\n")
            digests[name] = sha256_of(path)
    return digests


def _copy(source: Path, target: Path) -> str:
    """Copy a file and return the SHA-256 of the copy; blank if it cannot be opened."""
    try:
        reader = source.open("rb")
    except OSError:
        return ""
    with reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
    return sha256_of(target)


def write_journal_line(folder: Path, key: str, files: Files) -> None:
    """Write one product into the journal of a folder."""
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"key": key, "files": files}, ensure_ascii=False) + "\n")


def journal(folder: Path) -> list[tuple[str, Files]]:
    """Return the products in a folder's journal. A line that a kill cut off is ignored."""
    try:
        lines = (folder / JOURNAL).read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        entries = [json.loads(line) for line in lines]
        return [(str(entry["key"]), dict(entry["files"])) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []


@cache
def code_digest() -> str:
    """Return the digest of the program, its resources and the versions of Python and libraries."""
    folders = [Path(__file__).parent, resources.expectations(), resources.notebooks(), resources.templates()]
    paths = {path for folder in folders for path in folder.rglob("*") if path.suffix in _CODE_SUFFIXES}
    demo = resources.templates() / "demo"  # output of `make demo` in a checkout
    files = sorted(path for path in paths if demo not in path.parents)
    libraries = {path.name for place in sys.path for path in Path(place or ".").glob("*.dist-info")}  # NAME-VERSION
    parts = [sys.version, *sorted(libraries), *(f"{path}:{sha256_of(path)}" for path in files)]
    return digest_of(*parts)


def digest_of(*parts: str) -> str:
    """Return the SHA-256 of texts. File names may contain undecodable bytes."""
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Fingerprint:
    """The digest of all inputs of a run, and of those of collect, match and check (`check`); blank: unknown."""

    run: str = ""
    check: str = ""


def fingerprint(cohort: Cohort, as_of: date) -> Fingerprint:
    """Return a run's digests; blank with sheets or databases (known only after reading) or a missing file."""
    sources = [*cohort.submissions.paths, *(school.registry for school in cohort.schools)]
    if any(is_database(source) or is_gsheet(source) for source in [*sources, cohort.review.decisions or ""]):
        return Fingerprint()
    try:
        return _fingerprint(cohort, as_of, sources)
    except (InputError, OSError):
        return Fingerprint()


def _fingerprint(cohort: Cohort, as_of: date, sources: list[str]) -> Fingerprint:
    files = [path for source in sources for path in files_of(source, cohort.folder)[0]]
    files += [cohort.path(cohort.people.counselors)]
    files += sorted(cohort.notebooks_folder.rglob("*")) if cohort.notebooks_folder else []
    inputs = digest_of(as_of.isoformat(), settings_digest(cohort), _photos(cohort), *_digests(files))
    entries = entries_of(cohort)
    relevant = entries[~entries["kind"].isin(_IGNORED_KINDS)]
    for_check = relevant[~relevant["kind"].isin(_REVIEW_KINDS)]
    decisions: list[str] = []
    if cohort.review.decisions:
        from pipeline.review.decision_rows import decision_files

        decisions = [sha256_of(path) for path in decision_files(cohort).values()]
    for_run = digest_of(inputs, *relevant["hash"].tail(1), str(previous_run(cohort)), *decisions)
    return Fingerprint(for_run, digest_of(inputs, *for_check["hash"].tail(1)))


def settings_digest(cohort: Cohort) -> str:
    """Return the digest of settings, code, colleges and the office's rules: all that decides how sources are read."""
    rules = sorted(cohort.rules_folder.rglob("*")) if cohort.rules_folder else []
    files = [cohort.path(cohort.people.colleges), *rules]
    return digest_of(cohort.model_dump_json(), code_digest(), *_digests(files))


def _digests(files: Iterable[Path]) -> list[str]:
    return [f"{path}:{sha256_of(path)}" for path in sorted(set(files)) if path.is_file()]


def _photos(cohort: Cohort) -> str:
    """Return paths, sizes and times of the photos. Reading all of them would take as long as the run."""
    if cohort.photos_folder is None:
        return ""
    photos = ((str(path), path.stat()) for path in cohort.photos_folder.rglob("*"))
    return json.dumps(sorted((path, status.st_size, status.st_mtime_ns) for path, status in photos))
