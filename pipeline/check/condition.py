"""Parse the `row_condition` of an office's rule: comparisons of fields only, no code.

pandas' `query` resolves `@name` to any Python object it can see and calls methods, so a condition is read as Python's
grammar first: names of fields, constants, comparisons, and, or, not, and the few methods named here. What it compares
by size is compared as numbers and dates, what it compares as text is written as text.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from datetime import datetime

from pipeline.check.column_kinds import by_size, kind_of, sized

_COLUMN = {"isin", "between", "isna", "notna", "isnull", "notnull"}
_TEXT = {"len", "startswith", "endswith", "contains", "match", "fullmatch", "isdigit"}
_PLAIN = (
    ast.Expression, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Constant, ast.List, ast.Tuple, ast.Load,
    ast.boolop, ast.unaryop, ast.cmpop, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub,
)  # fmt: skip
_BY_SIZE = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def unknown_names(condition: str, known: Collection[str]) -> list[str] | None:
    """Return the condition's names that are not in `known`, or None if the condition is not a plain comparison."""
    text = condition.strip()
    if len(text.splitlines()) != 1:  # pandas takes each line for an expression of its own
        return None
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: list[str] = []
    return list(dict.fromkeys(names)) if _is_plain(tree.body, known, names) else None


def _is_plain(node: ast.AST, known: Collection[str], names: list[str]) -> bool:
    if isinstance(node, ast.Name):
        if node.id not in known:
            names.append(node.id)
        return True
    if isinstance(node, ast.Call):
        return not node.keywords and _is_method(node.func, known, names) and _all_plain(node.args, known, names)
    return isinstance(node, _PLAIN) and _all_plain(list(ast.iter_child_nodes(node)), known, names)


def _all_plain(nodes: list[ast.expr] | list[ast.AST], known: Collection[str], names: list[str]) -> bool:
    return all(_is_plain(each, known, names) for each in nodes)


def _is_method(node: ast.expr, known: Collection[str], names: list[str]) -> bool:
    """Say whether this is `field.isin` or `field.str.len` and the like."""
    if not isinstance(node, ast.Attribute):
        return False
    owner, allowed = node.value, _COLUMN
    if isinstance(owner, ast.Attribute) and owner.attr == "str":
        owner, allowed = owner.value, _TEXT
    return isinstance(owner, ast.Name) and node.attr in allowed and _is_plain(owner, known, names)


def read_condition(condition: str, never: Callable[[str, object], str]) -> tuple[str, set[str], list[str]]:
    """Return a plain condition as it is judged, the columns that it looks at, and what is wrong with its values.

    Args:
        condition: a condition for which `unknown_names` returns an empty list.
        never: maps a column and a value to the reason why no row can have it, or "".
    """
    tree = ast.parse(condition.strip(), mode="eval")
    reader = _Reader(never)
    text = ast.unparse(reader.visit(tree))
    return text, {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}, reader.mistakes


class _Reader(ast.NodeTransformer):
    """Writes a condition so that each comparison is of one kind."""

    def __init__(self, never: Callable[[str, object], str]) -> None:
        self.never = never
        self.mistakes: list[str] = []

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [node.left, *node.comparators]
        ordered = any(isinstance(each, _BY_SIZE) for each in node.ops)
        ends = [isinstance(each, (ast.LtE, ast.Gt)) for each in node.ops]
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
        """Return the sides of one comparison in the kind of its columns."""
        names = [node.id for side in sides for node in _operands(side) if isinstance(node, ast.Name)]
        kinds = {kind_of(name) for name in names}
        if len(kinds) != 1:
            if ordered and kinds:
                self.mistakes.append(f"row_condition 里 {'、'.join(names)} 不是同一种内容，不能比大小")
            return [self.visit(side) for side in sides]
        kind, column = kinds.pop(), names[0]
        reckoned = any(isinstance(node, ast.BinOp) for side in sides for node in ast.walk(side))
        numbers = [node for side in sides for node in _operands(side) if _is_number(node)]
        if kind == "date" and numbers:
            self.mistakes.append(f'row_condition 里 {column} 是日期，请加引号，例如 {column} >= "2013-09"')
        elif kind == "text" and numbers and (ordered or reckoned):
            self.mistakes.append(f"row_condition 里 {column} 是文字，不能和数字比大小")
        elif kind != "text" and (ordered or (kind == "number" and (numbers or reckoned))):
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
                node.id = by_size(node.id)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    value = sized(column, node.value, last=last)
                    node.value = value.isoformat() if isinstance(value, datetime) else value
                except ValueError as mistake:
                    self.mistakes.append(f"row_condition 里 {mistake}")
        return side

    def _as_text(self, side: ast.expr, column: str) -> ast.expr:
        for node in _operands(side):
            if isinstance(node, ast.Constant) and not isinstance(node.value, bool) and node.value is not None:
                if told := self.never(column, node.value):
                    self.mistakes.append(f"row_condition 里的{told}")
                node.value = str(node.value)
        return side


def _operands(side: ast.expr) -> list[ast.expr]:
    """Return the names and constants of one side of a comparison, without the object that a method is called on."""
    if isinstance(side, (ast.Name, ast.Constant)):
        return [side]
    if isinstance(side, (ast.List, ast.Tuple)):
        return [node for each in side.elts for node in _operands(each)]
    if isinstance(side, ast.BinOp):
        return [*_operands(side.left), *_operands(side.right)]
    return _operands(side.operand) if isinstance(side, ast.UnaryOp) else []


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
