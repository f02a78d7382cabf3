"""What a killed run had finished is taken into the next one, where it would show the same.

While pages are made, each one that is done, and holds to its college, gets a line in a journal of the hidden folder.
A run that is killed leaves that folder; the next one takes from there the pages of colleges with the same digest.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.render.jobs import NotebookJob
from pipeline.run_folder import JOURNAL, RunFolder


def note_finished(folder: RunFolder, job: NotebookJob, digests: Mapping[str, str]) -> None:
    """Write into the journal that a college's page is done, and what it shows (pages of a whole run are not kept)."""
    digest = _digest(job, digests)
    if digest:
        with (folder.path / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"page": job.name, "digest": digest}, ensure_ascii=False) + "\n")


def end_journal(folder: RunFolder) -> None:
    """Remove the journal: a run that is whole says the same in its summary."""
    (folder.path / JOURNAL).unlink(missing_ok=True)


def resume(folder: RunFolder, jobs: Sequence[NotebookJob], digests: Mapping[str, str]) -> list[NotebookJob]:
    """Copy what the killed run `folder.left` had finished of `jobs` into this run; return the jobs it was spared.

    Args:
        folder: the run that is being written.
        jobs: its notebooks.
        digests: `college_digests` of this run.
    """
    left = folder.left
    if left is None:
        return []
    finished = _journal(left.path)
    spared = [job for job in jobs if finished.get(job.name, "none") == _digest(job, digests)]
    for job in spared:
        for path in (job.output_notebook, *([job.output_html] if job.output_html else [])):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(left.path / path.relative_to(folder.path), path)
        text = job.output_notebook.read_text(encoding="utf-8")
        job.output_notebook.write_text(text.replace(str(left.final), str(folder.final)), encoding="utf-8")
        note_finished(folder, job, digests)
    return spared


def _digest(job: NotebookJob, digests: Mapping[str, str]) -> str:
    return digests.get(job.name.rpartition("/")[0], "")


def _journal(folder: Path) -> dict[str, str]:
    """Return the digest by page; what the kill cut off at the end is no line."""
    found: dict[str, str] = {}
    for line in (folder / JOURNAL).read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        entry = json.loads(line)
        found[str(entry["page"])] = str(entry["digest"])
    return found
