"""The file for the upper system: approved students of signed colleges, in a described mapping."""

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
    """What to write. Without `form` the mapping's format is used."""

    mapping: Mapping
    colleges: list[tuple[str, str]]
    """(school code, college)."""
    form: Format | None
    template: Path | None
    draft: bool
    folder: Path


def hand_in(cohort: Cohort, tables: RunTables, entries: pd.DataFrame, wanted: HandinRequest, today: date) -> HandedIn:
    """Write the file for the upper system. `today` decides which exceptions hold.

    Raises:
        RefusedError: a college is not signed or changed since (unless a draft), a value does not fit, nobody is left.
        UsageError: the template or the folder cannot be used.
    """
    desk = build_snapshot(tables, entries, today)
    if not wanted.draft:
        reasons = [
            f"{code}/{name} {line}" for code, name in wanted.colleges for line in unsigned(desk, entries, code, name)
        ]
        if reasons:
            raise RefusedError("有院系还不能上报", lines=reasons, remedy="请先签字；只想看看格式请加 --draft")
    mapping = wanted.mapping.drafted() if wanted.draft else wanted.mapping
    people = approved_people(desk, wanted.colleges)
    if people.empty:
        raise RefusedError("没有审核通过的学生", remedy="请先审核，再生成上报文件")
    table, notes = handin_table(people, mapping, cohort.rules_folder)
    form = wanted.form or mapping.format
    college = f"-{wanted.colleges[0][0]}-{wanted.colleges[0][1]}" if len(wanted.colleges) == 1 else ""
    draft = f"-{DRAFT_WORDS}" if wanted.draft else ""
    path = wanted.folder / f"{safe_name(f'{cohort.name}-{wanted.mapping.title}{college}{draft}')}.{form}"
    write(path, table, mapping, form, wanted.template)
    return HandedIn(path, len(table), notes)


_SHOWN = 20
_DIGITS = 15  # significant digits of a float


def approved_people(desk: ReviewSnapshot, colleges: list[tuple[str, str]]) -> pd.DataFrame:
    """Return the approved students: `school_code` and every field as text, as approved, or else as in the registry."""
    people = desk.people
    chosen = pd.MultiIndex.from_frame(people[["school_code", "college"]]).isin(colleges)
    people = people[chosen & (people["status"] == "approved")]
    people = people.sort_values(["school_code", "college", "class_name", "student_number"])
    given = desk.tables.submissions.drop_duplicates("submission_id").set_index("submission_id")
    given = given.reindex(people["approved_submission_id"])
    values: dict[str, pd.Series] = {"school_code": people["school_code"].reset_index(drop=True)}
    for name in fields.names():
        own = given[name].fillna("").astype("str").reset_index(drop=True)
        if name in people.columns and name in fields.in_registry():
            own = own.where(own != "", people[name].reset_index(drop=True))
        values[name] = own
    return pd.DataFrame(values).astype("str")


def handin_table(people: pd.DataFrame, mapping: Mapping, rules: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Return the file's table (columns by name, all text), and notes on blanks. `rules` may hold code tables.

    Raises:
        RefusedError: lists by student number each value without code, too wide, or not in the encoding.
    """
    wrong: list[str] = []
    notes: list[str] = []
    made: dict[str, pd.Series] = {}
    for column in mapping.columns:
        values = _values(people, column)
        values, unknown = _coded(values, column, rules)
        if unknown.any() and column.unknown == "blank":
            notes.append(f"{column.heading}：{int(unknown.sum())} 人没有对应的代码，留空")
        elif column.unknown == "refuse":
            wrong += _named(people, unknown, column, "没有对应的代码")
        for character, instead in mapping.substitutes.items():
            values = values.str.replace(character, instead, regex=False)
        wrong += _unfit(people, values, column, mapping.encoding)
        made[column.name] = values
    if wrong:
        more = [f"等共 {len(wrong)} 处"] if len(wrong) > _SHOWN else []
        raise RefusedError(
            f"有 {len(wrong)} 处写不进文件，没有生成",
            lines=[*wrong[:_SHOWN], *more],
            remedy="请更正这些学生的数据，或在上报格式文件里改宽度、编码（gb18030）、代码、substitutes",
        )
    return pd.DataFrame(made).astype("str"), notes


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
    """Return the codes of answers, and which answers have none."""
    if not column.codes and not column.values:
        unknown = (values == "") & bool(column.region)
        return values, unknown
    own = load_codes(rules).get(column.field) if column.codes else None
    table = {**(own.numbers if own else {}), **column.values}
    found = pd.Series([table.get(str(value), "") for value in values], index=values.index, dtype="str")
    unknown = (values != "") & (found == "")
    return (found.where(~unknown, values) if column.unknown == "keep" else found).astype("str"), unknown


def _unfit(people: pd.DataFrame, values: pd.Series, column: HandinColumn, encoding: str) -> list[str]:
    wrong = _named(people, (values == "") & column.required, column, "没有内容")
    if column.type == "N":
        number = values.str.fullmatch(r"-?[0-9]+(\.[0-9]+)?|")
        room = f"超过 {column.width} 位，或小数多于 {column.decimals} 位"
        too_wide = number & ~values.map(lambda value: _has_room(str(value), column))
        return [*wrong, *_named(people, ~number, column, "不是数字"), *_named(people, too_wide, column, room)]
    for value in values.unique():
        try:
            too_wide = len(str(value).encode(encoding)) > column.width
        except UnicodeEncodeError as error:
            character = f"U+{ord(str(value)[error.start]):04X}"
            wrong += _named(people, values == value, column, f"的字符 {character} 不能用 {encoding.upper()} 写入")
            continue
        if too_wide:
            wrong += _named(people, values == value, column, f"超过 {column.width} 字节")
    return wrong


def _has_room(value: str, column: HandinColumn) -> bool:
    """Return whether a number or a blank fits into its DBF column, which stores a float."""
    whole, _, rest = value.partition(".")
    point = column.decimals + 1 if column.decimals else 0
    return (
        len(whole) + point <= column.width
        and len(rest.rstrip("0")) <= column.decimals
        and len(whole) + len(rest) <= _DIGITS
    )


def _named(people: pd.DataFrame, where: pd.Series, column: HandinColumn, what: str) -> list[str]:
    return [f"学号 {number}：{column.heading}{what}" for number in people["student_number"][where.to_numpy()]]
