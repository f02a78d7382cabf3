"""The documents as the tests see them: commands in code, console blocks, links."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One command of a console block, and the lines that its output must hold."""

    words: list[str]
    shown: list[str]


def console(page: str) -> list[Step]:
    """The steps of a page's console blocks, in order."""
    steps: list[Step] = []
    for _, kind, body in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        if kind != "console":
            continue
        for line in body.splitlines():
            if line.startswith("$ "):
                steps.append(Step(shlex.split(line[2:]), []))
            elif line.strip():
                steps[-1].shown.append(line.strip())
    return steps


def commands(page: Path) -> list[str]:
    """Every `mingce …` that stands in code, in a block or between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = [line.strip().removeprefix("$ ") for _, _, body in _BLOCK.findall(text) for line in body.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    return [re.split(r" {2,}| #", line)[0].strip() for line in [*blocks, *spans] if line.startswith("mingce ")]
