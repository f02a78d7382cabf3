"""The finished practice cohort (`cohort/`), made by `tests/invented` for the day `MADE_FOR`.

A copy shifts the dates of `cohort.toml` and the times of submission to the day of copying. Nothing else changes.
"""

from __future__ import annotations

import re
import shutil
from datetime import date, datetime
from pathlib import Path

from pipeline import fields

MADE_FOR = date(2026, 10, 20)
_COHORT = Path(__file__).resolve().parent / "cohort"
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_TIME = "%Y-%m-%d %H:%M"


def is_practice(folder: Path) -> bool:
    """Return whether `folder` holds a copy of the practice cohort: its `cohort.toml` begins like ours."""
    mark, settings = (_COHORT / "cohort.toml").read_text(encoding="utf-8").splitlines()[0], folder / "cohort.toml"
    return settings.is_file() and settings.read_text(encoding="utf-8", errors="replace").startswith(mark)


def copy_practice(folder: Path, today: date) -> None:
    """Copy the practice cohort into the empty `folder`, with its dates shifted to `today`."""
    import openpyxl

    shutil.copytree(_COHORT, folder, dirs_exist_ok=True)
    shift = today - MADE_FOR
    settings = folder / "cohort.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(_DATE.sub(lambda day: str(date.fromisoformat(day[0]) + shift), text), encoding="utf-8")
    book = folder / "submissions" / "submissions.xlsx"
    content = openpyxl.load_workbook(book)
    for sheet in content.worksheets:
        column = [cell.value for cell in sheet[1]].index(fields.label("submitted_at")) + 1
        for row in range(2, sheet.max_row + 1):
            moment = datetime.strptime(str(sheet.cell(row, column).value), _TIME) + shift
            sheet.cell(row, column, moment.strftime(_TIME))
    content.save(book)
