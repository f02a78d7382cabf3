"""The last look before a mail is made: nobody else's rows, no ID number. Fails closed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.deliver.recipients import Recipient
from pipeline.errors import RefusedError
from pipeline.view.people import Chased

_ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")


def check_scope(recipient: Recipient, rows: Iterable[Chased]) -> None:
    """Refuse where a row is not of the recipient's classes (or colleges).

    Raises:
        RefusedError: naming no person.
    """
    width = 3 if recipient.kind == "counselor" else 2
    foreign = sum((row.school, row.college, row.class_name)[:width] not in recipient.scope for row in rows)
    if foreign:
        raise RefusedError(f"邮件中有 {foreign} 行不属于收件人", where="寄送", remedy="没有寄出，请报告维护人员")


def refuse_id_numbers(recipient: Recipient, *texts: str) -> None:
    """Refuse where an ID number stands in what is about to be sent.

    Raises:
        RefusedError: naming no person.
    """
    if any(_ID_NUMBER.search(text) for text in texts):
        raise RefusedError(
            "邮件正文中出现了完整的身份证号码", where=f"寄送（{recipient.kind}）", remedy="没有寄出，请报告维护人员"
        )
