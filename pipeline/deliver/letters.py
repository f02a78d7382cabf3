"""Letters of `reports/mail` filled in: HTML and plain text of one mail."""

from __future__ import annotations

import re
from typing import Any, cast

from pipeline.cohort_sections import Office
from pipeline.render.pieces import render

_OFFICE = "就业办"
"""What our own sentences call the office; `[office] name` takes its place."""


def fill(name: str, values: dict[str, Any], office: Office) -> tuple[str, str]:
    """Return HTML and text of the letter `name` (dashboard, student), every value escaped in the HTML."""
    shared = {**values, "office": office, "office_name": _OFFICE}
    html = render(f"mail/{name}.html.j2", **shared)
    text = render(f"mail/{name}.txt.j2", **{key: _one_line(value) for key, value in shared.items()})
    html, text = (each.replace(_OFFICE, office.name) for each in (html, text))
    return re.sub(r"\n\s*", "\n", html), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _one_line(value: object) -> object:
    if isinstance(value, list):
        return [_one_line(each) for each in cast("list[object]", value)]
    return " ".join(value.split()) if isinstance(value, str) else value
