"""The spec tables hold, every rule with logic of its own has its cases, and the guide for offices is current."""

from dataclasses import replace

import pytest

from pipeline.check.logic import LOGIC
from pipeline.check.rule import RULES
from pipeline.check.suites import built_in_rules, office_rules
from tests.conftest import ROOT
from tests.frames import submissions
from tests.spec import guide
from tests.spec.cases import PAGES, read_all, read_page
from tests.spec.judge import facts, judge


@pytest.fixture(scope="module")
def known():
    return facts()


@pytest.mark.parametrize("page", PAGES)
def test_every_case(page, known):
    cases = read_page(page)
    wrong = [
        f"{case.place}: {case.rule} {'broken' if broken else 'not broken'} by {case.changes}"
        for case, broken in zip(cases, judge(cases, known), strict=True)
        if broken != case.breaks
    ]
    assert not wrong, "\n".join(wrong)


def test_every_rule_with_logic_has_a_passing_a_failing_and_a_borderline_case():
    own = {rule.name for rule in built_in_rules() if rule.expectation in RULES and rule.table != "registry"}
    cases = read_all()
    lacking = {
        "breaks": own - {case.rule for case in cases if case.breaks},
        "passes": own - {case.rule for case in cases if not case.breaks},
        "edge": own - {case.rule for case in cases if case.edge},
    }
    assert not any(lacking.values()), lacking


@pytest.mark.parametrize("pattern", ["[0-9]{1,2000}", "(?=.*[0-9])[0-9]+", "(?>[0-9]+)"])
def test_a_student_numbers_pattern_may_be_any_that_the_cohort_file_takes(known, pattern):
    rows = submissions({}, {"student_number": "一三"}, {"student_number": ""})
    broken = LOGIC["expect_student_number_format"](rows, replace(known, student_number=pattern), "student_number")
    assert broken.rows.tolist() == [False, True, False]


def test_every_case_is_about_a_rule():
    assert {case.rule for case in read_all()} <= {rule.name for rule in built_in_rules()}


def test_the_guide_is_current():
    told = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert told == guide.write_guide(), "run `make docs`"


def test_an_entry_left_blank_says_nothing(tmp_path):
    (tmp_path / "a.yml").write_text(
        "page: a\nsince:\nrules:\n  - {rule: a.b, expect: field_given, field: name, severity: info, actor: student,"
        " message: x, about:, known_issue: , changed: ''}\n",
        "utf-8",
    )
    rule = office_rules(tmp_path)[-1]
    assert (rule.about, rule.known_issue, rule.since, rule.changed) == ("没有填写（空格、占位文字不算）", "", "", "")
