"""What stands in `tables.xlsx` is what the tables hold, whatever the text."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree
from zipfile import ZipFile

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipeline.render.tables_xlsx import write_tables_xlsx
from pipeline.tables import write_table
from pipeline.view.run_tables import Run

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_ODD = ["_x0007_", "_x005F_x41_", "<b>&amp;", " 前", "后\u3000", "\u00a0", "\n", "=1+1", "\x07", "\ufffe", "\x85", ""]
WORDS = st.one_of(st.sampled_from(_ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=6))


def cells_of(book: Path) -> dict[str, ElementTree.Element]:
    """Return the `t` element of each cell of the first sheet, by reference."""
    with ZipFile(book) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    cells = {str(cell.get("r")): cell.find(f"{_MAIN}is/{_MAIN}t") for cell in sheet.iter(f"{_MAIN}c")}
    return {at: text for at, text in cells.items() if text is not None}


def as_excel_reads(text: ElementTree.Element) -> str:
    """Return a cell's text. Without `xml:space` Excel drops the spaces around it."""
    read = text.text or ""
    read = read if text.get(_SPACE) == "preserve" else read.strip()
    return re.sub("_x([0-9a-fA-F]{4})_", lambda found: chr(int(found[1], 16)), read)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_every_text_comes_back(rows: list[tuple[str, str]]):
    frame = pd.DataFrame(rows, columns=["given", "expected"], dtype="str")
    with TemporaryDirectory() as folder:
        (Path(folder) / "tables").mkdir()
        write_table(Path(folder) / "tables", "differences", frame)
        write_tables_xlsx(Path(folder) / "tables.xlsx", Run(Path(folder), {}))
        read = cells_of(Path(folder) / "tables.xlsx")
    held = {f"{letter}{at}": text for at, row in enumerate(rows, 2) for letter, text in zip("AB", row, strict=True)}
    assert {at: as_excel_reads(text) for at, text in read.items() if at[1:] != "1"} == {
        at: text.replace("\r\n", "\n") for at, text in held.items() if text
    }
