"""What an ods showed and calamine does not tell."""

# ruff: noqa: E501  # XML as files have it
import io
import zipfile

from pipeline.collect.workbook_facts import ods_facts

NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
CELLS = (
    '<table:table-cell office:value-type="string"><text:p>张三</text:p></table:table-cell>'
    '<table:table-cell office:value-type="percentage" office:value="0.5"><text:p>50%</text:p></table:table-cell>'
    '<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>真</text:p></table:table-cell>'
    '<table:table-cell office:value-type="float" office:value="10084"><text:p>010084</text:p></table:table-cell>'
    '<table:table-cell table:formula="of:=1/0" office:value-type="string" calcext:value-type="error"><text:p>#DIV/0!</text:p>'
    "</table:table-cell>"
    '<table:table-cell table:number-columns-repeated="2" office:value-type="float" office:value="7"><text:p>7</text:p></table:table-cell>'
)


def sheet():
    rows = (
        '<table:table-row><table:table-cell office:value-type="string"><text:p>姓名</text:p></table:table-cell></table:table-row>'
        '<table:table-row table:number-rows-repeated="2"><table:table-cell table:number-columns-repeated="9"/></table:table-row>'
        f'<table:table-row table:visibility="collapse">{CELLS}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1048572"><table:table-cell table:number-columns-repeated="16384"/>'
        "</table:table-row>"
    )
    column = '<table:table-column table:visibility="collapse" table:number-columns-repeated="3"/>'
    return f'<office:document-content {NAMES}><office:body><office:spreadsheet><table:table table:name="一">{column}{rows}</table:table></office:spreadsheet></office:body></office:document-content>'


def test_facts():
    facts = ods_facts(sheet().encode(), (4, 7))["一"]
    assert {place: (text, cell.kind) for place, (text, cell) in facts.cells.items()} == {
        (3, 1): ("50%", "number"), (3, 2): ("TRUE", "boolean"), (3, 3): ("010084", "number"), (3, 4): ("#DIV/0!", "error"),
    }  # fmt: skip
    assert (facts.hidden_rows, facts.hidden_columns) == ([3], 3)


def test_read_as_shown(tmp_path, read):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        target.writestr("META-INF/manifest.xml", "<manifest/>")
        target.writestr("content.xml", sheet())
    path = tmp_path / "a.ods"
    path.write_bytes(out.getvalue())
    grid = read(path).grids[0]
    assert grid.values[3][:6] == ["张三", "50%", "TRUE", "010084", "#DIV/0!", "7"]
    said = " ".join(note.message for note in grid.notes)
    assert "1 行被隐藏" in said and "3 列被隐藏" in said and "#DIV/0!" in said
