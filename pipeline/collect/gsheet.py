"""How a cohort names a shared Google Sheet: `gsheet:<key or address>[#title]`. Known without gspread."""

from __future__ import annotations

import re

from pipeline.errors import ConfigurationError

PREFIX = "gsheet:"
_SOURCE = re.compile(PREFIX + r"(?:https://docs\.google\.com/spreadsheets/d/)?([A-Za-z0-9_-]+)(?:/[^#]*)?(?:#(.+))?")


def is_gsheet(source: str | None) -> bool:
    """Say whether a source, a file of decisions or a row's `file` is a shared sheet and no file here."""
    return (source or "").startswith(PREFIX)


def parse_source(source: str) -> tuple[str, str]:
    """Return spreadsheet key and worksheet title ("" where none is named) of `gsheet:<key or address>[#title]`.

    Raises:
        ConfigurationError: it is no such source.
    """
    found = _SOURCE.fullmatch(source.strip())
    if not found:
        raise ConfigurationError(
            ["Google 表格应写作 gsheet:<key>，key 是网址中 /d/ 与 /edit 之间的一段"], where=source[:80]
        )
    return found[1], found[2] or ""


def spreadsheet_key(name: str) -> str:
    """Return the key of a spreadsheet that may be named by its key or address alone, without `gsheet:`.

    Raises:
        ConfigurationError: it is neither.
    """
    return parse_source(PREFIX + name.removeprefix(PREFIX))[0]
