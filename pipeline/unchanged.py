"""A run over the same inputs, decisions and code as the latest one takes its results over."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pipeline import resources
from pipeline.cohort import Cohort
from pipeline.collect.gsheet import is_gsheet
from pipeline.collect.inputs import files_of, is_database
from pipeline.errors import InputError
from pipeline.review.desk import KINDS
from pipeline.review.ledger import open_ledger
from pipeline.run_folder import RunFolder, finished_files, latest_run, previous_run

_CODE = (".py", ".ipynb", ".yml", ".csv", ".toml", ".j2", ".css", ".js", ".typ", ".json")


def fingerprint(cohort: Cohort, as_of: date) -> str:
    """Return the digest of all that a run's results depend on; blank where that cannot be told beforehand.

    Sheets and databases are only known once they are read: cohorts that have any are always run in full. So are those
    whose files are not there, or go while they are looked at: what is missing is told where it is read.
    """
    sources = [*cohort.submissions.paths, *(school.registry for school in cohort.schools)]
    if any(is_database(source) or is_gsheet(source) for source in [*sources, cohort.review.decisions or ""]):
        return ""
    try:
        return _fingerprint(cohort, as_of, sources)
    except (InputError, OSError):
        return ""


def _fingerprint(cohort: Cohort, as_of: date, sources: list[str]) -> str:
    files = [path for source in sources for path in files_of(source, cohort.folder)[0]]
    files += [cohort.path(name) for name in (cohort.people.colleges, cohort.people.counselors)]
    files += [cohort.path(cohort.review.decisions)] if cohort.review.decisions else []
    files += sorted(cohort.path(cohort.rules.folder).rglob("*")) if cohort.rules.folder else []
    parts = [as_of.isoformat(), cohort.model_dump_json(), _code_digest(), _ledger_head(cohort), _photos(cohort)]
    parts += [str(previous_run(cohort))]
    parts += [f"{path}:{_digest(path)}" for path in sorted(set(files)) if path.is_file()]
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()  # names of files are bytes


def take_over_latest(folder: RunFolder, wanted: str, run_started: datetime) -> dict[str, Any] | None:
    """Link the latest run's files into `folder` where its fingerprint is `wanted`; return the new run's summary.

    Returns None where there is no such run, or a file of it is gone or cut off: then everything is to be made.
    """
    found = latest_run(folder.root) if wanted else None
    if found is None:
        return None
    latest, summary = found
    files = finished_files(latest) if summary.get("fingerprint") == wanted else None
    if files is None:
        return None
    for name in files:
        if name != "summary.json":
            target = folder.path / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _link(latest / name, target)
    return {
        **summary,
        "run_id": folder.run_id,
        "started_at": run_started.isoformat(timespec="seconds"),
        "taken_over_from": latest.name,
    }


def _link(source: Path, target: Path) -> None:
    """Link a file of an immutable run (copy it where the file system cannot link)."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _ledger_head(cohort: Cohort) -> str:
    """Return what tells the ledger's decisions apart: the last entry that a run looks at."""
    with open_ledger(cohort) as ledger:
        entries = ledger.entries(*KINDS)
    return str(entries["hash"].iloc[-1]) if len(entries) else ""


def _photos(cohort: Cohort) -> str:
    """Return paths, sizes and times of the photos: reading them all would cost what the run costs."""
    if cohort.photos_folder is None:
        return ""
    seen = ((str(path), path.stat()) for path in cohort.photos_folder.rglob("*"))
    return json.dumps(sorted((path, status.st_size, status.st_mtime_ns) for path, status in seen))


@cache
def _code_digest() -> str:
    folders = [Path(__file__).parent, resources.expectations(), resources.notebooks(), resources.templates()]
    paths = {path for folder in folders for path in folder.rglob("*") if path.suffix in _CODE}
    demo = resources.templates() / "demo"  # what `make demo` leaves in a checkout draws nothing
    kept = sorted(path for path in paths if demo not in path.parents)
    return hashlib.sha256("\n".join(f"{path}:{_digest(path)}" for path in kept).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
