"""`mingce papers --full`: who prints whole ID numbers is named and stands in the ledger."""

import json

from pipeline.cli import common
from pipeline.papers.paper_files import WrittenPapers
from pipeline.review.ledger import open_ledger
from tests.command import run
from tests.deliver.runs import make_cohort


def test_who_prints_full_numbers_is_recorded(tmp_path, monkeypatch):
    cohort, printed = make_cohort(tmp_path), []

    def make(cohort, run, wanted):
        printed.append(wanted.full)
        return WrittenPapers(tmp_path)

    monkeypatch.setattr(common, "newest_folder", lambda cohort: tmp_path / "a-run")
    monkeypatch.setattr("pipeline.view.run_tables.load_run", lambda run: None)
    monkeypatch.setattr("pipeline.papers.paper_files.write_papers", make)
    words = ["papers", cohort.folder, "--kind", "proof"]
    assert run(*words) == 0 and run(*words, "--full") == 2  # nobody is named
    assert run(*words, "--full", "--by", " 王老师 ", "--why", "核对") == 0
    assert printed == [False, True]
    with open_ledger(cohort) as ledger:
        (entry,) = ledger.entries("papers").to_dict("records")
    assert (entry["action"], entry["by"], entry["why"]) == ("full", "王老师", "核对")
    data = json.loads(entry["data"])
    assert (data["run"], data["colleges"], data["classes"]) == ("a-run", [], [])
