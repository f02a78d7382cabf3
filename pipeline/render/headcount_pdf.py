"""The headcount as PDF/A by typst: bundled fonts only, data as JSON, a character that cannot be drawn is an error."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pipeline import resources
from pipeline.errors import MingceError
from pipeline.render.headcount import COLUMNS, SIGNATURES, Headcount


def write_headcount_pdf(path: Path, headcount: Headcount) -> None:
    """Write the printed headcount: A4 landscape, repeated header, signature block kept together, PDF/A-2b.

    Where the college may not sign yet there are no places to sign, and no code.

    Raises:
        MingceError: a word has a character that the bundled font lacks.
    """
    import typst

    _drawable(headcount)
    source = resources.templates() / "print" / "headcount.typ"
    inputs = {"d": json.dumps(_data(headcount), ensure_ascii=False)}
    try:
        pdf: Any = typst.compile(
            str(source), font_paths=_typefaces(), ignore_system_fonts=True, sys_inputs=inputs, pdf_standards=["a-2b"]
        )
    except typst.TypstError as error:
        raise MingceError(
            f"人数表 PDF 没有生成（{type(error).__name__}）",
            where=headcount.college,
            remedy="请先用 headcount.xlsx 打印",
        ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pdf)


def _data(headcount: Headcount) -> dict[str, Any]:
    day = headcount.as_of
    return {
        "title": headcount.title,
        "college": headcount.college,
        "as_of": day.isoformat(),
        "day": [day.year, day.month, day.day],
        "as_of_words": f"{day.year}年{day.month}月{day.day}日",
        "foot": headcount.foot,
        "qr": qr_svg(headcount.code) if headcount.code else "",
        "headings": list(COLUMNS.values()),
        "note": headcount.note,
        "attestation": headcount.attestation,
        "ready": headcount.ready,
        "signatures": list(SIGNATURES) if headcount.ready else [],
        "lines": [
            {
                "kind": line.kind,
                "level": line.level,
                "major": line.major,
                "numbers": list(line.numbers),
                "equal": line.equal,
            }
            for line in headcount.lines
        ],
    }


def qr_svg(code: str) -> str:
    """Return the QR code of a text as an SVG."""
    import segno

    return segno.make(code, micro=False, error="m").svg_inline(border=2)


@cache
def _fonts() -> tuple[Path, Path]:
    from pylopdf_fonts_zh_cn import sans_path, serif_path

    return Path(sans_path()), Path(serif_path())


@cache
def _typefaces() -> Any:  # noqa: ANN401  # typst's own class, which is imported where it is needed
    """Return the bundled fonts, read once: read for each document, a copy of them would stay now and then."""
    import typst

    folders: list[Any] = sorted({str(font.parent) for font in _fonts()})
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


@cache
def _characters() -> frozenset[int]:
    """Return the code points that both bundled fonts can draw."""
    from fontTools.ttLib import TTFont

    sans, serif = ({*(TTFont(str(font), lazy=True).getBestCmap() or {})} for font in _fonts())
    return frozenset(sans & serif)


def undrawable(text: str) -> str:
    """Return the characters of `text` that the bundled fonts lack."""
    known = _characters()
    return "".join(sorted({character for character in text if ord(character) not in known}))


def _drawable(headcount: Headcount) -> None:
    words = headcount.title + headcount.college + "".join(line.level + line.major for line in headcount.lines)
    lacking = undrawable(words)
    if lacking:
        raise MingceError(
            f"字体里没有“{lacking}”，印不出来", where=headcount.college, remedy="请改用 headcount.xlsx 打印"
        )
