"""What a person's other submissions say against the one that counts."""

from __future__ import annotations

import pandas as pd

from pipeline import fields
from pipeline.match.persons import WITHDRAWN, counting
from pipeline.tables import Frame

CONTACTS = ["phone", "qq", "email", "home_address"]
_MANY = 2  # contacts that change at once: who does that may be somebody else (contract, *Whose row counts*)


def resubmissions(submissions: Frame) -> dict[str, pd.Series]:
    """Return for each submission that counts what its person's others say, blank where nothing is said.

    Args:
        submissions: all of them, with `certified` and `later` (`settle.FLAGS`).

    Returns:
        By the index of those that count: `later_id`, the last submission made after the one that counts whose identity
        is not certified while that one's is. `contacts_changed`: the labels of the contacts that a certified earlier
        one gives otherwise, where they are two or more.
    """
    counted = counting(submissions)
    others = submissions[~submissions["superseded_by"].isin(["", WITHDRAWN])]
    later = others[others["later"]].sort_values("made_at", kind="stable").drop_duplicates("superseded_by", keep="last")
    ids = later.set_index("superseded_by")["submission_id"]
    earlier = others[others["certified"] & ~others["later"]]
    changed = _changed_contacts(earlier, counted[counted["certified"]])
    told = {"later_id": ids, "contacts_changed": changed}
    return {name: counted["submission_id"].map(of).astype("str").fillna("") for name, of in told.items()}


def _changed_contacts(earlier: Frame, counted: Frame) -> pd.Series:
    """Return, by id of the submission that counts, which contacts an earlier one gives otherwise, if they are many."""
    now = counted.set_index("submission_id")[CONTACTS]
    mine = earlier[earlier["superseded_by"].isin(now.index)]
    then, now = mine[CONTACTS].reset_index(drop=True), now.loc[mine["superseded_by"]].reset_index(drop=True)
    differ = pd.DataFrame({name: (then[name] != "") & (_plain(then[name]) != _plain(now[name])) for name in CONTACTS})
    many = differ[differ.sum(axis=1) >= _MANY]
    told = ["、".join(fields.label(name) for name in CONTACTS if row[name]) for _, row in many.iterrows()]
    whose = mine["superseded_by"].reset_index(drop=True).loc[many.index]
    return pd.Series(told, index=whose, dtype="str").groupby(level=0).last()


def _plain(column: pd.Series) -> pd.Series:
    return column.str.lower()
