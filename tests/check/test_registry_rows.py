"""A bad row of the registry is told to the registrar and never becomes a student's fault."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.check.check_stage import judge_parts, subject_tables
from pipeline.check.findings import registrar_findings
from pipeline.check.logic import LOGIC
from pipeline.check.suites import built_in_rules
from pipeline.check.validate import RuleVerdict
from pipeline.match.match_stage import CLASSES, roster_submissions
from pipeline.match.membership import merge_rows, with_scope
from pipeline.normalise.normalise_rows import normalise, normalise_registry
from pipeline.tables import empty
from tests import frames
from tests.matching import match, registries_of
from tests.spec.judge import LATEST, MATE, facts

TWIN = {"student_number": "1305030199", "exam_number": "13430300000199"}


@pytest.fixture(scope="module")
def known():
    return facts()


def told(known, *registry, submission=None):
    """Return what the good submission gets and what the registry gets: rule names with their actors."""
    rows = normalise_registry(frames.registry(*registry), known.words)
    given, _ = normalise(frames.submissions(submission or {}), known.words)
    matched = match(given, registries_of(merge_rows(with_scope(rows))[0]), LATEST)
    tables = subject_tables(matched, roster_submissions(matched.order_time, matched.evidence))
    found = {"submissions": {}, "registry": {}}
    for rule in built_in_rules():
        if rule.table in found and rule.needs != "photos":
            broken = LOGIC[rule.expectation](tables[rule.table], known, rule.field).rows
            if broken.any():
                found[rule.table][rule.name] = rule.actor
    return found["submissions"], found["registry"]


def test_a_sound_registry_gets_nothing(known):
    assert told(known, {}, MATE) == ({}, {})


def test_a_wrong_check_character_in_the_registry_is_the_registrars(known):
    student, registry = told(known, {"id_number": "430302199503141042"}, MATE)
    assert student == {"identity.registry_outdated": "registrar"}
    assert registry == {"registry.id_number_checksum": "registrar"}


@pytest.mark.parametrize("damage", ["", "4.30302199503141E+17", "4303021995031410"])
def test_a_blank_damaged_or_short_id_number_in_the_registry_is_the_registrars(known, damage):
    student, registry = told(known, {"id_number": damage}, MATE)
    assert student == {"identity.registry_outdated": "registrar"}
    assert set(registry.values()) == {"registrar"}
    assert len(registry) == 1


BLANKS = [
    "gender", "ethnicity", "college", "class_name", "major", "education_level", "graduation_month", "enrolment_month",
    "study_years", "exam_number", "origin_city", "training_mode",
]  # fmt: skip


@pytest.mark.parametrize("field", BLANKS)
def test_a_blank_in_the_registry_is_not_compared(known, field):
    classmate = {**MATE, **({"college": "", "major": ""} if field in ("college", "major") else {})}
    student, registry = told(known, {field: ""}, classmate)
    assert student == {}
    assert set(registry.values()) <= {"registrar"}


def test_a_gender_that_contradicts_the_registrys_own_id_number_is_told_to_the_registrar(known):
    student, registry = told(known, {"gender": "男"}, MATE)
    assert registry == {"registry.gender_matches_id": "registrar"}
    assert set(student) == {"gender.registry"}  # the notice compares them; the counselor sees which side is doubtful


def test_a_person_entered_twice_is_settled_by_the_student_number(known):
    student, registry = told(known, {}, TWIN, MATE)
    assert student == {}
    assert registry == {"registry.id_number_repeated": "registrar"}


def test_a_row_entered_twice_whole_is_one_row(known):
    assert told(known, {}, {}, MATE) == ({}, {})


def test_two_rows_of_one_person_are_one_finding_for_the_registrar(known):
    student, registry = told(known, {}, {"ethnicity": "苗族"}, MATE)
    assert student == {}
    assert registry == {"registry.student_number_repeated": "registrar"}


@pytest.mark.parametrize("field", ["gender", "ethnicity", "class_name", "college", "major"])
def test_of_what_a_persons_two_rows_say_differently_nothing_is_compared(known, field):
    rows = normalise_registry(frames.registry({"major": ""}, {field: "艺术学院"}, MATE), known.words)
    given, _ = normalise(frames.submissions({field: "艺术学院"}), known.words)
    registries = replace(registries_of(merge_rows(with_scope(rows))[0]), classes=rows[CLASSES])
    checked = judge_parts(match(given, registries, LATEST), [r for r in built_in_rules() if r.needs != "photos"], known)
    assert not {f"{field}.registry", "class_name.vocabulary"} & {*checked.findings["rule"]}


def test_two_people_with_one_student_number_in_the_registry_are_told_apart(known):
    student, registry = told(known, {}, {**MATE, "student_number": frames.GOOD["student_number"]})
    assert student == {}
    assert registry == {"registry.student_number_doubted": "registrar"}


def test_damaged_numbers_of_two_people_are_no_number_of_both(known):
    damaged = {"student_number": "1.30503E+09", "exam_number": "1.34303E+13"}
    _, registry = told(known, damaged, {**MATE, **damaged})
    assert set(registry) == {"registry.student_number_damaged", "registry.exam_number_damaged"}


def test_a_person_in_two_schools_is_found_in_the_school_that_was_named(known):
    student, registry = told(
        known, {}, {"school": "湖南科技大学潇湘学院", "college": "潇湘学院", "class_name": "13甲班"}, MATE
    )
    assert student == {}
    assert registry == {"registry.id_number_two_schools": "registrar"}


def test_a_class_with_two_majors_says_nothing_of_a_students_major(known):
    student, registry = told(known, {}, {**MATE, "major": "财务管理"})
    assert student == {}
    assert registry == {"registry.class_two_majors": "registrar"}


def test_a_college_that_the_table_of_colleges_lacks_is_no_fault_of_the_student(known):
    student, registry = told(
        known, {"college": "新成立学院"}, {**MATE, "college": "新成立学院"}, submission={"college": "新成立学院"}
    )
    assert student == {}
    assert registry == {"registry.college_unknown": "registrar"}


def test_the_registrars_fault_stands_with_its_student_and_shows_no_value():
    table = pd.DataFrame({"submission_id": ["a", "b", "c"], "matched_row": [0, 1, -1], "name": ["王", "李", "张"]})
    table = table.assign(
        **dict.fromkeys(["reported_school", "reported_college", "reported_class_name", "reported_student_number"], "x")
    )
    rule = next(rule for rule in built_in_rules() if rule.name == "registry.name_blank")
    found = registrar_findings(
        table, [RuleVerdict(replace(rule, severity="warning"), np.array([0]))], empty("findings")
    )
    assert found[["submission_id", "rule", "severity", "actor", "given", "school"]].to_numpy().tolist() == [
        ["a", "registry.name_blank", "critical", "registrar", "", "x"]
    ]
    again = registrar_findings(table, [], found.assign(rule="identity.registry_outdated"))
    assert registrar_findings(table, [RuleVerdict(rule, np.array([0]))], again).equals(again)
