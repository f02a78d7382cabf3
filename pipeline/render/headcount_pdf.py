"""The headcount as PDF/A: the same lines, words and code as page and workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import MingceError
from pipeline.render.printed_headcount import COLUMNS, DATE, DRAFT, SEAL, SIGNATURES, Headcount
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
    return {
        "title": headcount.title,
        "addressee": headcount.addressee,
        "about": [f"院系：{headcount.college}", f"统计日期：{headcount.day}", "单位：人"],
        "as_of": f"数据截至 {headcount.as_of.isoformat()}",
        "foot": headcount.foot,
        "flipped": not headcount.portrait,
        "draft": "" if headcount.ready else DRAFT,
        "headings": list(COLUMNS.values()),
        "note": headcount.note,
        "boxed_note": "表中的□是字体里没有的字，原字见 headcount.xlsx。",
        "attestation": headcount.attestation,
        "ready": headcount.ready,
        "signatures": list(SIGNATURES) if headcount.ready else [],
        "seal": [SEAL, DATE],
        "lines": [
            {
                "kind": line.kind,
                "span": span,
                "level": line.level,
                "major": line.major,
                "cells": [*map(str, line.numbers), "是" if line.equal else "否"],
            }
            for line, span in headcount.levels()
        ],
    }
