"""xlsx and xlsm: values by calamine, what it does not tell from the sheet's XML, pictures in cells taken out."""

# pyarrow ships no types:
# pyright: reportUnknownParameterType=false, reportAttributeAccessIssue=false
from __future__ import annotations

import hashlib
import io
import os
import posixpath
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from xml.etree import ElementTree

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from pipeline.collect.archive import DAMAGED, Archive
from pipeline.collect.collected import Cell, Grid, Note, Reading
from pipeline.collect.compact import MANY, values_in_portions
from pipeline.collect.inputs import Content
from pipeline.collect.overlay import Overlay, error_note, hidden_notes, lay_over
from pipeline.collect.sheet_xml import Formula, SheetFacts, extent, facts, split
from pipeline.collect.shown import shown, telling_styles
from pipeline.collect.text import text_rows
from pipeline.errors import InputError

MOST_CELLS = 3_000_000  # sheets of so many cells together take about 6 s and 800 MB
_SHEETS = 1_000
_RESERVED = 5_000_000  # a claim of so many texts too many costs 120 MB and no more
_TOO_LARGE = "内容铺得太大（有内容的区域超过 {most} 万格），未读取。请删去右边和下边多余的内容，或另存为 CSV、Parquet"
_FEWER = "请只留有学生数据的工作表，或分成几个文件"
_PICTURE = re.compile(r'DISPIMG\(\s*"([^"]+)"', re.IGNORECASE)
_LAST_TEXT = re.compile(r'^(?:HYPERLINK\(.*,\s*)?"((?:[^"]|"")*)"\)?$', re.IGNORECASE | re.DOTALL)
_UNITS = re.compile(r"_x([0-9A-Fa-f]{4})_")


@contextmanager
def calamine_errors(name: str) -> Generator[None]:
    """Turn what calamine raises, its panics among them, into an `InputError`."""
    try:
        with _panics_unheard():
            yield
    except CalamineError as error:
        what = "工作簿有密码" if type(error).__name__ == "PasswordError" else f"工作簿读不出（{type(error).__name__}）"
        raise InputError(what, where=name, remedy=DAMAGED) from None
    except BaseException as error:
        if (
            type(error).__name__ != "PanicException"
        ):  # a panic of Rust code is a BaseException without a class to import
            raise
        raise InputError("工作簿的内部结构不合规范，读不出", where=name, remedy=DAMAGED) from None


@contextmanager
def _panics_unheard() -> Generator[None]:
    """Keep what Rust code prints in a panic off standard error: it writes to the descriptor before Python hears."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_xlsx(content: Content) -> Reading:
    """Return every worksheet of an xlsx workbook.

    Raises:
        InputError: it is damaged, too large, or no workbook that can be read.
    """
    archive = Archive(content)
    whole = archive.measured()
    _refuse_false_counts(archive)
    parts = sheet_parts(archive)
    styles = telling_styles(archive.part(_linked(archive, "styles") or "xl/styles.xml"))
    with calamine_errors(content.name):
        book = CalamineWorkbook.from_filelike(io.BytesIO(whole))
        del whole
        sheets = [meta for meta in book.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
    if len(sheets) > _SHEETS:
        raise InputError(f"有 {len(sheets)} 张工作表，太多，未读取", where=content.name, remedy=_FEWER)
    notes = _book_notes(archive)
    grids: list[Grid] = []
    images, left = _CellImages(archive), MOST_CELLS
    for meta in sheets:
        xml = split(archive.part(parts.get(meta.name, "")))
        if left <= 0 or extent(xml, MOST_CELLS) > MOST_CELLS:
            notes.append(Note("error", content.name, meta.name, 0, _TOO_LARGE.format(most=MOST_CELLS // 10_000)))
            continue
        found = facts(xml, styles)
        del xml
        archive.forget(parts.get(meta.name, ""))
        with calamine_errors(content.name):
            sheet = book.get_sheet_by_name(meta.name)
        left -= sheet.total_height * sheet.total_width
        overlay, pictures = _overlay(images, found, styles)
        grid = _grid(archive.name, sheet, found, overlay, hidden=meta.visible != SheetVisibleEnum.Visible)
        grids.append(replace(grid, pictures=pictures))
    return Reading(grids, notes)


def _refuse_false_counts(archive: Archive) -> None:
    """Refuse a table of texts that claims more entries than it has bytes: calamine reserves memory for the claim."""
    for name in (name for name in archive.names if name.lower().endswith("sharedstrings.xml")):
        part = archive.part(name)
        claims = re.findall(rb"ount\s*=\s*[\"'](\d{1,20})", part[:4096])[:2]
        if any(int(claim) > len(part) + _RESERVED for claim in claims):
            raise InputError("文字表的条数不对，文件已损坏", where=archive.name, remedy=DAMAGED)


def _grid(file: str, sheet: CalamineSheet, found: SheetFacts, overlay: Overlay, *, hidden: bool) -> Grid:
    notes: list[Note] = []
    with calamine_errors(file):
        values, cells, table = _values(sheet, overlay)
        merged = [(top, left, bottom, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or []]
    if overlay:
        uncached = sum(1 for text, cell in overlay.values() if cell.kind == "formula" and text == cell.raw)
        if uncached:
            message = f"有 {uncached} 个公式没有存下结果，按公式原文读取。请用 Excel 或 WPS 打开并保存一次"
            notes.append(Note("warning", file, sheet.name, 0, message))
        if found.errors:
            row, _, example = found.errors[0]
            notes.append(error_note(file, sheet.name, row + 1, len(found.errors), example))
    notes += hidden_notes(file, sheet.name, found.hidden_rows, len(found.hidden_columns), hidden=hidden)
    return Grid(file, sheet.name, values, cells, merged=merged, notes=notes, table=table)


def _values(sheet: CalamineSheet, overlay: Overlay) -> tuple[list[list[str]], list[Cell], pa.Table | None]:
    """Return rows of text with the overlay, and the cells that were none; a large sheet's rows as Arrow columns."""
    if sheet.total_height * sheet.total_width < MANY:
        values, cells = text_rows(sheet.to_python(skip_empty_area=False))
        lay_over(values, cells, overlay)
        return values, cells, None
    left = [""] * (sheet.start[1] if sheet.start else 0)  # the iterator leaves out blank columns, not blank rows
    return values_in_portions((left + row if left else row for row in sheet.iter_rows()), overlay)


def _overlay(images: _CellImages, found: SheetFacts, styles: dict[int, str]) -> tuple[Overlay, dict[str, bytes]]:
    """Return text (None: calamine's stands) and cell for every place that calamine does not tell, and the pictures."""
    over: Overlay = {}
    pictures: dict[str, bytes] = {}
    for row, column, number, style in found.styled:
        text = shown(number, styles[style])
        if text:
            over[row, column] = text, Cell(row, column, "number", number)
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


def custom_properties(archive: Archive) -> dict[str, str]:
    """Return the workbook's custom document properties, name to text."""
    found = _elements(archive.part("docProps/custom.xml"), "property")
    return {each.get("name", ""): "".join(each.itertext()) for each in found}


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
