"""What a killed run had finished is spared the next one: the same page of the same data, and nothing else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort
from pipeline.render.jobs import NotebookJob
from pipeline.render.resume import end_journal, note_finished, resume
from pipeline.run_folder import JOURNAL, RunFolder, start_run
from tests.deliver.runs import make_cohort

DIGESTS = {"10534/甲学院": "a", "10534/乙学院": "b"}


def jobs(folder: RunFolder) -> list[NotebookJob]:
    made = []
    for name in ("overview", "10534/甲学院/dashboard", "10534/甲学院/headcount", "10534/乙学院/dashboard"):
        flat = name.replace("/", "-")
        page = folder.path / "site" / f"{flat}.html"
        made.append(NotebookJob(Path("n.ipynb"), folder.path / "notebooks" / f"{flat}.ipynb", page, {}, name))
    return made


def draw(folder: RunFolder, job: NotebookJob) -> None:
    for path, text in ((job.output_notebook, str(folder.final)), (job.output_html, f"page of {job.name}")):
        assert path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    note_finished(folder, job, DIGESTS)


def begin(cohort: Cohort, hour: int) -> RunFolder:
    return start_run(cohort, datetime(2016, 10, 20, hour, tzinfo=SHANGHAI))


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Cohort, RunFolder]:
    """A run that had drawn all but the last page, and then was killed while it wrote the journal."""
    cohort = make_cohort(tmp_path / "cohort")
    folder = begin(cohort, 2)
    for job in jobs(folder)[:3]:
        draw(folder, job)
    with (folder.path / JOURNAL).open("a") as file:
        file.write('{"page": "10534/乙')
    return cohort, folder


def test_the_next_run_takes_what_was_finished(killed: tuple[Cohort, RunFolder]):
    cohort, left = killed
    folder = begin(cohort, 3)
    spared = resume(folder, jobs(folder), DIGESTS)
    assert [job.name for job in spared] == ["10534/甲学院/dashboard", "10534/甲学院/headcount"]
    assert all(job.output_html and job.output_html.read_text() == f"page of {job.name}" for job in spared)
    assert all(job.output_notebook.read_text() == str(folder.final) for job in spared)
    end_journal(folder)
    folder.write_summary({})
    final = folder.finish(latest=True)
    folder.discard()
    assert [path.name for path in final.parent.iterdir()] == [final.name]
    assert not left.path.exists() and not (final / JOURNAL).exists()


def test_other_data_are_drawn_anew(killed: tuple[Cohort, RunFolder]):
    folder = begin(killed[0], 3)
    assert not resume(folder, jobs(folder), DIGESTS | {"10534/甲学院": "other"})
    assert not resume(folder, jobs(folder), {})


def test_killed_again_and_again(killed: tuple[Cohort, RunFolder]):
    cohort, first = killed
    second = begin(cohort, 3)  # killed before it draws: the first one's pages are still there
    third = begin(cohort, 4)
    assert third.left and third.left.path == first.path and not second.path.exists()
    assert len(resume(third, jobs(third), DIGESTS)) == 2
    draw(third, jobs(third)[3])  # and killed: the fourth goes on from there
    fourth = begin(cohort, 5)
    assert len(resume(fourth, jobs(fourth), DIGESTS)) == 3
    assert not first.path.exists()
