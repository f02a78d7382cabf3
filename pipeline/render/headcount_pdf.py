"""The headcount as PDF/A by typst: bundled fonts only, data as JSON, □ for a character that cannot be drawn."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

from pipeline import resources
from pipeline.errors import MingceError
from pipeline.render.headcount import COLUMNS, SIGNATURES, Headcount

BOX = "□"
_BOXED = f"表中的{BOX}是字体里没有的字，原字见 headcount.xlsx。"


def write_headcount_pdf(path: Path, headcount: Headcount) -> None:
    """Write the printed headcount: A4 landscape, repeated header, signature block kept together, PDF/A-2b.

    Where the college may not sign yet there are no places to sign, and no code.

    Raises:
        MingceError: typst could not make it.
    """
    import typst

    source = resources.templates() / "print" / "headcount.typ"
    inputs = {"d": json.dumps(_drawable(_data(headcount)), ensure_ascii=False)}
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


def drawable(text: str) -> str:
    """Return `text` with `BOX` for each character that the bundled fonts lack."""
    known = _characters()
    return "".join(character if ord(character) in known else BOX for character in text)


def _drawable(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with `BOX` for what cannot be drawn, and a note that says so where there is any."""
    drawn: dict[str, Any] = _in_words({name: value for name, value in data.items() if name != "qr"})
    boxed = any(drawn[name] != data[name] for name in drawn)
    return data | drawn | ({"note": f"{drawn['note']}{_BOXED}"} if boxed else {})


def _in_words(value: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, list):
        return [_in_words(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _in_words(one) for name, one in cast("dict[str, Any]", value).items()}
    return value
