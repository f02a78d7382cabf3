"""Small real files of other tools and other offices: read right, or refused with one clear question."""

import shutil
from pathlib import Path

import pytest

from pipeline import fields
from pipeline.cohort import load_cohort
from pipeline.collect.school_tables import read_registry
from pipeline.collect.source_columns import fields_read
from pipeline.errors import InputError
from tests.cohorts import settings
from tests.collecting import collect_submissions

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not part of the project")


@pytest.fixture
def cohort_of(tmp_path):
    """A cohort of one school whose submissions and registry are these files."""

    def make(*files, registry=""):
        (tmp_path / "submissions").mkdir(exist_ok=True)
        for file in files:
            shutil.copy(CASES / file, tmp_path / "submissions")
        if registry:
            shutil.copy(CASES / registry, tmp_path / Path(registry).name)
        for name in ("colleges.csv", "counselors.csv"):
            (tmp_path / name).write_text("学校名称,院系\n", "utf-8")
        (tmp_path / "cohort.toml").write_text(settings(Path(registry).name or "registry.csv"), "utf-8")
        return load_cohort(tmp_path)

    return make


FILES = [
    ("files/list-sheet.xlsx", 8, []),
    ("files/hints-and-example.xlsx", 8, [3, 4]),
    ("files/wjx-blank.csv", 8, []),
    ("files/no-time-column.xlsx", 59, []),
]


@pytest.mark.parametrize(("file", "people", "skipped"), FILES)
def test_people_are_read_and_nothing_else(cohort_of, file, people, skipped):
    found = collect_submissions(cohort_of(file), None)
    assert len(found.rows) == people
    assert found.skipped["row"].tolist() == skipped
    assert "error" not in {note.level for note in found.notes}


def test_a_form_of_one_person_is_refused(cohort_of):
    with pytest.raises(InputError, match="每个学生一行"):
        collect_submissions(cohort_of("files/form-of-one-person.xlsx"), None)


def test_another_persons_telephone_is_a_question(cohort_of):
    found = collect_submissions(cohort_of("two-telephones/submissions/s.csv"), None)
    (has,) = found.columns
    assert "phone" not in has.fields
    assert {column.heading for column in has.questions} == {"个人手机", "联系人电话"}


def test_a_registry_of_the_national_platform(cohort_of):
    cohort = cohort_of(registry="registry-other-labels/registry/10534.csv")
    found = read_registry(cohort.schools[0], cohort, None)
    must = ["college", "education_level", "graduation_month", "id_number", "class_name", "major"]
    assert not (found.rows[must] == "").any().any()
    assert "gender" in fields_read(found.columns)


def test_a_registry_without_level_needs_a_constant(cohort_of):
    cohort = cohort_of(registry="files/registry.dbf")
    school = cohort.schools[0]
    with pytest.raises(InputError, match="缺少 学历") as caught:
        read_registry(school, cohort, None)
    assert "ZYMC" in str(caught.value)
    found = read_registry(school.model_copy(update={"columns": {"education_level": "=本科"}}), cohort, None)
    assert set(found.rows["education_level"]) == {"本科"}
    assert not (found.rows[["name", "id_number", "college", "class_name"]] == "").any().any()


OTHERS = [
    (
        ["年级", "系部", "学生姓名", "学号", "身份证件号", "教学班", "专业", "层次"],
        {"college", "class_name", "education_level"},
    ),
    (["姓名", "学号", "身份证号", "学院名称", "班级", "专业", "学历"], {"college"}),
]


@pytest.mark.parametrize(("headings", "lost"), OTHERS)
def test_other_offices_headings_are_asked_about(tmp_path, cohort_of, headings, lost):
    cohort = cohort_of()
    (tmp_path / "registry.csv").write_text(",".join(headings) + "\n" + ",".join(["1"] * len(headings)) + "\n", "utf-8")
    with pytest.raises(InputError) as caught:
        read_registry(cohort.schools[0], cohort, None)
    assert all(fields.label(name) in str(caught.value) for name in lost)
    assert all(heading in str(caught.value) for heading in headings)
