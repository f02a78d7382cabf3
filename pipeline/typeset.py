"""PDF/A by typst from bundled fonts and JSON data. A character that the fonts lack becomes □."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, cast

from pipeline import resources
from pipeline.errors import MingceError

BOX = "□"
BOXED = f"本页的{BOX}是字体里没有的字。"


@dataclass(frozen=True)
class Paper:
    """A template of `reports/print` and its data. Equal papers give equal bytes."""

    template: str
    data: str
    """JSON, `sys.inputs.d` of the template."""

    @property
    def key(self) -> str:
        """The digest of all inputs of the PDF."""

        folder = resources.templates() / "print"
        sources = [(folder / f"{name}.typ").read_text(encoding="utf-8") for name in ("paper", self.template)]
        versions = [version("typst"), version("pylopdf-fonts-zh-cn")]
        return hashlib.sha256("\0".join([*versions, *sources, self.data]).encode()).hexdigest()

    def pdf(self) -> bytes:
        """Return the PDF/A-2b. Raises MingceError if typst failed."""
        return _compile(self.template, self.data, pdf_standards="a-2b", pdf_tags=False)


class _Format(TypedDict, total=False):
    format: Literal["png", "svg"]
    ppi: float
    pdf_standards: Literal["a-2b"]
    pdf_tags: bool


def _compile(template: str, data: str, **options: Unpack[_Format]) -> bytes:
    import typst

    try:
        compiled: Any = typst.compile(
            str(resources.templates() / "print" / f"{template}.typ"),
            font_paths=typefaces(),
            ignore_system_fonts=True,
            sys_inputs={"d": data},
            **options,
        )
    except typst.TypstError as error:
        what = "图" if "format" in options else "PDF"
        raise MingceError(f"{what} 没有生成（{type(error).__name__}）", where=template) from None
    return cast(bytes, compiled)


def drawing(template: str, data: Mapping[str, Any], *, png: bool = False) -> bytes:
    """Return a filled template of one page as SVG, or PNG of two pixels a CSS pixel. MingceError if typst failed."""
    options: _Format = {"format": "png", "ppi": 144} if png else {"format": "svg"}
    return _compile(template, json.dumps(data, ensure_ascii=False), **options)


def paper_of(template: str, day: date, data: Mapping[str, Any], pictures: Mapping[str, str] | None = None) -> Paper:
    """Return the filled paper. PDF/A requires `day`. `boxed` tells the template whether a character became `BOX`."""
    drawn = drawable_data(dict(data))
    extra = {"boxed": drawn != dict(data), "day": [day.year, day.month, day.day], **(pictures or {})}
    return Paper(template, json.dumps({**drawn, **extra}, ensure_ascii=False))


def drawable(text: str) -> str:
    """Return `text` with `BOX` for each character that the bundled fonts lack."""
    known = _characters()
    return "".join(character if character in known else BOX for character in text)


def drawable_data(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return JSON data with `drawable` texts."""
    text = json.dumps(value, ensure_ascii=False).replace("\\n", "")
    if "\\" not in text and (_is_common(text) or _characters().issuperset(text)):
        return value
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, list | tuple):
        return [drawable_data(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: drawable_data(item) for name, item in cast("dict[str, Any]", value).items()}
    return value


def _is_common(text: str) -> bool:
    """Return whether `text` is in GB 2312, which both fonts cover: reading the fonts' tables takes 0.2 s."""
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def qr_svg(code: str) -> str:
    """Return the QR code of a text as SVG."""
    import segno

    return segno.make(code, micro=False, error="m").svg_inline(border=2)


@cache
def watermark(word: str) -> bytes:
    """Return a word in translucent grey, rotated, as PNG for a worksheet."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGBA", (520, 420), (128, 128, 128, 0))
    face = ImageFont.truetype(str(_fonts()[0]), 130)
    ImageDraw.Draw(picture).text((260, 210), word, fill=(128, 128, 128, 64), font=face, anchor="mm")
    buffer = BytesIO()
    picture.rotate(30).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def _fonts() -> tuple[Path, Path]:
    from pylopdf_fonts_zh_cn import sans_path, serif_path

    return Path(sans_path()), Path(serif_path())


@cache
def typefaces() -> Any:  # noqa: ANN401  # typst's own class, which is imported where it is needed
    """Return the bundled fonts, cached because typst leaks some of the copies that it reads per document."""
    import typst

    folders: list[Any] = sorted({str(font.parent) for font in _fonts()})
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


@cache
def _characters() -> frozenset[str]:
    from fontTools.ttLib import TTFont

    sans, serif = ({*(TTFont(str(font), lazy=True).getBestCmap() or {})} for font in _fonts())
    return frozenset(map(chr, sans & serif | {ord("\n")}))
