"""The invented cohorts: the same for one seed, well-formed, labelled truly."""

import hashlib
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from python_calamine import CalamineWorkbook

from pipeline import fields
from pipeline.cohort import load_cohort
from pipeline.knowledge import contacts, identifiers, names
from tests.cohorts import make_cohort
from tests.invented.forms import parted
from tests.invented.kinds import KINDS

LABELS = {field.label: name for name, field in fields.fields().items()}
# not planted as such: they come with other faults, or need a registry that cannot be read
ACCOMPANY = {
    "school.registry", "name.registry", "identity.not_checked", "cohort.missing", "cohort.extra", "cohort.resubmitted",
}  # fmt: skip


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def submissions(folder: Path) -> pd.DataFrame:
    parts = [table(path) for path in sorted((folder / "submissions").glob("*.csv"))]
    return pd.concat(parts, ignore_index=True).rename(columns=LABELS)


def registry(folder: Path) -> pd.DataFrame:
    parts = [table(path) for path in sorted((folder / "registry").glob("*.csv"))]
    return pd.concat(parts, ignore_index=True).rename(columns=LABELS)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cohort(tmp_path_factory.mktemp("cohort"), 1500, 2, seed=5, faults=0.2, decisions=True, photos=True)


@pytest.mark.parametrize("form", ["xlsx", "csv", "parquet", "ods"])
def test_one_seed_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    one, other = (make_cohort(tmp_path / name, 120, 2, seed=9, form=form, photos=True) for name in ("one", "other"))
    assert digests(one) == digests(other)


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    one, other = (registry(make_cohort(tmp_path / str(seed), 120, 2, seed=seed)) for seed in (1, 2))
    assert not set(one["id_number"]) & set(other["id_number"])


def test_every_rule_that_can_be_planted_is_planted(shared: Path, cohort: Path) -> None:
    rules = set(table(shared / "design" / "rules.csv")["rule"])
    planted = set(table(cohort / "truth.csv")["rule"]) - {""}
    assert planted == rules - ACCOMPANY


def test_numbers_are_well_formed_and_nobody_has_two(cohort: Path) -> None:
    truth, people = table(cohort / "truth.csv"), registry(cohort)
    mistyped = set(truth.loc[truth["rule"].isin(["identity.registry_outdated"]), "student_number"])
    right = people[~people["student_number"].isin(mistyped)]
    assert identifiers.IdNumbers(right["id_number"]).valid.all()
    for column in ("student_number", "exam_number", "id_number"):
        assert people[column].is_unique
    assert names.name_ok(people["name"]).all()


def test_sequence_numbers_are_those_that_offices_do_not_reach(cohort: Path) -> None:
    assert registry(cohort)["id_number"].str[14:17].astype(int).between(900, 999).mean() > 0.99


def test_mail_goes_to_no_person(cohort: Path) -> None:
    mails = submissions(cohort)["email"]
    good = mails[contacts.email_ok(mails)]
    invented = re.compile(r"[0-9]{10}@(qq|163|126)\.[a-z]+|s[0-9]+@example\.edu\.cn")
    assert not [mail for mail in good if mail and not invented.fullmatch(mail)]


def test_labels_cover_every_student_once(cohort: Path) -> None:
    truth, missing, people = table(cohort / "truth.csv"), table(cohort / "truth_missing.csv"), registry(cohort)
    assert sorted([*truth["student_number"], *missing["student_number"]]) == sorted(people["student_number"])
    assert set(truth["submitted_student_number"]) <= set(submissions(cohort)["student_number"].str.strip())
    identity = truth["rule"].str.startswith("identity.")
    assert (truth.loc[identity, "rule"] == "identity." + truth.loc[identity, "cause"]).all()
    assert (truth.loc[~identity, "cause"] == "").all()


def test_headcount_label_is_the_registry_counted(cohort: Path) -> None:
    heads, people = table(cohort / "truth_headcount.csv"), registry(cohort)
    assert heads["男"].astype(int).sum() == (people["gender"] == "男").sum()
    assert heads["女"].astype(int).sum() == (people["gender"] == "女").sum()
    assert not heads.duplicated(["school", "college", "education_level", "major"]).any()


def test_twins_and_namesakes_share_a_class(cohort: Path) -> None:
    people = registry(cohort)
    assert people.duplicated(["class_name", "name"]).any()
    born = people["id_number"].str[:14]
    twins = people[people.assign(born=born).duplicated(["class_name", "born"], keep=False)]
    assert len(twins) >= 2


def test_a_college_is_finished_and_approved(cohort: Path) -> None:
    decisions, people, missing = table(cohort / "decisions.csv"), registry(cohort), table(cohort / "truth_missing.csv")
    done = KINDS["2017"].schools[0].colleges[1].name
    members = set(people.loc[people["college"] == done, "student_number"])
    assert members <= set(decisions.loc[decisions["意见"] == "通过", "学号"])
    assert not members & set(missing["student_number"])
    assert {"通过", "退回"} == set(decisions["意见"])


@pytest.mark.parametrize(("kind", "schools"), [("2017", 2), ("2026", 1), ("one-school", 1), ("postgraduate-2026", 1)])
def test_every_kind_has_a_cohort_file_that_loads(tmp_path: Path, kind: str, schools: int) -> None:
    cohort = load_cohort(make_cohort(tmp_path, 150, schools, kind=kind))
    assert cohort.year == KINDS[kind].year
    assert len(cohort.schools) == schools


def test_in_a_cohort_of_one_school_no_name_of_a_school_is_a_fault(tmp_path: Path) -> None:
    rules = set(table(make_cohort(tmp_path, 500, 1, faults=0.6, kind="one-school") / "truth.csv")["rule"])
    assert "name.required" in rules
    assert not {rule for rule in rules if rule.startswith("school.")}


def test_postgraduates_of_2026_graduate_in_december(tmp_path: Path) -> None:
    people = registry(make_cohort(tmp_path, 150, 1, kind="postgraduate-2026"))
    assert set(people["education_level"]) == {"硕士研究生", "博士研究生"}
    assert set(people["graduation_month"]) == {"2026-12"}


def test_many_schools_stream_into_parquet(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path, 4000, 40, form="parquet")
    cohort = load_cohort(folder)
    assert len(cohort.schools) == 40
    people = pd.concat([pd.read_parquet(cohort.path(school.registry)) for school in cohort.schools])
    assert len(people) == 4000
    assert people["身份证号码"].is_unique
    assert len(pd.read_parquet(folder / "truth.parquet")) + len(table(folder / "truth_missing.csv")) >= 4000


def test_schools_may_number_alike(tmp_path: Path) -> None:
    people = registry(make_cohort(tmp_path, 200, 2, repeated_numbers=True))
    assert people["student_number"].duplicated().any()
    assert not people.duplicated(["school", "student_number"]).any()


@pytest.mark.parametrize("form", ["xlsx", "ods"])
def test_colleges_of_one_name_in_many_schools_have_worksheets_of_their_own(tmp_path: Path, form: str) -> None:
    folder = make_cohort(tmp_path, 160, 8, form=form)
    names = set(pd.read_csv(folder / "colleges.csv")["院系"])
    sheets = CalamineWorkbook.from_path(folder / "submissions" / f"submissions.{form}").sheet_names
    assert len(set(sheets)) == len(sheets) > len(names)


@pytest.mark.bench
def test_a_hundred_thousand_students_a_second(tmp_path: Path) -> None:
    import time

    make_cohort(tmp_path / "warm", 200, 2, form="parquet")
    started = time.process_time()
    make_cohort(tmp_path / "many", 400_000, 90, form="parquet", faults=0.03)
    assert 400_000 / (time.process_time() - started) > 80_000


def test_a_number_that_is_parted_twice_keeps_its_digits():
    given = pa.array(["13000387654"])
    for mark in " -":
        given = parted(mark)(given)
    assert "".join(filter(str.isdigit, given[0].as_py())) == "13000387654"
