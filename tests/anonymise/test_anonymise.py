"""`mingce anonymise` as a person types it."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline import fields
from pipeline.anonymise.disguise import invented_picture
from pipeline.cohort import load_cohort
from pipeline.knowledge.photos import near_duplicates, read_picture
from pipeline.review.decision_rows import read_decision_rows
from tests.cohorts import make_cohort
from tests.command import run

SENSITIVE = ["student_number", "exam_number", "id_number", "name", "qq", "phone", "email", "home_address"]


def rows_of(folder: Path) -> pd.DataFrame:
    book = pd.read_excel(folder / "submissions" / "submissions.xlsx", sheet_name=None, dtype=str, engine="calamine")
    labels = {field.label: name for name, field in fields.fields().items()}
    return pd.concat(book.values(), ignore_index=True).fillna("").rename(columns=labels)


def test_anonymise_leaves_nobody(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "real", 200, 2, faults=0.3, form="xlsx", photos=True, decisions=True)
    decisions = folder / "decisions.csv"
    decisions.write_text(f"审核意见表\n{decisions.read_text(encoding='utf-8')}", encoding="gbk")  # as Excel saves it
    assert run("anonymise", folder, tmp_path / "out") == 0
    old, new = rows_of(folder), rows_of(tmp_path / "out")
    assert len(old) == len(new)
    for column in SENSITIVE:
        kept = (set(old[column]) & set(new[column])) - {"", "无", "没有QQ"}
        assert not kept, column
    whole = "".join(path.read_text(errors="ignore") for path in (tmp_path / "out").rglob("*.csv"))
    assert not [name for name in old["name"].str.strip() if len(name) > 2 and name in whole]
    assert len(list((tmp_path / "out" / "photos").iterdir())) == len(list((folder / "photos").iterdir()))
    assert not list((tmp_path / "out").glob(".inputs-*"))
    before, after = (read_decision_rows(load_cohort(cohort))[0] for cohort in (folder, tmp_path / "out"))
    assert before is not None and after is not None
    assert len(before) and after["意见"].equals(before["意见"]) and not set(before["学号"]) & set(after["学号"])


def test_anonymise_refuses_a_folder_in_use(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "real", 80, 2)
    assert run("anonymise", folder, folder) == 2


@pytest.mark.slow
def test_anonymised_cohort_has_the_same_findings(tmp_path: Path) -> None:
    folder = make_cohort(tmp_path / "real", 140, 2, seed=6, faults=0.3, form="xlsx", photos=True)
    assert run("anonymise", folder, tmp_path / "out") == 0
    counts = [findings(cohort)["rule"].value_counts().to_dict() for cohort in (folder, tmp_path / "out")]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("suffixes", [(".png", ".jpg"), (".jpg", ".jpg"), (".png", ".png")])
def test_a_drawn_picture_and_its_twin_are_the_same_person(tmp_path: Path, suffixes: tuple[str, str]) -> None:
    for person in range(20):
        for suffix, wrong in zip(suffixes, ("", "near_twin"), strict=True):
            (tmp_path / f"{wrong}{suffix}").write_bytes(invented_picture(person, 0, wrong, suffix))
        pair = [read_picture(path) for path in sorted(tmp_path.iterdir())]
        shas, hashes = (pd.Series([getattr(one, name) for one in pair], dtype="str") for name in ("sha256", "phash"))
        assert shas.nunique() == 2 and near_duplicates(hashes, shas).ne("").all(), person


def findings(folder: Path) -> pd.DataFrame:
    assert run("check", folder, "--as-of", "2016-10-20") == 0
    (tables,) = (folder / "reports").glob("*/runs/*/tables")
    return pd.read_csv(tables / "findings.csv", dtype=str, keep_default_na=False)
