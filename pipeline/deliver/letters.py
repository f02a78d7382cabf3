"""Letters of `reports/mail` filled in: HTML and plain text of one mail."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Any, cast

from pipeline.cohort import Cohort
from pipeline.render.pieces import in_the_office_s_name, render
from pipeline.states import OFFICE


def render_letter(name: str, values: dict[str, Any], cohort: Cohort) -> tuple[str, str]:
    """Return HTML and text of the letter `name` (dashboard, student), every value escaped in the HTML."""
    office = cohort.office
    reply = parseaddr(cohort.mail.sender)[1] if cohort.mail else ""
    shared = {**values, "office": office, "office_name": OFFICE, "reply": reply}
    html = render(f"mail/{name}.html.j2", **shared)
    text = render(f"mail/{name}.txt.j2", **{key: _one_line(value) for key, value in shared.items()})
    html, text = in_the_office_s_name(html, office.name), text.replace(OFFICE, office.name)
    return re.sub(r"\n\s*", "\n", html), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _one_line(value: object) -> object:
    if isinstance(value, list):
        return [_one_line(each) for each in cast("list[object]", value)]
    return " ".join(value.split()) if isinstance(value, str) else value
