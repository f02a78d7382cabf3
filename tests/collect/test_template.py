"""The collection workbook: made, filled in, read back without a word about reading."""

import shutil
import subprocess

import openpyxl
import pytest
from openpyxl.utils import get_column_letter
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.collect.rows import rows_of_grid
from pipeline.collect.template import SHEET, options_of, write_template
from pipeline.errors import UsageError
from pipeline.fields import fields, names

PERSON = {field.name: field.example for field in fields().values()} | {"name": "张三", "school": "湖南科技大学"}


def fill(path, count=3):
    book = openpyxl.load_workbook(path)
    sheet = book[SHEET]
    for number in range(count):
        for column, name in enumerate(names(), 1):
            value = f"13050301{number:02d}" if name == "student_number" else PERSON[name]
            sheet.cell(6 + number, column, value or None)
    book.save(path)
    return path


def problems(reading):
    parts = [rows_of_grid(grid, names()) for grid in reading.grids]
    notes = [note for part in parts for note in part.notes] + reading.notes
    return parts, [note for note in notes if note.level != "info"]


def test_filled_in_and_read_back(tmp_path, make_cohort, read):
    path = tmp_path / "登记表.xlsx"
    write_template(path, make_cohort())
    parts, said = problems(read(fill(path)))
    assert said == []
    rows = parts[0].rows
    # the example has numbers, so a registry decides (`with_people`); it is nobody's until then
    assert rows[["row", "why"]].values.tolist() == [[5, "示例行"], [6, ""], [7, ""], [8, ""]]
    assert rows.iloc[1].drop(["file", "sheet", "row", "why", "student_number"]).to_dict() == {
        name: text for name, text in PERSON.items() if name != "student_number"
    }
    assert len(parts[0].cells) == len(parts[0].extras) == 0
    assert len(parts[0].skipped) == 0
    assert [len(part.rows) for part in parts[1:]] == [0, 0]


def test_every_column_is_text_with_a_message_and_codes_have_drop_downs(tmp_path, make_cohort):
    path = tmp_path / "a.xlsx"
    cohort = make_cohort()
    write_template(path, cohort)
    sheet = openpyxl.load_workbook(path)[SHEET]
    rules = {str(rule.sqref).split(":")[0].rstrip("0123456789"): rule for rule in sheet.data_validations.dataValidation}
    for column, field in enumerate(fields().values(), 1):
        letter = get_column_letter(column)
        assert sheet.column_dimensions[letter].width and rules[letter].prompt
        assert sheet.cell(4, column).protection.locked and sheet.protection.sheet
        assert (rules[letter].type == "list") == bool(options_of(field.name, cohort))
    assert options_of("school", cohort) == ["湖南科技大学"]
    assert "汉族" in options_of("ethnicity", None)


def test_an_offices_own_answers_stand_in_the_drop_down(make_cohort, tmp_path):
    """Or students would be offered what the check then refuses."""
    (tmp_path / "rules" / "codes").mkdir(parents=True)
    cohort = make_cohort(more='[rules]\nfolder = "rules"\n')
    (tmp_path / "rules" / "codes" / "gender.csv").write_text("code,label,aliases,source\n1,男性,,校\n", "utf-8")
    assert options_of("gender", cohort) == ["男性"]


def test_every_field_is_told_of():
    without = {field.name for field in fields().values() if not field.example}
    assert without == {"commissioning_unit"}  # most people leave it blank
    assert all(len(field.hint) < 240 for field in fields().values())


@pytest.mark.office
@pytest.mark.parametrize("kind", ["ods", "xls", "xlsx"])
def test_saved_again_by_libreoffice(tmp_path, read, kind):
    office = shutil.which("soffice") or pytest.skip("LibreOffice is not installed (apt-get install libreoffice-calc)")
    path = tmp_path / "a.xlsx"
    write_template(path)
    fill(path)
    command = [office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", kind]
    subprocess.run([*command, "--outdir", tmp_path / "out", path], check=True, capture_output=True, timeout=120)
    parts, said = problems(read(tmp_path / "out" / f"a.{kind}"))
    assert said == []
    assert parts[0].rows["why"].tolist() == ["示例行", "", "", ""]
    assert parts[0].rows["id_number"].tolist() == [PERSON["id_number"]] * 4


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = CliRunner().invoke(app, ["template", "a.xlsx"])
    assert (first.exit_code, first.output.strip()) == (0, "a.xlsx")
    for refused in ("a.xlsx", "a.csv"):
        assert isinstance(CliRunner().invoke(app, ["template", refused]).exception, UsageError)
