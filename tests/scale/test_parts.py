"""A cohort in many parts has the tables that it has in one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from pipeline.errors import InputError
from pipeline.scale import plan
from pipeline.tables import ROW_GROUPS
from pipeline.view.run_tables import load_run
from tests.cohorts import make_cohort
from tests.conftest import ROOT, Ran
from tests.scale.runs import TABLES, check, in_this_process, many_parts, table


@pytest.mark.slow
def test_tables_do_not_depend_on_the_parts(whole: Path, parted: Path):
    for name in TABLES:
        pd.testing.assert_frame_equal(table(parted, name), table(whole, name), obj=name)


@pytest.mark.slow
def test_a_schools_rows_are_read_whole_and_from_its_own_part_alone(parted: Path):
    run = load_run(parted)
    for name in ("findings", "roster", "registry", "differences", "submissions"):
        told = run.table(name)
        groups = json.loads(pq.read_metadata(run.path / "tables" / f"{name}.parquet").metadata[ROW_GROUPS.encode()])
        own = name in ("roster", "registry")  # the others' rows may name a school and stand with a student of another
        assert not own or all(len(places) == 1 for places in groups.values()), name
        for school in run.schools.values():
            there = told[told["school"] == school].reset_index(drop=True)
            pd.testing.assert_frame_equal(run.rows(name, school=school), there, obj=name)
    roster = table(run.path, "roster")
    strays = 0
    for school, rows in roster[roster["submission_id"] != ""].groupby("school"):
        ids = rows["submission_id"].tolist()
        read = run.rows_in("submissions", "submission_id", ids, ["submission_id", "school"], str(school))
        assert sorted(read["submission_id"]) == sorted(ids)
        strays += int((read["school"] != school).sum())
    assert strays > 4, "the cohort is to have students who stray"


@pytest.mark.slow
def test_a_withdrawn_row_is_out_wherever_it_stands(
    crossing: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = pd.read_parquet(whole / "tables" / "submissions.parquet")
    taken = set(rows["submission_id"][::29])
    monkeypatch.setattr(plan, "withdrawn_submission_ids", lambda entries: taken)
    one = check(crossing, tmp_path / "one")
    many_parts(monkeypatch)
    in_this_process(monkeypatch)
    many = check(crossing, tmp_path / "many")
    withdrawn = table(many, "submissions").query("superseded_by == 'withdrawn'")
    assert set(withdrawn["submission_id"]) == taken
    for name in TABLES:
        pd.testing.assert_frame_equal(table(many, name), table(one, name), obj=name)


@pytest.mark.slow
def test_a_registry_that_calls_its_school_by_another_name_is_still_its_own(begun: Ran, tmp_path: Path):
    """`cohort.toml` says whose it is; else every student would be sent to another school."""
    folder = shutil.copytree(begun.cohort, tmp_path / "cohort")
    before = table(begun.run, "certifications")
    path = folder / "registry" / "10534.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.assign(学校名称=frame["学校名称"] + "（本部）").to_csv(path, index=False)
    run = check(folder, tmp_path / "after")
    pd.testing.assert_frame_equal(table(run, "certifications"), before)
    notes = json.loads((run / "summary.json").read_text(encoding="utf-8"))["notes"]
    assert [note["file"] for note in notes if "（本部）" in note["message"]] == ["registry/10534.csv"]


SHARED_EXPORTS = [("registry/all.csv", "./registry//all.csv"), ("registry/*.csv", "registry/12649.csv")]
SHARED_EXPORTS += [("registry/all.csv", f"registry/{name}.csv") for name in ("12649", "link", "hard", "copy")]


def share_exports(folder: Path, spelt: tuple[str, str], school: str = "") -> None:
    """Declare registries of the two schools that overlap. `school` is what the first row of the common one names."""
    paths = [folder / "registry" / f"{code}.csv" for code in ("10534", "12649")]
    frames = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in paths]
    if school:
        frames[0].loc[0, "学校名称"] = school.strip()
    if "*" not in spelt[0]:
        export = folder / "registry" / "all.csv"
        pd.concat(frames).to_csv(export, index=False)
        with export.open("a", encoding="utf-8") as file:
            file.write("合计 100000 人\n")
        (folder / "registry" / "link.csv").symlink_to("all.csv")
        (folder / "registry" / "hard.csv").hardlink_to(export)
        shutil.copy(export, folder / "registry" / "copy.csv")
    settings = (folder / "cohort.toml").read_text(encoding="utf-8")
    for path, spelling in zip(paths, spelt, strict=True):
        settings = settings.replace(f"registry/{path.name}", spelling)
    (folder / "cohort.toml").write_text(settings, encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("spelt", SHARED_EXPORTS)
def test_of_one_export_for_all_schools_each_takes_its_own_rows(begun: Ran, tmp_path: Path, spelt: tuple[str, str]):
    """However the two are declared to overlap; a school's own export goes before another's rows that name it."""
    folder = shutil.copytree(begun.cohort, tmp_path / "cohort")
    share_exports(folder, spelt)
    run = check(folder, tmp_path / "after")
    for name in ("certifications", "roster"):
        pd.testing.assert_frame_equal(table(run, name), table(begun.run, name), obj=name)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert [row["file"] for row in summary["skipped_rows"]].count("registry/all.csv") == ("*" not in spelt[0])
    told = [note["file"] for note in summary["notes"] if "自己的学籍库为准" in note["message"]]
    assert told == ["registry/all.csv"] * (spelt[1] == "registry/12649.csv" and "*" not in spelt[0])


@pytest.mark.parametrize(
    ("school", "told"), [(" ", "没有写明学校"), ("某某学院", "的学校（如 某某学院）不在本届学校名单内")]
)
def test_whose_a_row_of_a_common_export_is_that_names_no_school_is_asked(
    begun: Ran, tmp_path: Path, school: str, told: str
):
    """It counted for both schools; who is left out is unknown to a registry that has him."""
    folder = shutil.copytree(begun.cohort, tmp_path / "cohort")
    share_exports(folder, ("registry/all.csv", "registry/copy.csv"), school)
    with pytest.raises(InputError, match=f"all.csv 有 1 行{told}.*（从第 2 行起）"):
        check(folder, tmp_path / "after")


@pytest.mark.slow
def test_nothing_is_left_beside_the_tables(whole: Path):
    assert not (whole / "spool").exists()


@pytest.mark.slow
def test_people_who_resubmitted_and_stand_in_no_registry(tmp_path: Path):
    """No registry row to tell them apart by: a registry that could not be read must not stop the run."""
    folder = make_cohort(tmp_path / "cohort", 30, 2, seed=5, faults=0.1)
    (folder / "registry" / "10534.csv").unlink()
    source = folder / "submissions" / "10534.csv"
    head, first, *rest = source.read_text(encoding="utf-8").splitlines()
    again = first.replace("2016-09-", "2016-10-", 1)
    source.write_text("\n".join([head, first, *rest, again]) + "\n", encoding="utf-8")
    run = check(folder, tmp_path / "reports")
    rows = table(run, "submissions")
    assert (rows["superseded_by"] != "").any()
    assert "10534" not in set(table(run, "registry")["school_code"])


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_workers_end_with_a_run_that_was_killed(tmp_path: Path):
    """Nobody tells them: they notice, and so does the server that they were forked from."""
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from pipeline.scale import executors\n"
        "if __name__ == '__main__':\n"
        "    pool = executors._open_pool()\n"
        "    pids = {pool.submit(os.getpid).result(), pool.submit(os.getppid).result()}\n"
        "    Path(sys.argv[1]).write_text(' '.join(map(str, pids)))\n"
        "    time.sleep(300)\n"
    )
    (tmp_path / "run.py").write_text(script, encoding="utf-8")
    pids = tmp_path / "pids"
    run = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py"), str(pids)], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    while not pids.exists() or not pids.read_text():
        assert run.poll() is None
        time.sleep(0.1)
    run.kill()
    run.wait()
    left = [psutil.Process(int(pid)) for pid in pids.read_text().split() if psutil.pid_exists(int(pid))]
    _, alive = psutil.wait_procs(left, timeout=120)
    assert alive == []


@pytest.mark.parametrize("unread", [0, 1, 2])
def test_a_school_whose_registry_is_unread_shares_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unread: int
) -> None:
    """A part without any registry would have none of the registry's columns."""
    folder = make_cohort(tmp_path / "cohort", 300, 3, seed=3)
    registries = sorted((folder / "registry").iterdir())
    registries[unread].write_bytes(b"PK\x03\x04 cut off")
    whole = check(folder, tmp_path / "whole")
    many_parts(monkeypatch)
    in_this_process(monkeypatch)
    parts = check(folder, tmp_path / "parts")
    for name in ("registry", "roster", "findings", "certifications"):
        pd.testing.assert_frame_equal(table(parts, name), table(whole, name))
    assert registries[unread].stem not in set(table(parts, "registry")["school_code"])
