"""What two different students gave alike: numbers that belong to one person only, and ways to reach them."""

from __future__ import annotations

import pandas as pd

from pipeline.match.persons import person_id
from pipeline.tables import Frame

CLASHES = [
    "id_number_clash", "student_number_clash", "exam_number_clash", "phone_shared", "qq_shared", "email_shared",
]  # fmt: skip


def find_clashes(submissions: Frame) -> Frame:
    """Return, for each submission that counts, which of its values another student gave too (`CLASHES`, true/false).

    Student and exam numbers clash within one school only: they repeat across schools.
    """
    school = submissions["school"]
    return pd.DataFrame(
        {
            "id_number_clash": _repeated(person_id(submissions["id_number"])),
            "student_number_clash": _repeated(_within(school, submissions["student_number"])),
            "exam_number_clash": _repeated(_within(school, submissions["exam_number"])),
            "phone_shared": _repeated(submissions["phone"]),
            "qq_shared": _repeated(submissions["qq"]),
            "email_shared": _repeated(submissions["email"].str.lower()),
        },
        index=submissions.index,
    )


def _within(school: pd.Series, column: pd.Series) -> pd.Series:
    return (school + "\x1f" + column).where(column != "", "")


def _repeated(column: pd.Series) -> pd.Series:
    return column.duplicated(keep=False) & (column != "")
