"""A sheet's size before it is laid out: never told as less than calamine would lay out, where that is too much."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.collect.sheet_xml import column_number, extent, split

MOST = 3_000_000
REFERENCES = st.tuples(st.from_regex(r"[A-Za-z]{1,3}", fullmatch=True), st.integers(1, 1_048_576) | st.integers(1, 99))
CELLS = st.lists(st.tuples(st.integers(1, 1_000_000) | st.integers(1, 9), st.lists(REFERENCES, max_size=3)), max_size=4)


def laid_out(cells: list[tuple[int, list[tuple[str, int]]]]) -> int:
    places = [(row, column_number(letters)) for _, references in cells for letters, row in references]
    if not places:
        return 0
    rows, columns = zip(*places, strict=True)
    return (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)


@given(CELLS)
@example([(1, [("ZZ", 1), ("A", 99_999)])])
@example([(1, [("ZZ", 9_999), ("A", 1)])])
@example([(1, [("AAA", 1), ("A", 9_999)])])
def test_a_sheet_that_is_too_large_is_told_so(cells: list[tuple[int, list[tuple[str, int]]]]):
    rows = "".join(
        f'<row r="{row}">{"".join(f"""<c r="{a}{n}"><v>1</v></c>""" for a, n in references)}</row>'
        for row, references in cells
    )
    told = extent(split(f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()), MOST)
    padded = extent(split(f"<worksheet><sheetData>{' ' * MOST}{rows}</sheetData></worksheet>".encode()), MOST)
    for said in (told, padded):
        assert said > MOST or laid_out(cells) <= MOST
