"""Great Expectations' own expectations in an office's YAML: mistakes are told before anything runs, with their line.

Importing Great Expectations takes many seconds; it happens only where a rule of this kind is written.
"""

from __future__ import annotations

import os
import re
from typing import Any, cast

import pandas as pd
import pydantic.v1 as pydantic

from pipeline import fields
from pipeline.check.condition import unknown_names
from pipeline.check.rule import Rule

_COLUMNS = ("column", "column_A", "column_B", "column_list", "column_set")
_REGEXES = ("regex", "regex_list")
_TOLD = {
    "value_error.missing": "缺少这一项",
    "value_error.extra": "这个期望没有这一项，请核对拼写",
    "type_error.str": "应为文字，请加引号",
    "type_error.list": "应为列表，逐行写 - 值",
    "type_error.set": "应为列表，逐行写 - 值",
    "type_error.integer": "应为整数",
    "type_error.float": "应为数字",
    "value_error.number.not_le": "数值太大",
    "value_error.number.not_ge": "数值太小",
}


def expectation_type(name: str) -> type[Any] | None:
    """Return Great Expectations' class of `expect_column_values_to_match_regex` and the like; None for no such name."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations.expectations as gxe

    return getattr(gxe, "".join(part.title() for part in name.split("_")), None) or _odd_case(gxe, name)


def _odd_case(module: object, name: str) -> type[Any] | None:
    """Return the class whose name has other capitals (expect_column_kl_divergence… is …KLDivergence…)."""
    wanted = name.replace("_", "").lower()
    found = [candidate for candidate in dir(module) if candidate.lower() == wanted]
    return getattr(module, found[0]) if found else None


def stock_mistakes(rule: Rule) -> list[str]:
    """Return what is wrong with a stock expectation, in Chinese, each with file and line."""
    kind = expectation_type(rule.expectation)
    if kind is None:
        return [f"{rule.place}：Great Expectations 没有期望 {rule.expectation}，请核对拼写"]
    wrong = [*_unknown_columns(rule), *_bad_patterns(rule), *_bad_condition(rule)]
    if not _tells_rows(kind):
        wrong.append(f"{rule.expectation} 不逐行判断，说不出是哪一行，请改用 expect_column_values_… 一类")
    try:
        kind(**rule.kwargs)
    except pydantic.ValidationError as error:
        wrong += [_told(cast("dict[str, Any]", detail)) for detail in error.errors()]
    except (TypeError, ValueError) as error:
        wrong.append(f"kwargs 不合 {rule.expectation} 的要求（{type(error).__name__}），请核对")
    return [f"{rule.place}：{message}" for message in dict.fromkeys(wrong)]


def _tells_rows(kind: type[Any]) -> bool:
    from great_expectations.expectations import expectation as base

    return issubclass(kind, (base.ColumnMapExpectation, base.ColumnPairMapExpectation, base.MulticolumnMapExpectation))


def _told(detail: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    return f"kwargs 的 {key}：{_TOLD.get(str(detail['type']), '值不正确，请核对')}"


def known_columns(rule: Rule) -> list[str]:
    """Return the columns that an office's rule may speak of: the fields, and the matched registry row's."""
    more = ["file", "sheet", "row"] if rule.table == "submissions" else ["row"]
    if rule.table in ("students", "registry"):
        return [*fields.in_registry(), *more]
    registry = [f"registry_{name}" for name in fields.in_registry()] if rule.table == "submissions" else []
    return [*fields.names(), *registry, *more]


def _unknown_columns(rule: Rule) -> list[str]:
    named = [rule.kwargs[key] for key in _COLUMNS if key in rule.kwargs]
    flat = [one for value in named for one in (value if isinstance(value, list) else [value])]
    known = known_columns(rule)
    return [f"没有字段 {name}，字段名见 fields.csv" for name in flat if name not in known]


def _bad_patterns(rule: Rule) -> list[str]:
    values = [rule.kwargs[key] for key in _REGEXES if key in rule.kwargs]
    wrong: list[str] = []
    for pattern in (one for value in values for one in (value if isinstance(value, list) else [value])):
        try:
            re.compile(str(pattern))
        except re.error:
            wrong.append(f"“{pattern}”不是正确的正则表达式")
    return wrong


def _bad_condition(rule: Rule) -> list[str]:
    """Return what is wrong with `row_condition`: more than a comparison of fields, or refused by an empty table."""
    condition = rule.kwargs.get("row_condition")
    if condition is None:
        return []
    if rule.kwargs.get("condition_parser", "pandas") != "pandas":
        return ["condition_parser 只能是 pandas，请删去这一行"]
    known = known_columns(rule)
    unknown = unknown_names(str(condition), known)
    if unknown:
        return [f"row_condition 里没有字段 {'、'.join(unknown)}，字段名见 fields.csv"]
    nobody = pd.DataFrame({name: pd.Series(dtype="str") for name in known}).astype({"row": "int64"})
    try:
        if unknown is not None:
            nobody.query(str(condition))
            return []
    except (SyntaxError, ValueError, TypeError, AttributeError, NotImplementedError, KeyError):
        pass
    return [f'row_condition “{condition}”看不懂，写法例如 home_province == "湖南省"']
