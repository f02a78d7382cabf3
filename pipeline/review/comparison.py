"""A change request (申请修改): the approved submission beside the newer one, field by field."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import fields
from pipeline.review.review_snapshot import Desk, Student


@dataclass(frozen=True)
class ComparedField:
    """One field of both submissions, as normalised."""

    field: str
    approved: str
    requested: str

    @property
    def differs(self) -> bool:
        """Return whether the student asks for another value than the approved one."""
        return self.approved != self.requested


def change_requested(desk: Desk, student: Student) -> list[ComparedField]:
    """Return the fields of a change request, those that differ first, each group in the form's order.

    Fields that are blank in both submissions are left out, and so is the time of submitting, which always differs.
    Empty where the student asks for no change: nothing is approved, what was approved is stale (its row may be
    gone), or no newer submission counts.
    """
    if not student["change_request"]:
        return []
    approved = desk.submission(str(student["approved_submission_id"] or student["submission_id"]))
    requested = desk.submission(str(student["later_id"] or student["submission_id"]))
    named = [name for name in fields.names() if name in approved and name != "submitted_at"]
    both = [ComparedField(name, str(approved[name]), str(requested[name])) for name in named]
    return sorted((one for one in both if one.approved or one.requested), key=lambda one: not one.differs)
