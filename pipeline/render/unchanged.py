"""Colleges that show what they showed in the latest run: their pages are taken over, not rendered again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import resources
from pipeline.run_folder import RunFolder, finished_files, latest_run
from pipeline.view.run import Run

PER_COLLEGE = {"college": "dashboard", "headcount": "headcount"}
"""A college's notebooks, each with the name of its page."""
_OWN = ("roster", "findings", "headcount", "colleges", "registry", "differences")


def college_digests(run: Run, schools: Iterable[str] = ()) -> dict[str, str]:
    """Return, by `school code/college`, the digest of all that its pages show.

    That is its rows of every table, what of its school could not be checked, the day and the window, its signature,
    and the notebooks, templates and code that draw it. Tables are read some rows at a time: what is kept of a row are
    8 bytes.

    Args:
        run: the run whose tables stand.
        schools: names of the schools whose colleges are wanted (none: all).
    """
    common = f"{run.as_of}|{json.dumps(run.summary['cohort'], sort_keys=True)}|{drawing_digest()}"
    parts: dict[tuple[str, str], list[str]] = {}
    for name in filter(run.has, _OWN):
        hashes: dict[tuple[str, str], list[npt.NDArray[Any]]] = {}
        for rows in run.batches(name, schools):
            hashed = pd.util.hash_pandas_object(rows, index=False)
            for (school, college), group in hashed.groupby([rows["school"], rows["college"]]):
                hashes.setdefault((str(school), str(college)), []).append(group.to_numpy())
        for key, own in hashes.items():
            digest = hashlib.sha256(np.sort(np.concatenate(own)).tobytes()).hexdigest()
            parts.setdefault(key, []).append(f"{name}:{digest}")
    unchecked = _not_checked(run)
    digests: dict[str, str] = {}
    for (school, college), own in parts.items():
        state = run.state(run.code_of(school), college), unchecked[""], unchecked[school]
        told = "|".join([common, json.dumps(state, sort_keys=True), *own])
        digests[f"{run.code_of(school)}/{college}"] = hashlib.sha256(told.encode()).hexdigest()
    return digests


def _not_checked(run: Run) -> defaultdict[str, list[list[str]]]:
    """Return, by school (blank: every one), the rules that could not be judged, each with its reason."""
    found: defaultdict[str, list[list[str]]] = defaultdict(list)
    for item in run.summary.get("not_checked", []):
        found[str(item.get("school") or "")].append([str(item["rule"]), str(item["reason"])])
    return found


@cache
def drawing_digest() -> str:
    """Return the digest of everything that draws pages: notebooks, templates, this package's render code."""
    folders = [resources.notebooks(), resources.templates(), Path(__file__).parent]
    demo = resources.templates() / "demo"  # what `make demo` leaves in a checkout draws nothing
    paths = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".ipynb", ".py", ".j2", ".css", ".js", ".typ", ".toml", ".json") and demo not in path.parents
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def take_over(folder: RunFolder, names: dict[str, str], digests: dict[str, str]) -> set[str]:
    """Link the files of colleges whose digest the latest run had too into the new run; return their keys.

    Args:
        folder: the run that is being written.
        names: college key to its folder in `site/`.
        digests: `college_digests` of this run.
    """
    latest = latest_run(folder.root)
    taken: set[str] = set()
    if latest is None or finished_files(latest[0]) is None:
        return taken
    path, summary = latest
    rendered: dict[str, Any] = summary["stages"].get("render") or {}
    before: dict[str, str] = rendered.get("digests") or {}
    for key, name in names.items():
        site = path / "site" / name
        if before.get(key) == digests.get(key) and (site / "dashboard.html").is_file():
            _link_tree(site, folder.path / "site" / name)
            for notebook in PER_COLLEGE:
                executed = Path("notebooks", f"{name}-{notebook}.ipynb")
                if (path / executed).is_file():
                    _link(path / executed, folder.path / executed)
            taken.add(key)
    return taken


def _link_tree(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            _link(path, target / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    """Link a file of an immutable run (copy it where the file system cannot link)."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
