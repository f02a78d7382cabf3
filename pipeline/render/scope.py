"""What a page is about: the rows of a college, or of a counselor's classes, gathered once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from pipeline.errors import InputError
from pipeline.render import work
from pipeline.render.extras import Extra, college_extras, count_extras
from pipeline.render.headcount import Headcount, lines_of
from pipeline.render.history import Day
from pipeline.render.load import Run, load_run
from pipeline.render.pieces import token
from pipeline.render.signature import DONE, SETTLE, Signature, Step, signature_of
from pipeline.tables import Frame


@dataclass(frozen=True)
class Scope:
    """A roster with its findings: a college, or the classes of one counselor."""

    run: Run
    school: str
    college: str
    roster: Frame
    findings: Frame
    counselor: str = ""

    @cached_property
    def statuses(self) -> dict[str, int]:
        """Students per status."""
        return work.status_counts(self.roster)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Students per family of states."""
        return work.family_counts(self.statuses)

    @property
    def total(self) -> int:
        """Students of the scope."""
        return len(self.roster)

    @property
    def left(self) -> int:
        """Students who are not approved yet."""
        return self.total - self.counts["done"]

    @cached_property
    def submissions(self) -> Frame:
        """When and with which phone the scope's students submitted."""
        ids = [submission for submission in self.roster["submission_id"] if submission]
        told = ["submission_id", "submitted_at", "phone"]
        return self.run.rows_in("submissions", "submission_id", ids, told, self.run.school_name(self.school))

    @cached_property
    def extras(self) -> list[Extra]:
        """The submissions outside the roster that claim the college, or one of the counselor's classes."""
        found = college_extras(self.run, self.run.school_name(self.school), self.college)
        classes = set(self.roster["class_name"])
        return [each for each in found if not self.counselor or each.class_name in classes]

    @cached_property
    def extra(self) -> int:
        """How many they are; of a college, as its headcount says."""
        if self.counselor:
            return len(self.extras)
        return count_extras(self.run, school=self.run.school_name(self.school), college=self.college).total()

    @property
    def step(self) -> Step:
        """Where the college stands; a counselor, who signs nothing, is done once nobody is left."""
        if self.counselor:
            return SETTLE if self.extras else DONE
        return self.signature.step(self.left, self.extra)

    @cached_property
    def days(self) -> list[Day]:
        """The days before the run's."""
        return self.run.days(self.school)

    @property
    def approved_before(self) -> list[tuple[date, int]]:
        """The college's students who were approved on each day before (of a counselor's classes it is not known)."""
        key = f"{self.school}/{self.college}"
        return [] if self.counselor else [(day.as_of, day.approved.get(key, 0)) for day in self.days]

    @cached_property
    def signature(self) -> Signature:
        """The college's signature."""
        rows = self.run.rows("colleges", school=self.run.school_name(self.school), college=self.college)
        return Signature() if rows.empty else signature_of(self.run, rows.iloc[0].to_dict())

    @property
    def token(self) -> str:
        """The token that the page carries."""
        return token(self.run.run_id, self.school, self.college)


def open_page(run: str, college: str, school: str) -> Scope:
    """Gather the rows of one college.

    Args:
        run: path of the run folder.
        college: the college's name.
        school: the school's code.

    Raises:
        InputError: no such run, school or college; or the college has no students.
    """
    opened = load_run(run)
    name = opened.school_name(school)
    roster = opened.rows("roster", school=name, college=college)
    if roster.empty:
        raise InputError(f"{name}没有院系“{college}”的学生", remedy="请核对院系名称，或查看 overview.html 中的院系")
    return Scope(opened, school, college, roster, opened.rows("findings", school=name, college=college))


def headcount_of(page: Scope) -> Headcount:
    """Return the college's headcount as it is printed and signed."""
    run = page.run
    school = run.school_name(page.school)
    table = run.rows("headcount", school=school, college=page.college)
    signature = page.signature
    return Headcount(
        cohort=run.cohort,
        school=school,
        college=page.college,
        as_of=run.as_of,
        lines=lines_of(table),
        digest=str(run.state(page.school, page.college).get("digest", "")),
        signed_on=signature.signed.isoformat() if signature.signed and signature.stands else "",
    )
