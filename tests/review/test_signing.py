"""Signing: on which set, by whom, and whether a file still equals it."""

import io
import os
import zipfile
from datetime import date

import pandas as pd
import pytest
import xlsxwriter

from pipeline.collect import _guarded
from pipeline.errors import InputError, RefusedError, UsageError
from pipeline.review import _guarded_pdf, actions, signing
from pipeline.review.actions import Actor
from pipeline.review.desk import lay_desk
from pipeline.review.signed_file import LABELS, counts_of, read_subject, verify_file
from pipeline.review.signing import accept, college_states, differing_students, revoke, sign, signed_digest

from .small import COLLEGE, SCHOOLS, TODAY, open_in, person, submission, tables

DUE = date(2016, 11, 20)
LI = Actor("李 书记", "", TODAY)
WANG = Actor("王老师", "已核对", TODAY)
PEOPLE = pd.DataFrame([{"school": "甲大学", "college": "土木学院", "secretary": "李书记；赵书记"}], dtype="str")


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


def two(**more):
    people = [person("1"), person("2", major="采矿", gender="女", **more)]
    return tables(people, [submission("s1", "1"), submission("s2", "2")])


RUN = two()


def desk_of(run, ledger):
    return lay_desk(run, ledger.entries(), TODAY)


def signed(ledger, run=RUN, actor=LI):
    actions.approve(run, ledger, ["1", "2"], WANG)
    return sign(run, ledger, COLLEGE, PEOPLE, DUE, actor)


def test_steps_open_one_after_the_other(ledger):
    with pytest.raises(RefusedError, match="还没有签字"):
        accept(RUN, ledger, COLLEGE, WANG)
    actions.approve(RUN, ledger, ["1"], WANG)
    with pytest.raises(RefusedError, match="本科采矿 差 1 人。学号：2"):
        sign(RUN, ledger, COLLEGE, PEOPLE, DUE, LI)
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
        sign(RUN, ledger, COLLEGE, PEOPLE, DUE, WANG)
    with pytest.raises(RefusedError, match="没有写"):
        sign(RUN, ledger, COLLEGE, PEOPLE.assign(secretary=""), DUE, LI)
    assert sign(RUN, ledger, COLLEGE, PEOPLE, DUE, Actor("赵书记", "", TODAY)).new


def test_submissions_of_strangers_stand_in_the_way(ledger):
    key = {"school": "甲大学", "college": "土木学院", "education_level": "本科", "major": "土木"}
    strange = tables([person("1")], [submission("s1", "1")], extras=pd.DataFrame([key | {"extra": 2}]))
    actions.approve(strange, ledger, ["1"], WANG)
    with pytest.raises(RefusedError, match="名单外的提交：土木 2 条"):
        sign(strange, ledger, COLLEGE, PEOPLE, DUE, LI)


def test_late_or_again_needs_a_reason(ledger):
    late = Actor("李书记", "", date(2016, 11, 22))
    with pytest.raises(RefusedError, match="2 天"):
        signed(ledger, actor=late)
    assert sign(RUN, ledger, COLLEGE, PEOPLE, DUE, Actor("李书记", "出差", late.today)).new
    assert '"late_days":2' in ledger.entries("signature")["data"].iloc[0]
    assert not sign(RUN, ledger, COLLEGE, PEOPLE, DUE, late).new  # the same set: nothing to sign again
    with pytest.raises(UsageError, match="原因"):
        revoke(RUN, ledger, COLLEGE, LI)
    revoke(RUN, ledger, COLLEGE, WANG)
    assert college_states(ledger.entries())["signed_at"].tolist() == [""]
    with pytest.raises(RefusedError, match="无从撤销"):
        revoke(RUN, ledger, COLLEGE, WANG)
    with pytest.raises(RefusedError, match="签过字"):
        sign(RUN, ledger, COLLEGE, PEOPLE, DUE, LI)


def test_changed_data_are_named_and_refused_by_the_office(ledger):
    signed(ledger)
    other = two(class_name="二班")
    rows = desk_of(other, ledger).people
    assert differing_students(ledger.entries(), "10534", "土木学院", rows) == ["2"]
    with pytest.raises(RefusedError, match="签字后数据有改动：2"):
        accept(other, ledger, COLLEGE, WANG)


def test_a_change_request_changes_no_signed_set(ledger):
    done = signed(ledger)
    newer = tables(
        [person("1"), person("2", major="采矿", gender="女")],
        [submission("s1", "1"), submission("s2", "2"), submission("s3", "2")],
    )
    assert signed_digest(desk_of(newer, ledger).people) == done.digest
    codes = {name: code for code, name in SCHOOLS.items()}
    people = desk_of(newer, ledger).people
    assert signing.college_digests(people, codes) == {("10534", "土木学院"): done.digest}


def write_xlsx(path, done, cells, changed=None, code="10534"):
    with xlsxwriter.Workbook(str(path)) as book:
        for name, value in (("digest", done.digest), ("school", code), ("college", done.college.name)):
            book.set_custom_property(f"mingce_{name}", value)
        sheet = book.add_worksheet()
        sheet.write_row(1, 0, ["学历", "专业", *LABELS, "一致"])
        for at, ((level, major), numbers) in enumerate(cells.items(), 2):
            row = {**numbers, **(changed or {}).get(major, {})}
            sheet.write_row(at, 0, [level, major, *(row[name] for name in LABELS.values()), "是"])


@pytest.fixture
def verdict(tmp_path, ledger):
    """Sign, write the file (with cells changed), and verify it against a run."""

    class Nowhere:
        reports_folder = tmp_path / "none"

        @staticmethod
        def school_of_code(_):
            return None

    def check(run=RUN, changed=None):
        done = signed(ledger)
        cells = counts_of(desk_of(RUN, ledger).people)
        write_xlsx(tmp_path / "h.xlsx", done, cells, changed)
        subject = read_subject(tmp_path / "h.xlsx")
        return verify_file(subject, desk_of(run, ledger), ledger.entries(), Nowhere())

    return check


def test_a_file_that_equals(verdict):
    found = verdict()
    assert found.equal
    assert "由 李 书记 于 2016-11-01 签字" in found.lines[1]


def test_an_edited_file(verdict):
    found = verdict(changed={"采矿": {"registered": 3}, "合计": {"male": "一"}})
    assert not found.equal
    assert "  本科采矿 在册：表中 3，应为 1" in found.lines
    assert any("合计 男" in line for line in found.lines)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"小计": {"female": 2}}, "  本科小计 女：表中 2，应为 1"),
        ({"采矿": {"awaiting": 1}}, "  本科采矿 待审核：表中 1，应为 0"),
        ({"采矿": {"registered": ""}}, "  本科采矿 在册：表中不是数字，应为 1"),
    ],
)
def test_one_cell_that_was_edited_is_told(verdict, changed, told):
    found = verdict(changed=changed)
    assert not found.equal
    assert found.lines[-1] == told


def test_a_column_that_was_taken_out_is_told(verdict, monkeypatch):
    monkeypatch.setattr("tests.review.test_signing.LABELS", {k: v for k, v in LABELS.items() if k != "已通过"})
    found = verdict()
    assert not found.equal
    assert found.lines[-1] == "  缺少 已通过 一列"


def test_a_file_of_data_that_changed(verdict):
    found = verdict(two(gender_x="", name="新名"))
    assert not found.equal
    assert "不同的有 1 人，学号：2" in found.lines


def test_files_that_are_none(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"x")
    (tmp_path / "a.pdf").write_bytes(b"x")
    with xlsxwriter.Workbook(str(tmp_path / "b.xlsx")) as book:
        book.add_worksheet()
    for name, what in (
        ("a.xlsx", "打不开"),
        ("a.pdf", "打不开"),
        ("b.xlsx", "没有校验信息"),
        ("c.pdf", "没有这个"),
        ("d.docx", "只能"),
    ):
        with pytest.raises(InputError, match=what):
            read_subject(tmp_path / name)


def test_a_pdf_carries_its_subject_in_keywords(tmp_path):
    import typst

    digest = "a" * 64
    words = f'("mingce_digest={digest}", "mingce_school=10534", "mingce_college=土木学院")'
    (tmp_path / "t.typ").write_text(f"#set document(keywords: {words})\nx", encoding="utf-8")
    typst.compile(str(tmp_path / "t.typ"), output=str(tmp_path / "t.pdf"), pdf_standards=["a-2b"])
    found = read_subject(tmp_path / "t.pdf")
    assert (found.digest, found.school_code, found.college) == (digest, "10534", "土木学院")


@pytest.mark.skipif(os.name != "posix", reason="Windows bounds no process")
@pytest.mark.parametrize("child", [_guarded, _guarded_pdf])
def test_a_system_that_takes_no_bound_on_memory_reads_files_all_the_same(child, monkeypatch):
    import resource

    def as_macos(kind, _):
        if kind == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", as_macos)
    child.limit()


def test_files_made_to_hurt_are_refused_in_words(tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", b"<a>" * 100)
        book.writestr("xl/worksheets/sheet1.xml", bytes(300 << 20))
    end = b"\nstartxref\n9\n%%EOF"
    broken = {
        "bomb.xlsx": bomb.getvalue(),
        "tags.xlsx": bomb.getvalue()[:4000],
        "loop.pdf": b"%PDF-1.4\n1 0 obj<</Prev 9>>endobj\nxref\n0 1\ntrailer<</Prev 9/Root 1 0 R/Info 1 0 R>>" + end,
        "deep.pdf": b"%PDF-1.4\n1 0 obj" + b"[" * 100_000 + b"\ntrailer<</Info 1 0 R/Root 1 0 R>>" + end,
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            read_subject(tmp_path / name)
