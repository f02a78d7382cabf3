"""The mail for counselors and secretaries under names that nobody has."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from pipeline.deliver import dashboard
from pipeline.deliver.digest import Chase, Digest, Tally
from pipeline.deliver.message import HTML_LIMIT, Message
from pipeline.deliver.picture import progress_png
from pipeline.deliver.recipients import Recipient
from pipeline.deliver.source import open_run
from pipeline.tables import STATUSES, write_table
from tests.deliver.runs import SCHOOL, class_of, make_cohort, roster_of, write_run

WINDOW = SimpleNamespace(opens=date(2016, 9, 20), closes=date(2016, 10, 31), college_due=date(2016, 11, 20))
COHORT = SimpleNamespace(name="2017届", window=WINDOW)


def test_before_the_window_opens_the_picture_is_that_of_its_first_day():
    progress = pd.DataFrame({"day": ["2016-09-01"], "submitted": [3], "approved": [0]})
    window = (WINDOW.opens, WINDOW.closes, WINDOW.college_due)
    first, before = (progress_png(progress, 30, window, day) for day in (WINDOW.opens, date(2016, 9, 5)))
    assert before == first


def test_submissions_outside_the_roster_are_told_to_whom_they_concern(tmp_path: Path):
    cohort = make_cohort(tmp_path / "2017")
    roster, findings, submissions = roster_of(2, each=2, night=60)
    assert set(roster["status"]) == {"approved"}
    stranger = submissions.iloc[:1].assign(submission_id="X", student_number="99", name="陌生人")
    tables = (roster, findings, pd.concat([submissions, stranger], ignore_index=True))
    run = write_run(cohort, "20161101-080000-aaaa", tables, as_of=date(2016, 11, 1))
    outside = pd.DataFrame({"school": [SCHOOL], "college": ["学院0"], "kind": ["extra"], "submission_id": ["X"]})

    def told() -> list[Message]:
        source = open_run(cohort, run)
        classes = [frozenset({(SCHOOL, *class_of(number))}) for number in (0, 1)]
        mine, other = (Recipient("counselor", "a@example.edu.cn", ("周老师",), scope) for scope in classes)
        secretary = Recipient("secretary", "b@example.edu.cn", ("李书记",), frozenset({(SCHOOL, "学院0")}))
        drafts = [dashboard.counselor_draft(cohort, source, each, lambda _: ()) for each in (mine, other)]
        return [each.build() for each in (*drafts, dashboard.secretary_draft(cohort, source, secretary, lambda _: ()))]

    before = told()
    assert all("全部完成" in each.subject for each in before)
    write_table(run / "tables", "differences", outside)
    counselor, other, secretary = told()
    assert "请您核实名单外的提交 1 条" in counselor.subject and "见附件“我的班级”" in counselor.html + counselor.text
    assert (other.subject, other.content) == (before[1].subject, before[1].content)
    assert "请辅导员核实名单外的提交 1 条" in secretary.text and "请打印附件中的人数表" not in secretary.text
    assert counselor.content != before[0].content  # news: it goes out


def test_names_of_a_million_characters_keep_no_mail_from_going():
    long = "<名>" * 400_000
    tally = Tally(long, long, registered=9, done=1, review=2, verify=2, fix=2, missing=2)
    chase = tuple(Chase(long, long, long, str(number), long, "missing", ("尚未提交", long)) for number in range(90))
    counts = dict.fromkeys(STATUSES, 0) | {"missing": 90}
    digest = Digest(date(2016, 10, 20), tally, counts, (tally,) * 70, chase, ((long, 1),), pd.DataFrame())
    recipient = Recipient("counselor", "a@example.edu.cn", (long, long), frozenset())
    values = dashboard._values(COHORT, recipient, digest, dashboard._COUNSELOR, long, (), "谢谢您。")
    html, text = dashboard._within_limit(values, tuple(map(dashboard._cut_row, chase)))
    assert len(html.encode()) < HTML_LIMIT
    assert "未提交" in html
    assert len(text) < 100_000
