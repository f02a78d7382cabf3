"""A spreadsheet as the API shows it: ranges, trimming, masks, batch requests that are all or nothing."""

import copy
import itertools
import re
from dataclasses import dataclass, field
from typing import Any

_numbers = itertools.count(1_000_000)


class Refusal(Exception):
    """The request is wrong (400)."""

    def __init__(self, message: str, details: list[Any] | None = None) -> None:
        super().__init__(message)
        self.details = details


@dataclass(frozen=True)
class Shown:
    """A number with a format: what is stored, and how it looks; `date` ones are shown as text by FORMATTED_STRING."""

    value: float
    text: str
    date: bool = False


@dataclass
class Sheet:
    id: int
    title: str
    values: list[list[Any]] = field(default_factory=list)
    rows: int = 1000
    columns: int = 26
    hidden: bool = False
    frozen: int = 0
    frozen_columns: int = 0
    merges: list[dict[str, int]] = field(default_factory=list)
    protected: list[dict[str, Any]] = field(default_factory=list)
    formats: list[dict[str, Any]] = field(default_factory=list)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    notes: dict[tuple[int, int], str] = field(default_factory=dict)
    validations: list[dict[str, Any]] = field(default_factory=list)
    repeated: list[dict[str, Any]] = field(default_factory=list)
    tab_color: dict[str, Any] | None = None
    basic_filter: dict[str, Any] | None = None

    def cell(self, row: int, column: int) -> Any:
        return self.values[row][column] if row < len(self.values) and column < len(self.values[row]) else ""

    def put(self, row: int, column: int, value: Any) -> None:
        while len(self.values) <= row:
            self.values.append([])
        line = self.values[row]
        line.extend([""] * (column + 1 - len(line)))
        line[column] = "" if value is None else value


def shown(value: Any, option: str, dates: str) -> Any:
    if isinstance(value, Shown):
        if option == "FORMATTED_VALUE" or (value.date and dates == "FORMATTED_STRING"):
            return value.text
        return value.value
    if option == "FORMATTED_VALUE" and isinstance(value, bool):
        return str(value).upper()
    if option == "FORMATTED_VALUE" and isinstance(value, int | float):
        return (
            f"{value:.5E}".replace("E+", "E+")
            if abs(value) >= 1e15
            else f"{value:g}"
            if value != int(value)
            else str(int(value))
        )
    return value


def letters(column: int) -> str:
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def number_of(text: str) -> int:
    number = 0
    for letter in text:
        number = number * 26 + ord(letter) - 64
    return number


def quoted(title: str) -> str:
    return title if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", title) else "'" + title.replace("'", "''") + "'"


@dataclass
class Book:
    title: str = "Test"
    locale: str = "zh_CN"
    sheets: list[Sheet] = field(default_factory=lambda: [Sheet(0, "Sheet1")])
    private: bool = False

    def sheet(self, number: int) -> Sheet:
        for sheet in self.sheets:
            if sheet.id == number:
                return sheet
        raise Refusal(f"No grid with id: {number}")

    def named(self, title: str) -> Sheet | None:
        return next((sheet for sheet in self.sheets if sheet.title == title), None)

    def area(self, text: str) -> tuple[Sheet, int, int, int, int]:
        """Resolve A1 notation to sheet and 0-based half-open rows and columns, clamped to the grid."""
        found = re.fullmatch(r"(?:'((?:[^']|'')+)'|([^'!]+))(?:!(.*))?", text)
        title = (found[1] or found[2]).replace("''", "'") if found else ""
        sheet, cells = self.named(title), found[3] if found else None
        if sheet is None and found and found[3] is None and found[2]:
            sheet, cells = self.sheets[0], found[2]
        if sheet is None:
            raise Refusal(f"Unable to parse range: {text}")
        if cells is None:
            return sheet, 0, sheet.rows, 0, sheet.columns
        parts = re.fullmatch(r"([A-Z]*)(\d*)(?::([A-Z]*)(\d*))?", cells)
        if not parts or not cells:
            raise Refusal(f"Unable to parse range: {text}")
        top = int(parts[2]) - 1 if parts[2] else 0
        left = number_of(parts[1]) - 1 if parts[1] else 0
        single = ":" not in cells
        bottom = top + 1 if single else int(parts[4]) if parts[4] else sheet.rows
        right = left + 1 if single else number_of(parts[3]) if parts[3] else sheet.columns
        if top >= sheet.rows or left >= sheet.columns:
            raise Refusal(
                f"Range ({quoted(sheet.title)}!{cells}) exceeds grid limits. "
                f"Max rows: {sheet.rows}, max columns: {sheet.columns}"
            )
        return sheet, top, min(bottom, sheet.rows), left, min(right, sheet.columns)

    def echo(self, sheet: Sheet, top: int, bottom: int, left: int, right: int) -> str:
        first, last = f"{letters(left + 1)}{top + 1}", f"{letters(right)}{bottom}"
        return f"{quoted(sheet.title)}!{first if first == last else f'{first}:{last}'}"

    def get(self, text: str, query: dict[str, str]) -> dict[str, Any]:
        sheet, top, bottom, left, right = self.area(text)
        option = query.get("valueRenderOption", "FORMATTED_VALUE")
        dates = query.get("dateTimeRenderOption", "SERIAL_NUMBER")
        rows = []
        for row in range(top, min(bottom, len(sheet.values))):
            line = [shown(value, option, dates) for value in sheet.values[row][left:right]]
            while line and line[-1] == "":
                line.pop()
            rows.append(line)
        while rows and not rows[-1]:
            rows.pop()
        dimension = query.get("majorDimension", "ROWS")
        if dimension == "COLUMNS" and rows:
            width = max(map(len, rows))
            rows = [[row[n] if n < len(row) else "" for row in rows] for n in range(width)]
            for line in rows:
                while line and line[-1] == "":
                    line.pop()
        answer = {"range": self.echo(sheet, top, bottom, left, right), "majorDimension": dimension}
        return answer | ({"values": rows} if rows else {})

    def update(self, text: str, body: dict[str, Any], grow: bool = False) -> dict[str, Any]:
        values = body["values"]
        if not isinstance(values, list):
            raise Refusal(
                f"Invalid value at 'data.values' (type.googleapis.com/google.protobuf.ListValue), \"{values}\"",
                [
                    {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [
                            {
                                "field": "data.values",
                                "description": "Invalid value at 'data.values' "
                                f'(type.googleapis.com/google.protobuf.ListValue), "{values}"',
                            }
                        ],
                    }
                ],
            )
        if body.get("majorDimension") == "COLUMNS":
            values = [list(row) for row in itertools.zip_longest(*values)]
        sheet, top, bottom, left, right = self.area(text)
        if any(not one.get("requestingUserCanEdit") and not one.get("warningOnly") for one in sheet.protected):
            raise Refusal("You are trying to edit a protected cell or object.")
        width = max(map(len, values), default=0)
        if top + len(values) > sheet.rows or left + width > sheet.columns:
            raise Refusal(
                f"Range ({quoted(sheet.title)}!) exceeds grid limits. "
                f"Max rows: {sheet.rows}, max columns: {sheet.columns}"
            )
        touched = set()
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                if value is not None:
                    sheet.put(top + row, left + column, value)
                    touched.add((row, column))
        last = (top + len(values), left + width) if values else (bottom, right)
        return {
            "updatedRange": self.echo(sheet, top, last[0], left, last[1]),
            "updatedRows": len({row for row, _ in touched}),
            "updatedColumns": len({column for _, column in touched}),
            "updatedCells": len(touched),
        }

    def update_many(self, key: str, data: list[dict[str, Any]]) -> dict[str, Any]:
        draft = copy.deepcopy(self.sheets)
        responses = []
        for place, item in enumerate(data):
            try:
                responses.append({"spreadsheetId": key, **self.update(item["range"], item)})
            except Refusal as refusal:
                self.sheets = draft
                raise Refusal(f"Invalid data[{place}]: {refusal}") from None
        return {
            "totalUpdatedRows": sum(item["updatedRows"] for item in responses),
            "totalUpdatedColumns": max(item["updatedColumns"] for item in responses),
            "totalUpdatedCells": sum(item["updatedCells"] for item in responses),
            "totalUpdatedSheets": len({item["updatedRange"].rpartition("!")[0] for item in responses}),
            "responses": responses,
        }

    def append(self, key: str, text: str, body: dict[str, Any]) -> dict[str, Any]:
        sheet, *_ = self.area(text)
        row = len(sheet.values)
        sheet.rows = max(sheet.rows, row + len(body["values"]))
        done = self.update(f"{quoted(sheet.title)}!A{row + 1}", body)
        return {"updates": {"spreadsheetId": key, **done}}

    def clear(self, text: str) -> str:
        sheet, top, bottom, left, right = self.area(text)
        for row in range(top, min(bottom, len(sheet.values))):
            for column in range(left, min(right, len(sheet.values[row]))):
                sheet.values[row][column] = ""
        return self.echo(sheet, top, bottom, left, right)

    def batch(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        draft = copy.deepcopy(self.sheets)
        replies = []
        for place, request in enumerate(requests):
            ((kind, body),) = request.items()
            try:
                replies.append(getattr(self, f"_{kind}", self._nothing)(body) or {})
            except Refusal as refusal:
                self.sheets = draft
                raise Refusal(f"Invalid requests[{place}].{kind}: {refusal}") from None
        return replies

    def _nothing(self, body: dict[str, Any]) -> None:
        """A request that changes nothing the stand-in shows (formats of cells, widths)."""

    def _addSheet(self, body: dict[str, Any]) -> dict[str, Any]:
        properties = body["properties"]
        if self.named(properties["title"]):
            raise Refusal(f'A sheet with the name "{properties["title"]}" already exists. Please enter another name.')
        number = properties.get("sheetId", next(_numbers))
        if any(sheet.id == number for sheet in self.sheets):
            raise Refusal(f"Sheet with id {number} already exists.")
        grid = properties.get("gridProperties", {})
        sheet = Sheet(number, properties["title"], rows=grid.get("rowCount", 1000), columns=grid.get("columnCount", 26))
        sheet.frozen = grid.get("frozenRowCount", 0)
        self.sheets.insert(properties.get("index", len(self.sheets)), sheet)
        return {"addSheet": {"properties": self.properties(sheet)}}

    def _deleteSheet(self, body: dict[str, Any]) -> None:
        self.sheets.remove(self.sheet(body["sheetId"]))

    def _updateSheetProperties(self, body: dict[str, Any]) -> None:
        properties = body["properties"]
        sheet = self.sheet(properties["sheetId"])
        grid = properties.get("gridProperties", {})
        for name in body["fields"].split(","):
            if name == "hidden":
                if properties["hidden"] and len([one for one in self.sheets if not one.hidden]) == 1:
                    raise Refusal("You can't hide all the sheets in a document.")
                sheet.hidden = properties["hidden"]
            elif name == "title":
                sheet.title = properties["title"]
            elif name == "gridProperties.rowCount":
                sheet.rows = grid["rowCount"]
                del sheet.values[sheet.rows :]
            elif name == "gridProperties.columnCount":
                sheet.columns = grid["columnCount"]
            elif name == "gridProperties.frozenRowCount":
                sheet.frozen = grid["frozenRowCount"]
            elif name == "gridProperties.frozenColumnCount":
                sheet.frozen_columns = grid["frozenColumnCount"]
            elif name not in ("tabColorStyle", "tabColor", "index"):
                raise Refusal(f"unknown field {name}")

    def _updateCells(self, body: dict[str, Any]) -> None:
        spot = body.get("start") or body["range"]
        sheet = self.sheet(spot.get("sheetId", 0))
        top = spot.get("rowIndex", spot.get("startRowIndex", 0))
        left = spot.get("columnIndex", spot.get("startColumnIndex", 0))
        for row, line in enumerate(body.get("rows", []), top):
            for column, cell in enumerate(line.get("values", []), left):
                if row >= sheet.rows or column >= sheet.columns:
                    raise Refusal("outside the grid")
                if "userEnteredValue" in body["fields"]:
                    sheet.put(row, column, next(iter(cell.get("userEnteredValue", {"": ""}).values())))
                if "note" in body["fields"]:
                    sheet.notes[row, column] = cell.get("note", "")

    def _repeatCell(self, body: dict[str, Any]) -> None:
        self.sheet(body["range"].get("sheetId", 0)).repeated.append(body)

    def _setDataValidation(self, body: dict[str, Any]) -> None:
        sheet = self.sheet(body["range"].get("sheetId", 0))
        sheet.validations = [one for one in sheet.validations if one["range"] != body["range"]]
        sheet.validations.append(body)

    def _addProtectedRange(self, body: dict[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in body["protectedRange"].items() if value not in (None, False)}
        sheet = self.sheet(given["range"].get("sheetId", 0))
        made = {"protectedRangeId": next(_numbers), **given, "requestingUserCanEdit": True}
        made["range"] = _grid(given["range"])
        made["editors"] = {name: value for name, value in given.get("editors", {}).items() if value}
        sheet.protected.append(made)
        return {"addProtectedRange": {"protectedRange": made}}

    def _deleteProtectedRange(self, body: dict[str, Any]) -> None:
        for sheet in self.sheets:
            sheet.protected = [one for one in sheet.protected if one["protectedRangeId"] != body["protectedRangeId"]]

    def _addConditionalFormatRule(self, body: dict[str, Any]) -> dict[str, Any]:
        rule = body["rule"]
        self.sheet(rule["ranges"][0].get("sheetId", 0)).formats.insert(body.get("index", 0), rule)
        return {}

    def _appendDimension(self, body: dict[str, Any]) -> None:
        sheet = self.sheet(body["sheetId"])
        if body["dimension"] == "ROWS":
            sheet.rows += body["length"]
        else:
            sheet.columns += body["length"]

    def _mergeCells(self, body: dict[str, Any]) -> None:
        span = {name: value for name, value in body["range"].items() if name != "sheetId"}
        sheet = self.sheet(body["range"].get("sheetId", 0))
        if body["mergeType"] == "MERGE_ROWS":
            rows = range(span["startRowIndex"], span["endRowIndex"])
            sheet.merges += [span | {"startRowIndex": row, "endRowIndex": row + 1} for row in rows]
        else:
            sheet.merges.append(span)

    def _unmergeCells(self, body: dict[str, Any]) -> None:
        self.sheet(body["range"].get("sheetId", 0)).merges.clear()

    def _sortRange(self, body: dict[str, Any]) -> None:
        span, spec = body["range"], body["sortSpecs"][0]
        sheet = self.sheet(span.get("sheetId", 0))
        top, bottom = span.get("startRowIndex", 0), span.get("endRowIndex", len(sheet.values))
        part = sheet.values[top:bottom]
        part.sort(
            key=lambda line: str(line[spec["dimensionIndex"]]) if spec["dimensionIndex"] < len(line) else "~",
            reverse=spec.get("sortOrder") == "DESCENDING",
        )
        sheet.values[top:bottom] = part

    def _insertDimension(self, body: dict[str, Any]) -> None:
        span = body["range"]
        sheet, number = self.sheet(span.get("sheetId", 0)), span["endIndex"] - span["startIndex"]
        if span["dimension"] == "ROWS":
            sheet.values[span["startIndex"] : span["startIndex"]] = [[] for _ in range(number)]
            sheet.rows += number
        else:
            for line in sheet.values:
                if len(line) > span["startIndex"]:
                    line[span["startIndex"] : span["startIndex"]] = [""] * number
            sheet.columns += number

    def _deleteDimension(self, body: dict[str, Any]) -> None:
        span = body["range"]
        sheet, number = self.sheet(span.get("sheetId", 0)), span["endIndex"] - span["startIndex"]
        if span["dimension"] == "ROWS":
            del sheet.values[span["startIndex"] : span["endIndex"]]
            sheet.rows -= number
        else:
            for line in sheet.values:
                del line[span["startIndex"] : span["endIndex"]]
            sheet.columns -= number

    def _setBasicFilter(self, body: dict[str, Any]) -> None:
        sheet = self.sheet(body["filter"]["range"].get("sheetId", 0))
        sheet.basic_filter = body["filter"]

    def properties(self, sheet: Sheet) -> dict[str, Any]:
        grid = {"rowCount": sheet.rows, "columnCount": sheet.columns}
        grid |= {"frozenRowCount": sheet.frozen} if sheet.frozen else {}
        grid |= {"frozenColumnCount": sheet.frozen_columns} if sheet.frozen_columns else {}
        made = {
            "sheetId": sheet.id,
            "title": sheet.title,
            "index": self.sheets.index(sheet) if sheet in self.sheets else len(self.sheets),
            "sheetType": "GRID",
            "gridProperties": grid,
        }
        return made | ({"hidden": True} if sheet.hidden else {})

    def shape(self, sheet: Sheet, with_data: bool) -> dict[str, Any]:
        made: dict[str, Any] = {"properties": self.properties(sheet)}
        if with_data:
            rows = [{"hiddenByUser": True} if row in sheet.hidden_rows else {} for row in range(sheet.rows)]
            columns = [{"hiddenByUser": True} if n in sheet.hidden_columns else {} for n in range(sheet.columns)]
            made["data"] = [{"rowMetadata": rows, "columnMetadata": columns}]
        if sheet.merges:
            made["merges"] = sheet.merges
        if sheet.formats:
            made["conditionalFormats"] = sheet.formats
        if sheet.protected:
            made["protectedRanges"] = [
                one | {"editors": {"users": ["svc@project.iam.gserviceaccount.com"]}} for one in sheet.protected
            ]
        if sheet.basic_filter:
            made["basicFilter"] = sheet.basic_filter
        return made


def _grid(span: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in span.items() if not (name == "sheetId" and value == 0)}


_KNOWN = {"properties", "data", "merges", "protectedRanges", "conditionalFormats", "basicFilter"}


def masked(book: Book, key: str, query: dict[str, list[str]]) -> dict[str, Any]:
    """Answer `spreadsheets.get` under its field mask."""
    mask = query.get("fields", [""])[0]
    for name in query.get("ranges", []):
        book.area(name)
    tree = parse_mask(mask)
    for name in tree.get("sheets") or {}:
        if name not in _KNOWN:
            path = f"sheets.{name}"
            violation = {
                "field": path,
                "description": f"Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.",
            }
            details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
            raise Refusal("Request contains an invalid argument.", details)
    with_data = "data" in (tree.get("sheets") or {})
    whole = {
        "spreadsheetId": key,
        "properties": {
            "title": book.title,
            "locale": book.locale,
            "autoRecalc": "ON_CHANGE",
            "timeZone": "Etc/GMT",
        },
        "sheets": [book.shape(sheet, with_data) for sheet in book.sheets],
        "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{key}/edit",
    }
    return pick(whole, tree) if mask else whole


def parse_mask(mask: str) -> dict[str, Any]:
    """`a,b(c,d.e)` as a tree; an empty branch means everything below."""
    tree: dict[str, Any] = {}
    depth, start, parts = 0, 0, []
    for place, sign in enumerate(mask + ","):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append(mask[start:place])
            start = place + 1
    for part in filter(None, parts):
        name, inner = re.match(r"(\w+)(.*)", part).groups()
        below = parse_mask(inner[1:-1] if inner.startswith("(") else inner[1:]) if inner else {}
        known = tree.setdefault(name, {})
        known.update(below)
    return tree


def pick(item: Any, tree: dict[str, Any]) -> Any:
    if not tree:
        return item
    if isinstance(item, list):
        return [pick(one, tree) for one in item]
    return {name: pick(value, tree[name]) for name, value in item.items() if name in tree}
