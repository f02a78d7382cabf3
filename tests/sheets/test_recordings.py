"""The stand-in against real recorded answers: what it says must be what Google said.

Each recorded request is sent to a stand-in laid out as the recording shows the spreadsheet, and the answers compared.
Only calls of kinds that the product never makes are left out, by name.
"""

import json
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from pipeline.collect.google import access
from pipeline.collect.google.http_client import fault_of_response

from .model import Book, Sheet, number_of
from .standin import Fault, Google

# Drive, colours, notes read back, named ranges, groups, hiding and formats read back: no call of ours.
LEFT_OUT = (
    r"www\.googleapis|namedRange|NamedRange|columnMetadata|tabColor|userEnteredFormat|values\.note|DimensionGroup"
    r"|append_row_with_empty|insert_cols#8"
)
VOLATILE = {"protectedRangeId", "spreadsheetUrl"}


@pytest.fixture
def pairs(shared: Path) -> list[dict[str, Any]]:
    path = shared / "reference" / "google-sheets" / "pairs.json"
    if not path.is_file():
        pytest.skip("../shared/reference/google-sheets/pairs.json is not there")
    return json.loads(path.read_text(encoding="utf-8"))["pairs"]


def steady(item: Any) -> Any:
    """An answer without what differs from one spreadsheet to the next."""
    if isinstance(item, dict):
        return {
            name: "…" if name in VOLATILE else steady(value)
            for name, value in item.items()
            if name not in ("details", "metadata")
        }
    return [steady(one) for one in item] if isinstance(item, list) else item


def origin(text: str) -> tuple[str, int, int]:
    """Title and 0-based first row and column of an echoed range."""
    title, _, cells = text.rpartition("!")
    first = re.match(r"([A-Z]+)(\d+)", cells)
    return title.strip("'"), int(first[2]) - 1, number_of(first[1]) - 1


def lay_out(pair: dict[str, Any], answer: Any) -> Book:
    """A spreadsheet in the state that the recording shows."""
    book = Book("Test", locale="en_US", sheets=[])
    for sheet in answer.get("sheets", []):
        book.title, book.locale = answer["properties"]["title"], answer["properties"]["locale"]
        properties = sheet["properties"]
        grid = properties["gridProperties"]
        made = Sheet(properties["sheetId"], properties["title"], [], grid["rowCount"], grid["columnCount"])
        made.hidden, made.frozen = properties.get("hidden", False), grid.get("frozenRowCount", 0)
        made.frozen_columns = grid.get("frozenColumnCount", 0)
        made.merges, made.basic_filter = sheet.get("merges", []), sheet.get("basicFilter")
        made.protected = sheet.get("protectedRanges", [])
        book.sheets.append(made)
    ranges = [one for one in [answer, *answer.get("valueRanges", [])] if "range" in one]
    for one in ranges:
        title, top, left = origin(one["range"])
        sheet = book.named(title)
        if sheet is None:
            whole = re.search(r":([A-Z]+)(\d+)$", one["range"])  # asked for whole, the echo is the grid
            rows = int(whole[2]) if whole and "!" not in pair["request"]["url"].partition("ranges=")[0] else 1000
            columns = number_of(whole[1]) if whole and "ranges=" not in pair["request"]["url"] else 26
            sheet = Sheet(len(book.sheets), title, rows=rows, columns=max(columns, 2))
            book.sheets.append(sheet)
        for row, line in enumerate(one.get("values", [])):
            for column, value in enumerate(line):
                across = one.get("majorDimension") == "COLUMNS"
                sheet.put(top + (column if across else row), left + (row if across else column), value)
    if not book.sheets:
        book.sheets = [Sheet(0, "Sheet1")]
        if "addSheet" not in json.dumps(pair):
            ids = {int(found) for found in re.findall(r'"sheetId": (\d+)', json.dumps(pair["request"]))} - {0}
            book.sheets += [Sheet(number, f"Sheet{number}") for number in ids]
    return book


def test_the_recorded_answers(google: Google, cohort, pairs):
    client = access.connect_google(cohort, write=True)
    replayed, differing = 0, []
    for pair in pairs:
        request, response = pair["request"], pair["response"]
        if re.search(LEFT_OUT, pair["id"] + unquote(request["url"]) + json.dumps(request)):
            continue
        key = re.search(r"/spreadsheets/([^/?:]+)", request["url"])[1]
        answer, status = response.get("json", {}), response["status"]
        google.books = {} if status == 404 else {key: lay_out(pair, answer if status == 200 else {})}
        google.quota = 0 if status == 429 else None
        if status == 403:
            google.books[key].private = True
        got = client.session.request(request["method"], request["url"], json=request.get("json"))
        replayed += 1
        expected, seen = steady(answer), steady(got.json())
        if status == 403 and "has not been used" in answer["error"]["message"]:
            expected["error"]["message"] = seen["error"]["message"]
        if "addSheet" in json.dumps(request):
            expected["replies"][0]["addSheet"]["properties"]["sheetId"] = 0
            seen["replies"][0]["addSheet"]["properties"]["sheetId"] = 0
        if got.status_code != status or seen != expected:
            differing.append((pair["id"], got.status_code, seen, expected))
    assert not differing, "\n".join(str(one)[:1500] for one in differing)
    assert replayed >= 45


def test_recorded_refusals_are_understood(pairs, shared: Path):
    """What each recorded refusal means to us: to wait, or to say the remedy at once."""
    import requests

    bodies = [(one["response"]["status"], one["response"]) for one in pairs if one["response"]["status"] >= 400]
    reported = json.loads((shared / "reference" / "google-sheets" / "reported.json").read_text())["items"]
    bodies += [(one["status"], one) for one in reported]
    for status, body in bodies:
        answer = requests.Response()
        answer.status_code = status
        text = body.get("text") or body.get("text_begins") or json.dumps(body.get("json") or {"error": {}})
        answer._content = text.encode()
        fault = fault_of_response(answer, address="x")
        assert fault and bool(fault.remedy) == (status in (400, 403, 404)), (status, text[:80])
    disabled = next(one for one in pairs if "service-disabled" in one["id"])
    answer = requests.Response()
    answer.status_code, answer._content = 403, json.dumps(disabled["response"]["json"]).encode()
    fault = fault_of_response(answer, address="x")
    assert fault and "启用" in fault.remedy


def test_the_recorded_quota(google: Google, cohort, patience, shared: Path):
    """Refused for as long as each recorded series of refusals lasted: waiting mends it within a few attempts."""
    trace = json.loads((shared / "reference" / "google-sheets" / "quota_trace.json").read_text())["answers"]
    moments = [(parsedate_to_datetime(date).timestamp(), status) for date, status in trace]
    spans, first = [], None
    for moment, status in moments:
        if status == 429:
            first = first or moment
        elif first:
            spans.append(moment - first)
            first = None
    assert spans and max(spans) < 60
    for span in spans:
        start = google.clock()

        def refuse(call, until: float = start + span) -> None:
            google.faults = [Fault("/v4/", status=429)] if google.clock() < until else []

        google.before = [("/v4/", refuse)]
        google.books = {"k": Book()}
        client = access.connect_google(cohort, retry=patience)
        client.spreadsheets_get("k")
        assert client.calls.reads <= 5 and span <= client.calls.waited <= 80
