"""The mail for counselors and secretaries under names that nobody has."""

from datetime import date
from types import SimpleNamespace

import pandas as pd

from pipeline.deliver import dashboard
from pipeline.deliver.digest import Chase, Digest, Tally
from pipeline.deliver.message import HTML_LIMIT
from pipeline.deliver.picture import progress_png
from pipeline.deliver.recipients import Recipient
from pipeline.tables import STATUSES

WINDOW = SimpleNamespace(opens=date(2016, 9, 20), closes=date(2016, 10, 31), college_due=date(2016, 11, 20))
COHORT = SimpleNamespace(name="2017届", window=WINDOW)


def test_before_the_window_opens_the_picture_is_that_of_its_first_day():
    progress = pd.DataFrame({"day": ["2016-09-01"], "submitted": [3], "approved": [0]})
    window = (WINDOW.opens, WINDOW.closes, WINDOW.college_due)
    first, before = (progress_png(progress, 30, window, day) for day in (WINDOW.opens, date(2016, 9, 5)))
    assert before == first


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
