"""Identity faults: typed as people mistype, labelled by the definitions read literally."""

from collections import Counter
from pathlib import Path
from random import Random

import pandas as pd
import pytest

from pipeline import fields
from pipeline.knowledge import identifiers
from tests.cohorts import make_cohort
from tests.invented.faults_identity import mistype

LABELS = {field.label: name for name, field in fields.fields().items()}
ROW = ["id_number", "student_number", "exam_number", "name", "school"]


def cause_by_definition(row: dict[str, str], people: pd.DataFrame) -> str:
    """`rules.csv`, read literally and slowly: the oracle."""
    here = people[people["school"] == row["school"]]
    elsewhere = people[people["school"] != row["school"]]
    by_id = here[here["id_number"] == row["id_number"]]
    student = here[here["student_number"] == row["student_number"]]
    exam = here[here["exam_number"] == row["exam_number"]]
    pointed = set(student.index) | set(exam.index)
    if ((elsewhere["id_number"] == row["id_number"]) & (elsewhere["name"] == row["name"])).any():
        return "wrong_school"
    if len(by_id):
        return _of_known_id(row, people, by_id, set(student.index), set(exam.index))
    named = [at for at in pointed if people.at[at, "name"] == row["name"]]
    if len(named) == 1:
        valid = bool(identifiers.IdNumbers(pd.Series([row["id_number"]], dtype="str")).valid.iloc[0])
        return "registry_outdated" if valid else "id_mistyped"
    return "unknown"


def _of_known_id(row: dict[str, str], people: pd.DataFrame, by_id: pd.DataFrame, student: set, exam: set) -> str:
    owner = by_id.index[0]
    other = (student | exam) - {owner}
    if not other:
        return "" if people.at[owner, "name"] == row["name"] else "name_differs"
    one = other.pop()
    both = student == exam == {one}
    if both or people.at[one, "name"] == row["name"]:
        return "id_of_another"
    return "ambiguous"


@pytest.mark.parametrize("seed", [3, 4])
def test_causes_are_those_of_the_definitions(tmp_path: Path, seed: int) -> None:
    folder = make_cohort(tmp_path, 700, 2, seed=seed, faults=0.3, identity_faults=True)
    people = _read(folder / "registry")
    truth = pd.read_csv(folder / "truth.csv", dtype=str, keep_default_na=False)
    rows = _read(folder / "submissions").drop_duplicates("student_number", keep="last").set_index("student_number")
    assert 0.28 < (truth["cause"] != "").mean() < 0.32
    for label in truth[truth["cause"] != ""].itertuples():
        number = str(label.submitted_student_number)
        row = {**rows.loc[number].to_dict(), "student_number": number}
        given = {name: _plain(row[name]) for name in ROW}
        assert cause_by_definition(given, people) == label.cause, label.student_number


def _plain(text: str) -> str:
    import unicodedata

    shown = unicodedata.normalize("NFKC", text).strip(" \u200b")
    return shown.upper().replace("•", "·").replace(".", "·")


def _read(folder: Path) -> pd.DataFrame:
    parts = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in sorted(folder.glob("*.csv"))]
    return pd.concat(parts, ignore_index=True).rename(columns=LABELS)


def test_digits_are_mistyped_by_the_published_shares() -> None:
    dice, number = Random(1), "430302199503141234"
    lengths = Counter(len(mistype(number, dice)) - len(number) for _ in range(4000))
    assert 0.03 < lengths[-1] / 4000 < 0.07
    assert 0.03 < lengths[1] / 4000 < 0.07
    single = sum(
        sum(a != b for a, b in zip(number, wrong, strict=True)) == 1
        for wrong in (mistype(number, dice) for _ in range(4000))
        if len(wrong) == 18
    )
    assert 0.7 < single / 4000 < 0.88


def test_a_mistyped_number_is_never_the_right_one() -> None:
    dice = Random(2)
    assert all(mistype("110000000000000000", dice) != "110000000000000000" for _ in range(500))
