"""One thing has one Chinese word: no text of the product, and no Chinese page, says it in another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import ROOT

READS = {"pipeline/collect/skipping.py"}
"""Files that must know what others write."""
EXPORTS = ROOT / "expectations" / "exports"
ANOTHER = {"被退回过"}
"""Where a forbidden word is part of one that means something else: a student's row was sent back."""


def forbidden() -> list[str]:
    rows = re.findall(r"^\|.*\| ([^|]+) \|$", (ROOT / "docs" / "words.md").read_text(encoding="utf-8"), re.MULTILINE)
    return [word for row in rows if re.search(r"[\u4e00-\u9fff]", row) for word in row.split("、")]


def texts() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value
    pages = [ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.md")]
    kinds = ("*.j2", "*.typ", "*.js", "*.toml", "*.ipynb", "*.yml", "*.csv")
    folders = [ROOT / "reports" / name for name in ("page", "pieces", "mail", "print")]
    folders += [ROOT / "notebooks", ROOT / "expectations"]
    pages += [path for folder in folders for kind in kinds for path in folder.rglob(kind)]
    yield from ((path, path.read_text(encoding="utf-8")) for path in pages if path.name != "words.md")


def test_one_thing_has_one_word():
    words = forbidden()
    assert len(words) > 30
    said = re.compile("|".join(map(re.escape, words)))
    found = {
        f"{path.relative_to(ROOT)}: {hit.group()}"
        for path, text in texts()
        for hit in said.finditer(re.sub("|".join(ANOTHER), "", text))
        if str(path.relative_to(ROOT)) not in READS and path.parent != EXPORTS
    }
    assert found == set()
