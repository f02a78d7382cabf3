"""Answers about columns written into `cohort.toml`: its comments and its order stay."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.whole import appearing

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z_.\"]+)\s*\]\]?\s*(?:#.*)?$")


def save_columns(path: Path, answers: Mapping[str, Mapping[str, str]]) -> None:
    """Write `columns` into the file: of submissions under "", of a school's registry under its code.

    Raises:
        UsageError: the file is built in a way in which they cannot be put in without touching the rest.
    """
    text = path.read_text(encoding="utf-8-sig")
    wanted = tomllib.loads(text)
    for whose, columns in answers.items():
        place = _schools(wanted, whose) if whose else None
        table: dict[str, Any] = wanted["schools"][place] if place is not None else wanted["submissions"]
        table.setdefault("columns", {}).update(columns)
        text = _with_columns(text, place, columns)
    if _parsed(text) != wanted:
        lines = "；".join(
            f"{name} = {quoted(heading)}" for given in answers.values() for name, heading in given.items()
        )
        raise UsageError("没有写入：这个文件的写法比较特别", where=str(path), remedy=f"请自己在 columns 里写：{lines}")
    with appearing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _schools(data: Mapping[str, Any], code: str) -> int:
    """Return the place of a school among `[[schools]]`."""
    codes = [str(school.get("code")) for school in data.get("schools", [])]
    if code not in codes:
        raise UsageError(
            f"没有写入：学校 {code} 不在 cohort.toml 的 [[schools]] 里（学校写在另一张表里）",
            remedy="请把学籍库的列名改成模板的写法，或把这所学校写成 [[schools]]",
        )
    return codes.index(code)


def _with_columns(text: str, place: int | None, columns: Mapping[str, str]) -> str:
    """Return the text with `columns` in the table of the school at `place`, or in that of submissions."""
    lines = text.splitlines()
    heads = [(number, found[1], found[2]) for number, line in enumerate(lines) if (found := _HEADER.match(line))]
    section = "submissions" if place is None else "schools"
    starts = [number for number, kind, name in heads if name == section and (kind == "[[") == (place is not None)]
    if not starts or (place or 0) >= len(starts):
        return text
    start = starts[place or 0]
    ends = [number for number, _, name in heads if number > start and not name.startswith(f"{section}.")]
    end = ends[0] if ends else len(lines)
    own = [number for number, _, name in heads if start < number < end and name == f"{section}.columns"]
    if own:
        return _filled(lines, own[0], columns)
    inner = [number for number, _, _ in heads if start < number < end]
    last = max(n for n in range(start, inner[0] if inner else end) if lines[n].strip()[:1] not in ("", "#"))
    lines[last + 1 : last + 1] = ["", f"[{section}.columns]", *_lines(columns)]
    return "\n".join(lines) + "\n"


def _filled(lines: list[str], head: int, columns: Mapping[str, str]) -> str:
    """Return the lines with `columns` right below the head of their table; keys that stand there already go."""
    end = next((n for n in range(head + 1, len(lines)) if _HEADER.match(lines[n])), len(lines))
    again = re.compile(rf"\s*(?:{'|'.join(map(re.escape, columns))})\s*=")
    kept = [line for line in lines[head + 1 : end] if not again.match(line)]
    return "\n".join([*lines[: head + 1], *_lines(columns), *kept, *lines[end:]]) + "\n"


def _lines(columns: Mapping[str, str]) -> list[str]:
    return [f"{name} = {quoted(heading)}" for name, heading in columns.items()]


def quoted(text: str) -> str:
    """Return `text` as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML's escapes are JSON's, and that one
