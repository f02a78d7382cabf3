"""An office's own aliases: `aliases.csv` in its rules folder, which `columns --settle` writes."""

from __future__ import annotations

import csv
from pathlib import Path

from pipeline import fields
from pipeline.errors import ConfigurationError

FILE = "aliases.csv"
COLUMNS = ("field", "word", "meant")


def read_aliases(folder: Path | None) -> dict[tuple[str, str], str]:
    """Return what each word of a field means; empty where the folder has no such table.

    Raises:
        ConfigurationError: the table cannot be read, or names a field that there is not, with its line.
    """
    path = folder / FILE if folder else None
    if path is None or not path.is_file():
        return {}
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise ConfigurationError([f"{FILE}：读不出，请在表格软件中另存为“CSV UTF-8”"], where=str(path)) from None
    wrong = [
        f"{FILE} 第 {line} 行：应有 {','.join(COLUMNS)} 三列，字段名见 fields.csv"
        for line, row in enumerate(rows, 2)
        if row.get("field") not in fields.fields() or not row.get("word") or not row.get("meant")
    ]
    if wrong:
        raise ConfigurationError(wrong, where=str(path))
    return {(row["field"], row["word"]): row["meant"] for row in rows}
