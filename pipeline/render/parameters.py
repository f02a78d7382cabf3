"""Documented parameters of notebooks. A number for a text is refused: `-p school 0534` would have lost its zero."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from symtable import symtable
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, UsageError

if TYPE_CHECKING:
    from nbformat import NotebookNode

_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "str": ("文字", (str,)),
    "int": ("整数", (int,)),
    "float": ("数", (int, float)),
    "bool": ("True 或 False", (bool,)),
    "list": ("列表", (list,)),
    "dict": ("字典", (dict,)),
    "tuple": ("列表", (list, tuple)),
    "None": ("None", (type(None),)),
}
"""What each declared type is called, and what values it takes."""

Parameters = Mapping[str, tuple[str, ...]]
"""The documented parameters by name, each with the names of the types it takes (empty: any)."""


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook. A Python notebook gets the kernel `python3`. Raises InputError."""
    import nbformat
    from papermill.iorw import load_notebook_node

    try:
        notebook = load_notebook_node(nbformat.read(path, as_version=4))
    except (ValueError, nbformat.ValidationError, AttributeError, KeyError) as error:
        raise InputError("不是能读的 notebook", where=path.name, remedy="请用 JupyterLab 打开并重新保存") from error
    if notebook.metadata.get("kernelspec", {}).get("language", "python") == "python":
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def documented_parameters(notebook: Path | NotebookNode) -> dict[str, tuple[str, ...]]:
    """Return the documented parameters of a notebook (path, or loaded) with their types."""
    # inspect_notebook calls this after reading the file
    from papermill.inspection import _infer_parameters  # pyright: ignore[reportPrivateUsage]

    found: list[Any] = _infer_parameters(read_notebook(notebook) if isinstance(notebook, Path) else notebook)
    return {parameter.name: _declared_types(parameter.inferred_type_name, parameter.default) for parameter in found}


def refuse_parameters(known: Parameters, values: Mapping[str, Any], *, where: str) -> None:
    """Raise UsageError with the names, never values, of unknown parameters and those of a wrong type."""
    mistakes = [mistake for name, value in values.items() if (mistake := _mistake(known.get(name), name, value))]
    if mistakes:
        names = "、".join(known) or "（无）"
        raise UsageError("；".join(mistakes), where=where, remedy=f"这个 notebook 的参数有：{names}")


def check_parameters(**values: object) -> None:
    """Check the parameters in the first cell of a notebook that plain papermill runs.

    Call it with every documented parameter before any other assignment: `check_parameters(run=run, college=college,
    school=school)`. Types come from the annotations in the parameters' cell. Any other name that the cells just before
    assign is an unknown parameter. Names from earlier runs of the notebook are ignored.

    Raises UsageError if a parameter is unknown or of another type.
    """
    caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    namespace = caller.f_globals
    annotations: Mapping[str, Any] = namespace.get("__annotations__", {})
    known = {name: _type_names(annotations.get(name)) for name in values}
    unknown = {name: namespace[name] for name in _assigned_before(namespace) if name in namespace and name not in known}
    refuse_parameters(known, {**values, **unknown}, where="notebook 参数")


def require_parameters(**values: str) -> None:
    """Raise InputError with the names of the parameters that are blank."""
    if blank := [name for name, value in values.items() if not value.strip()]:
        raise InputError(f"参数 {'、'.join(blank)} 还没有填", where="notebook 参数", remedy="请在“参数”一格里填好")


def _assigned_before(namespace: Mapping[str, Any]) -> set[str]:
    """Return the names that papermill's cell and the one before it assign (IPython keeps cells in `In`)."""
    cells: list[str] = [str(cell) for cell in namespace.get("In", [])[:-1]]
    parameters = cells[-2:] if cells and cells[-1].startswith("# Parameters") else cells[-1:]
    names: set[str] = set()
    for cell in parameters:
        with suppress(SyntaxError):
            found = symtable(cell, "", "exec").get_symbols()
            names |= {n.get_name() for n in found if n.is_assigned() and not (n.is_imported() or n.is_namespace())}
    return names


def _declared_types(annotation: str, default: str) -> tuple[str, ...]:
    if annotation not in {"", "None"}:
        return _type_names(annotation)
    with suppress(ValueError, SyntaxError):
        if (value := ast.literal_eval(default)) is not None:
            return (type(value).__name__,)
    return ()


def _type_names(annotation: object) -> tuple[str, ...]:
    """Return the type names in `str | None` or `Optional[str]`. `list[str]` counts as `list`."""
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation or "").strip()
    if text.startswith("Optional[") and text.endswith("]"):
        text = f"{text.removeprefix('Optional[').removesuffix(']')} | None"
    names = tuple(part.split("[")[0].strip().replace("NoneType", "None") for part in text.split("|"))
    return names if all(name in _TYPES for name in names) else ()


def _mistake(types: tuple[str, ...] | None, name: str, value: object) -> str:
    if types is None:
        return f"没有参数 {name}"
    kinds = [kind for kind in types if isinstance(value, bool) == (kind == "bool")]
    if not types or any(isinstance(value, _TYPES[kind][1]) for kind in kinds):
        return ""
    wanted = "或".join(_TYPES[kind][0] for kind in types)
    hint = "（papermill 命令行请用 -r 代替 -p）" if "str" in types and isinstance(value, int | float) else ""
    type_name = type(value).__name__
    return f"参数 {name} 应为{wanted}，给的是{_TYPES[type_name][0] if type_name in _TYPES else type_name}{hint}"
