"""The file for the upper system: the approved students of signed colleges, in a described mapping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from pipeline.cohort import Cohort, safe_name
from pipeline.deliver.handin.files import write
from pipeline.deliver.handin.handin_rows import approved_people, check_signed, handin_table
from pipeline.deliver.handin.mapping import DRAFT_WORDS, Format, Mapping
from pipeline.errors import RefusedError
from pipeline.review.review_snapshot import KINDS, RunTables, lay_desk


@dataclass(frozen=True)
class HandedIn:
    """What was written: where, how many students, and what was left blank."""

    path: Path
    students: int
    notes: list[str]


@dataclass(frozen=True)
class HandinRequest:
    """What to write: `form` and `template` may be None (the mapping's own format, no template)."""

    mapping: Mapping
    colleges: list[tuple[str, str]]
    """(school code, college)."""
    form: Format | None
    template: Path | None
    draft: bool
    folder: Path


def hand_in(cohort: Cohort, tables: RunTables, entries: pd.DataFrame, wanted: HandinRequest, today: date) -> HandedIn:
    """Write the file for the upper system and return where it is.

    Args:
        cohort: the class.
        tables: the newest run's.
        entries: the ledger's, of the kinds that a desk reads.
        wanted: which students, how and where.
        today: the day for which exceptions hold.

    Raises:
        RefusedError: a college is not signed or changed since (unless a draft), a value does not fit, nobody is left.
        UsageError: template or place cannot be used.
    """
    kept = entries[entries["kind"].isin(KINDS)]
    desk = lay_desk(tables, kept, today)
    if not wanted.draft:
        check_signed(desk, kept, wanted.colleges)
    mapping = wanted.mapping.drafted() if wanted.draft else wanted.mapping
    people = approved_people(desk, wanted.colleges)
    if people.empty:
        raise RefusedError("没有审核通过的学生", remedy="请先审核，再生成上报文件")
    table, notes = handin_table(people, mapping, cohort.path(cohort.rules.folder) if cohort.rules.folder else None)
    form = wanted.form or mapping.format
    path = wanted.folder / _name(cohort, wanted, form)
    write(path, table, mapping, form, wanted.template)
    return HandedIn(path, len(table), notes)


def _name(cohort: Cohort, wanted: HandinRequest, form: str) -> str:
    college = f"-{wanted.colleges[0][0]}-{wanted.colleges[0][1]}" if len(wanted.colleges) == 1 else ""
    draft = f"-{DRAFT_WORDS}" if wanted.draft else ""
    return f"{safe_name(f'{cohort.name}-{wanted.mapping.title}{college}{draft}')}.{form}"
