"""A row that looks like no person's and gives a number is a person's where a registry has the number."""

import json

import pandas as pd
import pytest

from pipeline.cohort import load_cohort
from pipeline.errors import UsageError
from pipeline.review.review_snapshot import load_tables
from pipeline.student_facts import _find_student
from pipeline.summary import questions, skipped_with_numbers
from tests.cohorts import make_cohort
from tests.scale.runs import check, table


def test_nobody_whom_a_registry_knows_is_skipped_and_every_other_number_is_told(tmp_path):
    folder = make_cohort(tmp_path / "cohort", 30, 2, seed=5, faults=0)
    path = folder / "submissions" / "10534.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    masked, spaced, example = rows.index[0], rows.index[-1], rows.index[1]
    rows.loc[masked, "姓名"] = "郭某某"
    rows.loc[spaced, ["姓名", "身份证号码"]] = [
        "张*",
        f"{rows['身份证号码'][spaced][:6]} {rows['身份证号码'][spaced][6:]}",
    ]
    rows.loc[example, ["姓名", "学号", "考生号", "身份证号码"]] = ["示例：张三", "9999999999", "", "110101199001011237"]
    rows.to_csv(path, index=False)
    run = check(folder, tmp_path / "reports")
    kept = table(run, "submissions")
    numbers = {rows["学号"][masked], rows["学号"][spaced]}
    assert numbers <= set(kept["student_number"])
    assert "9999999999" not in set(kept["student_number"])
    roster = table(run, "roster")
    assert (
        roster[roster["student_number"].isin(numbers) & (roster["school"] == rows["学校名称"][0])]["submission_id"]
        != ""
    ).all()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert [(row["row"], row["why"], row["number"]) for row in summary["skipped_rows"]] == [(3, "示例行", "9999999999")]
    assert "submissions/10534.csv 第 3 行（示例行）" in "".join(questions(summary))
    with pytest.raises(UsageError, match="第 3 行（示例行）"):
        _find_student(load_tables(load_cohort(folder), run), "9999999999", skipped_with_numbers(summary))


def test_a_registry_keeps_its_students_with_masked_names_and_tells_its_examples(tmp_path):
    folder = make_cohort(tmp_path / "cohort", 30, 2, seed=5, faults=0)
    path = folder / "registry" / "10534.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[0, "姓名"], rows.loc[5, "姓名"], rows.loc[1, "姓名"] = "郭某", "张*", "示例"
    rows.to_csv(path, index=False)
    run = check(folder, tmp_path / "reports")
    known = table(run, "roster").query("school == '湖南科技大学'")["student_number"]
    assert sorted(known) == sorted(rows["学号"].drop(1))
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert "registry/10534.csv 第 3 行（示例行）" in "".join(questions(summary))
