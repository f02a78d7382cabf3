"""Values as real people, forms and registries give them, held against the verdicts that are right."""

import json
import shutil
import subprocess
import sys
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.command import run
from tests.conftest import faultless

AS_OF = date(2016, 11, 1)


def checked(shared: Path, folder: Path, case: str) -> Path:
    """Return the run folder of a check of a copy of one case."""
    cohort = folder / case
    shutil.copytree(shared / "cases" / case, cohort)
    assert run("check", cohort, "--as-of", AS_OF) == 0
    return max((cohort / "reports").glob("*/runs/*"))


def table(run_folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(run_folder / "tables" / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")


def loud(run_folder: Path) -> pd.DataFrame:
    """Return the findings that are more than an info, of submissions that count."""
    findings = table(run_folder, "findings")
    return findings[findings["severity"].isin(["critical", "warning"]) & (findings["submission_id"] != "")]


def test_each_of_one_fault_each_comes_out_as_written(shared, tmp_path):
    folder = checked(shared, tmp_path, "one-fault-each")
    tool = subprocess.run(
        [sys.executable, shared / "tools" / "cases.py", folder], capture_output=True, text=True, check=False
    )
    differing = tool.stdout.splitlines()[:-1]
    assert differing == []


def test_counties_as_people_write_them_equal_the_registry(shared, tmp_path):
    folder = checked(shared, tmp_path, "county-names")
    findings = loud(folder)
    assert findings[findings["rule"].str.startswith(("origin", "home"))].empty
    assert set(table(folder, "certifications")["identity"]) == {"certified"}
    assert set(table(folder, "certifications")["record"]) == {"certified"}  # 生源地 says city and county, too


def test_a_number_means_the_same_in_a_csv_and_in_a_workbook(shared, tmp_path):
    verdicts = []
    for case in ("numbers-csv", "numbers-xlsx"):
        folder = checked(shared, tmp_path, case)
        changes = table(folder, "changes")
        restored = changes[(changes["field"] == "postcode") & (changes["given"] == "10084")]
        assert set(restored["kept"]) == {"010084"}
        findings = loud(folder)
        verdicts.append(sorted(zip(findings["student_number"], findings["rule"], findings["given"], strict=True)))
    assert verdicts[0] == verdicts[1]


def test_registry_rows_pasted_twice_are_one_each(shared, tmp_path):
    folder = checked(shared, tmp_path, "registry-row-twice")
    given = pd.read_csv(next((tmp_path / "registry-row-twice" / "registry").glob("*.csv")), dtype=str)
    roster = table(folder, "roster")
    assert len(given) - 3 == given["学号"].nunique() == len(roster)
    certifications = table(folder, "certifications")
    stands = set(certifications["matched_student_number"][certifications["identity"] == "certified"])
    twice = set(given["学号"][given["学号"].duplicated()])
    assert twice & stands and "ambiguous" not in set(certifications["cause"])
    assert "missing" not in set(roster["status"][roster["student_number"].isin(list(stands))])
    assert not twice & set(table(folder, "registry_findings")["student_number"])
    notes = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["notes"]
    assert [note["message"] for note in notes if "完全相同" in note["message"]] == [
        "有 3 行与别的行完全相同，每人只算一行"
    ]


@pytest.mark.parametrize("submitted", [0, 1, 2])
def test_two_people_of_one_number_are_the_registrars_and_neither_is_missing(submitted, tmp_path, capsys):
    cohort = faultless(tmp_path / "cohort")
    path = cohort / "registry" / "10534.csv"
    registry = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    first, second = registry["学号"].iloc[:2]
    registry.replace({"学号": {second: first}}).to_csv(path, index=False, encoding="utf-8-sig")
    for path in (cohort / "submissions").iterdir():
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        rows = rows[~rows["学号"].isin([first, second][submitted:])].replace({"学号": {second: first}})
        rows.to_csv(path, index=False, encoding="utf-8-sig")
    assert run("check", cohort, "--as-of", AS_OF) == 0
    folder = max((cohort / "reports").glob("*/runs/*"))
    roster, findings = (table(folder, name) for name in ("roster", "findings"))
    own = roster[roster["student_number"] == first]
    assert sorted(own["name"]) == sorted(registry["姓名"].iloc[:2])
    assert own["status"].tolist() == ["registrar"] * 2
    assert (own["submission_id"] != "").sum() == submitted
    asked = findings[(findings["student_number"] == first) & (findings["severity"] == "critical")]
    assert asked[["rule", "actor"]].to_numpy().tolist() == [["registry.student_number_doubted", "registrar"]] * 2
    counted = table(folder, "headcount")[["registered", "submitted", "missing"]].astype(int).sum()
    missing = (roster["status"] == "missing").sum()
    assert counted["missing"] == missing and counted["registered"] == counted["submitted"] + missing + 2 - submitted
    capsys.readouterr()
    assert run("review", "list", cohort, "--status", "registrar") == 0
    told = capsys.readouterr().out
    assert told.count("查明是一人还是两人") == 2 and "尚未提交" not in told


def test_a_number_that_somebody_outside_the_class_has_too_leaves_its_student_missing(tmp_path):
    cohort = faultless(tmp_path / "cohort")
    path = cohort / "registry" / "10534.csv"
    registry = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig").assign(学籍状态="有学籍")
    first, second = registry["学号"].iloc[:2]
    registry.loc[1, "学籍状态"] = "休学"
    registry.replace({"学号": {second: first}}).to_csv(path, index=False, encoding="utf-8-sig")
    for path in (cohort / "submissions").iterdir():
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        rows[~rows["学号"].isin([first, second])].to_csv(path, index=False, encoding="utf-8-sig")
    assert run("check", cohort, "--as-of", AS_OF) == 0
    folder = max((cohort / "reports").glob("*/runs/*"))
    own, findings = (
        each[each["student_number"] == first] for each in map(partial(table, folder), ("roster", "findings"))
    )
    assert own["status"].tolist() == ["missing"] and findings["rule"].tolist() == ["cohort.missing"]


def test_one_school_needs_no_column_of_schools_and_a_shared_fault_is_told_once_and_settled(shared, tmp_path, capsys):
    cohort = tmp_path / "cohort"
    shutil.copytree(shared / "cases" / "no-school-column", cohort)
    (cohort / "rules").mkdir()
    (cohort / "cohort.toml").write_text(
        (cohort / "cohort.toml").read_text(encoding="utf-8") + '\n[rules]\nfolder = "rules"\n', encoding="utf-8"
    )
    path = cohort / "submissions" / "s.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    rows.assign(**{"培养方式": "TZ-" + rows["培养方式"]}).to_csv(path, index=False, encoding="utf-8-sig")
    assert run("check", cohort, "--as-of", AS_OF) == 0
    assert "学生不用处理" in capsys.readouterr().err
    folder = max((cohort / "reports").glob("*/runs/*"))
    assert list(table(folder, "certifications")["identity"]) == ["certified"] * 34
    assert not loud(folder)["rule"].str.startswith(("school.", "identity.")).any()
    faults, statuses = table(folder, "shared_faults"), table(folder, "roster")["status"]
    assert set(faults["rule"]) == {"training_mode.vocabulary", "training_mode.registry"}
    assert (statuses == "not_checked").sum() == len(rows)
    number = faults["number"].iloc[0]
    half = shutil.copytree(cohort, tmp_path / "half")
    modes = rows["培养方式"].where(rows.index % 2 == 0, "TZ-" + rows["培养方式"])
    rows.assign(**{"培养方式": modes}).to_csv(half / "submissions" / "s.csv", index=False, encoding="utf-8-sig")
    assert run("check", half, "--as-of", AS_OF) == 0
    assert set(table(max((half / "reports").glob("*/runs/*")), "shared_faults")["number"]) == set(faults["number"])
    source, kept = half / "submissions" / "s.csv", (half / "submissions" / "s.csv").read_bytes()
    rows.iloc[:1].to_csv(half / "submissions" / "t.csv", index=False, encoding="utf-8-sig")
    for content, code in ((bytes(range(256)) * 9, 4), (kept, 0)):  # a source that could not be read is no mended one
        source.write_bytes(content)
        assert run("check", half, "--as-of", AS_OF) == code
    assert set(table(max((half / "reports").glob("*/runs/*")), "shared_faults")["number"]) == set(faults["number"])
    with (half / "cohort.toml").open("a", encoding="utf-8") as settings:
        settings.write('[review]\nreviewers = { nobody_here = "周老师" }\n')
    assert run("columns", half, "--settle", number, "--by", "王老师") == 6
    assert not list((half / "rules").iterdir())  # who may not decide writes no alias either
    for how, status in (("alias", "awaiting"), ("students", "correct")):
        settled = shutil.copytree(cohort, tmp_path / how)
        assert run("columns", settled, "--settle", number, "--as", how, "--by", "王老师") == 0
        assert run("run", settled, "--as-of", AS_OF, "--no-notebooks") == 0
        folder = max((settled / "reports").glob("*/runs/*"))
        assert (table(folder, "roster")["status"] == status).sum() == len(rows)
    capsys.readouterr()
    assert run("columns", settled, "--settle", number, "--as", "alias", "--by", "王老师") == 6
    assert "已经交回学生更正" in capsys.readouterr().err
    unknown = rows.assign(**{"政治面貌": "团员同志"})  # a field that no registry has: nobody knows what is meant
    unknown.to_csv(path, index=False, encoding="utf-8-sig")
    assert run("check", cohort, "--as-of", AS_OF) == 0
    number = table(max((cohort / "reports").glob("*/runs/*")), "shared_faults")["number"].iloc[0]
    assert run("columns", cohort, "--settle", number, "--as", "alias", "--by", "王老师") == 6
    assert "没有政治面貌可以对照" in capsys.readouterr().err


def test_settling_says_what_it_needs(shared, tmp_path, capsys):
    cohort = tmp_path / "cohort"
    shutil.copytree(shared / "cases" / "no-school-column", cohort)
    for words, told in (
        (("--settle", "abc", "--as", "alias", "--by", "王老师"), "没有编号为 abc 的整体问题"),
        (("--settle", "abc", "--as", "nobody", "--by", "王老师"), "没有了结方式"),
        (("--settle", "abc", "--as", "alias"), "没有写经办人"),
    ):
        assert run("columns", cohort, *words) == 2
        assert told in capsys.readouterr().err
