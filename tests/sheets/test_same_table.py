"""The same table gives the same verdicts as xlsx, csv, ods or a shared Google sheet (contract, *Columns*)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dbf
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline import fields
from pipeline.cohort_sections import Source
from pipeline.collect.cell_text import number_text
from pipeline.collect.school_tables import COLLEGES
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.normalise.normalise_rows import normalise, vocabulary
from tests.collect.xlsb import worksheet, xlsb

from .conftest import KEY
from .model import Book, Sheet
from .standin import Google

# what people type and spreadsheets keep as numbers: months as decimals, lost zeros, days as serial numbers
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["欧阳震华", "王一"]),
    "student_number": st.sampled_from([1305010101, "0042", "1305010102", 42]),
    "id_number": st.sampled_from(["43030219950314123X", 430302950314123, 430302199503141234]),
    "graduation_month": st.sampled_from([2017.1, 2017.06, 2017.6, 201706, 42887, "2017-06", "2017年6月", 2017, ""]),
    "enrolment_month": st.sampled_from([41518, 41518.0, 2013.09, 2013.9, 201309, 20130901, "2013-09", "2013.9"]),
    "postcode": st.sampled_from([10084, 411201, "010084", 84, "", 411201.0]),
    "study_years": st.sampled_from([4, 4.0, 2.5, "4", "4年"]),
    "phone": st.sampled_from([13812345678, "13812345678", 8613812345678, 1.3812345678e10]),
    "qq": st.sampled_from([12345678, "12345678", 1234567.0, ""]),
    "family_phone": st.sampled_from([73158291319, "0731-58291319", 58291319]),
    "exam_number": st.sampled_from([13430300000001, "13430300000001", 9430300000001]),
    "submitted_at": st.sampled_from(["2016-10-08 21:30", "2016/10/8 9:05", 42651.5]),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), min_size=15, max_size=15)


def written(folder: Path, rows: list[dict[str, Any]]) -> Iterator[Path]:
    """Write the table in each form of file."""
    frame = pd.DataFrame(rows, dtype=object).rename(columns=fields.label)
    frame.to_excel(folder / "a.xlsx", index=False, engine="xlsxwriter")
    frame.to_excel(folder / "a.ods", index=False, engine="odf")
    as_text = frame.map(lambda cell: cell if isinstance(cell, str) else number_text(cell))
    as_text.to_csv(folder / "a.csv", index=False)
    yield from (folder / f"a.{form}" for form in ("xlsx", "ods", "csv"))


def as_sheet(rows: list[dict[str, Any]]) -> Book:
    values = [list(map(fields.label, CELLS)), *([row[name] for name in CELLS] for row in rows)]
    return Book("采集", sheets=[Sheet(0, "1班", values, len(values) + 5, len(CELLS))])


@pytest.mark.timeout(50)
@settings(
    max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS)
def test_the_same_table_means_the_same(google: Google, cohort, tmp_path: Path, rows: list[dict[str, Any]]):
    google.books[KEY] = as_sheet(rows)
    units = [Unit(Source(path=path.name), path) for path in written(tmp_path, rows)]
    units.append(Unit(cohort.submissions.sources[0], None))
    words = vocabulary(cohort, pd.DataFrame(columns=pd.Index(COLLEGES), dtype="str"))
    read = [collect_unit(unit, cohort, None).rows for unit in units]
    kept = [normalise(each, words, words.only_school)[0][fields.names()].to_numpy().tolist() for each in read]
    assert len(kept[0]) == len(rows)
    assert kept[0] == kept[1] == kept[2] == kept[3]


_NUMBERS = {
    "name": ["欧阳震华", "王一", "李𠮷"],
    "student_number": [1305010101, "0042", 42],
    "id_number": ["43030219950314123X", 430302950314123, "430302199503141234"],
    "graduation_month": [2017.1, 2017.06, 201706, "2017-06", 42887],
    "enrolment_month": [41518, 2013.09, 20130901, "2013.9"],
    "postcode": [10084, 411201, "010084", ""],
    "study_years": [4, 2.5, "4年"],
    "exam_number": [13430300000001, "13430300000001"],
    "submitted_at": ["2016-10-08 21:30", 42651.5],
}
_IN_DBF = {name for name in _NUMBERS if len(fields.label(name)) <= 5}
"""Fields whose label fits into the ten bytes that a DBF table has for a name."""


@pytest.mark.office
@pytest.mark.parametrize("form", ["xls", "xlsb", "dbf"])
def test_an_old_or_binary_file_means_the_same(cohort, tmp_path: Path, form: str):
    rows = [{name: cells[at % len(cells)] for name, cells in _NUMBERS.items()} for at in range(12)]
    frame = pd.DataFrame(rows, dtype=object).rename(columns=fields.label)
    frame.to_excel(tmp_path / "a.xlsx", index=False, engine="xlsxwriter")
    text = frame.map(lambda cell: cell if isinstance(cell, str) else number_text(cell))
    path = tmp_path / f"a.{form}"
    if form == "xls":
        office = shutil.which("soffice") or pytest.skip("LibreOffice is not installed")
        command = [office, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to", form]
        subprocess.run([*command, "--outdir", tmp_path, tmp_path / "a.xlsx"], check=True, capture_output=True)
    elif form == "xlsb":
        table = [list(text.columns), *text.to_numpy().tolist()]
        cells = [(at, column, cell) for at, row in enumerate(table) for column, cell in enumerate(row)]
        path.write_bytes(xlsb(worksheet(*cells)))
    else:
        _write_dbf(path, text[[fields.label(name) for name in _NUMBERS if name in _IN_DBF]])
    words = vocabulary(cohort, pd.DataFrame(columns=pd.Index(COLLEGES), dtype="str"))
    wanted = [name for name in _NUMBERS if form != "dbf" or name in _IN_DBF]
    kept: list[list[list[str]]] = []
    for file in (tmp_path / "a.xlsx", path):
        read = collect_unit(Unit(Source(path=file.name), file), cohort, None).rows
        kept.append(normalise(read, words, words.only_school)[0][wanted].to_numpy().tolist())
    assert len(kept[0]) == len(rows)
    assert kept[0] == kept[1]


def _write_dbf(path: Path, text: pd.DataFrame) -> None:
    """Write a table of text in GB18030 under its Chinese names."""
    from dbf.tables import code_pages

    known = code_pages.get(0x7A)
    code_pages[0x7A] = ("gb18030", "gb18030")
    try:
        names = [f"F{at} C(40)" for at in range(len(text.columns))]
        with dbf.Table(str(path), "; ".join(names), codepage="gb18030") as table:
            for row in text.itertuples(index=False, name=None):
                table.append(row)
    finally:
        code_pages[0x7A] = known
    data = bytearray(path.read_bytes())
    for at, label in enumerate(text.columns):
        data[32 + 32 * at : 43 + 32 * at] = label.encode("gb18030").ljust(11, b"\0")
    path.write_bytes(bytes(data))
