"""What is said of one student: every submission, why, who must act; what is masked."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline import fields
from pipeline.deliver.recipients import Recipient
from pipeline.errors import UsageError
from pipeline.review.chain import Entry
from pipeline.review.review_snapshot import RunTables, load_tables
from pipeline.student_facts import action_in_words, masked_facts, student_facts_of
from pipeline.tables import CHANGES, COLUMNS, conform, empty, write_table
from tests.review.small import SCHOOLS, TODAY, open_in

ID, WRONG = "430105199411309445", "430105199411309454"


def _submission(key, number, **more):
    base = dict.fromkeys(["submission_id", "file", "sheet", "superseded_by", *fields.names()], "")
    base |= {"submission_id": key, "file": "a.xlsx", "sheet": "一", "row": 3, "student_number": number}
    return base | {"school": "甲大学", "name": "王芳", "id_number": ID, "phone": "13812345678"} | more


def _person(number, school="甲大学", **more):
    base = dict.fromkeys(COLUMNS["roster"], "") | {
        "school": school,
        "college": "土木学院",
        "class_name": "一班",
        "major": "土木",
    }
    return base | {"student_number": number, "name": "王芳", "open_findings": 0, "counselor": "周"} | more


def _registry(number, school="甲大学", **more):
    code = next(code for code, name in SCHOOLS.items() if name == school)
    base = dict.fromkeys(fields.in_registry(), "") | {"school_code": code, "school": school, "file": "r.csv", "row": 2}
    return base | {"student_number": number, "id_number": ID, "name": "王芳", "registry_digest": "d"} | more


def _finding(key, number, **more):
    base = dict.fromkeys(COLUMNS["findings"], "") | {"submission_id": key, "school": "甲大学", "student_number": number}
    base |= {"field": "id_number", "rule": "identity.id_mistyped", "severity": "critical", "actor": "student"}
    base |= {"message": "身份证号码填错", "given": WRONG, "expected": f"第 17、18 位不同：学籍为 {ID}"}
    return base | {"excepted": False} | more


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / "r1"
    (folder / "tables").mkdir(parents=True)
    old = _submission("s-old", "1001", superseded_by="s-new", submitted_at="2016-09-20 10:00")
    new = _submission("s-new", "1001", id_number=WRONG, submitted_at="2016-10-01 10:00", row=9)
    rows = [old, new, _submission("s-extra", "7777", id_number="1", name="李四")]
    rows.append(_submission("s-other", "1001", id_number="2", name="赵六", submitted_at="2016-10-02 10:00"))
    people = [_person("1001", submission_id="s-new"), _person("2002"), _person("2002", "甲大学乙学院")]
    people.append(_person("2013/05/01"))  # a date, where a number should stand
    registry = [
        _registry("2013/05/01"),
        _registry("1001"),
        _registry("2002", id_number="3"),
        _registry("2002", "甲大学乙学院", id_number="4"),
    ]
    change = {"submission_id": "s-new", "field": "id_number", "given": f" {WRONG}", "kept": WRONG, "why": "去掉空格"}
    verdict = {"submission_id": "s-new", "school": "甲大学", "student_number": "1001", "identity": "failed"}
    verdict |= {"cause": "id_mistyped", "record": "certified", "matched_school": "甲大学"}
    verdict |= {"matched_student_number": "1001", "score": "97.0"}
    missing = _finding("", "2002", field="", rule="cohort.missing", message="未提交", given="", expected="")
    tables = {
        "submissions": conform(pd.DataFrame(rows), "submissions"),
        "changes": conform(pd.DataFrame([change], columns=CHANGES), "changes"),
        "findings": conform(pd.DataFrame([_finding("s-new", "1001"), missing]), "findings"),
        "certifications": conform(pd.DataFrame([verdict]), "certifications"),
        "roster": conform(pd.DataFrame(people), "roster"),
        "headcount": empty("headcount"),
        "registry": pd.DataFrame(registry).astype("str"),
        "counselors": pd.DataFrame(
            [{"school": "甲大学", "college": "土木学院", "class_name": "一班", "name": "周", "email": "z@x.edu.cn"}]
        ),
    }
    for name, frame in tables.items():
        write_table(folder / "tables", name, frame)
    return folder


@pytest.fixture
def known(run) -> RunTables:
    return load_tables(SimpleNamespace(school_names=SCHOOLS), run)


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


def facts_of(known, run, ledger, number="1001"):
    return student_facts_of(known, run, ledger.entries(), number, TODAY)


@pytest.mark.parametrize("number", ["2013/05/01", "10534/2013/05/01"])
def test_a_number_with_strokes_in_it_is_found(known, run, ledger, number):
    assert facts_of(known, run, ledger, number)["student"]["student_number"] == "2013/05/01"


def test_every_submission_and_its_part_is_told(known, run, ledger):
    told = {one["submission_id"]: one["role"] for one in facts_of(known, run, ledger)["submissions"]}
    assert told == {"s-old": "superseded", "s-new": "counts", "s-other": "other"}


def test_place_repairs_findings_and_match_stand_with_the_submission(known, run, ledger):
    facts = facts_of(known, run, ledger)
    one = next(one for one in facts["submissions"] if one["submission_id"] == "s-new")
    assert (one["file"], one["sheet"], one["row"]) == ("a.xlsx", "一", 9)
    assert one["changes"][0]["why"] == "去掉空格"
    assert one["findings"][0]["actor"] == "student"
    assert ID in one["findings"][0]["expected"]
    assert one["match"]["cause"] == "id_mistyped"
    assert facts["registry"]["row"] == "2"


def test_masked_leaves_no_number_and_keeps_the_student_number(known, run, ledger):
    text = json.dumps(masked_facts(facts_of(known, run, ledger)), ensure_ascii=False)
    for secret in (ID, WRONG, ID[:10], "13812345678"):
        assert secret not in text
    assert "430***********9445" in text
    assert "138****5678" in text
    assert "1001" in text


def test_decisions_signatures_and_mail_are_told(known, run, ledger):
    returned = {"school_code": "10534", "student_number": "1001", "submission_id": "s-new", "made_on": "x"}
    data = {"registry_digest": "d"}
    ledger.append(Entry("decision", action="return", by="王老师", why="照片不清", data=data, **returned))
    approved = {"school_code": "12649", "student_number": "1001", "made_on": "y"}
    ledger.append(Entry("decision", action="approve", by="王老师", **approved))
    ledger.append(Entry("signature", action="sign", by="李书记", school_code="10534", college="土木学院", made_on="z"))
    counselor = Recipient("counselor", "z@x.edu.cn", ("周",), frozenset({("甲大学", "土木学院", "一班")}))
    student = Recipient("student", "a@qq.com", (), frozenset({("甲大学", "1001")}))
    stranger = Recipient("student", "a@qq.com", (), frozenset({("甲大学", "2002")}))
    for one in (counselor, student, stranger):
        told = {"data": {"recipient": one.key}, "personal": {"address": one.address}}
        ledger.append(Entry("delivery", action="accepted", by="mingce send", **told))
    facts = facts_of(known, run, ledger)
    assert [(row["action"], row["why"]) for row in facts["ledger"]] == [("return", "照片不清")]
    assert facts["student"]["status"] == "correct"
    assert facts["college"]["signed_by"] == "李书记"
    assert [row["to"] for row in facts["deliveries"]] == ["counselor", "student"]


def test_a_number_of_two_schools_asks_which(known, run, ledger):
    with pytest.raises(UsageError, match="10534/2002、12649/2002"):
        facts_of(known, run, ledger, "2002")
    facts = facts_of(known, run, ledger, "10534/2002")
    assert facts["student"]["status"] == "missing"
    assert facts["findings"][0]["rule"] == "cohort.missing"


def test_who_stands_in_no_registry_is_told_too(known, run, ledger):
    facts = facts_of(known, run, ledger, "7777")
    assert facts["registry"] == {}
    assert facts["submissions"][0]["role"] == "other"


def test_an_unknown_number_is_a_wrong_word(known, run, ledger):
    with pytest.raises(UsageError, match="没有学号"):
        facts_of(known, run, ledger, "0")


def test_what_was_done_says_nothing_twice():
    done = [("decision", "approve"), ("decision", "reopen"), ("exception", "revoke"), ("withdrawal", "withdraw")]
    assert [action_in_words(*one) for one in done] == ["审核通过", "取消审核", "例外撤销", "撤销登记"]
