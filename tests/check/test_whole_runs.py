"""Whole checks of a small cohort: an office's rules, silenced rules, trials, what is kept of the results."""

import json
import shutil
from datetime import date, datetime

import pandas as pd
import pytest

from pipeline.cli import main
from pipeline.clock import SHANGHAI
from pipeline.cohort import load_cohort
from pipeline.errors import ConfigurationError
from pipeline.review.review_snapshot import newest_run
from pipeline.run import run_cohort
from pipeline.run_folder import RunOptions
from pipeline.tables import read_table
from tests.cohorts import make_cohort
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SETTINGS = """
[rules]
folder = "rules"

[rules.known_issues]
"email.qq_preferred" = "等信息中心通知"
"identity.registry_outdated" = "等教务处导出新的学籍"
"identity.id_mistyped" = "等教务处导出新的学籍"
"""


def check(folder, *rules):
    now = datetime.now(SHANGHAI)
    return run_cohort(load_cohort(folder), RunOptions(date(2016, 10, 31), now, command="check", rules=rules))


@pytest.fixture(scope="session")
def cohort(once):
    return once("office-rules", with_an_offices_rules)


def with_an_offices_rules(place):
    folder = make_cohort(place / "c", 160, 2, seed=3)
    shutil.copytree(ROOT / "tests" / "check" / "office", folder / "rules")
    wording = "page: office\nmessages:\n  cohort.missing: 还没有提交，请到行政楼 203 办理\n"
    (folder / "rules" / "用语.yml").write_text(wording, encoding="utf-8")
    settings = folder / "cohort.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    registry = sorted((folder / "registry").glob("*.csv"))[0]
    lines = registry.read_text(encoding="utf-8").splitlines()
    twice = lines[1].replace('"本科"', '"专科"')  # one student entered twice, not alike
    person = lines[2].split(",")
    another = ",".join([person[0], '"13099999999"', '"13439900000000"', *person[3:]])  # one person's ID number again
    registry.write_text("\n".join([*lines, twice, another]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def run(cohort, once):
    return once("office-run", lambda _: check(cohort))


@pytest.fixture(scope="session")
def trial(cohort, run, once):
    tried = ("office.hunan_exam_number", "email.qq_preferred", "identity.unknown")
    return once("office-trial", lambda _: check(cohort, *tried))


def test_an_offices_rules_run_beside_ours(run):
    findings = read_table(run.folder, "findings")
    judged = json.loads((run.folder / "validations.json").read_text(encoding="utf-8"))
    office = next(suite["results"] for suite in judged if suite["suite"] == "submissions_office")
    assert "office.hunan_exam_number" in {one["expectation_config"]["meta"]["rule"] for one in office}
    assert "cohort.missing" in set(findings["rule"])
    assert set(findings["message"][findings["rule"] == "cohort.missing"]) == {"还没有提交，请到行政楼 203 办理"}
    assert not [one for one in run.summary["not_checked"] if one["rule"].startswith("office.")]


def test_a_silenced_rule_says_nothing_and_is_told(run):
    assert "email.qq_preferred" not in set(read_table(run.folder, "findings")["rule"])
    told = [one for one in run.summary["not_checked"] if one["rule"] == "email.qq_preferred"]
    assert [one["reason"] for one in told] == ["已知问题，暂不计：等信息中心通知"]


def test_an_identity_whose_rule_is_silenced_is_not_checked_and_cannot_be_approved(run):
    certifications = read_table(run.folder, "certifications")
    waiting = certifications[certifications["identity"] == "not_checked"]
    assert len(waiting)
    assert set(waiting["cause"]) == {"not_checked"}
    roster = read_table(run.folder, "roster")
    assert set(roster["status"][roster["submission_id"].isin(list(waiting["submission_id"]))]) == {"not_checked"}


def test_the_registrys_own_faults_stand_in_a_table_of_their_own(run):
    own = read_table(run.folder, "registry_findings")
    assert {"registry.student_number_repeated", "registry.id_number_repeated"} <= set(own["rule"])
    assert (own["row"] > 1).all()
    assert not set(read_table(run.folder, "findings")["rule"]) & set(own["rule"])
    text = own.astype(str).to_csv()
    assert not set(read_table(run.folder, "registry")["id_number"]) & set(text.replace(",", " ").split())


def test_a_trial_shows_the_tried_rules_and_leaves_every_other_table_true(run, trial):
    tried = read_table(trial.folder, "findings")
    assert set(tried["rule"]) <= {"office.hunan_exam_number", "email.qq_preferred", "identity.unknown"}
    assert (tried["rule"] == "email.qq_preferred").any()  # although it is silenced: it is what is being tried
    for name in ("certifications", "headcount", "submissions"):
        pd.testing.assert_frame_equal(read_table(trial.folder, name), read_table(run.folder, name))
    assert read_table(trial.folder, "roster")["status"].tolist() == read_table(run.folder, "roster")["status"].tolist()
    assert trial.summary["rules"] != "all"


def test_decisions_never_look_at_a_trial(cohort, run, trial):
    assert newest_run(load_cohort(cohort)) == run.folder


def test_nothing_of_anybody_is_kept_of_the_results(run, cohort, capsys, tmp_path):
    kept = (run.folder / "validations.json").read_text(encoding="utf-8")
    submissions = read_table(run.folder, "submissions")
    main_docs(cohort, tmp_path / "docs")
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "docs").rglob("*.html")]
    assert capsys.readouterr().out.strip().endswith("index.html")
    assert {"submissions.html", "submissions_office.html", "registry.html"} <= {
        path.name for path in (tmp_path / "docs").rglob("*.html")
    }
    for column in ("id_number", "phone", "student_number", "submission_id", "email"):
        values = set(submissions[column]) - {""}
        assert not [value for text in [kept, *pages] for value in values if value in text], column
    assert {one["suite"] for one in json.loads(kept)} >= {"submissions", "students", "registry", "submissions_office"}


def main_docs(cohort, out):
    with pytest.raises(SystemExit) as stopped:
        main(["docs", str(cohort), "--out", str(out)])
    assert stopped.value.code in (0, None)


def test_the_example_in_the_guide_is_the_file_that_these_tests_run():
    example = (ROOT / "tests" / "check" / "office" / "本校.yml").read_text(encoding="utf-8").rstrip()
    assert f"```yaml\n{example}\n```" in (ROOT / "docs" / "office-rules.md").read_text(encoding="utf-8")


def test_a_message_for_no_rule_and_a_silenced_rule_that_does_not_exist_are_told(cohort, tmp_path):
    folder = shutil.copytree(cohort, tmp_path / "c", ignore=shutil.ignore_patterns("reports", "ledger*"))
    (folder / "rules" / "用语.yml").write_text("page: office\nmessages:\n  email.formats: x\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"用语.yml 第 3 行：没有规则 email.formats"):
        check(folder)
