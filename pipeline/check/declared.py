"""One rule as a suite declares it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

Subject = Literal["submissions", "superseded", "students", "registry"]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)


@dataclass(frozen=True)
class Rule:
    """One rule: what Great Expectations judges, and what a finding of it says.

    `table` is what it is judged on; `needs` what must be there for it to be judged; `stock` says that the expectation
    is Great Expectations' own, with its `kwargs`; `about` what breaks it, in Chinese, for the guide; `place` is file
    and line, for messages.
    """

    name: str
    page: str
    expectation: str
    field: str
    severity: str
    actor: str
    message: str
    about: str = ""
    table: Subject = "submissions"
    needs: str = ""
    since: str = ""
    changed: str = ""
    known_issue: str = ""
    stock: bool = False
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    place: str = ""
