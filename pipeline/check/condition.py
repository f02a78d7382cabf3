"""Read an office's conditions and values by the kinds of the columns (`expectations/fields.csv`).

pandas' `query` resolves `@name` to any Python object and calls methods, so only plain comparisons are accepted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, time
from typing import Literal

import pandas as pd

from pipeline import fields
from pipeline.knowledge.codes import CodeTable
from pipeline.knowledge.region_split import split_cells
from pipeline.knowledge.region_table import load_table
from pipeline.normalise.text_repairs import repair
from pipeline.tables import Frame

Kind = Literal["text", "number", "date"]
_KINDS: dict[str, Kind] = {"number": "number", "month": "date", "datetime": "date"}
_SUFFIX = {"number": "_as_number", "date": "_as_date"}
_PATTERNS = {
    "month": r"[0-9]{4}-[0-9]{2}",
    "datetime": r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?",
}
_EXAMPLES = {"month": "2013-09", "datetime": "2016-09-20"}


def _field_of(column: str) -> str:
    return column.removeprefix("registry_") if column not in fields.fields() else column


def kind_of(column: str) -> Kind:
    """Return the kind of values by which a column is ordered. `row` is a number."""
    known = fields.fields().get(_field_of(column))
    return "number" if column == "row" else _KINDS.get(known.type, "text") if known else "text"


def sortable_column(column: str) -> str:
    """Return the name of the column that holds these values as numbers or dates."""
    return column if column == "row" or kind_of(column) == "text" else f"{column}{_SUFFIX[kind_of(column)]}"


def sortable_value(column: str, value: object, *, last: bool = False) -> float | datetime:
    """Return a rule's value as a number or datetime. With `last`, a date becomes the last moment of its day.

    Raises ValueError, in Chinese, for a value of another kind than the column's.
    """
    text = value.isoformat() if isinstance(value, datetime) else str(value).strip()
    if kind_of(column) == "number":
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{column} 是数字，“{text}”不是，请写数字，例如 4") from None
    kind = fields.fields()[_field_of(column)].type
    try:
        if not re.fullmatch(_PATTERNS[kind], text):
            raise ValueError
        found = datetime.fromisoformat(f"{text}-01" if kind == "month" else text)
    except ValueError:
        raise ValueError(f"{column} 是日期，“{text}”看不懂，请写成 {_EXAMPLES[kind]}") from None
    return datetime.combine(found, time.max) if last and kind == "datetime" and len(text) == 10 else found


def impossible_value(column: str, value: object, codes: dict[str, CodeTable], *, any_label: bool = False) -> str:
    """Return the Chinese reason why no row can hold `value`, or "". `any_label` allows labels not in the code table."""
    name = _field_of(column)
    text = _spelling(name, str(value), codes) if name in fields.fields() else str(value)
    if text != str(value):
        return f"“{value}”在名册里写作“{text or '空白'}”，请改正"
    coded = not any_label and name in codes and fields.fields()[name].type == "code"
    unknown = coded and text not in ("", *codes[name].labels)
    return f"“{value}”不在{fields.label(name)}的代码表里，请核对" if unknown else ""


def _spelling(name: str, text: str, codes: dict[str, CodeTable]) -> str:
    """Return a value as the tables spell it: repaired, as a code's label, as a region's full name."""
    repaired, _ = repair(name, text)
    if name in codes:
        return codes[name].canonical(pd.Series([repaired], dtype="str")).iloc[0]
    if fields.fields()[name].type != "region":
        return repaired
    level = name.rpartition("_")[2]
    if level == "province":
        return split_cells(load_table(), repaired, "", "").province
    known = load_table().city_names if level == "city" else load_table().county_names
    full = [region for region in known if region.startswith(repaired)] if repaired not in known else []
    return full[0] if len(full) == 1 else repaired


def office_table(table: Frame, columns: Iterable[str]) -> Frame:
    """Return the columns that an office's rules read: blanks as missing values, numbers and dates typed."""
    wanted = set(columns)
    columns_read: dict[str, pd.Series] = {}
    for column in table.columns:
        if column in wanted:
            texts = pd.api.types.is_string_dtype(table[column])
            columns_read[column] = table[column].mask(table[column] == "") if texts else table[column]
        if sortable_column(column) in wanted and sortable_column(column) != column:
            columns_read[sortable_column(column)] = _sortable(column, table[column])
    return pd.DataFrame(columns_read, index=table.index).reset_index(drop=True)


def _sortable(column: str, values: pd.Series) -> pd.Series:
    if kind_of(column) == "number":
        return pd.to_numeric(values, errors="coerce").astype("float64")
    return pd.to_datetime(values, format="ISO8601", errors="coerce").astype("datetime64[ns]")


_COLUMN_METHODS = {"isin", "between", "isna", "notna", "isnull", "notnull"}
_TEXT_METHODS = {"len", "startswith", "endswith", "contains", "match", "fullmatch", "isdigit"}
_ALLOWED_NODES = (
    ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Constant, ast.Name, ast.Call, ast.List, ast.Tuple, ast.Load,
    ast.boolop, ast.unaryop, ast.cmpop, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub,
)  # fmt: skip
_ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def unknown_names(condition: str, known: Collection[str]) -> list[str] | None:
    """Return the condition's names that are not in `known`, or None if it is no plain comparison."""
    text = condition.strip()
    if len(text.splitlines()) != 1:  # pandas reads each line as an expression
        return None
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    nodes = list(ast.walk(tree.body))
    methods = [_method(node) for node in nodes if isinstance(node, ast.Call)]
    allowed = {id(node) for method in methods for node in method}
    if not all(methods) or not all(isinstance(node, _ALLOWED_NODES) or id(node) in allowed for node in nodes):
        return None
    names = dict.fromkeys(node.id for node in nodes if isinstance(node, ast.Name))
    return [name for name in names if name not in known]


def _method(call: ast.Call) -> list[ast.Attribute]:
    """Return the attributes of a call such as `qq.isin(…)` or `qq.str.len()`; none if it is another's."""
    match call:
        case ast.Call(ast.Attribute(ast.Name(), attr=name) as method, keywords=[]) if name in _COLUMN_METHODS:
            return [method]
        case ast.Call(ast.Attribute(ast.Attribute(ast.Name(), attr="str") as text, attr=name) as method, keywords=[]):
            return [text, method] if name in _TEXT_METHODS else []
        case _:
            return []


def read_condition(condition: str, explain: Callable[[str, object], str]) -> tuple[str, set[str], list[str]]:
    """Return a condition as it is judged, its columns and its mistakes. `explain` is `impossible_value` with codes."""
    tree = ast.parse(condition.strip(), mode="eval")
    reader = _Reader(explain)
    text = ast.unparse(reader.visit(tree))
    return text, {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}, reader.mistakes


class _Reader(ast.NodeTransformer):
    def __init__(self, explain: Callable[[str, object], str]) -> None:
        self.explain = explain
        self.mistakes: list[str] = []

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [node.left, *node.comparators]
        ordered = any(isinstance(operator, _ORDERED) for operator in node.ops)
        ends = [isinstance(operator, (ast.LtE, ast.Gt)) for operator in node.ops]
        node.left, *node.comparators = self._sides(sides, ordered=ordered, ends=[False, *ends])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        method = node.func
        if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) and node.args:
            ordered = method.attr == "between"
            sides = self._sides([method.value, *node.args], ordered=ordered, ends=[False, False, True])
            method.value, *node.args = sides
        return node

    def _sides(self, sides: list[ast.expr], *, ordered: bool, ends: list[bool]) -> list[ast.expr]:
        names = [node.id for side in sides for node in _operands(side) if isinstance(node, ast.Name)]
        kinds = {kind_of(name) for name in names}
        if len(kinds) != 1:
            if ordered and kinds:
                self.mistakes.append(f"row_condition 里 {'、'.join(names)} 不是同一种内容，不能比大小")
            return [self.visit(side) for side in sides]
        kind, column = kinds.pop(), names[0]
        calculated = any(isinstance(node, ast.BinOp) for side in sides for node in ast.walk(side))
        numbers = [node for side in sides for node in _operands(side) if _is_number(node)]
        if kind == "date" and numbers:
            self.mistakes.append(f'row_condition 里 {column} 是日期，请加引号，例如 {column} >= "2013-09"')
        elif kind == "text" and numbers and (ordered or calculated):
            self.mistakes.append(f"row_condition 里 {column} 是文字，不能和数字比大小")
        elif kind != "text" and (ordered or (kind == "number" and (numbers or calculated))):
            return [
                self._by_size(side, column, last=last)
                for side, last in zip(sides, [*ends, *[False] * len(sides)], strict=False)
            ]
        else:
            return [self._as_text(side, column) for side in sides]
        return sides

    def _by_size(self, side: ast.expr, column: str, *, last: bool) -> ast.expr:
        for node in _operands(side):
            if isinstance(node, ast.Name):
                node.id = sortable_column(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    value = sortable_value(column, node.value, last=last)
                    node.value = value.isoformat() if isinstance(value, datetime) else value
                except ValueError as mistake:
                    self.mistakes.append(f"row_condition 里 {mistake}")
        return side

    def _as_text(self, side: ast.expr, column: str) -> ast.expr:
        for node in _operands(side):
            if isinstance(node, ast.Constant) and not isinstance(node.value, bool) and node.value is not None:
                if message := self.explain(column, node.value):
                    self.mistakes.append(f"row_condition 里的{message}")
                node.value = str(node.value)
        return side


def _operands(side: ast.expr) -> list[ast.expr]:
    if isinstance(side, (ast.Name, ast.Constant)):
        return [side]
    if isinstance(side, (ast.List, ast.Tuple)):
        return [node for element in side.elts for node in _operands(element)]
    if isinstance(side, ast.BinOp):
        return [*_operands(side.left), *_operands(side.right)]
    return _operands(side.operand) if isinstance(side, ast.UnaryOp) else []


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
