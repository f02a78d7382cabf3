"""Confirmation codes: whoever types the one that was mailed to an address into the sheet has read that mailbox.

A code is an HMAC-SHA-256 over cohort, school, student number and address with the cohort's own key, cut to 40 bits
and written in Crockford's base 32 (no I, L, O, U), such as `7K3M-9QTE`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets

from filelock import FileLock

from pipeline.cohort import Cohort
from pipeline.knowledge.crockford import read, written
from pipeline.whole import appearing

LABELS = ("确认码", "邮箱确认码", "邮箱验证码", "验证码")
"""Headings under which the sheet may carry the code; none of them is a field of the form."""


def code_key(cohort: Cohort) -> bytes:
    """Return the cohort's secret: MINGCE_CODE_KEY, or a file beside the ledger that is made when first asked for."""
    given = os.environ.get("MINGCE_CODE_KEY")
    if given:
        return given.encode()
    path = cohort.folder / ".mingce" / "confirmation.key"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), mode=0o600):  # two at once make one key
        if not path.is_file() or not path.stat().st_size:
            with appearing(path) as draft:
                draft.touch(mode=0o600)
                draft.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii").strip().encode()


def code_for(key: bytes, cohort: str, school_code: str, student_number: str, address: str) -> str:
    """Return the code of one student's address."""
    text = "\x1f".join((cohort, school_code, student_number.upper(), address.strip().casefold()))
    return written(hmac.new(key, text.encode(), hashlib.sha256).digest()[:5])


def is_code(typed: str, code: str) -> bool:
    """Return whether what a student typed is the code: width, case, hyphens, spaces and look-alikes aside."""
    return hmac.compare_digest(read(typed).encode(), code.encode())
