"""Mistakes in `cohort.toml` as Chinese lines: line, key, remedy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import cast

from pydantic_core import ErrorDetails

from pipeline.resources import report_table


def unusable(value: object, kind: object) -> str | None:
    """Return a Chinese message if `value` cannot be a `kind` (impossible path, `true` for a number), else None."""
    if isinstance(value, bool) and (kind is int or kind is float):
        return "应为数字，不是 true 或 false"
    for text in cast("list[object]", value) if isinstance(value, list) else [value]:
        if isinstance(text, str) and "\0" in text:
            return "含有看不见的 NUL 字符，请删去重写"
        if isinstance(text, str) and text.startswith("~"):
            try:
                Path(text).expanduser()
            except RuntimeError:
                return f"没有 {text.split('/')[0]} 这个账号的文件夹，请改写成完整路径"
    return None


def mistake_of(detail: ErrorDetails, text: str) -> str:
    """Return one mistake as a Chinese line with line number, key and remedy."""
    keys = [str(part) for part in detail["loc"]]
    line = line_of(keys, text)
    return f"{f'第 {line} 行 ' if line else ''}{'.'.join(keys)}：{message_of(detail)}"


def message_of(detail: ErrorDetails) -> str:
    """Return the Chinese message of one mistake. The package's own validators already use Chinese."""
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "advice":
        return detail["msg"]
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        return f"只能是 {context.get('expected', '')}，请改正".replace(" or ", " 或 ")
    if kind == "string_pattern_mismatch":
        return "格式不对，请照注释中的例子填写"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"数值超出范围（应{'不小于' if 'ge' in context else '不大于'} {context.get('ge', context.get('le'))}）"
    return report_table("words")["mistakes"].get(kind, "值不正确，请改正")


def line_of(keys: list[str], text: str) -> int:
    """Return the 1-based line of the last key or of its section, or 0. `schools`, 1 is the second `[[schools]]`."""
    names = [key for key in keys if not key.isdigit()]
    which = int(keys[1]) if len(keys) > 1 and keys[1].isdigit() else 0
    key = re.compile(rf"\s*\"?{re.escape(names[-1] if names else '')}\"?\s*=")
    section, of_kind, found = "", -1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[+)([^\]]+)\]+", line)
        if header:
            section = header[2].strip()
            several = header[1] == "[["
            of_kind += several and bool(names) and section == names[0]
            if not names or section not in (names[0], ".".join(names[:-1])) or (several and of_kind != which):
                section = section if names and not several and section.startswith(f"{names[0]}.") else ""
                continue
            found = found or number
            if len(names) == 1:
                return number
        elif len(names) > 1 and section and of_kind in (-1, which) and key.match(line):
            return number
    return found


def undecodable(error: UnicodeDecodeError) -> str:
    """Return a Chinese line for a file that is not UTF-8, with the line of the first wrong byte."""
    line = error.object[: error.start].count(b"\n") + 1
    return f"第 {line} 行有不是 UTF-8 编码的字：请用记事本或 WPS 打开，另存为 UTF-8 文本"


def unparsable(error: ValueError | RecursionError) -> str:
    """Return a Chinese line for invalid TOML, with the position and the likely cause."""
    if not isinstance(error, tomllib.TOMLDecodeError):  # brackets in brackets, or a number of thousands of digits
        return "不是正确的 TOML：括号套得太深，或数字太长，请改正"
    told = str(error)
    place = re.search(r"\(at line ([0-9]+), column ([0-9]+)\)", told)
    where = f"第 {place[1]} 行第 {place[2]} 个字符附近" if place else "文件末尾"
    if any(word in told for word in ("twice", "overwrite", "already")):
        return f"不是正确的 TOML：{where}，同一个键或段写了两次，请保留一个"
    return f"不是正确的 TOML：{where}，请核对该行的引号（中文的键也要加引号）、等号和括号"
