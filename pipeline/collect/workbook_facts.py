"""What calamine does not report of an xlsx, xlsm or ods: formulas, errors, formats, hidden parts, pictures in cells.

openpyxl reports it in 7 s, this in 0.4 s (8,000 x 36): it scans the XML, and only if a quick search finds something.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from html import unescape
from xml.etree import ElementTree

from pipeline.collect.cell_text import OverlayFacts, affix, shown, telling_styles, whole_number
from pipeline.collect.collected import Cell, Kind, Note
from pipeline.collect.inputs import Archive

# These bytes are untrusted, so no pattern may scan a stretch twice. A tag ends before the next `<` (XML has none inside
# a tag), and an element where the next of its kind begins, whether it is closed or not.
_P = rb"<(?:[A-Za-z_][\w.-]{0,40}:)?"  # some programs write <x:row>
_ROW = re.compile(_P + rb"row\b([^<>]*)>")
_CELL = re.compile(_P + rb"c\b([^<>]*)>")
_FORMULA = re.compile(_P + rb"f\b([^<>]*)>([^<]*)")
_VALUE = re.compile(_P + rb"v\b[^<>]*>([^<]*)")
_COL = re.compile(_P + rb"col\b([^<>]*)>")
_ATTRIBUTE = re.compile(rb'(?<![\w:])([\w:]+)\s*=\s*(?:"([^"]*)"|\'([^\']*)\')')
_HIDDEN = re.compile(rb"\bhidden\s*=\s*[\"'](?:1|true)[\"']")
_STYLE = re.compile(rb"s=[\"']([0-9]{1,9})[\"']")
# Quick searches, each with a fixed first character (1 ms per MB). A hit in a text costs only time.
_QUICK = (re.compile(rb"<f[\s>/]"), re.compile(rb":f[\s>/]"), re.compile(rb'"e"'), re.compile(rb"'e'"))
_QUICK_HIDDEN = re.compile(rb"hidden\s*=\s*[\"'](?:1|true)")
_PICTURE = re.compile(r'DISPIMG\(\s*"([^"]+)"', re.IGNORECASE)
_LAST_TEXT = re.compile(r'^(?:HYPERLINK\(.*,\s*)?"((?:[^"]|"")*)"\)?$', re.IGNORECASE | re.DOTALL)
_UNITS = re.compile(r"_x([0-9A-Fa-f]{4})_")
_IMAGES = "xl/cellimages.xml"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_P_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_WORTH = re.compile(rb'value-type="(?:percentage|boolean|float|error|currency)"|table:visibility=|table:formula=')
_PADDED = re.compile(r"0[0-9]+")
_ERROR = re.compile(r"#[A-Z/0!?]+|Err:[0-9]+|#N/A")
_BEYOND_ROWS, _BEYOND_COLUMNS = 1_000, 64  # margins around the cells read, because calamine leaves out error values
_MOST = 3_000_000  # reported cells of a workbook


class XlsxFacts:
    """What calamine does not report of an xlsx workbook, by worksheet."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._book = next(
            (target.lstrip("/") for _, kind, target in _links(archive.part("_rels/.rels")) if kind == "officeDocument"),
            "xl/workbook.xml",
        )
        linked = _links(_rels_of(archive, self._book))
        targets = {link: _joined(self._book, target) for link, _, target in linked}
        sheets = _elements(archive.part(self._book), "sheet")
        links = [next((value for key, value in each.attrib.items() if key.endswith("}id")), "") for each in sheets]
        self._parts = {each.get("name", ""): targets.get(link, "") for each, link in zip(sheets, links, strict=True)}
        styles = next((_joined(self._book, target) for _, kind, target in linked if kind == "styles"), "xl/styles.xml")
        self._styles = telling_styles(archive.part(styles))
        self._images: dict[str, tuple[str, bytes]] = {}

    def facts(self, name: str) -> OverlayFacts:
        """Return the overlay of the worksheet of this name."""
        part = self._parts.get(name, "")
        xml = self._archive.part(part)
        self._archive.forget(part)
        start, end = xml.find(b"sheetData"), xml.rfind(b"sheetData")
        before, rows = (xml, b"") if start < 0 else (xml[:start], xml[start : end if end > start else len(xml)])
        found = OverlayFacts(hidden_columns=_hidden_columns(before))
        used = {int(style) for style in _STYLE.findall(rows)} if self._styles else set[int]()
        telling = {str(style) for style in self._styles if style in used}
        inside = bool(telling or any(each.search(rows) for each in _QUICK))
        if inside or _QUICK_HIDDEN.search(rows):
            number = -1
            for tag, body in _pieces(_ROW, rows):
                said = whole_number(_attributes(tag).get("r", ""))
                number = number + 1 if said is None else said - 1
                if body and _HIDDEN.search(tag):
                    found.hidden_rows.append(number)
                if inside and body:
                    self._look_at_cells(number, body, telling, found)
        return found

    def _look_at_cells(self, row: int, body: bytes, telling: set[str], found: OverlayFacts) -> None:
        column = -1
        for tag, inner in _pieces(_CELL, body):
            given = _attributes(tag)
            at, column = _place(given.get("r", ""), row, column + 1)
            kind, style = given.get("t", "n"), given.get("s")
            formula, value = _FORMULA.search(inner), _VALUE.search(inner)
            picture = False
            if formula:
                text, cell = self._formula_cell(at, column, _text(formula[2]), value and _text(value[1]), kind, found)
                found.cells[at, column] = text, cell
                picture = cell.kind == "picture"
            if kind == "e" and (value or formula) and not picture:
                text = _text(value[1]) if value else "#N/A"
                found.cells[at, column] = text, Cell(at, column, "error", text)
            elif style in telling and not formula:
                code = self._styles[int(style)]
                if kind == "n" and value and (text := shown(number := _text(value[1]), code)):
                    found.cells[at, column] = text, Cell(at, column, "number", number)
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
            plain = _LAST_TEXT.match(formula)
            return plain[1].replace('""', '"') if plain else cell.raw, cell
        if kind != "str":
            return None, cell
        return _UNITS.sub(lambda m: chr(int(m[1], 16)) if not 0xD800 <= int(m[1], 16) < 0xE000 else m[0], cached), cell

    def _image(self, identity: str) -> tuple[str, bytes]:
        """Return a cell's picture (WPS: `=DISPIMG("ID_…")`) as name by content and bytes, or blanks."""
        path = self._image_paths.get(identity, "")
        if path not in self._images:
            data = self._archive.part(path)
            suffix = posixpath.splitext(path)[1].lower() or ".jpg"
            name = f"cell-{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
            self._images[path] = (name, data) if data else ("", b"")
        return self._images[path]

    @cached_property
    def _image_paths(self) -> dict[str, str]:
        targets = {link: _joined(_IMAGES, target) for link, _, target in _links(_rels_of(self._archive, _IMAGES))}
        paths: dict[str, str] = {}
        for image in _elements(self._archive.part(_IMAGES), "cellImage"):
            links = [value for each in image.iter() for key, value in each.attrib.items() if key.endswith("}embed")]
            names = [each.get("name", "") for each in image.iter() if each.tag.endswith("}cNvPr")]
            paths |= {name: targets.get(links[0], "") for name in names if links and name not in paths}
        return paths

    def notes(self) -> list[Note]:
        """Return notes on the workbook's date system, and on pictures that are in no cell."""
        notes: list[Note] = []
        if re.search(rb"date1904\s*=\s*[\"'](?:1|true)[\"']", self._archive.part(self._book)):
            message = "工作簿使用 1904 日期系统，日期已按它换算；写成数字的日期请改成文字"
            notes.append(Note("info", self._archive.name, "", 0, message))
        floating = [name for name in self._archive.names if re.match(r"xl/drawings/drawing\d+\.xml$", name)]
        media = [name for name in self._archive.names if name.startswith("xl/media/")]
        if media and any(b"<xdr:pic" in self._archive.part(name) for name in floating):
            message = (
                f"有浮在表格上面的图片（共 {len(media)} 张），不属于任何单元格，未读取。"
                "证件照请放进照片文件夹并填文件名"
            )
            notes.append(Note("warning", self._archive.name, "", 0, message))
        return notes


def _hidden_columns(before: bytes) -> int:
    count = 0
    for match in _COL.finditer(before) if _HIDDEN.search(before) else ():
        given = _attributes(match[1])
        first, last = whole_number(given.get("min", "")), whole_number(given.get("max", ""))
        if _HIDDEN.search(match[1]) and first is not None and last is not None:
            count += max(0, min(last, first + 200) - first + 1)
    return count


def _pieces(pattern: re.Pattern[bytes], xml: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each element's attributes, and the bytes up to the next of its kind; none for an empty element."""
    given: bytes | None = None
    start = 0
    for match in pattern.finditer(xml):
        if given is not None:
            yield given, xml[start : match.start()]
        given, start = match[1], len(xml) if match[1].endswith(b"/") else match.end()
    if given is not None:
        yield given, xml[start:]


def _attributes(text: bytes) -> dict[str, str]:
    return {m[1].decode(): (m[2] or m[3] or b"").decode(errors="replace") for m in _ATTRIBUTE.finditer(text)}


def _text(xml: bytes) -> str:
    return unescape(xml.decode("utf-8", errors="replace"))


def _place(reference: str, row: int, column: int) -> tuple[int, int]:
    letters = reference.rstrip("0123456789")
    number = whole_number(reference[len(letters) :])
    named = 0
    for letter in letters[:8].upper():  # a sheet has three letters at most
        if not "A" <= letter <= "Z":
            break
        named = named * 26 + ord(letter) - 64
    return row if number is None else max(number - 1, 0), named - 1 if named else column


def _rels_of(archive: Archive, part: str) -> bytes:
    folder, name = posixpath.split(part)
    return archive.part(posixpath.join(folder, "_rels", f"{name}.rels"))


def _links(rels: bytes) -> list[tuple[str, str, str]]:
    """Return id, kind (the last word of its type) and target of each relation."""
    return [
        (element.get("Id", ""), element.get("Type", "").rpartition("/")[2], element.get("Target", ""))
        for element in _elements(rels, "Relationship")
    ]


def _joined(part: str, target: str) -> str:
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


def ods_facts(content: bytes, sizes: Mapping[str, tuple[int, int]]) -> dict[str, OverlayFacts]:
    """Return worksheet → facts of `content.xml` within `sizes` (rows, columns): a cell may claim 10⁹ repeats."""
    if not _WORTH.search(content) or b"<!DOCTYPE" in content:
        return {}
    walk = _Walk(sizes)
    try:
        walk.through(content)
    except ElementTree.ParseError:
        return {}
    return walk.found


class _Walk:
    def __init__(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        self.found: dict[str, OverlayFacts] = {}
        self._sizes = sizes
        self._facts, self._row, self._size = OverlayFacts(), 0, (0, 0)
        self._told = 0

    def through(self, content: bytes) -> None:
        above: list[ElementTree.Element] = []
        for event, element in ElementTree.iterparse(io.BytesIO(content), events=("start", "end")):
            if event == "start":
                above.append(element)
                self._enter(element)
                continue
            above.pop()
            if element.tag == f"{_TABLE}table-row":
                self._row += self._take_row(element)
                if above:
                    above[-1].clear()
            elif element.tag == f"{_TABLE}table-column" and _is_hidden(element):
                self._facts.hidden_columns += min(_repeats(element, "columns"), 200)

    def _enter(self, element: ElementTree.Element) -> None:
        if element.tag == f"{_TABLE}table":
            name = element.get(f"{_TABLE}name", "")
            self._facts, self._row = OverlayFacts(), 0
            rows, columns = self._sizes.get(name, (0, 0))
            self._size = rows + _BEYOND_ROWS, columns + _BEYOND_COLUMNS
            self.found[name] = self._facts

    def _take_row(self, element: ElementTree.Element) -> int:
        count = _repeats(element, "rows")
        column, filled = 0, False
        for cell in element:
            if cell.tag not in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
                continue
            times = _repeats(cell, "columns")
            filled = filled or cell.get(f"{_OFFICE}value-type") is not None
            if told := _told(cell):
                for at_row, at_column in self._places(count, column, times):
                    text, kind, raw = told
                    self._facts.cells[at_row, at_column] = text, Cell(at_row, at_column, kind, raw)
            column += times
        if filled and _is_hidden(element):
            self._facts.hidden_rows += range(self._row, min(self._row + min(count, 1000), self._size[0]))
        return count

    def _places(self, rows: int, column: int, columns: int) -> Iterator[tuple[int, int]]:
        for row in range(self._row, min(self._row + rows, self._size[0])):
            for at in range(column, min(column + columns, self._size[1])):
                self._told += 1
                if self._told > _MOST:
                    return
                yield row, at


def _is_hidden(element: ElementTree.Element) -> bool:
    return element.get(f"{_TABLE}visibility") in ("collapse", "filter")


def _repeats(element: ElementTree.Element, what: str) -> int:
    return whole_number(element.get(f"{_TABLE}number-{what}-repeated", "1")) or 1


def _told(cell: ElementTree.Element) -> tuple[str, Kind, str] | None:
    """Return text, kind and stored content of a cell whose displayed text says more than its value."""
    kind = cell.get(f"{_CALC}value-type") or cell.get(f"{_OFFICE}value-type")
    formula = cell.get(f"{_TABLE}formula")
    if kind is None or (kind == "string" and formula is None):
        return None
    shown = "\n".join("".join(part.itertext()) for part in cell.findall(f"{_P_TEXT}p"))
    if kind == "error" or (formula is not None and _ERROR.fullmatch(shown)):
        return shown, "error", shown
    if kind == "boolean":
        return cell.get(f"{_OFFICE}boolean-value", shown).upper(), "boolean", shown
    value = cell.get(f"{_OFFICE}value", "")
    if kind == "percentage" or _PADDED.fullmatch(shown):
        return (shown, "number", value) if shown else None
    return (shown, "formula", f"={formula}") if kind == "string" else None
