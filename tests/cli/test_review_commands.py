"""`mingce review approve` decides on what was shown: the latest run, or the one that is named."""

from contextlib import nullcontext
from datetime import date

import pytest

from pipeline.cli import common
from pipeline.review import actions, review_snapshot
from tests.command import run
from tests.deliver.runs import make_cohort

READY = ["--all-ready", "--college", "土木工程学院"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--student", "1305030101"], "latest"),
        (["--student", "1305030101", "--seen", "run"], "run"),
        (READY, None),  # each is looked at here and now, and listed
        ([*READY, "--seen", "run"], "run"),
    ],
)
def test_an_approval_is_for_what_was_shown(words, shown, tmp_path, monkeypatch):
    decided = []

    def decide(_tables, _ledger, _about, _actor, seen):
        decided.append(seen)
        return actions.ActionOutcome()

    for name in ("approve", "approve_ready"):
        monkeypatch.setattr(actions, name, decide)
    monkeypatch.setattr(review_snapshot, "seen_in_latest", lambda cohort: "latest")
    monkeypatch.setattr(review_snapshot, "seen_in_run", lambda cohort, run: run)
    monkeypatch.setattr(common, "open_newest", lambda cohort, known: (None, date(2016, 11, 1)))
    monkeypatch.setattr(common, "open_to_decide", lambda cohort: nullcontext())
    monkeypatch.setattr(common, "college_named", lambda text, cohort: text)
    assert run("review", "approve", make_cohort(tmp_path).folder, *words, "--by", "王老师") == 0
    assert decided == [shown]
    assert run("review", "approve", tmp_path, *words, "somewhere", "--by", "王老师") == (
        0 if "--student" in words else 2
    )
