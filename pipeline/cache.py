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
"""Paths within a folder to the SHA-256 of what stands there."""
_NOT_LOOKED_AT = ["delivery", "write_back", "purge", "backup"]
"""Kinds of ledger entries that no run looks at."""
_AFTER_THE_CHECK = ["decision", "reading", "exception", "signature", "acceptance", YEARS]
"""Kinds that only review and what follows look at. Of every other kind, match and check may."""
_CODE = (".py", ".ipynb", ".yml", ".csv", ".toml", ".j2", ".css", ".js", ".typ", ".json")


@dataclass(frozen=True)
class Cache:
    """The products that the run in `folder` may reuse, by key: the earlier run, and its files."""

    folder: RunFolder
    products: dict[str, tuple[RunFolder, Files]] = field(default_factory=dict[str, tuple[RunFolder, Files]])
    _whole: dict[Path, str] = field(default_factory=dict[Path, str])

    def reuse(self, key: str) -> bool:
        """Copy a product's files into the current run. Return whether all are complete."""
        if not key or key not in self.products:
            return False
        files = _copied(*self.products[key], self.folder)
        if files is not None:
            write_journal_line(self.folder.path, key, files)
        return files is not None

    def find(self, key: str) -> Path | None:
        """Return the file of an earlier run that contains a product, or None."""
        run, files = self.products.get(key, (self.folder, {}))
        for name, digest in files.items():
            path = (run.path if run.path.is_dir() else run.final) / name
            if path not in self._whole:
                self._whole[path] = sha256_of(path) if path.is_file() else ""
            return path if self._whole[path] == digest else None
        return None

    def record(self, paths: Iterable[Path], *keys: str) -> None:
        """Record in the journal that these files are, or contain, products. Without a key they cannot be reused."""
        files = {path.relative_to(self.folder.path).as_posix(): sha256_of(path) for path in paths if any(keys)}
        for key in filter(None, keys):
            write_journal_line(self.folder.path, key, files)


def open_cache(folder: RunFolder, *, anew: bool = False) -> Cache:
    """Return the products that the current run may reuse; none with `anew`."""
    kept = Cache(folder)
    latest = latest_run(folder.root)
    named = [latest[0].name] if latest else []
    finished = [RunFolder(folder.root, name) for name in [*named, max(newer_runs(folder.root, ""), default="")] if name]
    for run in [] if anew else finished:
        kept.products.update({key: (run, files) for key, files in journal(run.final)})
    if folder.left and not anew:
        kept.products.update({key: (folder.left, files) for key, files in journal(folder.left.path)})
    return kept


def reuse_run(folder: RunFolder, fingerprint: str) -> dict[str, Any] | None:
    """Copy the latest run if its fingerprint is equal, and return its summary, else None (also on a damaged file)."""
    found = latest_run(folder.root) if fingerprint else None
    if found is None or found[1].get("fingerprint") != fingerprint:
        return None
    files = finished_files(found[0])
    own = {name: digest for name, digest in files.items() if name not in ("summary.json", JOURNAL)}
    copied = _copied(RunFolder(folder.root, found[0].name), own, folder) if files else None
    if copied is None:
        return None
    for key, product in journal(found[0]):  # executed notebooks changed: they contain the path of this run
        if all(own.get(name) == digest for name, digest in product.items()):
            write_journal_line(folder.path, key, {name: copied[name] for name in product})
    return found[1]


def _copied(source: RunFolder, files: Files, target: RunFolder) -> Files | None:
    """Copy files, or none if a SHA-256 differs (None). Executed notebooks get the path of the new run folder."""
    origin = source.path if source.path.is_dir() else source.final
    copied: Files = {}
    for name, digest in files.items():
        path = target.path / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copied[name] = _copy(origin / name, path)
        if copied[name] != digest:
            for each in copied:
                (target.path / each).unlink(missing_ok=True)
            return None
        if path.suffix == ".ipynb":
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(str(source.final), str(target.final)), encoding="utf-8", newline="\n")
            copied[name] = sha256_of(path)
    return copied


def _copy(source: Path, target: Path) -> str:
    """Copy a file and return the SHA-256 of the copy; blank if it cannot be opened."""
    try:
        given = source.open("rb")
    except OSError:
        return ""
    with given, target.open("wb") as made:
        shutil.copyfileobj(given, made, 1 << 20)
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
    paths = {path for folder in folders for path in folder.rglob("*") if path.suffix in _CODE}
    demo = resources.templates() / "demo"  # output of `make demo` in a checkout
    kept = sorted(path for path in paths if demo not in path.parents)
    libraries = {path.name for place in sys.path for path in Path(place or ".").glob("*.dist-info")}  # NAME-VERSION
    told = [sys.version, *sorted(libraries), *(f"{path}:{sha256_of(path)}" for path in kept)]
    return digest_of(*told)


def digest_of(*parts: str) -> str:
    """Return the SHA-256 of texts. File names may contain undecodable bytes."""
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Fingerprint:
    """Digests of all inputs (`whole`) and of those of collect, match and check (`judged`); blank: unknown."""

    whole: str = ""
    judged: str = ""


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
    given = digest_of(as_of.isoformat(), settings_digest(cohort), _photos(cohort), *_digests(files))
    entries = entries_of(cohort)
    seen = entries[~entries["kind"].isin(_NOT_LOOKED_AT)]
    before = seen[~seen["kind"].isin(_AFTER_THE_CHECK)]
    decided: list[str] = []
    if cohort.review.decisions:
        from pipeline.review.decision_rows import decision_files

        decided = [sha256_of(path) for path in decision_files(cohort)]
    whole = digest_of(given, *seen["hash"].tail(1), str(previous_run(cohort)), *decided)
    return Fingerprint(whole, digest_of(given, *before["hash"].tail(1)))


def settings_digest(cohort: Cohort) -> str:
    """Return the digest of all that decides how the cohort's sources are read, beside the sources themselves."""
    own = sorted(cohort.rules_folder.rglob("*")) if cohort.rules_folder else []
    files = [cohort.path(cohort.people.colleges), *own]
    return digest_of(cohort.model_dump_json(), code_digest(), *_digests(files))


def _digests(files: Iterable[Path]) -> list[str]:
    return [f"{path}:{sha256_of(path)}" for path in sorted(set(files)) if path.is_file()]


def _photos(cohort: Cohort) -> str:
    """Return paths, sizes and times of the photos. Reading all of them would take as long as the run."""
    if cohort.photos_folder is None:
        return ""
    seen = ((str(path), path.stat()) for path in cohort.photos_folder.rglob("*"))
    return json.dumps(sorted((path, status.st_size, status.st_mtime_ns) for path, status in seen))
