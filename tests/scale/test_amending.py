"""A form that completes a shared sheet, and corrections that name one field: from the files to the run's tables."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline import fields
from tests.cohorts import settings
from tests.scale.runs import check, in_this_process, many_parts, table

CASE = ("part-shared.csv", "part-form.csv")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(shared: Path, tmp_path: Path) -> Path:
    """The case's shared sheet and form, with the registry of its people."""
    cases = shared / "cases" / "files"
    people = [{**mine, **form} for mine, form in zip(*(read(cases / name) for name in CASE), strict=True)]
    labels = [fields.label(name) for name in fields.in_registry()]
    registry = [{label: each.get(label, "") for label in labels} for each in people]
    write(tmp_path / "registry.csv", registry)
    colleges = {(each["学校名称"], each["院系"]): None for each in registry}
    write(tmp_path / "colleges.csv", [dict(zip(("学校名称", "院系"), each, strict=True)) for each in colleges])
    (tmp_path / "counselors.csv").write_text("学校名称,院系,班级,姓名,邮箱\n", "utf-8")
    source = '[{ path = "forms/*", amends = true }, "submissions/*"]'
    (tmp_path / "cohort.toml").write_text(settings().replace('"submissions/*"', source), "utf-8")
    for name, to in zip(CASE, ("submissions", "forms"), strict=True):
        (tmp_path / to).mkdir()
        shutil.copy(cases / name, tmp_path / to)
    return tmp_path


def test_a_form_makes_whole_students_of_a_sheet_and_in_parts_it_is_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = check(folder, folder / "reports")
    counting = table(rows, "submissions").query("superseded_by == ''")
    assert len(counting) == 8 and set(counting["file"]) == {"submissions/part-shared.csv"}
    assert (counting[["phone", "qq", "id_number", "email", "home_county"]] != "").all(axis=None)
    assert set(table(rows, "certifications")["identity"]) == {"certified"}
    findings = table(rows, "findings")
    assert findings[findings["severity"].eq("critical") & findings["rule"].str.endswith(".required")].empty
    changes = table(rows, "changes")
    assert changes["why"].str.startswith("按 forms/part-form.csv 第 2 行 补上").any()
    many_parts(monkeypatch, rows=3)
    in_this_process(monkeypatch)
    parted = check(folder, folder / "parted")
    for name in ("submissions", "changes", "certifications"):
        pd.testing.assert_frame_equal(table(rows, name), table(parted, name))


def test_a_later_row_with_one_field_changes_that_field_alone(folder: Path, shared: Path):
    """The case partial-correction.csv: its later rows hold the corrected field, everything else is blank."""
    whole = read(shared / "cases" / "files" / "partial-correction.csv")
    (folder / "submissions" / CASE[0]).unlink()
    (folder / "forms" / CASE[1]).unlink()
    write(folder / "submissions" / "whole.csv", whole[:4])
    blank = dict.fromkeys(whole[0], "")
    named = {label: whole[0][label] for label in ("姓名", "学号")}
    stranger = {**blank, "姓名": "无名", "学号": "1", "个人联系电话": "13900000000"}
    fixed = {**blank, **named, "提交时间": "2016-10-30 10:00", "个人联系电话": "13900000000"}
    write(folder / "forms" / "fixes.csv", [fixed, stranger])
    run = check(folder, folder / "reports")
    rows = table(run, "submissions")
    of_one = rows[rows["student_number"] == whole[0]["学号"]].set_index("superseded_by")
    new, old = of_one.loc[""], of_one.drop("").iloc[0]
    assert str(new["phone"]) == "13900000000"
    assert [name for name in fields.names() if new[name] != old[name]] == ["phone"]
    assert (new["file"], new["row"]) == (old["file"], old["row"])
    assert len(rows) == 5
    summary = (run / "summary.json").read_text("utf-8")
    assert "没有对上任何提交" in summary
