"""What an approved student asks to change, beside what was approved: in the table and on the office's desk."""

import pytest

from pipeline import fields
from pipeline.errors import RefusedError, UsageError
from pipeline.office.desk_cohort import Listing
from pipeline.office.student_list import change_request
from pipeline.review.actions import Actor, approve, decide_on, reopen
from pipeline.review.review_snapshot import KINDS, build_snapshot, seen_states

from .small import TODAY, finding, open_in, person, submission, tables

ACTOR = Actor("王", "误批", TODAY)


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


def asked(desk, text):
    shown = change_request(desk, desk.student(text))
    return shown.html if shown else ""


def with_times(run):
    times = {"s1": "2016-10-01T08:00:00", "s2": "2016-10-20T09:30:00"}
    return run.__class__(
        run.run_id,
        run.people,
        run.submissions.assign(submitted_at=run.submissions["submission_id"].map(times), email="", qq="12345"),
        run.findings,
        run.schools,
    )


def after_a_new_row(ledger, findings=()):
    """The desk after s1 was approved and s2, with another phone, was submitted."""
    first = submission("s1", "1", phone="13800000000")
    second = submission("s2", "1", phone="<b>13900000000</b>")
    approve(with_times(tables([person("1")], [first])), ledger, ["1"], ACTOR)
    run = with_times(tables([person("1")], [first | {"superseded_by": "s2"}, second], findings))
    return run, build_snapshot(run, ledger.entries(*KINDS), TODAY)


def test_the_fields_that_differ_come_first_and_blank_ones_not_at_all(ledger):
    _, desk = after_a_new_row(ledger)
    changed, same = asked(desk, "1").split("没有变的")

    def row(name):
        return f">{fields.label(name)}</th>"

    assert changed.count('scope="row"') == 1 and row("phone") in changed
    assert changed.index("13800000000") < changed.index("&lt;b&gt;13900000000&lt;/b&gt;")
    assert row("qq") in same
    assert row("submitted_at") not in changed + same and row("email") not in changed + same


def test_without_an_approval_that_stands_nothing_is_asked(ledger):
    run, desk = after_a_new_row(ledger)
    reopen(run, ledger, ["1"], ACTOR)
    desk = build_snapshot(run, ledger.entries(*KINDS), TODAY)
    assert asked(desk, "1") == ""


def test_the_approval_given_again_takes_the_change(ledger):
    run, _ = after_a_new_row(ledger)
    approve(run, ledger, ["1"], ACTOR)
    desk = build_snapshot(run, ledger.entries(*KINDS), TODAY)
    assert desk.student("1")["approved_submission_id"] == "s2"
    assert asked(desk, "1") == ""


def test_the_desk_shows_both_side_by_side_and_what_holds_the_new_one_up(ledger):
    _, desk = after_a_new_row(ledger, [finding("s2", "1")])
    page = asked(desk, "10534/1")
    assert "13800000000" in page and "&lt;b&gt;13900000000" in page and "<b>13900000000</b>" not in page
    assert "phone.format 不对" in page


def test_change_requests_can_be_picked_from_the_table(ledger):
    _, desk = after_a_new_row(ledger)
    assert list(Listing(desk, status="申请修改").matching()["name"]) == ["名1"]
    reopened = build_snapshot(desk.tables, ledger.entries("exception"), TODAY)
    assert Listing(reopened, status="申请修改").matching().empty


def test_a_refused_change_leaves_the_approval_as_it_was_before_any_further_run(ledger):
    run, desk = after_a_new_row(ledger)
    with pytest.raises(UsageError, match="原因"):
        decide_on("keep", run, ledger, ["1"], Actor("王", "", TODAY))
    with pytest.raises(RefusedError, match="又有改动"):  # another row was looked at
        decide_on("keep", run, ledger, ["1"], ACTOR, {"10534/1": "of another moment"})
    assert decide_on("keep", run, ledger, ["1"], ACTOR, seen_states(desk.people)).done == ["10534/1"]
    row = build_snapshot(run, ledger.entries(*KINDS), TODAY).student("1")
    assert (row["status"], row["change_request"], row["submission_id"]) == ("approved", False, "s1")
    with pytest.raises(RefusedError, match="没有申请修改"):
        decide_on("keep", run, ledger, ["1"], ACTOR)
