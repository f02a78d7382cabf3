"""What a decision means for the data of another day."""

from datetime import date

import pandas as pd
import pytest

from pipeline.review import decisions as d
from pipeline.review.exceptions import NEVER, apply_exceptions, standing_exceptions, value_digest

ENTRY = {
    "seq": 0, "at": "2016-10-01T09:00:00+08:00", "kind": "decision", "action": "", "by": "王", "account": "a",
    "school_code": "10534", "student_number": "1", "submission_id": "", "college": "", "rule": "", "made_on": "",
    "data": "{}", "why": "", "values": "",
}  # fmt: skip


def entries(*rows) -> pd.DataFrame:
    frame = pd.DataFrame([ENTRY | {"seq": n} | row for n, row in enumerate(rows, 1)], columns=list(ENTRY))
    return frame.astype({name: "str" for name in ENTRY if name != "seq"} | {"seq": "int64"})


def approve(**more):
    return {"action": "approve", "submission_id": "s1", "data": '{"registry_digest":"r1"}'} | more


def keys(submission_id="s1", registry_digest="r1", number="1"):
    row = {"school_code": "10534", "student_number": number}
    return pd.DataFrame([row | {"submission_id": submission_id, "registry_digest": registry_digest}], dtype="str")


@pytest.mark.parametrize(
    ("log", "counting", "known", "registry", "state", "changes"),
    [
        ([], "s1", {"s1"}, "r1", "", False),
        ([approve()], "s1", {"s1"}, "r1", "approved", False),
        ([approve()], "s2", {"s1", "s2"}, "r1", "approved", True),  # a newer submission beside the approved one
        ([approve()], "s2", {"s2"}, "r1", "stale", False),  # edited in place
        ([approve()], "", set(), "r1", "stale", False),  # deleted
        ([approve()], "s1", {"s1"}, "r2", "stale", False),  # the registry row was corrected
        ([approve(), {"action": "reopen", "submission_id": "s1"}], "s1", {"s1"}, "r1", "", False),
        ([{"action": "return", "submission_id": "s1"}], "s1", {"s1"}, "r1", "returned", False),
        ([{"action": "return", "submission_id": "s1"}], "s2", {"s1", "s2"}, "r1", "", False),  # resubmitted since
        ([approve(), {"action": "return", "submission_id": "s1"}], "s1", {"s1"}, "r1", "returned", False),
        ([approve(school_code="12649")], "s1", {"s1"}, "r1", "", False),  # another school's student of that number
        ([approve(action="refused")], "s1", {"s1"}, "r1", "", False),
    ],
)
def test_states(log, counting, known, registry, state, changes):
    found = d.decision_states(keys(counting, registry), known, d.standing_decisions(entries(*log))).iloc[0]
    assert (found["decision_state"], found["change_request"]) == (state, changes)


def test_the_index_is_kept_and_many_students_stay_apart():
    frame = pd.concat([keys(number=n) for n in "213"]).set_index(pd.Index([7, 3, 9]))
    found = d.decision_states(frame, {"s1"}, d.standing_decisions(entries(approve(), approve(student_number="3"))))
    assert list(found.index) == [7, 3, 9]
    assert list(found["decision_state"]) == ["", "approved", "approved"]
    assert list(found["decided_by"]) == ["", "王", "王"]
    assert str(found["decision_state"].dtype) == "str"
    empty = d.decision_states(frame.iloc[:0], set(), d.standing_decisions(entries()))
    assert list(empty.columns) == list(found.columns)


def test_changed_fields_are_named_and_no_value_is_kept():
    registry = pd.Series({"name": "张三", "gender": "男", "id_number": "x"})
    submitted = pd.Series({"name": "张三", "phone": "138"})
    snapshot = d.snapshot_of("salt", registry, submitted)
    assert "张三" not in str(snapshot)
    import json

    log = entries(approve(values=json.dumps({"snapshot": snapshot})))
    frame = keys("s2").assign(name="张三丰", gender="男", id_number="x")
    now = pd.DataFrame([{"submission_id": "s2", "name": "张三丰", "phone": "139"}], dtype="str")
    found = d.decision_states(frame, {"s2"}, d.standing_decisions(log), submissions=now)
    assert found["changed_fields"].tolist() == ["name,phone"]


def test_registry_digest_moves_with_any_compared_field_and_the_id_number():
    rows = pd.DataFrame(
        [{"school": "a", "name": "b", "id_number": "1"}] * 3 + [{"school": "ab", "name": "", "id_number": "1"}],
        dtype="str",
    )
    rows.loc[1, "id_number"] = "2"
    first, other, same, shifted = d.registry_digest(rows)
    assert first == same
    assert len({first, other, shifted}) == 3
    assert len(d.registry_digest(rows.iloc[:0])) == 0


def test_withdrawn():
    assert d.withdrawn_submission_ids(entries({"kind": "withdrawal", "submission_id": "s9"}, approve())) == {"s9"}


FINDING = {"school": "甲", "student_number": "1", "rule": "study_years.span", "given": "5"}
FINDING |= {"severity": "critical", "submission_id": "s1"}


def granted(**more):
    data = '{"school":"甲","proof":"学籍异动证明","expires":"2016-10-31"}'
    values = f'{{"salt":"q","value_digest":"{value_digest("q", "5")}"}}'
    return {"kind": "exception", "action": "add", "rule": "study_years.span", "data": data, "values": values} | more


@pytest.mark.parametrize(
    ("finding", "day", "excepted"),
    [
        ({}, date(2016, 10, 1), True),
        ({}, date(2016, 10, 31), True),
        ({}, date(2016, 11, 1), False),
        ({"given": "6"}, date(2016, 10, 1), False),
        ({"student_number": "2"}, date(2016, 10, 1), False),
        ({"rule": "gender.matches_id"}, date(2016, 10, 1), False),
        ({"school": "乙"}, date(2016, 10, 1), False),
    ],
)
def test_exceptions_cover_one_person_one_rule_one_value(finding, day, excepted):
    findings = pd.DataFrame([FINDING | finding], dtype="str", index=[5])
    found, lapsed = apply_exceptions(findings, entries(granted()), day)
    assert found["excepted"].tolist() == [excepted]
    assert list(found.index) == [5] and lapsed == ({"s1": NEVER} if day == date(2016, 11, 1) else {})


def test_revoked_and_purged_exceptions_cover_nothing():
    findings = pd.DataFrame([FINDING], dtype="str")
    revoked = entries(granted(), {"kind": "exception", "action": "revoke", "data": '{"revokes":1}'})
    assert standing_exceptions(revoked).empty
    found, _ = apply_exceptions(findings, entries(granted(values="")), date(2016, 10, 1))
    assert not found["excepted"].any()


@pytest.mark.parametrize(
    ("log", "later", "changes"),
    [
        ([], "", False),
        ([], "s2", True),
        ([approve()], "s2", True),  # it came after the approval
        ([approve(data='{"registry_digest":"r1","later":"s2"}')], "s2", False),  # it was seen, and the earlier one kept
        ([approve(data='{"registry_digest":"r1","later":"s2"}')], "s3", True),  # another one since
        (
            [approve(data='{"registry_digest":"r1","later":"s2"}'), {"action": "reopen", "submission_id": "s1"}],
            "s2",
            True,
        ),
    ],
)
def test_a_later_submission_that_was_not_taken_asks_for_a_decision(log, later, changes):
    frame = keys().assign(later_id=later)
    found = d.decision_states(frame, {"s1", later}, d.standing_decisions(entries(*log))).iloc[0]
    assert found["change_request"] == changes
