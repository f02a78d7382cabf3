"""Derive `certifications` from the findings. No rule is judged a second time."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from pipeline import fields
from pipeline.knowledge.text_columns import among
from pipeline.tables import Frame, conform


def certify(table: Frame, findings: Frame, not_run: Collection[str] = (), unrecorded: Collection[str] = ()) -> Frame:
    """Return `certifications`: one row per submission that counts.

    An identity rule that could not run, or is silenced, leaves identity `not_checked`.

    Args:
        table: the check table.
        findings: all findings of it.
        not_run: names of rules that could not run.
        unrecorded: submissions of sources that lack a column which must equal the registry.
    """
    identity = findings[findings["rule"].str.startswith("identity.")].drop_duplicates("submission_id")
    causes = identity.set_index("submission_id")["rule"].str.removeprefix("identity.")
    cause = table["submission_id"].map(causes).astype("str").fillna("")  # all missing, they are no text yet
    state = pd.Series("failed", index=table.index, dtype="str")
    state = state.where(cause != "", "certified")
    state = state.where((cause != "not_checked") & ((cause != "") | (table["identity_cause"] == "")), "not_checked")
    return conform(
        pd.DataFrame(
            {
                "submission_id": table["submission_id"],
                "school": table["school"],
                "student_number": table["student_number"],
                "identity": state,
                "cause": cause,
                "record": _record(table, findings, not_run, unrecorded),
                "matched_school": table["matched_school"],
                "matched_student_number": table["registry_student_number"],
                "score": table["score"],
            }
        ),
        "certifications",
    )


def _record(table: Frame, findings: Frame, not_run: Collection[str], unrecorded: Collection[str]) -> pd.Series:
    """Return `certified` where every compared field equals the matched row and no required field is blank."""
    against = {f"{name}.registry" for name in fields.compared()} | {f"{name}.required" for name in fields.compared()}
    against_him = findings["rule"].isin(list(against)) & (findings["severity"] == "critical")
    failing = set(findings["submission_id"][against_him])
    failed = among(table["submission_id"], failing)
    sound = "not_checked" if against & set(not_run) else "certified"
    record = pd.Series(sound, index=table.index, dtype="str").where(~failed, "failed")
    unknown = among(table["submission_id"], unrecorded) & ~failed
    return record.where((table["matched_row"] >= 0) & ~unknown, "not_checked")


def without_shared(certifications: Frame, findings: Frame) -> Frame:
    """Set record to `not_checked` where shared faults are its only failures."""
    kinds = [f"{name}.{kind}" for name in fields.compared() for kind in ("registry", "required")]
    failing = findings[findings["rule"].isin(kinds) & (findings["severity"] == "critical")]
    own = failing["submission_id"][failing["shared_fault"] == ""]
    shared = failing["submission_id"][failing["shared_fault"] != ""]
    only = among(certifications["submission_id"], shared) & ~among(certifications["submission_id"], own)
    return certifications.assign(record=certifications["record"].mask(only, "not_checked"))
