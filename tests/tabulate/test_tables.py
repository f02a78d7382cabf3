"""Roster states and headcounts, from small tables."""

import pandas as pd
import pyarrow as pa

from pipeline.tables import COLUMNS
from pipeline.tabulate.tabulate_stage import make_headcount, make_roster
from tests.frames import registry


def _findings(*rows: dict[str, object]) -> pd.DataFrame:
    blank = dict.fromkeys(COLUMNS["findings"], "") | {"severity": "critical", "excepted": False}
    return pd.DataFrame([blank | row for row in rows], columns=COLUMNS["findings"])


def _roster(findings: pd.DataFrame, ids: list[str], decided: list[str]) -> pd.DataFrame:
    students = registry(*({"student_number": str(n), "gender": "男" if n % 2 else "女"} for n in range(len(ids))))
    decisions = pd.DataFrame({"decision_state": decided, "decided_by": "", "decided_at": ""}, index=students.index)
    counselors = pd.DataFrame(
        {"school": ["湖南科技大学"], "college": ["商学院"], "class_name": ["13会计学1班"], "name": ["周老师"]}
    )
    return make_roster(students, pd.Series(ids, dtype="str"), findings, decisions, counselors)


def test_a_school_whose_registry_could_not_be_read_has_an_empty_roster():
    def without_rows(*columns: str) -> pd.DataFrame:
        return pa.table({name: pa.chunked_array([], pa.large_string()) for name in columns}).to_pandas()

    nobody, counselors = without_rows(*registry({}).columns), without_rows("school", "college", "class_name", "name")
    decisions = without_rows("decision_state", "decided_by", "decided_at")
    assert make_roster(nobody, pd.Series([], dtype="str"), _findings(), decisions, counselors).empty


def test_the_first_state_that_applies():
    findings = _findings(
        {"submission_id": "office", "actor": "office"},
        {"submission_id": "office", "actor": "student"},
        {"submission_id": "counselor", "actor": "counselor"},
        {"submission_id": "counselor", "actor": "student"},
        {"submission_id": "registrar", "actor": "registrar"},
        {"submission_id": "student", "actor": "student"},
        {"submission_id": "warned", "actor": "student", "severity": "warning"},
        {"submission_id": "excepted", "actor": "student", "excepted": True},
        {"submission_id": "approved", "actor": "student"},
    )
    ids = ["", "approved", "stale", "office", "counselor", "registrar", "student", "returned", "warned", "excepted"]
    decided = ["approved", "approved", "stale", "", "", "", "returned", "returned", "", ""]
    roster = _roster(findings, ids, decided)
    assert roster["status"].tolist() == [
        "missing", "approved", "stale", "not_checked", "counselor", "registrar", "correct", "returned", "awaiting",
        "awaiting",
    ]  # fmt: skip
    assert roster["open_findings"].tolist() == [1, 1, 0, 2, 2, 1, 1, 0, 1, 0]
    assert set(roster["counselor"]) == {"周老师"}


def test_headcount_is_equal_only_as_sets():
    roster = _roster(_findings(), ["a", "b"], ["approved", "approved"])
    certifications = pd.DataFrame(
        {"submission_id": ["a", "b"], "identity": "certified", "record": ["certified", "failed"]}
    )
    nobody = roster[["school", "college", "education_level", "major"]].iloc[:0]
    table = make_headcount(roster, certifications, nobody)
    row = table.iloc[0]
    assert (row.registered, row.male, row.female, row.submitted, row.certified, row.approved) == (2, 1, 1, 2, 1, 2)
    assert row.equal
    extra = make_headcount(roster, certifications, roster[nobody.columns].iloc[:1]).iloc[0]
    assert extra.extra == 1
    assert extra.equal  # of neither set of people


def test_registered_is_submitted_and_missing():
    table = make_headcount(
        _roster(_findings(), ["a", "", "c"], ["", "", ""]),
        pd.DataFrame({"submission_id": ["a", "c"], "identity": "certified", "record": "certified"}),
        pd.DataFrame({name: [] for name in ("school", "college", "education_level", "major")}, dtype="str"),
    )
    assert (table["registered"] == table["submitted"] + table["missing"]).all()
