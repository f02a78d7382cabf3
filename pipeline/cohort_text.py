"""Writing `cohort.toml`: a new cohort's file, and declared columns in an existing one."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import fields, resources
from pipeline.atomic_files import write_atomically
from pipeline.cohort import Cohort
from pipeline.cohort_sections import School
from pipeline.errors import UsageError

EXAMPLE = ("10000", "某某大学")
"""Code and name of the school in a new cohort's file, until the office writes its own."""
COLLEGES = "学校名称,院系,别名,副书记,邮箱\n"
COUNSELORS = "学校名称,院系,班级,姓名,邮箱\n"
_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z_.\"]+)\s*\]\]?\s*(?:#.*)?$")


def quoted(text: str) -> str:
    """Return `text` as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML escapes as JSON does, and U+007F too


def toml_lines(values: Mapping[str, object]) -> list[str]:
    """Return a TOML section's lines of settings: texts, numbers, dates, booleans."""
    written = {key: quoted(value) if isinstance(value, str) else value for key, value in values.items()}
    return [f"{key} = {str(value).lower() if isinstance(value, bool) else value}" for key, value in written.items()]


@dataclass(frozen=True)
class NewCohort:
    """The values of a new cohort's file."""

    year: int
    month: str
    opens: date
    closes: date
    college_due: date
    schools: tuple[School, ...]
    previous: str = ""
    student_number: str = ""
    carried: str = ""
    """Sections taken over from last year, as TOML."""

    def graduating(self, month: str) -> NewCohort:
        """Return the values for a class whose undergraduates graduate in `month`."""
        years = int(month[:4]) - self.year
        opens, closes, due = (_years_later(day, years) for day in (self.opens, self.closes, self.college_due))
        return replace(self, year=self.year + years, month=month, opens=opens, closes=closes, college_due=due)


def new_cohort(today: date) -> NewCohort:
    """Return the values for the class that graduates next summer."""
    year = today.year + (1 if today.month >= 7 else 0)
    code, name = EXAMPLE
    school = School(code=code, name=name, registry=f"registry/{code}.xlsx")
    opens = date(year - 1, 9, 20)
    return NewCohort(year, f"{year}-06", opens, date(year - 1, 10, 31), date(year - 1, 11, 20), (school,))


def next_cohort(cohort: Cohort, previous: str) -> NewCohort:
    """Return the values for the class after `cohort`. `previous` is the relative path of its folder."""
    window, year = cohort.window, cohort.year + 1
    month = f"{year}-{cohort.cohort.undergraduate_month[5:]}"
    opens, closes, due = (_years_later(day, 1) for day in (window.opens, window.closes, window.college_due))
    pattern, carried = cohort.cohort.student_number, _carried(cohort, previous)
    return NewCohort(year, month, opens, closes, due, cohort.schools, previous, pattern, carried)


def _carried(cohort: Cohort, previous: str) -> str:
    """Return the sections that are copied from last year as TOML: rules, notebooks, standing, keep, mail."""
    sections: dict[str, dict[str, object]] = {
        "standing": cohort.standing.model_dump(exclude_unset=True),
        "keep": cohort.keep.model_dump(exclude_unset=True),
        "mail": cohort.mail.model_dump(exclude_unset=True, exclude_none=True) if cohort.mail else {},
    }
    if cohort.rules.folder:
        sections["rules"] = {"folder": f"{previous}/{cohort.rules.folder}"}
    if cohort.reports.notebooks:
        sections["reports"] = {"notebooks": f"{previous}/{cohort.reports.notebooks}"}
    parts = ["\n".join(["", f"[{name}]", *toml_lines(section), ""]) for name, section in sections.items() if section]
    return "\n# 以下沿用上一届的设置\n" + "".join(parts) if parts else ""


def _years_later(day: date, years: int) -> date:
    return day.replace(year=day.year + years, day=28 if (day.month, day.day) == (2, 29) else day.day)


def cohort_text(starter: NewCohort) -> str:
    """Return `cohort.toml` from the template `reports/new_cohort.txt`, which explains each setting."""
    pattern = starter.student_number
    return (
        (resources.templates() / "new_cohort.txt")
        .read_text(encoding="utf-8")
        .format(
            starter=starter,
            previous=f"previous = {quoted(starter.previous)}" if starter.previous else '# previous = "../2016"',
            pattern=f"student_number = {quoted(pattern)}" if pattern else '# student_number = "[0-9A-Z]{4,15}"',
            schools="\n".join(map(_school_lines, starter.schools)),
        )
    )


def _school_lines(school: School) -> str:
    values = {"code": school.code, "name": school.name, "registry": school.registry}
    columns = ["[schools.columns]", *toml_lines(school.columns)] if school.columns else []
    return "\n".join(["[[schools]]", *toml_lines(values), *columns, ""])


def save_columns(path: Path, answers: Mapping[str, Mapping[str, str]]) -> str:
    """Write declared columns (by school code, "" for submissions) into the file. Return a Chinese line about it.

    Raises UsageError if the file cannot be edited without changing other settings.
    """
    text = path.read_text(encoding="utf-8-sig")
    wanted = tomllib.loads(text)
    for code, columns in answers.items():
        index = _school_index(wanted, code) if code else None
        table: dict[str, Any] = wanted["schools"][index] if index is not None else wanted["submissions"]
        table.setdefault("columns", {}).update(columns)
        text = _with_columns(text, index, columns)
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        written = None
    pairs = [pair for columns in answers.values() for pair in columns.items()]
    added = "；".join(f"{fields.label(name)} = {quoted(heading)}" for name, heading in pairs)
    if written != wanted:
        raise UsageError("没有写入：这个文件的写法比较特别", where=str(path), remedy=f"请自己在 columns 里写：{added}")
    if added:
        write_atomically(path, text)
    return f"已写入 {path.name}：{added}。请再运行" if added else f"没有可写入的：{path.name} 没有改动"


def _school_index(data: Mapping[str, Any], code: str) -> int:
    codes = [str(school.get("code")) for school in data.get("schools", [])]
    if code not in codes:
        raise UsageError(
            f"没有写入：学校 {code} 不在 cohort.toml 的 [[schools]] 里（学校写在另一张表里）",
            remedy="请把学籍库的列名改成模板的写法，或把这所学校写成 [[schools]]",
        )
    return codes.index(code)


def _with_columns(text: str, index: int | None, columns: Mapping[str, str]) -> str:
    """Return the text with `columns` added to the school at index `place`, or to submissions (None)."""
    lines = text.splitlines()
    heads = [(number, found[1], found[2]) for number, line in enumerate(lines) if (found := _HEADER.match(line))]
    section = "submissions" if index is None else "schools"
    starts = [number for number, kind, name in heads if name == section and (kind == "[[") == (index is not None)]
    if not starts or (index or 0) >= len(starts):
        return text
    start = starts[index or 0]
    ends = [number for number, _, name in heads if number > start and not name.startswith(f"{section}.")]
    end = ends[0] if ends else len(lines)
    existing = [number for number, _, name in heads if start < number < end and name == f"{section}.columns"]
    if existing:
        return _replace_keys(lines, existing[0], columns)
    inner = [number for number, _, _ in heads if start < number < end]
    last = max(n for n in range(start, inner[0] if inner else end) if lines[n].strip()[:1] not in ("", "#"))
    lines[last + 1 : last + 1] = ["", f"[{section}.columns]", *toml_lines(columns)]
    return "\n".join(lines) + "\n"


def _replace_keys(lines: list[str], head: int, columns: Mapping[str, str]) -> str:
    """Return the lines with `columns` below the table's header at line `head`. They replace equal keys."""
    end = next((n for n in range(head + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
    replaced = re.compile(rf"\s*(?:{'|'.join(map(re.escape, columns))})\s*=")
    kept = [line for line in lines[head + 1 : end] if not replaced.match(line)]
    return "\n".join([*lines[: head + 1], *toml_lines(columns), *kept, *lines[end:]]) + "\n"
