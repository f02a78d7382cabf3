"""`row_condition` of an office's rule: a comparison of fields, and nothing that could be run.

pandas' `query` resolves `@name` to any Python object it can see and calls methods, so a condition is read as Python's
grammar first: names of fields, constants, comparisons, and, or, not, and the few methods named here.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

_COLUMN = {"isin", "between", "isna", "notna", "isnull", "notnull"}
_TEXT = {"len", "startswith", "endswith", "contains", "match", "fullmatch", "isdigit"}
_PLAIN = (
    ast.Expression, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Constant, ast.List, ast.Tuple, ast.Load,
    ast.boolop, ast.unaryop, ast.cmpop, ast.BitAnd, ast.BitOr, ast.Add, ast.Sub,
)  # fmt: skip


def unknown_names(condition: str, known: Collection[str]) -> list[str] | None:
    """Return the names in a condition that are no field of `known`; None where it is more than a comparison."""
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
