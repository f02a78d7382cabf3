"""xlsx and xlsm: values by calamine, what it does not tell from the sheet's XML, pictures in cells taken out."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import hashlib
import posixpath
import re
from functools import cached_property
from xml.etree import ElementTree

from pipeline.collect.archive import Archive
from pipeline.collect.collected import Cell, Note
from pipeline.collect.overlay import Overlay, OverlayFacts
from pipeline.collect.sheet_xml import Formula, SheetFacts, facts, split
from pipeline.collect.shown import affix, shown, telling_styles

_PICTURE = re.compile(r'DISPIMG\(\s*"([^"]+)"', re.IGNORECASE)
_LAST_TEXT = re.compile(r'^(?:HYPERLINK\(.*,\s*)?"((?:[^"]|"")*)"\)?$', re.IGNORECASE | re.DOTALL)
_UNITS = re.compile(r"_x([0-9A-Fa-f]{4})_")


class XlsxFacts:
    """What calamine does not tell of an xlsx workbook, worksheet by worksheet."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._parts = sheet_parts(archive)
        self._styles = telling_styles(archive.part(_linked(archive, "styles") or "xl/styles.xml"))
        self._images = _CellImages(archive)

    def facts(self, name: str) -> OverlayFacts:
        """Return what is to be laid over the worksheet of this name."""
        part = self._parts.get(name, "")
        found = facts(split(self._archive.part(part)), self._styles)
        self._archive.forget(part)
        overlay, pictures = _overlay(self._images, found, self._styles)
        return OverlayFacts(overlay, found.hidden_rows, len(found.hidden_columns), pictures)

    def notes(self) -> list[Note]:
        """Return what is said of the whole workbook: its dates, its pictures that stand in no cell."""
        return _book_notes(self._archive)


def _overlay(images: _CellImages, found: SheetFacts, styles: dict[int, str]) -> tuple[Overlay, dict[str, bytes]]:
    """Return text (None: calamine's stands) and cell for every place that calamine does not tell, and the pictures."""
    over: Overlay = {}
    pictures: dict[str, bytes] = {}
    for row, column, number, style in found.styled:
        text = shown(number, styles[style])
        if text:
            over[row, column] = text, Cell(row, column, "number", number)
    for row, column, style in found.texts:
        if around := affix(styles[style]):
            over[row, column] = around, Cell(row, column, "number", "")
    for formula in found.formulas:
        over[formula.row, formula.column] = _formula_cell(images, formula, pictures)
    for row, column, text in found.errors:
        if (row, column) not in over or over[row, column][1].kind != "picture":
            over[row, column] = text, Cell(row, column, "error", text)
    return over, pictures


def _formula_cell(images: _CellImages, formula: Formula, pictures: dict[str, bytes]) -> tuple[str | None, Cell]:
    """Return a formula's text: its picture's name, its cached value, or where there is none its only text or itself."""
    cell = Cell(formula.row, formula.column, "formula", f"={formula.formula}")
    image = _PICTURE.search(formula.formula) or _PICTURE.search(formula.cached or "")
    name, data = images.find(image[1]) if image else ("", b"")
    if name:
        pictures[name] = data
        return name, cell._replace(kind="picture")
    if formula.cached is None or (not formula.cached and formula.kind == "n"):
        plain = _LAST_TEXT.match(formula.formula)
        return plain[1].replace('""', '"') if plain else cell.raw, cell
    return _unescaped(formula.cached) if formula.kind == "str" else None, cell


def _unescaped(text: str) -> str:
    return _UNITS.sub(lambda m: chr(int(m[1], 16)) if not 0xD800 <= int(m[1], 16) < 0xE000 else m[0], text)


def sheet_parts(archive: Archive) -> dict[str, str]:
    """Return worksheet name → part path."""
    book = _linked_book(archive)
    targets = _relations(archive, book)
    parts: dict[str, str] = {}
    for element in _elements(archive.part(book), "sheet"):
        link = next((value for key, value in element.attrib.items() if key.endswith("}id")), "")
        parts[element.get("name", "")] = targets.get(link, "")
    return parts


def _linked_book(archive: Archive) -> str:
    """Return the path of the workbook part, by the package's relations or by its usual place."""
    for element in _elements(archive.part("_rels/.rels"), "Relationship"):
        if element.get("Type", "").endswith("/officeDocument"):
            return element.get("Target", "").lstrip("/")
    return "xl/workbook.xml"


def _linked(archive: Archive, kind: str) -> str:
    """Return the path of the workbook's one part of this kind (styles), or ""."""
    book = _linked_book(archive)
    for element in _elements(_rels_of(archive, book), "Relationship"):
        if element.get("Type", "").endswith(f"/{kind}"):
            return _joined(book, element.get("Target", ""))
    return ""


def _rels_of(archive: Archive, part: str) -> bytes:
    folder, name = posixpath.split(part)
    return archive.part(posixpath.join(folder, "_rels", f"{name}.rels"))


def _relations(archive: Archive, part: str) -> dict[str, str]:
    links = _elements(_rels_of(archive, part), "Relationship")
    return {element.get("Id", ""): _joined(part, element.get("Target", "")) for element in links}


def _joined(part: str, target: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), target.replace("\\", "/")))


def _elements(xml: bytes, name: str) -> list[ElementTree.Element]:
    """Return the elements of this local name; nothing from XML that is broken or declares entities."""
    if not xml or b"<!DOCTYPE" in xml:
        return []
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError):
        return []
    return [element for element in root.iter() if element.tag == name or element.tag.endswith(f"}}{name}")]


class _CellImages:
    """The pictures that WPS puts into cells (`=DISPIMG("ID_…")`), from xl/cellimages.xml, each looked up once."""

    _PART = "xl/cellimages.xml"

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._found: dict[str, tuple[str, bytes]] = {}

    def find(self, identity: str) -> tuple[str, bytes]:
        """Return the picture under a name by its content; ("", b"") where there is none."""
        path = self._paths.get(identity, "")
        if path not in self._found:
            data = self._archive.part(path)
            suffix = posixpath.splitext(path)[1].lower() or ".jpg"
            name = f"cell-{hashlib.sha256(data).hexdigest()[:16]}{suffix}"
            self._found[path] = (name, data) if data else ("", b"")
        return self._found[path]

    @cached_property
    def _paths(self) -> dict[str, str]:
        targets = _relations(self._archive, self._PART)
        paths: dict[str, str] = {}
        for image in _elements(self._archive.part(self._PART), "cellImage"):
            links = [value for each in image.iter() for key, value in each.attrib.items() if key.endswith("}embed")]
            names = [each.get("name", "") for each in image.iter() if each.tag.endswith("}cNvPr")]
            paths |= {name: targets.get(links[0], "") for name in names if links and name not in paths}
        return paths


def _book_notes(archive: Archive) -> list[Note]:
    notes: list[Note] = []
    book = archive.part(_linked_book(archive))
    if re.search(rb"date1904\s*=\s*[\"'](?:1|true)[\"']", book):
        message = "工作簿使用 1904 日期系统，日期已按它换算；写成数字的日期请改成文字"
        notes.append(Note("info", archive.name, "", 0, message))
    floating = [name for name in archive.names if re.match(r"xl/drawings/drawing\d+\.xml$", name)]
    media = [name for name in archive.names if name.startswith("xl/media/")]
    if floating and media and any(b"<xdr:pic" in archive.part(name) for name in floating):
        message = (
            f"有浮在表格上面的图片（共 {len(media)} 张），不属于任何单元格，未读取。证件照请放进照片文件夹并填文件名"
        )
        notes.append(Note("warning", archive.name, "", 0, message))
    return notes
