"""docs/architecture.md is true to the code: every module has its row, and imports run one way along the table."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FILES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "pipeline").rglob("*.py"))}


def documented() -> list[str]:
    section = PAGE.split("## Modules, in the order of imports")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every `pipeline.x.y` that a file imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pipeline":
            yield from (f"pipeline.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("pipeline."))


def of_first_level(path: Path) -> str:
    return path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py")


def test_every_module_has_a_row_and_every_row_a_module():
    there = {of_first_level(path) for path in FILES} - {"__init__", "_resources"}
    assert sorted(documented()) == sorted(there)


def test_imports_run_one_way():
    order = {name: at for at, name in enumerate(documented())}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in FILES.items()
        for name in imported(tree)
        if of_first_level(path) != "__init__" and order[name.split(".")[1]] > order[of_first_level(path)]
    ]
    assert wrong == []


def test_no_module_imports_itself_through_others():
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        graph[name] = set()
        for target in imported(FILES[path]):
            known = target if target in names else target.rpartition(".")[0]
            graph[name] |= {known} if known in names and known != name else set()
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"import circle: {' -> '.join(error.args[1])}") from None


def test_the_tests_that_show_what_is_guarded_are_there():
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    told = re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){2,})`", (ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    assert [name for name in told if name not in tests] == []


def test_named_folders_and_pages_are_there():
    for path in re.findall(r"`((?:notebooks|pipeline|expectations|reports|tests)/[\w./]*)`", PAGE):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([\w./-]+\.md)\)", PAGE):
        assert (ROOT / "docs" / link).is_file(), link
