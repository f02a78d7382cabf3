"""Read Great Expectations' own expectations from an office's YAML; report mistakes with their line before a run.

An expectation that cannot name rows is refused. Great Expectations is imported only if the office has such a rule.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pandas as pd
import pydantic.v1 as pydantic

from pipeline import fields, resources
from pipeline.check.condition import (
    impossible_value,
    kind_of,
    office_table,
    read_condition,
    sortable_column,
    sortable_value,
    unknown_names,
)
from pipeline.check.rule import Rule
from pipeline.knowledge.codes import CodeTable
from pipeline.resources import expectation_rows
from pipeline.tables import Frame

_COLUMNS = ("column", "column_A", "column_B", "column_list", "column_set")
_TEXTS = ("regex", "regex_list", "strftime_format")
_SETS = ("value_set", "value_pairs_set")
_STOCK = expectation_rows("stock.csv")
COMPARED_KINDS = {row["expectation"]: row["compares"].split("|") for row in _STOCK if row["compares"]}
"""Expectations that compare by size, each with the kinds of columns that it can compare."""
REFUSED = {row["expectation"]: row["instead"] for row in _STOCK if row["instead"]}
"""Expectations that judge row by row in other engines but not in pandas, each with its replacement."""
_WORDS = {"number": "数字", "date": "日期", "text": "文字"}


def expectation_type(name: str) -> type[Any] | None:
    """Return Great Expectations' class of an expectation name, or None."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations.expectations as gxe

    wanted = name.replace("_", "").lower()  # expect_column_kl_divergence… is …KLDivergence…
    return next((getattr(gxe, member) for member in dir(gxe) if member.lower() == wanted), None)


def read_stock(rule: Rule, codes: dict[str, CodeTable]) -> tuple[Rule, list[str]]:
    """Return a stock rule as it is judged, and its mistakes in Chinese with file and line."""
    kind = expectation_type(rule.expectation)
    mistakes = _name_mistakes(rule, kind)
    if kind is not None and not mistakes:
        kwargs, mistakes = _read_kwargs(rule, codes)
        for pattern in _listed_values(kwargs, ("regex", "regex_list")):
            try:
                re.compile(str(pattern))
            except re.error:
                mistakes.append(f"“{pattern}”这个样式写得不对")
        rule = replace(rule, kwargs=kwargs, written={})
        mistakes += _argument_mistakes(rule, kind)
    return rule, [f"{rule.place}：{message}" for message in dict.fromkeys(mistakes)]


def _name_mistakes(rule: Rule, kind: type[Any] | None) -> list[str]:
    if kind is None:
        return [f"Great Expectations 没有期望 {rule.expectation}，请核对拼写"]
    if rule.expectation in REFUSED:
        return [f"{rule.expectation} {REFUSED[rule.expectation]}"]
    if not judges_rows(kind):
        return [f"{rule.expectation} 不逐行判断，说不出是哪一行，请改用 expect_column_values_… 一类"]
    unknown = [name for name in _listed_values(rule.kwargs, _COLUMNS) if name not in known_columns(rule)]
    return [f"没有字段 {name}，字段名见 fields.csv" for name in unknown]


def judges_rows(kind: type[Any]) -> bool:
    """Return whether an expectation of this class judges row by row."""
    from great_expectations.expectations import expectation as base

    return issubclass(kind, (base.ColumnMapExpectation, base.ColumnPairMapExpectation, base.MulticolumnMapExpectation))


def _argument_mistakes(rule: Rule, kind: type[Any]) -> list[str]:
    try:
        kind(**rule.kwargs)
    except pydantic.ValidationError as error:
        details = cast("list[dict[str, Any]]", error.errors())
        messages: dict[str, str] = resources.report_table("words")["expectation_settings"]
        return [
            f"kwargs 的 {'.'.join(map(str, detail['loc']))}：{messages.get(str(detail['type']), '值不正确，请核对')}"
            for detail in details
        ]
    except (TypeError, ValueError) as error:
        return [f"kwargs 不合 {rule.expectation} 的要求（{type(error).__name__}），请核对"]
    return []


def known_columns(rule: Rule) -> list[str]:
    """Return the columns that an office's rule may name: the fields, and `registry_` columns."""
    position = ["file", "sheet", "row"] if rule.table == "submissions" else ["row"]
    if rule.table in ("students", "registry"):
        return [*fields.in_registry(), *position]
    registry = [f"registry_{name}" for name in fields.in_registry()] if rule.table == "submissions" else []
    return [*fields.names(), *registry, *position]


def _listed_values(kwargs: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    values = [kwargs[key] for key in keys if key in kwargs]
    return [str(item) for value in values for item in (value if isinstance(value, list) else [value])]


def _read_kwargs(rule: Rule, codes: dict[str, CodeTable]) -> tuple[dict[str, Any], list[str]]:
    kwargs, mistakes = dict(rule.kwargs), list[str]()
    explain = partial(impossible_value, codes=codes, any_label="_not_" in rule.expectation)
    for key in (*_SETS, *_TEXTS):
        if key in rule.written:
            kwargs[key] = rule.written[key]
    columns = _listed_values(rule.kwargs, _COLUMNS)
    for key in _SETS:
        values = kwargs.get(key)
        for value in cast("list[Any]", values) if isinstance(values, list) else []:
            parts = cast("list[object]", value) if isinstance(value, list) else [value]  # a value, or a pair
            pairs = zip(columns, parts, strict=False)
            mistakes += filter(None, (explain(column, part) for column, part in pairs if part is not None))
    if rule.expectation in COMPARED_KINDS:
        mistakes += _read_sizes(rule, kwargs, columns)
    if rule.kwargs.get("row_condition") is not None:
        mistakes += _read_condition(rule, kwargs, partial(impossible_value, codes=codes))
    return kwargs, mistakes


def _read_sizes(rule: Rule, kwargs: dict[str, Any], columns: list[str]) -> list[str]:
    kinds = {kind_of(name) for name in columns}
    allowed = COMPARED_KINDS[rule.expectation]
    if len(kinds) > 1 or not kinds <= set(allowed):
        expected = "或".join(_WORDS[kind] for kind in allowed)
        return [f"{'、'.join(columns)} 不能这样比大小：{rule.expectation} 比的是{expected}，各栏须是同一种"]
    for key in _COLUMNS:
        if key in kwargs:
            value = kwargs[key]
            named = [sortable_column(str(name)) for name in (value if isinstance(value, list) else [value])]
            kwargs[key] = named if isinstance(value, list) else named[0]
    mistakes: list[str] = []
    for key in ("min_value", "max_value"):
        bound = kwargs.get(key)
        try:
            if bound is not None and kinds != {"text"}:
                kwargs[key] = sortable_value(columns[0], rule.written.get(key, bound), last=key == "max_value")
            elif bound is not None and not isinstance(bound, str):
                raise ValueError(f"{columns[0]} 是文字，不能和数字比大小，请改用 expect_column_values_to_match_regex")
        except ValueError as mistake:
            kwargs[key] = 0.0  # Great Expectations must not report the value again
            mistakes.append(f"kwargs 的 {key}：{mistake}")
    return mistakes


def _read_condition(rule: Rule, kwargs: dict[str, Any], explain: Callable[[str, object], str]) -> list[str]:
    """Read `row_condition` and return its mistakes. It must compare fields and run on an empty table."""
    condition = str(rule.kwargs["row_condition"])
    if rule.kwargs.get("condition_parser", "pandas") != "pandas":
        return ["condition_parser 只能是 pandas，请删去这一行"]
    known = known_columns(rule)
    unknown = unknown_names(condition, known)
    if unknown:
        return [f"row_condition 里没有字段 {'、'.join(unknown)}，字段名见 fields.csv"]
    unreadable = [f'row_condition “{condition}”看不懂，写法例如 home_province == "湖南省"']
    if unknown is None:
        return unreadable
    kwargs["row_condition"], columns, mistakes = read_condition(condition, explain)
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in known}).astype({"row": "int64"})
    try:
        office_table(empty, [*columns, *map(sortable_column, columns)]).query(kwargs["row_condition"])
    except (SyntaxError, ValueError, TypeError, AttributeError, NotImplementedError, KeyError):
        return mistakes or unreadable
    return mistakes


def stock_table(table: Frame, rules: list[Rule]) -> tuple[Frame, dict[str, str]]:
    """Return the table for an office's stock expectations, and by rule in Chinese which rows cannot be judged."""
    names_used = {
        rule.name: {
            *_listed_values(rule.kwargs, _COLUMNS),
            *re.findall(r"[A-Za-z_]\w*", str(rule.kwargs.get("row_condition") or "")),
        }
        for rule in rules
    }
    columns = office_table(table, set[str]().union(*names_used.values()))
    unreadable = {
        size: fields.label(column)
        for column in table.columns
        if (size := sortable_column(column)) != column
        and size in columns
        and (columns[size].isna().to_numpy() & (table[column] != "").to_numpy()).any()
    }
    left_out = {
        name: f"有的行{'、'.join(labels)}不是能比大小的数字或日期，这些行没有按本条判断"
        for name, used in names_used.items()
        if (labels := [label for size, label in unreadable.items() if size in used])
    }
    return columns, left_out
