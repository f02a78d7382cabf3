"""Signing: on which set, by whom, what a change of it does, and whether a file or a code is what was signed."""

import dataclasses
from hashlib import sha256

import pandas as pd
import pytest

from pipeline.errors import InputError, RefusedError, UsageError
from pipeline.review import actions
from pipeline.review.actions import Actor
from pipeline.review.chain import Entry
from pipeline.review.review_snapshot import KINDS, build_snapshot
from pipeline.review.signatures import (
    code_of,
    college_states,
    file_sha256,
    signed_digest,
    unsigned,
    verify_code,
    verify_file,
)
from pipeline.review.signing import accept, file_scan, revoke, sign
from pipeline.tabulate.tabulate_stage import make_colleges, standing_of

from .small import COLLEGE, TODAY, kept, open_in, person, submission, tables, terms

LI = Actor("李 书记", "", TODAY)
WANG = Actor("王老师", "已核对", TODAY)


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


def two(given=("s1", "s2"), **more):
    people = [person("1"), person("2", major="采矿", gender="女", **more)]
    return tables(people, [submission(given[0], "1"), submission(given[1], "2")])


RUN = two()


def desk_of(run, ledger):
    return build_snapshot(run, ledger.entries(), TODAY)


def signed(ledger, run=RUN, actor=LI, of=None):
    actions.approve(run, ledger, ["1", "2"], WANG)
    return sign(run, ledger, COLLEGE, of or terms(secretary="李书记；赵书记"), actor, kept)


def refused(ledger, run):
    return unsigned(desk_of(run, ledger), ledger.entries(), COLLEGE.code, COLLEGE.name)


def test_steps_open_one_after_the_other(ledger):
    with pytest.raises(RefusedError, match="还没有签字"):
        accept(RUN, ledger, COLLEGE, WANG)
    actions.approve(RUN, ledger, ["1"], WANG)
    with pytest.raises(RefusedError, match="本科采矿 差 1 人。学号：2"):
        sign(RUN, ledger, COLLEGE, terms(), LI, kept)
    assert signed(ledger).new
    assert accept(RUN, ledger, COLLEGE, WANG).new
    assert not accept(RUN, ledger, COLLEGE, WANG).new
    state = college_states(ledger.entries()).iloc[0]
    assert state["signed_at"] < state["accepted_at"]
    assert state["signed_digest"] == signed_digest(desk_of(RUN, ledger).people)
    assert ledger.verify() == []


def test_only_the_vice_secretary_signs(ledger):
    actions.approve(RUN, ledger, ["1", "2"], WANG)
    with pytest.raises(RefusedError, match="不是院系表里登记的副书记"):
        sign(RUN, ledger, COLLEGE, terms(), WANG, kept)
    with pytest.raises(RefusedError, match="没有写"):
        sign(RUN, ledger, COLLEGE, terms(secretary=""), LI, kept)
    assert sign(RUN, ledger, COLLEGE, terms(secretary="李书记；赵书记"), Actor("赵书记", "", TODAY), kept).new


def test_late_or_again_needs_a_reason_and_late_is_told_by_the_clock(ledger):
    late = terms(TODAY.replace(day=22))
    with pytest.raises(RefusedError, match="2 天"):  # the desk's day, of --as-of, is the first of November
        signed(ledger, of=late)
    assert sign(RUN, ledger, COLLEGE, late, Actor("李书记", "出差", TODAY), kept).new
    assert '"late_days":2' in ledger.entries("signature")["data"].iloc[0]
    assert not sign(RUN, ledger, COLLEGE, late, LI, kept).new  # the same set: nothing to sign again
    with pytest.raises(UsageError, match="原因"):
        revoke(ledger, COLLEGE, LI)
    revoke(ledger, COLLEGE, WANG)
    assert college_states(ledger.entries())["signed_at"].tolist() == [""]
    with pytest.raises(RefusedError, match="无从撤销"):
        revoke(ledger, COLLEGE, WANG)
    with pytest.raises(RefusedError, match="签过字"):
        sign(RUN, ledger, COLLEGE, terms(), LI, kept)


def test_a_person_who_changed_is_named_and_refused_by_the_office(ledger):
    signed(ledger)
    other = two(class_name="二班")
    assert "学号 2：现在没有审核通过" in refused(ledger, other)  # the registry row is another one: stale
    actions.approve(other, ledger, ["2"], WANG)
    assert "学号 2：姓名、性别、班级、学历或专业、学籍信息有改动" in refused(ledger, other)
    with pytest.raises(RefusedError, match="签字后数据有改动"):
        accept(other, ledger, COLLEGE, WANG)


def test_who_was_found_outside_the_class_after_the_run_is_not_signed_for(ledger):
    """He was accepted and handed in as long as nobody ran: approvals are the ledger's, membership is the run's."""
    signed(ledger)
    number = ledger.head()[0]
    seen = dataclasses.replace(RUN, summary={"ledger": {"number": number}})
    assert refused(ledger, seen) == [] and accept(seen, ledger, COLLEGE, WANG).new
    out = Entry("scope", "out", "王老师", school_code=COLLEGE.code, student_number="2", college=COLLEGE.name)
    ledger.append(out)
    for run in (
        seen,
        dataclasses.replace(RUN, summary={"ledger": {"number": 99}, "finished_at": "2016-10-31T09:00:00+08:00"}),
    ):  # a ledger put back counts anew
        assert refused(ledger, run) == [
            "最近一次运行之后又登记了谁在本届，请先运行 mingce run",
            "学号 2：登记了是否在本届",
        ]
        with pytest.raises(RefusedError, match="请先运行"):
            accept(run, ledger, COLLEGE, WANG)
        with pytest.raises(RefusedError, match="请先运行"):
            sign(run, ledger, COLLEGE, terms(), LI, kept)
    assert refused(ledger, dataclasses.replace(RUN, summary={"ledger": {"number": 99}})) == []


def test_one_changed_row_and_one_approval_ask_for_a_new_signature(ledger):
    """What was signed is what was approved: neither a submission nor a registry row slips in under a signature."""
    signed(ledger)
    accept(RUN, ledger, COLLEGE, WANG)
    submitted = two(given=("s1", "s3"))
    actions.approve(submitted, ledger, ["2"], WANG)
    assert refused(ledger, submitted) == ["签字后数据有改动，请重新签字", "学号 2：提交的内容有改动"]
    registered = two(given=("s1", "s3"), exam_number="e9")
    actions.approve(registered, ledger, ["2"], WANG)
    assert refused(ledger, registered)[1:] == ["学号 2：提交的内容、学籍信息有改动"]
    again = sign(registered, ledger, COLLEGE, terms(), Actor("李书记", "学籍更正", TODAY), kept)
    assert again.new and refused(ledger, registered) == []
    assert college_states(ledger.entries())["accepted_at"].tolist() == [""]


def test_a_change_request_changes_no_signed_set(ledger):
    done = signed(ledger)
    newer = tables(
        [person("1"), person("2", major="采矿", gender="女")],
        [submission("s1", "1"), submission("s2", "2"), submission("s3", "2")],
    )
    assert signed_digest(desk_of(newer, ledger).people) == done.signature.digest
    assert refused(ledger, newer) == []


def test_who_signs_again_under_the_same_data_keeps_the_same_files(ledger):
    given = []

    def keep(desk, college, digest, known):
        given.append(dict(known))
        return {"headcount.pdf": "a" * 64}

    actions.approve(RUN, ledger, ["1", "2"], WANG)
    sign(RUN, ledger, COLLEGE, terms(), LI, keep)
    revoke(ledger, COLLEGE, WANG)
    sign(RUN, ledger, COLLEGE, terms(), Actor("李书记", "误撤销", TODAY), keep)
    assert given == [{}, {"headcount.pdf": "a" * 64}]


def test_files_that_cannot_be_made_leave_no_signature(ledger):
    def broken(*_):
        raise RefusedError("磁盘写满了")

    actions.approve(RUN, ledger, ["1", "2"], WANG)
    with pytest.raises(RefusedError):
        sign(RUN, ledger, COLLEGE, terms(), LI, broken)
    assert ledger.entries("signature").empty


@pytest.fixture
def signed_by_1_0(ledger):
    """What mingce 1.0 wrote: a digest of names, no version, no files."""
    actions.approve(RUN, ledger, ["1", "2"], WANG)
    place = {"school_code": COLLEGE.code, "college": COLLEGE.name, "made_on": "b" * 64}
    old = {"run": "r0", "registered": 2, "late_days": 0}
    ledger.append(
        Entry("signature", action="sign", by="李书记", data=old, personal={"people": {"1": "x", "2": "y"}}, **place),
        Entry("acceptance", action="accept", by="王老师", **place),
    )  # fmt: skip


def test_an_older_signature_signed_the_names_alone_and_is_renewed(ledger, signed_by_1_0):
    assert refused(ledger, RUN) == ["原来的签字只签了名单，没有签提交的内容和学籍信息，请重新签字"]
    with pytest.raises(RefusedError, match="只签了名单"):
        accept(RUN, ledger, COLLEGE, WANG)
    state = college_states(ledger.entries()).iloc[0]
    assert state["only_listed"] and state["accepted_at"]  # what was accepted is not forgotten
    assert sign(RUN, ledger, COLLEGE, terms(), LI, kept).new  # without a reason: nobody's fault
    assert refused(ledger, RUN) == [] and accept(RUN, ledger, COLLEGE, WANG).new


def test_strangers_keep_nobody_from_signing_but_one_who_may_be_missing_asks_why(ledger):
    valid = "43010519941130944X"
    own = {"college": "土木学院", "class_name": "一班", "name": "某人"}
    stranger = submission("x1", "999", **own, id_number="123")
    elsewhere = submission("x2", "998", **own | {"class_name": "没有的班"}, id_number=valid)
    run = tables([person("1")], [submission("s1", "1"), stranger, elsewhere])
    actions.approve(run, ledger, ["1"], WANG)
    assert sign(run, ledger, COLLEGE, terms(), LI, kept).new
    revoke(ledger, COLLEGE, WANG)
    missing = tables([person("1")], [submission("s1", "1"), submission("x3", "997", **own, id_number=valid)])
    with pytest.raises(RefusedError, match="签过字"):
        sign(missing, ledger, COLLEGE, terms(), LI, kept)
    other = tables([person("1")], [submission("s1", "1"), submission("x3", "997", **own, id_number=valid)])
    assert sign(other, ledger, COLLEGE, terms(), Actor("李书记", "已查，非本院学生", TODAY), kept).new
    assert '"extras":1' in ledger.entries("signature")["data"].iloc[-1]


def test_one_who_may_be_missing_from_the_registry_is_told_before_the_first_signature(ledger):
    own = {"college": "土木学院", "class_name": "一班", "name": "某人", "id_number": "43010519941130944X"}
    run = tables([person("1")], [submission("s1", "1"), submission("x3", "997", **own)])
    actions.approve(run, ledger, ["1"], WANG)
    with pytest.raises(RefusedError, match="名单外的提交可能是学籍库漏了的人") as caught:
        sign(run, ledger, COLLEGE, terms(), LI, kept)
    assert "review withdraw --extras" in str(caught.value)
    assert actions.withdraw_extras(run, ledger, COLLEGE, WANG).done == ["x3"]
    assert sign(run, ledger, COLLEGE, terms(), LI, kept).new


def file_of(done):
    return sha256(f"pdf {done.signature.digest}".encode()).hexdigest()


def test_a_file_is_what_was_signed_where_its_bytes_are(ledger):
    done = signed(ledger)
    entries = ledger.entries()
    assert verify_file(file_of(done), desk_of(RUN, ledger), entries).line == "原件"
    assert verify_file(file_of(done), desk_of(RUN, ledger), entries).equal
    found = verify_file(sha256(b"another").hexdigest(), desk_of(RUN, ledger), entries)
    assert not found.equal and found.line == "不是签字时保存的那份文件；在 WPS、Excel 里另存过也会这样"
    assert "  本科采矿：在册 1，男 0，女 1，已通过 1" in found.details


def test_an_original_of_data_that_changed_names_what_changed(ledger):
    done = signed(ledger)
    newer = two(given=("s1", "s3"))
    actions.approve(newer, ledger, ["2"], WANG)
    found = verify_file(file_of(done), desk_of(newer, ledger), ledger.entries())
    assert not found.equal and found.line == "原件，但数据已有改动"
    assert "学号 2：提交的内容有改动" in found.details
    sign(newer, ledger, COLLEGE, terms(), Actor("李书记", "改了", TODAY), kept)
    found = verify_file(file_of(done), desk_of(newer, ledger), ledger.entries())
    assert not found.equal and "后来又签过字" in found.details[1]
    revoke(ledger, COLLEGE, WANG)
    assert "撤销" in verify_file(file_of(done), desk_of(newer, ledger), ledger.entries()).details[1]


def test_what_was_purged_is_not_named_but_told(ledger):
    signed(ledger)
    ledger.purge(before="2099", by="王老师", why="期满")
    newer = two(given=("s1", "s3"))
    actions.approve(newer, ledger, ["2"], WANG)
    assert refused(ledger, newer)[1:] == ["签字时的明细已按保存期清除，不能逐人指出"]


def test_a_code_tells_who_signed_what_and_when(ledger):
    done = signed(ledger)
    assert done.signature.code == code_of(done.signature.digest) and len(done.signature.code) == 19
    look_alike = done.signature.code.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    found = verify_code(look_alike, desk_of(RUN, ledger), ledger.entries())
    assert found.equal and "李 书记 于 2016-11-01" in found.line and "手工填写" in found.line
    assert found.details == [
        "  本科土木：在册 1，男 1，女 0，已通过 1", "  本科采矿：在册 1，男 0，女 1，已通过 1", "  合计：在册 2",
    ]  # fmt: skip
    assert not verify_code("0000-0000-0000-0000", desk_of(RUN, ledger), ledger.entries()).equal
    with pytest.raises(UsageError):
        verify_code("0000", desk_of(RUN, ledger), ledger.entries())


def test_the_scan_of_the_signed_paper_is_an_original_too(ledger):
    with pytest.raises(RefusedError):
        file_scan(ledger, COLLEGE, WANG, "c" * 64)
    signed(ledger)
    assert file_scan(ledger, COLLEGE, WANG, "c" * 64) and not file_scan(ledger, COLLEGE, WANG, "c" * 64)
    found = verify_file("c" * 64, desk_of(RUN, ledger), ledger.entries())
    assert found.equal and found.details[0].startswith("签字扫描件")


def test_only_regular_files_are_looked_at(tmp_path):
    for place, told in ((tmp_path, "是文件夹"), (tmp_path / "none", "没有"), (tmp_path / ("x" * 5000), "没有")):
        with pytest.raises(InputError) as refused:
            file_sha256(place)
        assert refused.value.what.startswith(told)


def test_the_standing_stands_still_from_the_acceptance_on(ledger):
    from pipeline.cohort_sections import Standing

    signed(ledger)
    key = {"school": "甲大学", "college": "土木学院"}
    counts = pd.DataFrame([key | {
        "registered": 2, "submitted": 2, "certified": 2, "approved": 2, "open_findings": 0, "first_pass_rate": 1.0,
        "submitted_on_time": 1.0, "days_left": 3,
    }])  # fmt: skip
    codes = {"甲大学": "10534"}

    def colleges(rate):
        rework = pd.DataFrame([key | {"rework": 1 - rate}])
        given = counts.assign(first_pass_rate=rate)
        return make_colleges(given, rework, college_states(ledger.entries(*KINDS)), Standing(), codes)

    before = colleges(1.0)
    assert colleges(0.5)["score"].iloc[0] < before["score"].iloc[0]
    accept(RUN, ledger, COLLEGE, WANG, standing_of(before, COLLEGE))
    assert colleges(0.5)[["score", "first_pass_rate", "rework"]].equals(before[["score", "first_pass_rate", "rework"]])


def test_the_order_of_rows_changes_no_digest(ledger):
    done = signed(ledger)
    turned = dataclasses.replace(RUN, people=RUN.people.iloc[::-1].reset_index(drop=True))
    assert signed_digest(desk_of(turned, ledger).people) == done.signature.digest
