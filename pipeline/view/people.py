"""Students of a college, a counselor or several colleges: all numbers and lists of pages, mail, paper and desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import pandas as pd

from pipeline.check.shared import judged_field
from pipeline.cohort_sections import Window
from pipeline.fields import label
from pipeline.knowledge.text_columns import by_distinct
from pipeline.logs import mask
from pipeline.resources import report_table
from pipeline.review.decisions import one_per_mistake, open_critical, owners_of
from pipeline.states import ACTORS, State, states
from pipeline.tables import Frame
from pipeline.view import remaining_work
from pipeline.view.remaining_work import Course, course_of
from pipeline.view.run_tables import Run, token
from pipeline.view.signature import DONE, VERIFY_EXTRAS, SignatureState, SigningStep, signature_of

_REASONS_SHOWN = 3
_SHARED = str(report_table("words")["texts"]["shared_fault"])
_BLOCKED = [state.name for state in states().values() if state.family in ("verify", "fix")]
_CHASE_COLUMNS = ["school", "college", "class_name", "counselor", "student_number", "name", "status", "submission_id"]


@dataclass(frozen=True)
class ChaseRow:
    """One student whose status is not `approved`. Long digit strings in texts are masked."""

    school: str
    college: str
    class_name: str
    counselor: str
    student_number: str
    name: str
    status: str
    submission_id: str
    reasons: tuple[str, ...]

    @property
    def state(self) -> State:
        """The status's entry in `states.toml`."""
        return states()[self.status]

    @property
    def reason(self) -> str:
        """The first three reasons in one line of Chinese."""
        more = f"；等 {len(self.reasons)} 项" if len(self.reasons) > _REASONS_SHOWN else ""
        return "；".join(self.reasons[:_REASONS_SHOWN]) + more


@dataclass(frozen=True)
class Group:
    """One counselor's students who are not approved."""

    counselor: str
    students: tuple[ChaseRow, ...]

    @property
    def classes(self) -> int:
        """The number of their classes."""
        return len({student.class_name for student in self.students})

    def count(self, family: str) -> int:
        """Return the number of students in one family of states."""
        return sum(student.state.family == family for student in self.students)


@dataclass(frozen=True)
class Extra:
    """One submission of a person outside the roster, with the values that it claims."""

    student_number: str
    name: str
    class_name: str


@dataclass(frozen=True)
class People:
    """A group of students of one run, with their findings and the `course` rows of their classes.

    `extras` counts submissions of people outside the roster who claim a place in the group. `returned` maps (school,
    student number) to the reason of a return.
    """

    roster: Frame
    findings: Frame
    course_rows: Frame
    as_of: date
    window: Window
    extras: int = 0
    returned: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    @cached_property
    def statuses(self) -> dict[str, int]:
        """Students per status. Every status is present."""
        found = self.roster["status"].value_counts()
        return {name: int(found.get(name, 0)) for name in states()}

    @cached_property
    def counts(self) -> dict[str, int]:
        """Students per family of states. Every family is present."""
        return remaining_work.family_counts(self.statuses)

    @property
    def total(self) -> int:
        """The number of students."""
        return len(self.roster)

    @property
    def remaining(self) -> int:
        """The number of students who are not approved."""
        return self.total - self.counts["done"]

    @cached_property
    def trend(self) -> Course:
        """Submissions and approvals by day, with the deadlines."""
        return course_of(self.course_rows, self.total, self.as_of, self.window)

    def course(self) -> Frame:
        """Return the cumulative numbers `submitted` and `approved` at the end of each `day`."""
        days, submitted = zip(*self.trend.submitted, strict=True)
        approved = [number for _, number in self.trend.approved]
        return pd.DataFrame({"day": [day.isoformat() for day in days], "submitted": submitted, "approved": approved})

    def reasons(self) -> Frame:
        """Return the open reasons, the most students first (`open_reasons`)."""
        return open_reasons(self.roster, self.findings)

    def by_class(self) -> Frame:
        """Return the students of each class, the most unapproved first (`by_group`)."""
        return self._classes

    @cached_property
    def _classes(self) -> Frame:
        return remaining_work.by_group(self.roster, "school", "college", "class_name")

    def by_major(self) -> Frame:
        """Return the students of each major, the most unapproved first (`by_group`)."""
        return remaining_work.by_group(self.roster, "school", "college", "major")

    @cached_property
    def chase(self) -> tuple[ChaseRow, ...]:
        """Unapproved students by state, college, class and number, with findings that the state's actor corrects."""
        reasons = _reasons(self.roster, self.findings)
        order = {name: position for position, name in enumerate(states())}
        rows: list[ChaseRow] = []
        for place, row in enumerate(self.roster[_CHASE_COLUMNS].itertuples(index=False, name=None)):
            school, college, class_name, counselor, number, name, status, submission = map(str, row)
            state = states()[status]
            if not state.needs_work:
                continue
            why = reasons.get((place, state.actor), (state.reason,))
            if status == "stale":  # an exception that lapsed, or a newer submission, may have left open findings
                why += tuple(reason for actor in ACTORS for reason in reasons.get((place, actor), ()))
            if status == "returned" and self.returned.get((school, number)):
                why = (f"退回：{mask(self.returned[school, number])}",)
            rows.append(ChaseRow(school, college, class_name, counselor, number, mask(name), status, submission, why))
        return tuple(sorted(rows, key=lambda c: (order[c.status], c.school, c.college, c.class_name, c.student_number)))


@dataclass(frozen=True, kw_only=True)
class Scope(People):
    """The students of one college, or of one counselor's classes in it."""

    run: Run
    school: str
    college: str
    counselor: str = ""

    @property
    def school_name(self) -> str:
        """The school's name."""
        return self.run.school_name(self.school)

    @cached_property
    def submissions(self) -> Frame:
        """The roster's submissions: `submission_id`, `phone`."""
        ids = [submission for submission in self.roster["submission_id"] if submission]
        return self.run.rows_in("submissions", "submission_id", ids, ["submission_id", "phone"], self.school_name)

    @cached_property
    def listed_extras(self) -> list[Extra]:
        """The submissions outside the roster that claim the college, or the counselor's classes."""
        return self._extras_of(set(self.roster["class_name"]) if self.counselor else None)

    def _extras_of(self, classes: set[str] | None) -> list[Extra]:
        found = college_extras(self.run, self.school_name, self.college)
        return [extra for extra in found if classes is None or extra.class_name in classes]

    def of_classes(self, classes: set[str], counselor: str) -> Scope:
        """Return the students of these classes as one counselor's scope."""
        parts = {
            name: frame[frame["class_name"].isin(list(classes))].reset_index(drop=True)
            for name, frame in (("roster", self.roster), ("findings", self.findings), ("course_rows", self.course_rows))
        }
        return replace(self, **parts, extras=len(self._extras_of(classes)), counselor=counselor)

    @property
    def step(self) -> SigningStep:
        """The next signing step. A counselor signs nothing and is done when no extras are left."""
        if self.counselor:
            return VERIFY_EXTRAS if self.extras else DONE
        return self.signature.step(self.remaining, self.extras)

    @cached_property
    def signature(self) -> SignatureState:
        """The college's signature."""
        rows = self.run.rows("colleges", school=self.school_name, college=self.college)
        return SignatureState() if rows.empty else signature_of(self.run, rows.iloc[0].to_dict())

    @property
    def token(self) -> str:
        """The token that the page carries."""
        return token(self.run.run_id, self.school, self.college)


def by_counselor(students: tuple[ChaseRow, ...], families: tuple[str, ...]) -> list[Group]:
    """Return students of these families by counselor, the most students first, and by class within."""
    found: dict[str, list[ChaseRow]] = {}
    selected = [student for student in students if student.state.family in families]
    for student in sorted(selected, key=lambda c: (c.class_name, families.index(c.state.family), c.student_number)):
        found.setdefault(remaining_work.group_name(student.counselor, "counselor"), []).append(student)
    groups = [Group(counselor, tuple(members)) for counselor, members in found.items()]
    return sorted(groups, key=lambda group: (-len(group.students), group.counselor))


def by_class(students: list[ChaseRow]) -> list[tuple[str, list[ChaseRow]]]:
    """Return the students grouped by class, in their order."""
    classes: dict[tuple[str, str, str], list[ChaseRow]] = {}
    for student in students:
        classes.setdefault((student.school, student.college, student.class_name), []).append(student)
    return [(remaining_work.group_name(key[2], "class_name"), members) for key, members in classes.items()]


def _reasons(roster: Frame, findings: Frame) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the messages of open critical findings by roster position and actor.

    Loops take a third of the time of joins here: a class has few findings.
    """
    positions: dict[str, list[int]] = {}
    for position, owner in enumerate(owners_of(roster)):
        positions.setdefault(owner, []).append(position)
    found: dict[tuple[int, str], dict[str, None]] = {}
    for owner, _, message, actor in _open_issues(findings):
        for position in positions.get(owner, ()):
            found.setdefault((position, actor), {})[message] = None
    return {key: tuple(messages) for key, messages in found.items()}


def _open_issues(findings: Frame) -> list[tuple[str, str, str, str]]:
    """Return owner, cause, message and actor of the open critical findings, once for each mistake.

    The cause is the rule. A shared fault is nobody's own: its field is cause and message, whatever rules it breaks.
    """
    issues = one_per_mistake(open_critical(findings))
    masked = issues.assign(message=by_distinct(issues["message"], mask))
    values = masked.reindex(columns=["rule", "message", "actor", "shared_fault"], fill_value="").to_numpy(object)
    found: list[tuple[str, str, str, str]] = []
    for owner, (rule, message, actor, fault) in zip(owners_of(issues), values.tolist(), strict=True):
        shared = _SHARED.format(label(judged_field(rule))) if fault else ""
        found.append((owner, shared or rule, shared or message, actor))
    return found


def open_reasons(roster: Frame, findings: Frame) -> Frame:
    """Return a row per reason of open critical findings, the most students first. A repeated mistake counts once.

    Columns: `reason` and `who` acts (Chinese), `students`, `freed` (students with no other reason), `share` (`freed` /
    all unapproved students), `family` of states.
    """
    left = roster[roster["status"] != "approved"]
    blocked = owners_of(left[left["status"].isin(_BLOCKED)])
    issues = pd.DataFrame(_open_issues(findings), columns=["owner", "cause", "message", "actor"])
    issues = issues[issues["owner"].isin(blocked)].drop_duplicates(["owner", "cause"])
    alone = ~issues["owner"].duplicated(keep=False)
    found: list[tuple[str, str, int, int, str]] = []
    for _, each in issues.assign(alone=alone).groupby("cause"):
        message, actor = map(str, each[["message", "actor"]].iloc[0])
        family = "fix" if actor == "student" else "verify"
        found.append((message, ACTORS[actor], len(each), int(each["alone"].sum()), family))
    missing = int((left["status"] == "missing").sum())
    if missing:
        found.append(("还没有提交信息", states()["missing"].who, missing, missing, "missing"))
    found.sort(key=lambda row: (-row[2], row[0]))
    frame = pd.DataFrame(found, columns=["reason", "who", "students", "freed", "family"])
    return frame.assign(share=frame["freed"] / max(len(left), 1))


def college_extras(run: Run, school: str, college: str) -> list[Extra]:
    """Return the submissions outside the roster that claim a college. `school` is a name."""
    if not run.has("differences"):
        return []
    columns = ["kind", "student_number", "name", "submission_id"]
    rows = run.rows("differences", columns=columns, school=school, college=college)
    rows = rows[rows["kind"] == "extra"]
    claimed = run.rows_in(
        "submissions", "submission_id", list(rows["submission_id"]), ["submission_id", "class_name"], school
    )
    classes = dict(zip(claimed["submission_id"], claimed["class_name"], strict=True))
    people = zip(rows["student_number"], rows["name"], rows["submission_id"], strict=True)
    return [Extra(str(number), str(name), str(classes.get(submission, ""))) for number, name, submission in people]


def count_extras(run: Run, code: str = "") -> Counter[tuple[str, str]]:
    """Count submissions outside the rosters by (school name, college), of one school's code or of all."""
    if not run.has("headcount"):
        return Counter()
    rows = run.of_school("headcount", code, ["school", "college", "extra"])
    counts: Counter[tuple[str, str]] = Counter()
    for name, college, number in rows[rows["extra"] > 0].itertuples(index=False):
        counts[str(name), str(college)] += int(number)
    return counts
