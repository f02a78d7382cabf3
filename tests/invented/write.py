"""Writes a cohort's files: registries, submissions in four formats, people, labels, `cohort.toml`."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline import fields
from tests.invented.arrow import Column, Table
from tests.invented.arrow import compute as pc
from tests.invented.kinds import Kind

REGISTRY = [
    "school", "student_number", "exam_number", "id_number", "name", "gender", "ethnicity",
    "origin_province", "origin_city", "origin_county", "college", "class_name", "major",
    "education_level", "study_years", "enrolment_month", "graduation_month", "teacher_training",
    "training_mode", "commissioning_unit",
]  # fmt: skip
_TITLE = 31  # characters of a worksheet's title that Excel takes
_PLAIN = pa_csv.WriteOptions(quoting_style="needed")


def labelled(table: Table) -> Table:
    """Return the table under the Chinese labels of its fields."""
    return table.rename_columns([fields.label(name) for name in table.column_names])


class CsvSink:
    """A CSV file that grows table by table; without a table it holds the header alone."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        schema = pa.schema([(column, pa.string()) for column in columns])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((",".join(columns) + "\n").encode())
        self._lines = path.open("ab")
        self._schema = schema

    def add(self, table: Table) -> None:
        """Append the rows of `table`."""
        if table.num_rows:
            options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
            pa_csv.write_csv(table.cast(self._schema), self._lines, options)

    def close(self) -> None:
        """Finish the file."""
        self._lines.close()


class ParquetSink:
    """A Parquet file that grows table by table (one row group a school)."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._schema = pa.schema([(column, pa.string()) for column in columns])
        self._file = pq.ParquetWriter(path, self._schema, compression="snappy", write_statistics=False)

    def add(self, table: Table) -> None:
        """Append the rows of `table` as a row group."""
        self._file.write_table(table.cast(self._schema))

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def write_registry(path: Path, registry: Table) -> None:
    """Write a school's registry, csv or parquet by the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = labelled(registry.select(REGISTRY))
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="snappy", write_statistics=False)
    else:
        with path.open("wb") as lines:
            pa_csv.write_csv(table, lines, _PLAIN)


def sheets(submissions: Table, colleges: Column) -> Iterator[tuple[str, Table]]:
    """Split submissions into one worksheet a college, in order of submission."""
    for college in pc.unique(colleges).to_pylist():
        mine = submissions.filter(pc.equal(colleges, college))
        order = pc.sort_indices(mine["submitted_at"])
        yield str(college), labelled(mine.take(order))


def _titled(content: Iterable[tuple[str, Table]]) -> Iterator[tuple[str, Table]]:
    """Give each worksheet a title of its own, as spreadsheets demand: schools have colleges of one name."""
    seen: Counter[str] = Counter()
    for name, table in content:
        title = name[:_TITLE]
        seen[title] += 1
        mark = f" {seen[title]}" if seen[title] > 1 else ""
        yield f"{title[: _TITLE - len(mark)]}{mark}", table


def write_workbook(path: Path, content: Iterable[tuple[str, Table]], numeric_ids: dict[str, str], on: datetime) -> None:
    """Write an xlsx workbook, every cell text, except ID numbers that a spreadsheet took for a quantity."""
    import xlsxwriter

    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}  # nothing waits in /tmp
    book: Any = xlsxwriter.Workbook(str(path), options)
    book.set_properties({"created": on, "author": "mingce demo"})
    for name, table in _titled(content):
        sheet = book.add_worksheet(name)
        for column, label in enumerate(table.column_names):
            sheet.write_string(0, column, label)
            for row, value in enumerate(table[label].to_pylist(), 1):
                if value in numeric_ids:
                    sheet.write_number(row, column, float(numeric_ids[value]))
                elif value:
                    sheet.write_string(row, column, value)
    book.close()


_ODS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content office:version="1.2"'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
)
_ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_ODS_MANIFEST = (
    '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest manifest:version="1.2"'
    ' xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS_TYPE}"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def write_ods(path: Path, content: Iterable[tuple[str, Table]]) -> None:
    """Write an OpenDocument spreadsheet, every cell text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(_ods_sheet(name, table) for name, table in _titled(content))
    parts = {
        "mimetype": _ODS_TYPE,
        "META-INF/manifest.xml": _ODS_MANIFEST,
        "content.xml": f"{_ODS_HEAD}{body}</office:spreadsheet></office:body></office:document-content>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (2016, 9, 1, 0, 0, 0)), text, compress_type=stored)


def _ods_sheet(name: str, table: Table) -> str:
    rows = [table.column_names, *(list(row.values()) for row in table.to_pylist())]
    lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    return f'<table:table table:name="{escape(name)}">{lines}</table:table>'


def _ods_cell(value: str) -> str:
    if not value:
        return "<table:table-cell/>"
    spaced = escape(value).replace("  ", " <text:s/>")
    head, tail = ("<text:s/>" if value[0] == " " else ""), ("<text:s/>" if value[-1] == " " else "")
    body = f"{head}{spaced.strip(' ')}{tail}"
    return f'<table:table-cell office:value-type="string"><text:p>{body}</text:p></table:table-cell>'


_OFFICE = ("", "[office]", 'name = "招生就业处"', 'contact = "江老师"', 'phone = "58291319"')


def cohort_file(kind: Kind, *, source: str, registry: str, photos: bool, decisions: bool, table: bool) -> str:
    """Return the text of `cohort.toml`."""
    lines = ["[cohort]", f'name = "{kind.name}"', f"year = {kind.year}", f'undergraduate_month = "{kind.month}"']
    lines += ['schools = "schools.csv"'] if table else []
    lines += ["", "[window]", f"opens = {kind.opens}", f"closes = {kind.closes}", f"college_due = {kind.college_due}"]
    for school in () if table else kind.schools:
        place = registry.format(code=school.code)
        lines += ["", "[[schools]]", f'code = "{school.code}"', f'name = "{school.name}"', f'registry = "{place}"']
    lines += ["", "[submissions]", f'from = "{source}"', *(['photos = "photos"'] if photos else [])]
    lines += ["", "[people]", 'colleges = "colleges.csv"', 'counselors = "counselors.csv"']
    lines += ["", "[reports]", 'folder = "reports"']
    lines += ["", "[review]", 'decisions = "decisions.csv"', *_OFFICE] if decisions else []
    return "\n".join(lines) + "\n"
