"""The mail for counselors and secretaries under names that nobody has."""

from datetime import date
from pathlib import Path

import pandas as pd

from pipeline.deliver import dashboard
from pipeline.deliver.message import HTML_LIMIT, Draft
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import open_run
from pipeline.tables import write_table
from tests.deliver.runs import SCHOOL, class_of, make_cohort, roster_of, write_run


def test_submissions_outside_the_roster_are_told_to_whom_they_concern(tmp_path: Path):
    cohort = make_cohort(tmp_path / "2017")
    roster, findings, submissions = roster_of(2, each=2, night=60)
    assert set(roster["status"]) == {"approved"}
    stranger = submissions.iloc[:1].assign(submission_id="X", student_number="99", name="陌生人")
    tables = (roster, findings, pd.concat([submissions, stranger], ignore_index=True))
    run = write_run(cohort, "20161101-080000-aaaa", tables, as_of=date(2016, 11, 1))
    outside = pd.DataFrame({"school": [SCHOOL], "college": ["学院0"], "kind": ["extra"], "submission_id": ["X"]})

    def told() -> list[Draft]:
        source = open_run(cohort, run)
        classes = [frozenset({(SCHOOL, *class_of(number))}) for number in (0, 1)]
        mine, other = (Recipient("counselor", "a@example.edu.cn", ("周老师",), scope) for scope in classes)
        secretary = Recipient("secretary", "b@example.edu.cn", ("李书记",), frozenset({(SCHOOL, "学院0")}))
        drafts = [dashboard.staff_draft(cohort, source, each, lambda _: ()) for each in (mine, other)]
        return [*drafts, dashboard.staff_draft(cohort, source, secretary, lambda _: ())]

    before = told()
    assert all("全部完成" in each.build().subject for each in before)
    write_table(run / "tables", "differences", outside)
    after = told()
    counselor, other, secretary = (each.build() for each in after)
    assert "请辅导员核实名单外的提交 1 条" in counselor.subject and "见附件“我的班级”" in counselor.html
    assert (other.subject, after[1].content) == (before[1].build().subject, before[1].content)
    assert "请辅导员核实名单外的提交 1 条" in secretary.text and "请打印附件中的人数表" not in secretary.text
    assert after[0].content != before[0].content  # news: it goes out


def test_names_of_a_hundred_thousand_characters_keep_no_mail_from_going(tmp_path: Path):
    long = "<名>" * 100_000
    cohort = make_cohort(tmp_path / "2017")
    roster, findings, submissions = roster_of(70, each=2, night=1, colleges=1)
    roster["class_name"] += long
    roster.loc[:3, "name"] = long
    run = write_run(cohort, "20161001-080000-aaaa", (roster, findings, submissions), as_of=date(2016, 10, 1))
    scope = frozenset(roster[["school", "college", "class_name"]].itertuples(index=False, name=None))
    recipient = Recipient("counselor", "a@example.edu.cn", (long, long), scope)
    message = dashboard.staff_draft(cohort, open_run(cohort, run), recipient, lambda _: ()).build()
    assert len(message.html.encode()) < HTML_LIMIT
    assert "未提交" in message.html
    assert len(message.text) < 100_000
    assert len(message.subject) < 2_000_000


def test_the_office_stands_in_the_mail_by_its_own_name_and_can_be_called(tmp_path: Path):
    office = (
        '[office]\nname = "招生就业处"\ncontact = "江老师"\nphone = "58291319"\nform = "https://example.edu.cn/f"\n'
    )
    cohort = make_cohort(tmp_path / "2017", office)
    tables = roster_of(1, each=3, night=3)
    run = write_run(cohort, "20161001-080000-aaaa", tables, as_of=date(2016, 10, 1))
    recipient = Recipient("counselor", "a@example.edu.cn", ("周老师",), frozenset({(SCHOOL, *class_of(0))}))
    message = dashboard.staff_draft(cohort, open_run(cohort, run), recipient, lambda _: ()).build()
    assert 'href="tel:58291319"' in message.html and 'href="https://example.edu.cn/f"' in message.html
    for body in (message.html, message.text):
        assert "招生就业处" in body and "江老师" in body and "就业办" not in body
        said = body[body.index("【") :]
        assert "发到班级群" in body and "10月31日前" in said[: said.index("照片")]
        assert not any(name in said[: said.index("照片")] for name in tables[0]["name"])


def test_a_counselor_of_two_colleges_is_told_which_class_is_whose(tmp_path: Path):
    cohort = make_cohort(tmp_path / "2017")
    run = write_run(cohort, "20161001-080000-aaaa", roster_of(2, each=3, night=3), as_of=date(2016, 10, 1))
    both = frozenset({(SCHOOL, *class_of(0)), (SCHOOL, *class_of(1))})
    recipient = Recipient("counselor", "a@example.edu.cn", ("周老师",), both)
    message = dashboard.staff_draft(cohort, open_run(cohort, run), recipient, lambda _: ()).build()
    assert all(college in message.html for _, college, _ in both)
