"""What most rows of a source, or of a college, break in one same way is the office's, once; the rest stays theirs."""

import pandas as pd
import pytest

from pipeline import fields
from pipeline.check import shared
from pipeline.review.decisions import statuses
from pipeline.tables import COLUMNS

HELD = {"college": "人文学院", "exam_number": "0143030001", "graduation_month": "2017-06", "ethnicity": "汉族"}


def table_of(field, values, held=None, file="a.xlsx", college="人文学院"):
    """Return a check table of submissions that stand on registry rows, each with this value of one field."""
    rows = []
    for at, value in enumerate(values):
        row = {f"registry_{name}": HELD.get(name, "") for name in fields.in_registry()} | HELD
        row |= {"submission_id": f"{file}-{college}-{at}", "file": file, "sheet": "", "roster_row": at}
        row |= {
            "reported_school": "甲大学",
            "reported_college": college,
            "class_college": "人文学院",
            "class_major": "汉语",
        }
        row |= {f"registry_{field}": (held[at] if isinstance(held, list) else held) if held else HELD[field]}
        rows.append(row | {field: value})
    return pd.DataFrame(rows)


def findings_of(table, rule, broken):
    blank = dict.fromkeys(COLUMNS["findings"], "") | {
        "excepted": False,
        "severity": "critical",
        "actor": "student",
        "rule": rule,
    }
    found = [blank | {"submission_id": key} for key, off in zip(table["submission_id"], broken, strict=True) if off]
    return pd.DataFrame(found, columns=COLUMNS["findings"])


def faults_of(*judged, before=(), settled=None):
    signs = [shared.count_signs(shared.signs_of(findings, table)) for table, findings in judged]
    return shared.shared_faults_of(signs, [shared.places_of(table) for table, _ in judged], before, settled or {})


@pytest.mark.parametrize(
    ("rule", "field", "given", "held", "kind", "word"),
    [
        ("college.registry", "college", "01人文学院", "人文学院", "more_in_front", "01"),
        ("exam_number.registry", "exam_number", "143030001", "0143030001", "zeros", "0"),
        ("college.vocabulary", "college", "人文学院（主校区）", "人文学院", "more_behind", "（主校区）"),
        ("college.registry", "college", "人文", "人文学院", "less_behind", "学院"),
        ("ethnicity.vocabulary", "ethnicity", "01", "汉族", "word", "01"),
        ("graduation_month.june", "graduation_month", "2017-07", "2017-06", "month", "2017-07"),
        ("exam_number.registry", "exam_number", "人文学院", "0143030001", "column", "院系"),
    ],
)
def test_one_same_transformation_is_one_fault(rule, field, given, held, kind, word):
    table = table_of(field, [given] * 9 + [held], held)
    findings = findings_of(table, rule, [True] * 9 + [False])
    assert faults_of((table, findings)).empty  # nine are too few
    table = table_of(field, [given] * 10 + [held] * 2, held)
    findings = findings_of(table, rule, [True] * 10 + [False] * 2)
    found = faults_of((table, findings))
    assert len(found) == 1
    signs = set(shared.signs_of(findings, table)[["kind", "word"]].itertuples(index=False, name=None))
    assert (kind, word) in signs
    assert found.iloc[0][["rule", "rows", "of", "settled"]].tolist() == [rule, 10, 12, ""]
    laid = shared.with_shared_faults(findings, shared.signs_of(findings, table), found)
    assert set(laid["actor"]) == {"office"} and set(laid["shared_fault"]) == {found["number"].iloc[0]}
    none = findings.iloc[:0]  # a warning alone: nobody's first submission had anything to mend
    assert shared.with_shared_faults(none, shared.signs_of(findings, table), found).empty


def test_different_words_and_too_small_a_share_are_the_students():
    table = table_of("ethnicity", [f"第{n}族" for n in range(20)])
    assert faults_of((table, findings_of(table, "ethnicity.vocabulary", [True] * 20))).empty
    table = table_of("ethnicity", ["01"] * 15 + ["汉族"] * 5)
    assert faults_of((table, findings_of(table, "ethnicity.vocabulary", [True] * 15 + [False] * 5))).empty


def test_blanks_and_identities_are_never_one():
    table = table_of("ethnicity", [""] * 20)
    for rule in ("ethnicity.required", "identity.name_differs", "exam_number.unique"):
        assert faults_of((table, findings_of(table, rule, [True] * 20))).empty


def test_a_college_alone_is_a_place_too_and_parts_are_counted_together():
    ours, others = table_of("ethnicity", ["01"] * 6), table_of("ethnicity", ["01"] * 6, file="b.xlsx")
    right = [table_of("ethnicity", ["汉族"] * 40, file=file, college="法学院") for file in ("a.xlsx", "b.xlsx")]
    judged = [(table, findings_of(table, "ethnicity.vocabulary", [True] * 6)) for table in (ours, others)]
    judged += [(table, findings_of(table, "ethnicity.vocabulary", [False] * 40)) for table in right]
    found = faults_of(*judged)
    told = found[["file", "school", "college", "rows", "of"]].to_numpy().tolist()
    assert told == [["", "甲大学", "人文学院", 12, 12]]


def test_once_found_it_stays_down_to_a_half_and_until_it_is_settled():
    table = table_of("ethnicity", ["01"] * 10)
    findings = findings_of(table, "ethnicity.vocabulary", [True] * 10)
    number = faults_of((table, findings))["number"].iloc[0]
    fewer = table_of("ethnicity", ["01"] * 6 + ["汉族"] * 4)
    left = findings_of(fewer, "ethnicity.vocabulary", [True] * 6 + [False] * 4)
    assert faults_of((fewer, left)).empty
    assert faults_of((fewer, left), before=[number])["number"].tolist() == [number]
    few = table_of("ethnicity", ["01"] * 4 + ["汉族"] * 6)
    assert faults_of((few, findings_of(few, "ethnicity.vocabulary", [True] * 4 + [False] * 6)), before=[number]).empty
    done = faults_of((table, findings), settled={number: "students"})
    assert done["settled"].tolist() == ["students"]
    assert set(shared.with_shared_faults(findings, shared.signs_of(findings, table), done)["actor"]) == {"student"}
    assert shared.shared_fault_lines(done.to_dict("records")) == []


def test_a_student_with_another_fault_is_told_that_one():
    findings = pd.DataFrame(
        [("a", "office", "1"), ("b", "office", "1"), ("b", "student", "")],
        columns=["submission_id", "actor", "shared_fault"],
    ).assign(severity="critical", excepted=False)
    students = pd.DataFrame({"school": "", "student_number": ["1", "2", "3"], "submission_id": ["a", "b", "c"]})
    state = pd.Series("", index=students.index, dtype="str")
    assert statuses(students, state, findings).tolist() == ["not_checked", "correct", "awaiting"]
