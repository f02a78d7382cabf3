"""Taking the last action back: what stood before it stands again, by new entries."""

import pytest

from pipeline.errors import RefusedError
from pipeline.review.actions import Actor, approve, decide_on, reopen, send_back, withdraw
from pipeline.review.granting import add_exception, undo
from pipeline.review.review_snapshot import KINDS, build_snapshot

from .small import TODAY, finding, open_in, person, submission, tables

ACTOR = Actor("王", "误批", TODAY)
BACK = Actor("王", today=TODAY)
PEOPLE = [person("1"), person("2")]
RUN = tables(PEOPLE, [submission("s1", "1"), submission("s2", "2")])


@pytest.fixture
def ledger(tmp_path):
    with open_in(tmp_path) as opened:
        yield opened


def desk(ledger, run=RUN):
    return build_snapshot(run, ledger.entries(*KINDS), TODAY)


def states(ledger, run=RUN):
    return desk(ledger, run).people["status"].tolist()


def test_an_approval_goes_back_to_nothing(ledger):
    done = approve(RUN, ledger, ["1", "2"], ACTOR)
    assert states(ledger) == ["approved", "approved"]
    undo(ledger, done.entries, BACK)
    assert states(ledger) == ["awaiting", "awaiting"]
    assert len(ledger.entries()) == 4 and ledger.verify() == []


def test_a_return_of_an_approved_student_goes_back_to_the_very_approval(ledger):
    approve(RUN, ledger, ["1"], ACTOR)
    before = desk(ledger).student("1")
    done = send_back(RUN, ledger, ["1"], ACTOR)
    assert states(ledger)[0] == "returned"
    undo(ledger, done.entries, BACK)
    after = desk(ledger).student("1")
    assert (after["status"], after["approved_submission_id"]) == ("approved", before["approved_submission_id"])
    changed = tables([person("1", gender="女"), person("2")], [submission("s1", "1"), submission("s2", "2")])
    row = desk(ledger, changed).student("1")
    assert row["status"] == "stale" and row["changed_fields"] == "gender"  # the snapshot came back with it


def test_a_reopening_and_a_first_return_go_back(ledger):
    approve(RUN, ledger, ["1"], ACTOR)
    done = reopen(RUN, ledger, ["1"], ACTOR)
    undo(ledger, done.entries, BACK)
    assert states(ledger) == ["approved", "awaiting"]
    undo(ledger, send_back(RUN, ledger, ["2"], ACTOR).entries, BACK)
    assert states(ledger) == ["approved", "awaiting"]


def test_a_withdrawal_an_exception_and_a_refused_change_go_back(ledger):
    undo(ledger, withdraw(RUN, ledger, "s1", ACTOR).entries, BACK)
    assert states(ledger) == ["awaiting", "awaiting"]
    again = withdraw(RUN, ledger, "s1", ACTOR)
    assert again.done == ["s1"] and states(ledger)[0] == "missing"
    wrong = tables(PEOPLE, [submission("s1", "1"), submission("s2", "2")], [finding("s2", "2")])
    granted = add_exception(wrong, ledger, "2", "phone.format", ACTOR, "其他")
    assert states(ledger, wrong)[1] == "awaiting"
    undo(ledger, granted, BACK)
    assert states(ledger, wrong)[1] == "correct"
    approve(RUN, ledger, ["2"], ACTOR)
    newer = tables(PEOPLE, [submission("s2", "2", superseded_by="s3"), submission("s3", "2")])
    undo(ledger, decide_on("keep", newer, ledger, ["2"], ACTOR).entries, BACK)
    assert bool(desk(ledger, newer).student("2")["change_request"])


def test_whoever_decided_since_is_not_overruled(ledger):
    done = approve(RUN, ledger, ["1", "2"], ACTOR)
    send_back(RUN, ledger, ["2"], Actor("李", "照片不清", TODAY))
    with pytest.raises(RefusedError, match="之后又有新的决定"):
        undo(ledger, done.entries, BACK)
    assert states(ledger) == ["approved", "returned"]
    undo(ledger, approve(RUN, ledger, ["2"], ACTOR).entries, BACK)
    assert states(ledger) == ["approved", "returned"]
    with pytest.raises(RefusedError):
        undo(ledger, [], BACK)


def test_the_listing_finds_parts_and_ticks_outlive_pages():
    from pipeline.office.desk_cohort import PAGE, Listing
    from pipeline.review.review_snapshot import records

    people = [person(str(1305000 + n), name=f"张{n}", class_name=f"土木{n % 3}班") for n in range(40)]
    rows = [submission(f"s{n}", str(1305000 + n), phone=f"1380000{n:04d}") for n in range(40)]
    import pandas as pd

    listing = Listing(
        build_snapshot(
            tables(people, rows),
            pd.DataFrame(
                columns=[
                    "kind",
                    "action",
                    "data",
                    "values",
                    "seq",
                    "submission_id",
                    "school_code",
                    "student_number",
                    "rule",
                    "college",
                    "by",
                    "at",
                    "why",
                    "made_on",
                ]
            ),
            TODAY,
        )
    )
    listing.words = "0007"
    assert list(listing.matching()["name"]) == ["张7"]  # the end of a telephone
    listing.words = "土木1班 张1"
    assert set(listing.matching()["class_name"]) == {"土木1班"}
    listing.words = ""
    listing.tick(records(listing.page_rows().iloc[:2]))
    listing.page = 99
    assert len(listing.page_rows()) == 40 % PAGE and listing.page == 40 // PAGE
    listing.tick(records(listing.page_rows().iloc[:1]))
    listing.words = "没有这个人"
    assert listing.page_rows().empty and len(listing.ticked) == 3 and "已勾选 3 人" in listing.ticked_text()
