"""The headcount as PDF/A: the same lines, words and code as page and workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import MingceError
from pipeline.render.headcount import COLUMNS, SIGNATURES, Headcount
from pipeline.typeset import pdf_of, qr_svg


def write_headcount_pdf(path: Path, headcount: Headcount) -> None:
    """Write the printed headcount; where the college may not sign yet without places to sign, and without a code.

    Raises:
        MingceError: typst could not make it.
    """
    try:
        pdf = pdf_of(
            "headcount", headcount.as_of, _data(headcount), {"qr": qr_svg(headcount.code) if headcount.code else ""}
        )
    except MingceError as error:
        raise MingceError(
            f"人数表 {error.what}", where=headcount.college, remedy="请先用 headcount.xlsx 打印"
        ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pdf)


def _data(headcount: Headcount) -> dict[str, Any]:
    day = headcount.as_of
    return {
        "title": headcount.title,
        "college": headcount.college,
        "as_of": day.isoformat(),
        "as_of_words": f"{day.year}年{day.month}月{day.day}日",
        "foot": headcount.foot,
        "headings": list(COLUMNS.values()),
        "note": headcount.note,
        "boxed_note": "表中的□是字体里没有的字，原字见 headcount.xlsx。",
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
