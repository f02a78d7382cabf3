"""What two different students gave alike: numbers that belong to one person only, and ways to reach them."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.match.keys import Bools, Keys, repeated
from pipeline.match.pairs import exam_key, id_key, student_key
from pipeline.tables import Frame

CLASHES = [
    "id_number_clash", "student_number_clash", "exam_number_clash", "phone_shared", "qq_shared", "email_shared",
]  # fmt: skip


KEY_OF: dict[str, Callable[[Frame], Keys]] = {
    "id_number_clash": id_key,
    "student_number_clash": student_key,
    "exam_number_clash": exam_key,
    "phone_shared": lambda keys: keys["phone"].to_numpy(),
    "qq_shared": lambda keys: keys["qq"].to_numpy(),
    "email_shared": lambda keys: keys["email"].to_numpy(),
}
"""What is compared for each clash. Student and exam numbers clash within one school only: they repeat."""


def clashing(name: str, keys: Frame, counts: Bools) -> Bools:
    """Return which of the submissions that count gave a value that another of them gave too.

    Args:
        name: one of `CLASHES`.
        keys: what `KEY_OF[name]` looks at (`keys.key_frame`).
        counts: which submissions count.
    """
    return repeated(KEY_OF[name](keys), counts)
