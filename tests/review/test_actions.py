"""Approve, return, reopen, withdraw: what they write, what they refuse."""

import dataclasses
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from pipeline.errors import RefusedError, UsageError
from pipeline.review import actions
from pipeline.review.actions import Actor, approve, send_back
from pipeline.review.decision_rows import listed_students, listing_lines
from pipeline.review.exceptions import compare_years
from pipeline.review.granting import add_exception, explain_difference, revoke_exception
from pipeline.review.review_snapshot import KINDS, build_snapshot, seen_states
from pipeline.review.signatures import unsigned
from pipeline.review.signing import accept, sign

from .small import COLLEGE, TODAY, finding, kept, open_in, person, submission, tables, terms

WANG = Actor("王老师", "已核对", TODAY)


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


@pytest.fixture
def four():
    """1 ready, 2 with something to mend, 3 missing, 4 ready; another school also has a 4."""
    people = [person("1"), person("2"), person("3"), person("4"), person("4", school="甲大学乙学院")]
    rows = [submission("aaaaaaaa1", "1"), submission("aaaaaaab2", "2"), submission("s4", "4")]
    return tables(people, rows, [finding("aaaaaaab2", "2"), finding("aaaaaaaa1", "1", severity="warning")])


def status(run, ledger, number="1", day=TODAY):
    people = build_snapshot(run, ledger.entries(*KINDS), day).people
    return people[people["student_number"] == number]["status"].iloc[0]


def test_approve_and_again(four, ledger):
    assert actions.approve(four, ledger, ["1"], WANG).done == ["10534/1"]
    assert status(four, ledger) == "approved"
    again = actions.approve(four, ledger, ["1", "10534/4"], WANG)
    assert (again.done, again.already) == (["10534/4"], ["10534/1"])
    assert len(ledger.entries("decision")) == 2
    assert ledger.verify() == []


def test_several_are_approved_together_or_not_at_all(four, ledger):
    with pytest.raises(RefusedError) as error:
        actions.approve(four, ledger, ["1", "2", "3"], WANG)
    assert "10534/2：phone.format 不对" in str(error.value)
    assert "10534/3：未提交" in str(error.value)
    assert "10534/1" not in str(error.value)
    assert ledger.entries().empty


def test_a_number_that_two_of_one_school_have_is_the_registrars_to_mend(ledger):
    with pytest.raises(UsageError, match="有 2 人。请先由教务更正"):
        actions.approve(tables([person("1"), person("1")], []), ledger, ["10534/1"], WANG)


def test_what_was_replaced_since_somebody_looked_is_not_decided(four, ledger):
    seen = seen_states(build_snapshot(four, ledger.entries(*KINDS), TODAY).people)
    newer = tables([person("1"), person("4")], [submission("aaaaaaaa2", "1"), submission("s4", "4")])
    corrected = tables([person("1", exam_number="e9")], [submission("aaaaaaaa1", "1")])
    for run in (newer, corrected):
        with pytest.raises(RefusedError, match="10534/1：您看过之后，提交或学籍又有改动"):
            actions.approve(run, ledger, ["1"], WANG, seen)
    with pytest.raises(RefusedError, match="又有改动"):
        actions.send_back(newer, ledger, ["1"], WANG, seen)
    with pytest.raises(RefusedError, match="还没有看过"):
        actions.approve(newer, ledger, ["1"], WANG, {})
    assert ledger.entries().empty
    outcome = actions.approve_ready(newer, ledger, COLLEGE, WANG, seen)
    assert outcome.done == ["10534/4"]
    assert "又有改动" in dict(outcome.skipped)["10534/1"]


def test_numbers_that_two_schools_or_nobody_has(four, ledger):
    with pytest.raises(UsageError, match="10534/4、12649/4"):
        actions.approve(four, ledger, ["4"], WANG)
    with pytest.raises(UsageError, match="没有学号 9"):
        actions.approve(four, ledger, ["9"], WANG)
    with pytest.raises(UsageError, match="经办人"):
        Actor("  ")


def test_all_ready_of_a_college_lists_the_rest(four, ledger):
    outcome = actions.approve_ready(four, ledger, COLLEGE, WANG)
    assert outcome.done == ["10534/1", "10534/4"]
    assert dict(outcome.skipped) == {"10534/2": "phone.format 不对", "10534/3": "未提交"}
    with pytest.raises(UsageError, match=r"没有院系 10534/文学院 的学生.*10534/土木学院、12649/土木学院"):
        actions.approve_ready(four, ledger, replace(COLLEGE, name="文学院"), WANG)


def test_return_and_reopen(four, ledger):
    with pytest.raises(RefusedError, match="没有审核通过的记录"):
        actions.reopen(four, ledger, ["1"], WANG)
    with pytest.raises(UsageError, match="原因"):
        actions.send_back(four, ledger, ["1"], Actor("王", "", TODAY))
    with pytest.raises(RefusedError, match="没有可退回的"):
        actions.send_back(four, ledger, ["3"], WANG)
    actions.send_back(four, ledger, ["1"], WANG)
    assert actions.send_back(four, ledger, ["1"], WANG).already == ["10534/1"]
    assert actions.send_back(four, ledger, ["1"], Actor("王老师", "还有照片", TODAY)).done == ["10534/1"]
    assert build_snapshot(four, ledger.entries(), TODAY).people["decided_why"][0] == "还有照片"
    assert status(four, ledger) == "returned"
    newer = tables([person("1")], [submission("s1", "1"), submission("s1b", "1")])
    assert status(newer, ledger) == "awaiting"
    actions.approve(newer, ledger, ["1"], WANG)
    actions.reopen(newer, ledger, ["1"], WANG)
    assert status(newer, ledger) == "awaiting"


def test_withdraw_frees_the_number_but_never_the_approved_one(four, ledger):
    actions.approve(four, ledger, ["1"], WANG)
    with pytest.raises(RefusedError, match="取消审核"):
        actions.withdraw(four, ledger, "aaaaaaaa1", WANG)
    with pytest.raises(UsageError, match="没有提交"):
        actions.withdraw(four, ledger, "aaa", WANG)
    assert actions.withdraw(four, ledger, "aaaaaaab", WANG).done == ["aaaaaaab2"]
    assert actions.withdraw(four, ledger, "aaaaaaab2", WANG).already == ["aaaaaaab2"]
    assert status(four, ledger, "2") == "missing"


def test_a_change_request_is_approved_or_withdrawn(ledger):
    first = tables([person("1")], [submission("s1", "1")])
    actions.approve(first, ledger, ["1"], WANG)
    newer = tables([person("1")], [submission("s1", "1"), submission("s2aaaaaa", "1")])
    row = build_snapshot(newer, ledger.entries(), TODAY).people.iloc[0]
    assert (row["status"], row["change_request"]) == ("approved", True)
    assert actions.approve_ready(newer, ledger, COLLEGE, WANG).skipped == [("10534/1", "申请修改，请逐人处理")]
    actions.withdraw(newer, ledger, "s2aaaaaa", WANG)
    row = build_snapshot(first, ledger.entries(), TODAY).people.iloc[0]
    assert (row["status"], row["change_request"]) == ("approved", False)


def test_a_corrected_registry_makes_an_approval_stale_and_names_the_field(ledger):
    actions.approve(tables([person("1")], [submission("s1", "1")]), ledger, ["1"], WANG)
    corrected = tables([person("1", exam_number="e9")], [submission("s1", "1")])
    desk = build_snapshot(corrected, ledger.entries(), TODAY)
    assert desk.people[["status", "changed_fields"]].iloc[0].tolist() == ["stale", "exam_number"]
    rows = listed_students(desk, None, "通过后有改动")
    told = listing_lines(rows, "20161101-080000-abcd")
    assert told.splitlines() == [
        "土木学院（甲大学）",
        "10534/1  一班  通过后有改动  改动：考生号",
        "",
        "共 1 人：通过后有改动 1",
        "其中 1 人的审核人姓名系手工填写，未与账号核对",
        "看的是运行 20161101-080000-abcd",
    ]
    assert "名1" not in told
    with pytest.raises(UsageError, match=r"没有状态.*可选：.*待审核"):
        listed_students(desk, None, "好")
    actions.approve(corrected, ledger, ["1"], WANG)
    assert status(corrected, ledger) == "approved"


def test_an_edited_submission_makes_an_approval_stale_and_names_the_field(ledger):
    actions.approve(tables([person("1")], [submission("s1", "1")]), ledger, ["1"], WANG)
    edited = tables([person("1")], [submission("s2", "1", phone="2")])
    desk = build_snapshot(edited, ledger.entries(), TODAY)
    assert desk.people[["status", "changed_fields"]].iloc[0].tolist() == ["stale", "phone"]


def test_an_exception_opens_the_way_until_it_expires_or_is_revoked(four, ledger):
    grant = ("phone.format", WANG, "其他", TODAY)
    with pytest.raises(UsageError, match="不认识的证明"):
        add_exception(four, ledger, "2", "phone.format", WANG, "口头")
    with pytest.raises(RefusedError, match="没有违反规则"):
        add_exception(four, ledger, "1", "photo.file", WANG, "其他")
    (number,) = add_exception(four, ledger, "2", *grant)
    assert add_exception(four, ledger, "2", *grant) == []
    assert status(four, ledger, "2") == "awaiting"
    assert status(four, ledger, "2", TODAY.replace(day=2)) == "correct"
    assert '"x"' not in str(ledger.entries("exception").to_dict("records"))  # the value itself is nowhere
    revoke_exception(ledger, number, WANG)
    assert status(four, ledger, "2") == "correct"
    with pytest.raises(UsageError, match="没有编号"):
        revoke_exception(ledger, number, WANG)


@pytest.mark.parametrize(
    ("now", "before", "asks"),
    [(120, 100, True), (119, 100, False), (80, 100, True), (81, 100, False), (5, 0, True), (0, 5, True)],
)
def test_years_compared(now, before, asks):
    key = {"school": "甲大学", "college": "土木学院", "education_level": "本科", "major": "土木"}
    years = [pd.DataFrame([key | {"registered": n}] if n else [], columns=[*key, "registered"]) for n in (now, before)]
    assert compare_years(*years)["explain"].tolist() == [asks]


def test_a_college_explains_a_difference_once_for_one_number(four, ledger):
    assert explain_difference(four, ledger, COLLEGE, "土木", WANG) == [1]
    assert explain_difference(four, ledger, COLLEGE, "土木", WANG) == []  # a kill hid the first one's answer
    key = {"school": "甲大学", "college": "土木学院", "education_level": "本科", "major": "土木"}
    before = pd.DataFrame([key | {"registered": 10}])
    for now, asks in ((4, False), (5, True)):
        found = compare_years(pd.DataFrame([key | {"registered": now}]), before, ledger.entries())
        assert found["explain"].tolist() == [asks]
    levels = pd.DataFrame([key | {"registered": 3}, key | {"education_level": "硕士研究生", "registered": 1}])
    assert compare_years(levels, before, ledger.entries())["explain"].tolist() == [False, False]  # one major, one word


def test_an_approval_that_rests_on_an_expired_exception_is_stale_and_shown(ledger):
    wrong = tables([person("1")], [submission("s1", "1")], [finding("s1", "1")])
    add_exception(wrong, ledger, "1", "phone.format", Actor("王老师", "服兵役", TODAY), "其他", TODAY)
    approve(wrong, ledger, ["1"], Actor("王老师", "", TODAY))
    (today,) = build_snapshot(wrong, ledger.entries(), TODAY).people["status"]
    desk = build_snapshot(wrong, ledger.entries(), TODAY + timedelta(days=1))
    assert (today, desk.people["status"].tolist()) == ("approved", ["stale"])
    assert "例外已到期" in listing_lines(listed_students(desk, None, None), "r1")
    with pytest.raises(RefusedError, match="还不一致"):  # approved under it, and it expired before the signature
        sign(wrong, ledger, COLLEGE, terms(), Actor("李书记", "", TODAY + timedelta(days=1)), kept)
    with pytest.raises(UsageError, match="已过"):
        add_exception(wrong, ledger, "1", "phone.format", Actor("王", "x", TODAY), "其他", TODAY - timedelta(days=1))


def test_an_approval_that_rests_on_a_revoked_exception_is_stale_until_another_is_granted(ledger):
    """The signature lapses with it, and names the student. An approval since the revocation did not rest on it."""
    wrong = tables([person("1"), person("2")], [submission(f"s{n}", n) for n in "12"], [finding("s1", "1")])
    grant = ("1", "phone.format", WANG, "其他")
    (number,) = add_exception(wrong, ledger, *grant)
    approve(wrong, ledger, ["1", "2"], WANG)
    sign(wrong, ledger, COLLEGE, terms(), Actor("李书记", "", TODAY), kept)
    revoke_exception(ledger, number, WANG)
    desk = build_snapshot(wrong, ledger.entries(), TODAY)
    assert desk.people["status"].tolist() == ["stale", "approved"]
    assert listing_lines(listed_students(desk, None, None), "r1").count("例外已撤销") == 1
    assert unsigned(desk, ledger.entries(), COLLEGE.code, COLLEGE.name)[1:] == ["学号 1：现在没有审核通过"]
    with pytest.raises(RefusedError, match="签字后数据有改动"):
        accept(wrong, ledger, COLLEGE, WANG)
    add_exception(wrong, ledger, *grant)
    assert status(wrong, ledger) == "approved"


def test_an_exception_revoked_before_the_approval_takes_nothing_from_it(ledger):
    wrong, right = (tables([person("1")], [submission("s1", "1")], found) for found in ([finding("s1", "1")], []))
    (number,) = add_exception(wrong, ledger, "1", "phone.format", WANG, "其他")
    revoke_exception(ledger, number, WANG)
    approve(right, ledger, ["1"], WANG)  # the rule was relaxed, and later it is not
    assert status(wrong, ledger) == "approved"


def test_the_second_of_two_who_decide_at_once_is_told(ledger):
    run = dataclasses.replace(
        tables([person("1")], [submission("s1", "1")]), summary={"started_at": "2016-11-01T08:00:00+08:00"}
    )
    assert approve(run, ledger, ["1"], Actor("王老师", "", TODAY)).messages == []
    (line,) = send_back(run, ledger, ["1"], Actor("李老师", "照片不清", TODAY)).messages
    assert "10534/1：王老师 已于" in line and "“通过”" in line
    assert approve(run, ledger, ["1"], Actor("李老师", "", TODAY)).messages == []  # one's own


def test_a_later_row_that_was_not_taken_waits_for_a_person_who_keeps_or_drops_it(ledger):
    """Kept is the earlier one by approving it, dropped the later one by withdrawing it; changed contacts wait too."""
    kept, dropped, asked = person("1"), person("2"), person("3")
    rows = [submission(f"s{n}", n) for n in "123"]
    later = [submission(f"l{n}", n, superseded_by=f"s{n}") for n in "12"]
    told = {"rule": "cohort.later_uncertified", "severity": "warning", "actor": "counselor"}
    found = [finding(f"s{n}", n, given=f"l{n}", **told) for n in "12"]
    found.append(finding("s3", "3", **(told | {"rule": "cohort.contact_changed"})))
    four = tables([kept, dropped, asked], [*later, *rows], found)
    first = actions.approve_ready(four, ledger, COLLEGE, WANG)
    assert first.done == []
    assert dict(first.skipped) == {
        "10534/1": "申请修改，请逐人处理", "10534/2": "申请修改，请逐人处理", "10534/3": "联系方式改动较多，请逐人核实",
    }  # fmt: skip
    actions.approve(four, ledger, ["1", "3"], WANG)
    actions.withdraw(four, ledger, "l2", replace(WANG, why="不是本人"))
    desk = build_snapshot(four, ledger.entries(), TODAY)
    assert desk.people["change_request"].tolist() == [False, False, False]
    assert actions.approve_ready(four, ledger, COLLEGE, WANG).done == ["10534/2"]
