"""One name has one meaning in the package: modules, public classes, public functions."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "pipeline"
FILES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
SHARED = {
    "main": "the entry of a process",
    "show_head": "a section of a page's notebook: each page has its heading",
    "show_today": "a section of a page's notebook: each page says what is left today",
    "show_progress": "a section of a page's notebook: each page has its course to the deadline",
    "show_changes": "a section of a page's notebook: each page says what changed since the run before",
    "show_notes": "a section of a page's notebook: each page ends with its notes",
}


def places(kinds: tuple[type[ast.stmt], ...], *, but: str = "") -> dict[str, list[str]]:
    """Public names of these kinds at the top of a module, each with the modules that define it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in FILES.items():
        if but and path.match(but):
            continue
        for node in tree.body:
            if isinstance(node, kinds) and not node.name.startswith("_"):  # pyright: ignore[reportAttributeAccessIssue]
                found[node.name].append(path.relative_to(PACKAGE).as_posix())  # pyright: ignore[reportAttributeAccessIssue]
    return found


def repeated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: modules for name, modules in found.items() if len(modules) > 1 and name not in SHARED}


def test_no_two_modules_share_a_name():
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in FILES:
        if not path.stem.startswith("__"):
            found[path.stem].append(path.relative_to(PACKAGE).as_posix())
    assert repeated(found) == {}


def test_no_two_public_classes_share_a_name():
    assert repeated(places((ast.ClassDef,))) == {}


def test_no_two_public_functions_share_a_name():
    """A command of the command line is called as its user calls it (`cli/`), whatever the package calls its parts."""
    assert repeated(places((ast.FunctionDef, ast.AsyncFunctionDef), but="cli/*.py")) == {}
