"""The kinds of columns that an office's rules compare, and the table that its stock expectations see.

`expectations/fields.csv` declares each field's kind. The tables hold text; where a rule compares by size, the column
stands a second time in the table, as numbers or as dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import Literal

import pandas as pd

from pipeline import fields
from pipeline.knowledge.codes import CodeTable
from pipeline.knowledge.region_table import load_table
from pipeline.knowledge.regions import load_regions
from pipeline.normalise.steps import repair
from pipeline.tables import Frame

Kind = Literal["text", "number", "date"]
_KINDS: dict[str, Kind] = {"number": "number", "month": "date", "datetime": "date"}
_SUFFIX = {"number": "_as_number", "date": "_as_date"}
_WRITTEN = {
    "month": r"[0-9]{4}-[0-9]{2}",
    "datetime": r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?",
}
_EXAMPLES = {"month": "2013-09", "datetime": "2016-09-20"}


def field_of_column(column: str) -> str:
    """Return the field that a column holds: the column's own or, of the matched registry row, the registry's."""
    return column.removeprefix("registry_") if column not in fields.fields() else column


def kind_of(column: str) -> Kind:
    """Return how a column's values compare by size; the place `row` is a number of its own."""
    known = fields.fields().get(field_of_column(column))
    return "number" if column == "row" else _KINDS.get(known.type, "text") if known else "text"


def by_size(column: str) -> str:
    """Return the name of the column that holds these values as numbers or dates."""
    return column if column == "row" or kind_of(column) == "text" else f"{column}{_SUFFIX[kind_of(column)]}"


def sized(column: str, value: object, *, last: bool = False) -> float | datetime:
    """Return a value of a rule as it is compared with the column by size.

    Args:
        column: holds numbers or dates.
        value: as it is written in the rule.
        last: a day means its end.

    Raises:
        ValueError: it is no such value; the message says in Chinese what is meant.
    """
    text = value.isoformat() if isinstance(value, datetime) else str(value).strip()
    if kind_of(column) == "number":
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{column} 是数字，“{text}”不是，请写数字，例如 4") from None
    kind = fields.fields()[field_of_column(column)].type
    pattern = (
        r"[0-9]{4}-[0-9]{2}" if kind == "month" else r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?"
    )
    try:
        if not re.fullmatch(pattern, text):
            raise ValueError
        found = datetime.fromisoformat(f"{text}-01" if kind == "month" else text)
    except ValueError:
        raise ValueError(f"{column} 是日期，“{text}”看不懂，请写成 {_EXAMPLES[kind]}") from None
    return datetime.combine(found, time.max) if last and kind == "datetime" and len(text) == 10 else found


def same_spelling(column: str, value: object, codes: dict[str, CodeTable]) -> str:
    """Return a rule's value in the tables' spelling. The value of an unknown column is returned unchanged."""
    name, text = field_of_column(column), str(value)
    if name not in fields.fields():
        return text
    kept, _ = repair(name, text)
    if name in codes:
        return codes[name].canonical(pd.Series([kept], dtype="str")).iloc[0]
    level = name.rpartition("_")[2]
    return _region(kept, level) if fields.fields()[name].type == "region" else kept


def never_there(column: str, value: object, codes: dict[str, CodeTable], *, aliens: bool = False) -> str:
    """Return why no row can have a value of a rule in this column, or "".

    Args:
        column: which.
        value: as the rule has it.
        codes: the code tables by field.
        aliens: whether the rule may ask for what the field's code table lacks.
    """
    name, text = field_of_column(column), same_spelling(column, value, codes)
    if text != str(value):
        return f"“{value}”在名册里写作“{text or '空白'}”，请改正"
    coded = not aliens and name in codes and fields.fields()[name].type == "code"
    unknown = coded and text not in ("", *codes[name].labels)
    return f"“{value}”不在{fields.label(name)}的代码表里，请核对" if unknown else ""


def _region(name: str, level: str) -> str:
    """Return a region's full name, such as 湖南省 for 湖南. An unknown name is returned unchanged."""
    if level == "province":
        cells = [pd.Series([text], dtype="str") for text in (name, "", "")]
        return str(load_regions().split(*cells)[level].iloc[0])
    known = load_table().city_names if level == "city" else load_table().county_names
    full = [each for each in known if each.startswith(name)] if name not in known else []
    return full[0] if len(full) == 1 else name


def office_table(table: Frame, columns: Iterable[str]) -> Frame:
    """Return the columns that an office's rules read. Blanks become missing values; sizes become numbers and dates."""
    wanted = set(columns)
    made = {column: _missing(table[column]) for column in table.columns if column in wanted}
    for column in table.columns:
        if by_size(column) in wanted and by_size(column) != column:
            made[by_size(column)] = _sizes(column, table[column])
    return pd.DataFrame(made, index=table.index).reset_index(drop=True)


def unreadable(table: Frame, columns: Iterable[str]) -> list[str]:
    """Return which of the columns of sizes have values that are no number or date."""
    asked = set(columns)
    return [
        column
        for column in table.columns
        if by_size(column) in asked - {column} and (_sizes(column, table[column]).isna() & (table[column] != "")).any()
    ]


def _missing(column: pd.Series) -> pd.Series:
    return column.mask(column == "") if pd.api.types.is_string_dtype(column) else column


def _sizes(column: str, values: pd.Series) -> pd.Series:
    if kind_of(column) == "number":
        return pd.to_numeric(values, errors="coerce").astype("float64")
    return pd.to_datetime(values, format="ISO8601", errors="coerce").astype("datetime64[ns]")
