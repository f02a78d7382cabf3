"""The file for the upper system: the approved students of signed colleges, written by a declared mapping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.cohort import Cohort, safe_name
from pipeline.deliver.handin_files import write
from pipeline.deliver.handin_mapping import DRAFT_WORDS, Format, HandinColumn, Mapping
from pipeline.errors import RefusedError
from pipeline.knowledge.codes import load_codes
from pipeline.knowledge.region_table import region_codes
from pipeline.review.review_snapshot import ReviewSnapshot, RunTables, build_snapshot
from pipeline.review.signatures import unsigned


@dataclass(frozen=True)
class HandedIn:
    """The file, its number of students, and notes on values that were left blank."""

    path: Path
    students: int
    notes: list[str]


@dataclass(frozen=True)
class HandinRequest:
    """What to write. `form` None means the mapping's format."""

    mapping: Mapping
    colleges: list[tuple[str, str]]
    """(school code, college)."""
    form: Format | None
    template: Path | None
    draft: bool
    folder: Path


def hand_in(cohort: Cohort, tables: RunTables, entries: pd.DataFrame, request: HandinRequest, today: date) -> HandedIn:
    """Write the file for the upper system. Exceptions that have expired by `today` do not count.

    Raises:
        RefusedError: a college is unsigned or changed after it (drafts excepted), a value does not fit, no student.
        UsageError: the template or the folder cannot be used.
    """
    snapshot = build_snapshot(tables, entries, today)
    if not request.draft:
        colleges = [(f"{code}/{name}", unsigned(snapshot, entries, code, name)) for code, name in request.colleges]
        reasons = [f"{college} {line}" for college, lines in colleges for line in lines]
        if reasons:
            raise RefusedError("有院系还不能上报", lines=reasons, remedy="请先签字；只想看看格式请加 --draft")
    mapping = request.mapping.drafted() if request.draft else request.mapping
    people = approved_people(snapshot, request.colleges)
    if people.empty:
        raise RefusedError("没有审核通过的学生", remedy="请先审核，再生成上报文件")
    table, notes = handin_table(people, mapping, cohort.rules_folder)
    form = request.form or mapping.format
    college = f"-{request.colleges[0][0]}-{request.colleges[0][1]}" if len(request.colleges) == 1 else ""
    draft = f"-{DRAFT_WORDS}" if request.draft else ""
    path = request.folder / f"{safe_name(f'{cohort.name}-{request.mapping.title}{college}{draft}')}.{form}"
    write(path, table, mapping, form, request.template)
    return HandedIn(path, len(table), notes)


_MAX_LISTED = 20
_DIGITS = 15  # significant digits of a float


def approved_people(snapshot: ReviewSnapshot, colleges: list[tuple[str, str]]) -> pd.DataFrame:
    """Return the approved students: `school_code` and all fields as text. A blank field has the registry's value."""
    people = snapshot.people
    chosen = pd.MultiIndex.from_frame(people[["school_code", "college"]]).isin(colleges)
    people = people[chosen & (people["status"] == "approved")]
    people = people.sort_values(["school_code", "college", "class_name", "student_number"])
    submitted = snapshot.tables.submissions.drop_duplicates("submission_id").set_index("submission_id")
    submitted = submitted.reindex(people["approved_submission_id"])
    values: dict[str, pd.Series] = {"school_code": people["school_code"].reset_index(drop=True)}
    for name in fields.names():
        column = submitted[name].fillna("").astype("str").reset_index(drop=True)
        if name in people.columns and name in fields.in_registry():
            column = column.where(column != "", people[name].reset_index(drop=True))
        values[name] = column
    return pd.DataFrame(values).astype("str")


def handin_table(people: pd.DataFrame, mapping: Mapping, rules: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Return the file's table (all text), and Chinese notes on blanks. The folder `rules` may hold code tables.

    Raises RefusedError with each value without code, too wide or not in the encoding, by student number.
    """
    problems: list[str] = []
    notes: list[str] = []
    columns: dict[str, pd.Series] = {}
    for column in mapping.columns:
        values = _values(people, column)
        values, unknown = _coded(values, column, rules)
        if unknown.any() and column.unknown == "blank":
            notes.append(f"{column.heading}：{int(unknown.sum())} 人没有对应的代码，留空")
        elif column.unknown == "refuse":
            problems += _problem_lines(people, unknown, column, "没有对应的代码")
        for character, instead in mapping.substitutes.items():
            values = values.str.replace(character, instead, regex=False)
        problems += _width_problems(people, values, column, mapping.encoding)
        columns[column.name] = values
    if problems:
        more = [f"等共 {len(problems)} 处"] if len(problems) > _MAX_LISTED else []
        raise RefusedError(
            f"有 {len(problems)} 处写不进文件，没有生成",
            lines=[*problems[:_MAX_LISTED], *more],
            remedy="请更正这些学生的数据，或在上报格式文件里改宽度、编码（gb18030）、代码、substitutes",
        )
    return pd.DataFrame(columns).astype("str"), notes


def _values(people: pd.DataFrame, column: HandinColumn) -> pd.Series:
    if column.constant:
        return pd.Series(column.constant, index=people.index, dtype="str")
    if column.region:
        return region_codes(*(people[f"{column.region}_{level}"] for level in ("province", "city", "county")))
    values = people[column.source or column.field]
    if column.month:
        return values.str.replace("-", "", regex=False).str.slice(0, len(column.month))
    return values


def _coded(values: pd.Series, column: HandinColumn, rules: Path | None) -> tuple[pd.Series, pd.Series]:
    """Return the codes of answers, and a mask of the answers without code."""
    if not column.codes and not column.values:
        unknown = (values == "") & bool(column.region)
        return values, unknown
    code_table = load_codes(rules).get(column.field) if column.codes else None
    table = {**(code_table.numbers if code_table else {}), **column.values}
    codes = pd.Series([table.get(str(value), "") for value in values], index=values.index, dtype="str")
    unknown = (values != "") & (codes == "")
    return (codes.where(~unknown, values) if column.unknown == "keep" else codes).astype("str"), unknown


def _width_problems(people: pd.DataFrame, values: pd.Series, column: HandinColumn, encoding: str) -> list[str]:
    problems = _problem_lines(people, (values == "") & column.required, column, "没有内容")
    if column.type == "N":
        number = values.str.fullmatch(r"-?[0-9]+(\.[0-9]+)?|")
        room = f"超过 {column.width} 位，或小数多于 {column.decimals} 位"
        too_wide = number & ~values.map(lambda value: _fits(str(value), column))
        problems += _problem_lines(people, ~number, column, "不是数字")
        return problems + _problem_lines(people, too_wide, column, room)
    for value in values.unique():
        try:
            too_wide = len(str(value).encode(encoding)) > column.width
        except UnicodeEncodeError as error:
            character = f"U+{ord(str(value)[error.start]):04X}"
            why = f"的字符 {character} 不能用 {encoding.upper()} 写入"
            problems += _problem_lines(people, values == value, column, why)
            continue
        if too_wide:
            problems += _problem_lines(people, values == value, column, f"超过 {column.width} 字节")
    return problems


def _fits(value: str, column: HandinColumn) -> bool:
    """Return whether a number or a blank fits into its DBF column, which stores a float."""
    integer, _, decimals = value.partition(".")
    point = column.decimals + 1 if column.decimals else 0
    return (
        len(integer) + point <= column.width
        and len(decimals.rstrip("0")) <= column.decimals
        and len(integer) + len(decimals) <= _DIGITS
    )


def _problem_lines(people: pd.DataFrame, where: pd.Series, column: HandinColumn, what: str) -> list[str]:
    return [f"学号 {number}：{column.heading}{what}" for number in people["student_number"][where.to_numpy()]]
