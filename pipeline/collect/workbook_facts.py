"""What calamine does not report of an xlsx, xlsm or ods: formulas, errors, formats, hidden parts, pictures in cells.

openpyxl reports it in 7 s, this in 0.4 s (8,000 x 36): it parses the XML, and only if a quick search finds something.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import islice, product
from xml.etree import ElementTree

from xlsxwriter.utility import xl_cell_to_rowcol

from pipeline.collect.cell_text import EXACT_BELOW, Affix, OverlayFacts
from pipeline.collect.collected import Cell, Kind, Note
from pipeline.collect.inputs import Archive

_MAX_TAGS = 24_000_000  # of one part, which is held as a tree a row at a time: 3,000,000 cells have half as many
_REFERENCE = re.compile("[A-Z]{1,3}[0-9]{1,7}")
_STYLE = re.compile(rb"s=[\"']([0-9]{1,9})[\"']")
# Quick searches, each with a fixed first character (1 ms per MB). A hit in a text costs only time.
_QUICK_SEARCHES = (re.compile(rb"<f[\s>/]"), re.compile(rb":f[\s>/]"), re.compile(rb'"e"'), re.compile(rb"'e'"))
_QUICK_HIDDEN = re.compile(rb"hidden\s*=\s*[\"'](?:1|true)")
_BEYOND = 1 << 40  # a row or column that no sheet has
_BUILT_IN = {9: "0%", 10: "0.00%"}
_FORMAT = re.compile(r'^((?:"[^"]*"|\\.)*)(0+|#|#?0)(?:\.(0+))?(%?)((?:"[^"]*"|\\.|[\u4e00-\u9fff])*)$')
_TEXT = re.compile(r'^((?:"[^"]*"|\\.|[\u4e00-\u9fff])*)@((?:"[^"]*"|\\.|[\u4e00-\u9fff])*)$')
_MAX_FORMAT = 255  # characters of a format, as in Excel
_PICTURE = re.compile(r'DISPIMG\(\s*"([^"]+)"', re.IGNORECASE)
_ONLY_TEXT = re.compile(r'^(?:HYPERLINK\(.*,\s*)?"((?:[^"]|"")*)"\)?$', re.IGNORECASE | re.DOTALL)
_UNITS = re.compile(r"_x([0-9A-Fa-f]{4})_")
_IMAGES = "xl/cellimages.xml"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_P_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_ODS_QUICK = re.compile(rb'value-type="(?:percentage|boolean|float|error|currency)"|table:visibility=|table:formula=')
_LEADING_ZERO = re.compile(r"0[0-9]+")
_ERROR = re.compile(r"#[A-Z/0!?]+|Err:[0-9]+|#N/A")
_BEYOND_ROWS, _BEYOND_COLUMNS = 1_000, 64  # margins around the cells read, because calamine leaves out error values
_MAX_CELLS = 3_000_000  # reported cells of a workbook


class XlsxFacts:
    """What calamine does not report of an xlsx workbook, by worksheet."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._book = next(
            (target.lstrip("/") for _, kind, target in _links(archive.read("_rels/.rels")) if kind == "officeDocument"),
            "xl/workbook.xml",
        )
        linked = _links(_rels_of(archive, self._book))
        targets = {link: _target(self._book, target) for link, _, target in linked}
        sheets = _elements(archive.read(self._book), "sheet")
        links = [next((value for key, value in each.attrib.items() if key.endswith("}id")), "") for each in sheets]
        self._parts = {each.get("name", ""): targets.get(link, "") for each, link in zip(sheets, links, strict=True)}
        styles = next((_target(self._book, target) for _, kind, target in linked if kind == "styles"), "xl/styles.xml")
        self._formats = _relevant_formats(archive.read(styles))
        self._images: dict[str, tuple[str, bytes]] = {}

    def facts(self, name: str) -> OverlayFacts:
        """Return the overlay of the worksheet of this name."""
        part = self._parts.get(name, "")
        xml = self._archive.read(part)
        self._archive.discard(part)
        found = OverlayFacts()
        relevant = {str(style) for style in {int(style) for style in _STYLE.findall(xml)} & self._formats.keys()}
        read_cells = bool(relevant or any(each.search(xml) for each in _QUICK_SEARCHES))
        if not read_cells and not _QUICK_HIDDEN.search(xml):
            return found
        number = -1
        for kind, element in _iterate(xml, "col", "row"):
            hidden = element.get("hidden") in ("1", "true")
            if kind == "col":
                first, last = (whole_number(element.get(end, "")) for end in ("min", "max"))
                if hidden and first is not None and last is not None:
                    found.hidden_columns += max(0, min(last, first + 200) - first + 1)
                continue
            declared = whole_number(element.get("r", ""))
            number = number + 1 if declared is None else declared - 1
            if hidden and len(element):
                found.hidden_rows.append(number)
            if read_cells:
                self._read_cells(number, element, relevant, found)
        return found

    def _read_cells(self, row: int, cells: ElementTree.Element, relevant: set[str], found: OverlayFacts) -> None:
        last_reference, cells_after = "", -1  # the last cell that names its place, and the number of cells after it
        for cell_element in cells:
            reference, kind, style = cell_element.get("r"), cell_element.get("t", "n"), cell_element.get("s")
            last_reference, cells_after = (reference, 0) if reference else (last_reference, cells_after + 1)
            inner = {child.tag.rpartition("}")[2]: child.text or "" for child in cell_element}
            if kind != "e" and style not in relevant and "f" not in inner:
                continue
            at, column = xl_cell_to_rowcol(last_reference) if _REFERENCE.fullmatch(last_reference) else (row, 0)
            column += cells_after
            formula, value = inner.get("f"), inner.get("v")
            picture = False
            if formula is not None:
                text, cell = self._formula_cell(at, column, formula, value, kind, found)
                found.cells[at, column] = text, cell
                picture = cell.kind == "picture"
            if kind == "e" and (value or formula is not None) and not picture:
                text = "#N/A" if value is None else value
                found.cells[at, column] = text, Cell(at, column, "error", text)
            elif style in relevant and formula is None:
                code = self._formats[int(style)]
                if kind == "n" and value and (text := formatted_number(value, code)):
                    found.cells[at, column] = text, Cell(at, column, "number", value)
                elif kind in ("s", "inlineStr") and (around := affix(code)):
                    found.cells[at, column] = around, Cell(at, column, "number", "")

    def _formula_cell(
        self, row: int, column: int, formula: str, cached: str | None, kind: str, found: OverlayFacts
    ) -> tuple[str | None, Cell]:
        """Return a formula's text (picture's name, cached value, its only text or itself; None: calamine's)."""
        cell = Cell(row, column, "formula", f"={formula}")
        image = _PICTURE.search(formula) or _PICTURE.search(cached or "")
        name, data = self._image(image[1]) if image else ("", b"")
        if name:
            found.pictures[name] = data
            return name, cell._replace(kind="picture")
        if cached is None or (not cached and kind == "n"):
            plain = _ONLY_TEXT.match(formula)
            return plain[1].replace('""', '"') if plain else cell.raw, cell
        if kind != "str":
            return None, cell
        return _UNITS.sub(lambda m: chr(int(m[1], 16)) if not 0xD800 <= int(m[1], 16) < 0xE000 else m[0], cached), cell

    def _image(self, identity: str) -> tuple[str, bytes]:
        """Return a cell's picture (WPS: `=DISPIMG("ID_…")`) as name by content and bytes, or blanks."""
        path = self._image_paths.get(identity, "")
        if path not in self._images:
            data = self._archive.read(path)
            suffix = posixpath.splitext(path)[1].lower() or ".jpg"
            name = f"cell-{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
            self._images[path] = (name, data) if data else ("", b"")
        return self._images[path]

    @cached_property
    def _image_paths(self) -> dict[str, str]:
        targets = {link: _target(_IMAGES, target) for link, _, target in _links(_rels_of(self._archive, _IMAGES))}
        paths: dict[str, str] = {}
        for image in _elements(self._archive.read(_IMAGES), "cellImage"):
            links = [value for each in image.iter() for key, value in each.attrib.items() if key.endswith("}embed")]
            names = [each.get("name", "") for each in image.iter() if each.tag.endswith("}cNvPr")]
            paths |= {name: targets.get(links[0], "") for name in names if links and name not in paths}
        return paths

    def notes(self) -> list[Note]:
        """Return notes on the workbook's date system, and on pictures that are in no cell."""
        notes: list[Note] = []
        if re.search(rb"date1904\s*=\s*[\"'](?:1|true)[\"']", self._archive.read(self._book)):
            message = "工作簿使用 1904 日期系统，日期已按它换算；写成数字的日期请改成文字"
            notes.append(Note("info", self._archive.name, "", 0, message))
        floating = [name for name in self._archive.names if re.match(r"xl/drawings/drawing\d+\.xml$", name)]
        media = [name for name in self._archive.names if name.startswith("xl/media/")]
        if media and any(b"<xdr:pic" in self._archive.read(name) for name in floating):
            message = (
                f"有浮在表格上面的图片（共 {len(media)} 张），不属于任何单元格，未读取。"
                "证件照请放进照片文件夹并填文件名"
            )
            notes.append(Note("warning", self._archive.name, "", 0, message))
        return notes


def whole_number(text: str) -> int | None:
    """Return the whole number that `text` writes in ASCII digits, or None. A huge one becomes `_BEYOND`."""
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= 10 else _BEYOND


def _relevant_formats(styles: bytes) -> dict[int, str]:
    """Return style index → number format of `xl/styles.xml`, for formats that display more than the number."""
    codes = dict(_BUILT_IN)
    for element in _elements(styles, "numFmt"):
        if (number := whole_number(element.get("numFmtId", ""))) is not None:
            parts = element.get("formatCode", "")[:_MAX_FORMAT].split(";")
            codes[number] = parts[3] if len(parts) > 3 and not _matters(parts[0]) else parts[0]  # the 4th is for texts
    relevant = {number: code for number, code in codes.items() if _matters(code)}
    used = [whole_number(style.get("numFmtId", "")) for found in _elements(styles, "cellXfs") for style in found]
    return {at: relevant[number] for at, number in enumerate(used) if number in relevant}


def _matters(code: str) -> bool:
    match = _FORMAT.match(code)
    return affix(code) is not None or bool(
        match and (match[1] or match[4] or match[5] or (len(match[2]) > 1 and match[2] != "#0"))
    )


def formatted_number(number: str, code: str) -> str:
    """Return the stored number (its XML text) as its format displays it, or "" if that is unknown."""
    if affixes := affix(code):
        return f"{affixes.before}{number}{affixes.after}" if number.isdigit() else ""
    match = _FORMAT.match(code)
    try:
        return _apply_format(Decimal(number), match) if match else ""
    except ArithmeticError:  # no number, or more decimals asked for than a number has
        return ""


def affix(code: str) -> Affix | None:
    """Return what a text format (`@"班"`) writes around a text, or None."""
    match = _TEXT.match(code)
    affixes = Affix(_literal(match[1]), _literal(match[2])) if match else Affix("", "")
    return affixes if any(affixes) else None


def _apply_format(value: Decimal, match: re.Match[str]) -> str:
    if not value.is_finite() or abs(value) >= EXACT_BELOW:
        return ""
    before, digits, decimals, percent, after = match.groups()
    places = len(decimals or "")
    scaled = (value * 100 if percent else value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if scaled != (value * 100 if percent else value) and not percent:
        return ""  # rounding would hide digits that were typed
    plain = f"{abs(scaled):f}"
    padded = plain.zfill(len(digits) + (places + 1 if places else 0)) if digits.startswith("0") else plain
    return f"{'-' if scaled < 0 else ''}{_literal(before)}{padded}{percent}{_literal(after)}"


def _literal(text: str) -> str:
    return re.sub(r'"([^"]*)"|\\(.)', lambda m: m[1] or m[2] or "", text)


def _rels_of(archive: Archive, part: str) -> bytes:
    folder, name = posixpath.split(part)
    return archive.read(posixpath.join(folder, "_rels", f"{name}.rels"))


def _links(rels: bytes) -> list[tuple[str, str, str]]:
    """Return id, kind (the last word of its type) and target of each relation."""
    return [
        (element.get("Id", ""), element.get("Type", "").rpartition("/")[2], element.get("Target", ""))
        for element in _elements(rels, "Relationship")
    ]


def _target(part: str, target: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), target.replace("\\", "/")))


def _elements(xml: bytes, name: str) -> list[ElementTree.Element]:
    """Return the elements of this local name; none if the XML is broken or declares entities."""
    if not xml or b"<!DOCTYPE" in xml:
        return []
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError):
        return []
    return [element for element in root.iter() if element.tag == name or element.tag.endswith(f"}}{name}")]


def _iterate(xml: bytes, *names: str) -> Iterator[tuple[str, ElementTree.Element]]:
    """Yield local name and element of `names` as they end, and empty them, until the XML ends or is broken."""
    if b"<!DOCTYPE" in xml or xml.count(b"<") > _MAX_TAGS:
        return
    with suppress(ElementTree.ParseError, ValueError, LookupError):
        for _, element in ElementTree.iterparse(io.BytesIO(xml)):
            name = element.tag.rpartition("}")[2]
            if name in names:
                yield name, element
                element.clear()


def ods_facts(content: bytes, size: tuple[int, int]) -> dict[str, OverlayFacts]:
    """Return worksheet → facts of `content.xml` within `size` (rows, columns): a cell may claim 10⁹ repeats."""
    found: dict[str, OverlayFacts] = {}
    facts, row, cells_left = OverlayFacts(), 0, _MAX_CELLS
    last = size[0] + _BEYOND_ROWS
    for kind, element in _iterate(content, "table", "table-row", "table-column") if _ODS_QUICK.search(content) else ():
        if kind == "table":
            found[element.get(f"{_TABLE}name", "")] = facts
            facts, row = OverlayFacts(), 0
        elif kind == "table-column":
            facts.hidden_columns += min(_repeats(element, "columns"), 200) if _is_hidden(element) else 0
        else:
            rows = range(row, min(row + _repeats(element, "rows"), last))
            for (at, column), text, cell_kind, raw in islice(_ods_cells(element, rows, size[1]), cells_left):
                facts.cells[at, column] = text, Cell(at, column, cell_kind, raw)
                cells_left -= 1
            if _is_hidden(element) and any(cell.get(f"{_OFFICE}value-type") for cell in element):
                facts.hidden_rows += rows[:1000]
            row += _repeats(element, "rows")
    return found


def _ods_cells(row: ElementTree.Element, rows: range, width: int) -> Iterator[tuple[tuple[int, int], str, Kind, str]]:
    """Yield place, text, kind and stored content of a row's cells that `_displayed` describes, with repetitions."""
    column = 0
    for cell in row:
        if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            start, column = column, column + _repeats(cell, "columns")
            if description := _displayed(cell):
                columns = range(start, min(column, width + _BEYOND_COLUMNS))
                yield from ((place, *description) for place in product(rows, columns))


def _is_hidden(element: ElementTree.Element) -> bool:
    return element.get(f"{_TABLE}visibility") in ("collapse", "filter")


def _repeats(element: ElementTree.Element, what: str) -> int:
    return whole_number(element.get(f"{_TABLE}number-{what}-repeated", "1")) or 1


def _displayed(cell: ElementTree.Element) -> tuple[str, Kind, str] | None:
    """Return text, kind and stored content of a cell whose displayed text says more than its value."""
    kind = cell.get(f"{_CALC}value-type") or cell.get(f"{_OFFICE}value-type")
    formula = cell.get(f"{_TABLE}formula")
    if kind is None or (kind == "string" and formula is None):
        return None
    text = "\n".join("".join(part.itertext()) for part in cell.findall(f"{_P_TEXT}p"))
    if kind == "error" or (formula is not None and _ERROR.fullmatch(text)):
        return text, "error", text
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value", text).upper(), "boolean", text
    value = cell.get(f"{_OFFICE}value", "")
    if kind == "percentage" or _LEADING_ZERO.fullmatch(text):
        return (text, "number", value) if text else None
    return (text, "formula", f"={formula}") if kind == "string" else None
