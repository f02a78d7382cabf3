"""Clashes: a number or contact that two different students gave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from pipeline.knowledge.photos import near_same
from pipeline.match.keys import Bools, Keys, known_keys, repeated
from pipeline.match.pairs import exam_key, id_key, student_key
from pipeline.tables import Frame

CLASHES = [
    "id_number_clash", "student_number_clash", "exam_number_clash", "phone_shared", "qq_shared", "email_shared",
]  # fmt: skip
OWNED = [f"{name}_owned" for name in (*CLASHES, "photo_shared")]
"""Whether the value that is shared is this student's own: then the fault is the others'."""

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


def same_photos(seen: Frame) -> Keys:
    """Return a number for each photo (`sha256, phash`) that several rows handed in, 0 for the others."""
    groups = near_same(seen["phash"], seen["sha256"])
    return (pd.factorize(groups.where(groups != ""))[0] + 1).astype(np.uint64)


def owners(values: Keys, own: Bools, certified: Bools) -> Bools:
    """Return who owns the value that is shared: whose registry row has it, else the one who alone is certified.

    Args:
        values: the shared value of each row, 0 where it shares none.
        own: whether the registry has this value for the row's person.
        certified: whether the row's identity is certified.
    """
    claimed = known_keys(values, values[own])
    alone = certified & ~repeated(values, certified)
    return (values != 0) & np.where(claimed, own, alone)
