"""The collection sheet in Google Sheets: headers, drop-downs, text cells, notes, a frozen and protected first row."""

from __future__ import annotations

from typing import Any

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect.google import tabs
from pipeline.collect.google.access import connect_google
from pipeline.collect.google.http_client import RejectedRequestError, RetryPolicy, SheetsClient
from pipeline.collect.google.tabs import Book, Tab
from pipeline.collect.inputs import spreadsheet_key
from pipeline.collect.template import FormColumn, form_columns
from pipeline.errors import RefusedError

_TITLE = "信息采集"
_ROWS = 2_000
_MAX_CHOICES = 200  # a longer list is no help in a drop-down
_SHADE = {"red": 0.91, "green": 0.94, "blue": 0.98}
_REQUIRED = {"yes": "必填", "if": "有条件必填", "no": "选填"}


def complete_template(key: str, cohort: Cohort | None, *, retry: RetryPolicy | None = None) -> str:
    """Add what the collection worksheet lacks, in one batch; existing columns stay. Return a Chinese summary.

    Raises:
        RefusedError: if the first row is no header, or somebody else protects the worksheet.
        PartialError, InputError: if access fails, or Google does not answer within the limits of `patience`.
    """
    client = connect_google(cohort, write=True, retry=retry)
    book = tabs.read_book(client, spreadsheet_key(key))
    existing = _find(book)
    tab = existing or _new_tab(book)
    header = _header(client, book, existing) if existing else []
    wanted = [column for column in form_columns(cohort) if not set(column.field.labels) & set(header)]
    requests = _requests(tab, header, wanted)
    if existing is None:
        grid = {"rowCount": tab.rows, "columnCount": tab.columns}
        properties = {"sheetId": tab.id, "title": tab.title, "index": 0, "gridProperties": grid}
        requests.insert(0, {"addSheet": {"properties": properties}})

    def completed() -> bool:
        current = _find(tabs.read_book(client, book.key))
        headings = set(_header(client, book, current)) if current else set[str]()
        marked = current is not None and tabs.HEADER_MARK in current.protections
        return marked and all(headings & set(column.field.labels) for column in wanted)

    if requests:
        try:
            client.write(lambda: client.batch_update(book.key, {"requests": requests}), completed)
        except RejectedRequestError:
            current = _find(tabs.read_book(client, book.key))
            if current and current.locked:
                raise tabs.refused_by_protection(client, book, current) from None
            raise
    what = f"补了 {len(wanted)} 列" if header and wanted else "新建了表头" if wanted else "已经齐全"
    return f"{book.title} 的工作表 {tab.title}：{what}；{client.calls}"


def _new_tab(book: Book) -> Tab:
    number = max((tab.id for tab in book.tabs), default=0) + 1
    grid = {"rowCount": _ROWS, "columnCount": len(fields.fields())}
    return tabs.tab_of({"properties": {"sheetId": number, "title": _TITLE, "gridProperties": grid}})


def _find(book: Book) -> Tab | None:
    grids = [tab for tab in book.tabs if tab.kind == "GRID" and tab.title != tabs.ANSWERS_TITLE]
    marked = [tab for tab in grids if tabs.HEADER_MARK in tab.protections]
    return next(iter(marked or [tab for tab in grids if tab.title == _TITLE]), None)


def _header(client: SheetsClient, book: Book, tab: Tab) -> list[str]:
    (rows,) = client.read_values(book.key, [tab.first_row_range], dict(tabs.AS_STORED))
    header = [str(cell).strip() for cell in rows[0]] if rows else []
    labels = {label for field in fields.fields().values() for label in field.labels}
    if header and not labels & set(header):
        raise RefusedError(
            "第一行不是表头，没有改动",
            where=f"{book.title} {tab.title}",
            remedy=f"请清空第一行，或删去工作表 {_TITLE} 再运行",
        )
    return header


def _requests(tab: Tab, header: list[str], wanted: list[FormColumn]) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = []
    width = len(header) + len(wanted)
    if tab.columns < width:
        requests.append({"appendDimension": {"sheetId": tab.id, "dimension": "COLUMNS", "length": width - tab.columns}})
    if wanted:
        cells: list[dict[str, Any]] = []
        for column in wanted:
            note = "。".join(filter(None, [_REQUIRED.get(column.field.required, ""), column.hint]))
            cells.append({"userEnteredValue": {"stringValue": column.field.label}, "note": note})
        start = {"sheetId": tab.id, "rowIndex": 0, "columnIndex": len(header)}
        written = "userEnteredValue,note"
        requests.append({"updateCells": {"start": start, "rows": [{"values": cells}], "fields": written}})
        area = {"sheetId": tab.id, "startRowIndex": 0, "startColumnIndex": len(header), "endColumnIndex": width}
        text = {"userEnteredFormat": {"numberFormat": {"type": "TEXT"}}}  # an ID number stays as typed
        requests.append({"repeatCell": {"range": area, "cell": text, "fields": "userEnteredFormat.numberFormat"}})
    for place, column in enumerate(wanted, len(header)):
        if 0 < len(column.options) <= _MAX_CHOICES:
            area = {"sheetId": tab.id, "startRowIndex": 1, "startColumnIndex": place, "endColumnIndex": place + 1}
            listed = {"type": "ONE_OF_LIST", "values": [{"userEnteredValue": label} for label in column.options]}
            # Not strict: the check reports a wrong answer, the form does not refuse it.
            rule = {"condition": listed, "showCustomUi": True, "strict": False}
            requests.append({"setDataValidation": {"range": area, "rule": rule}})
    if tabs.HEADER_MARK not in tab.protections:
        requests += _header_requests(tab)
    return requests


def _header_requests(tab: Tab) -> list[dict[str, Any]]:
    frozen = {"sheetId": tab.id, "gridProperties": {"frozenRowCount": 1}}
    area = {"sheetId": tab.id, "startRowIndex": 0, "endRowIndex": 1}
    shade = {"userEnteredFormat": {"backgroundColor": _SHADE, "textFormat": {"bold": True}, "wrapStrategy": "WRAP"}}
    written = ",".join(f"userEnteredFormat.{name}" for name in ("backgroundColor", "textFormat.bold", "wrapStrategy"))
    return [
        {"updateSheetProperties": {"properties": frozen, "fields": "gridProperties.frozenRowCount"}},
        {"repeatCell": {"range": area, "cell": shade, "fields": written}},
        {
            "addProtectedRange": {
                "protectedRange": {"range": area, "description": tabs.HEADER_MARK, "warningOnly": False}
            }
        },
    ]
