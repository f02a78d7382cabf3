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
from typing import Any, cast

from pipeline import resources
from pipeline.errors import MingceError

BOX = "□"
BOXED = f"本页的{BOX}是字体里没有的字。"


@dataclass(frozen=True)
class Paper:
    """A template of `reports/print` and its data. Equal papers give equal bytes."""

    template: str
    words: str
    """JSON; the template finds it in `sys.inputs.d`."""

    @property
    def key(self) -> str:
        """The digest of all inputs of the PDF."""

        folder = resources.templates() / "print"
        sources = [(folder / f"{name}.typ").read_text(encoding="utf-8") for name in ("paper", self.template)]
        made_by = [version("typst"), version("pylopdf-fonts-zh-cn")]
        return hashlib.sha256("\0".join([*made_by, *sources, self.words]).encode()).hexdigest()

    def pdf(self) -> bytes:
        """Return the PDF/A-2b.

        Raises:
            MingceError: typst failed.
        """
        import typst

        try:
            pdf: Any = typst.compile(
                str(resources.templates() / "print" / f"{self.template}.typ"),
                font_paths=_typefaces(),
                ignore_system_fonts=True,
                sys_inputs={"d": self.words},
                pdf_standards=["a-2b"],
                pdf_tags=False,
            )
        except typst.TypstError as error:
            raise MingceError(f"PDF 没有生成（{type(error).__name__}）", where=self.template) from None
        return cast(bytes, pdf)


def paper_of(template: str, day: date, data: Mapping[str, Any], pictures: Mapping[str, str] | None = None) -> Paper:
    """Return the filled paper. PDF/A requires `day`. `boxed` tells the template whether a character became `BOX`."""
    drawn = drawable_data(dict(data))
    more = {"boxed": drawn != dict(data), "day": [day.year, day.month, day.day], **(pictures or {})}
    return Paper(template, json.dumps({**drawn, **more}, ensure_ascii=False))


def drawable(text: str) -> str:
    """Return `text` with `BOX` for each character that the bundled fonts lack."""
    known = _characters()
    return "".join(character if character in known else BOX for character in text)


def drawable_data(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return JSON data with `drawable` texts."""
    text = json.dumps(value, ensure_ascii=False).replace("\\n", "")
    if "\\" not in text and _characters().issuperset(text):
        return value  # the usual case, decided in one pass
    if isinstance(value, str):
        return drawable(value)
    if isinstance(value, list | tuple):
        return [drawable_data(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: drawable_data(one) for name, one in cast("dict[str, Any]", value).items()}
    return value


def qr_svg(code: str) -> str:
    """Return the QR code of a text as SVG."""
    import segno

    return segno.make(code, micro=False, error="m").svg_inline(border=2)


def watermark(word: str) -> bytes:
    """Return a word in translucent grey, rotated, as PNG for a worksheet."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGBA", (520, 420), (128, 128, 128, 0))
    face = ImageFont.truetype(str(_fonts()[0]), 130)
    ImageDraw.Draw(picture).text((260, 210), word, fill=(128, 128, 128, 64), font=face, anchor="mm")
    buffer = BytesIO()
    picture.rotate(30).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@cache
def _fonts() -> tuple[Path, Path]:
    from pylopdf_fonts_zh_cn import sans_path, serif_path

    return Path(sans_path()), Path(serif_path())


@cache
def _typefaces() -> Any:  # noqa: ANN401  # typst's own class, which is imported where it is needed
    """Return the bundled fonts, cached because typst leaks some of the copies that it reads per document."""
    import typst

    folders: list[Any] = sorted({str(font.parent) for font in _fonts()})
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


@cache
def _characters() -> frozenset[str]:
    from fontTools.ttLib import TTFont

    sans, serif = ({*(TTFont(str(font), lazy=True).getBestCmap() or {})} for font in _fonts())
    return frozenset(map(chr, sans & serif | {ord("\n")}))
