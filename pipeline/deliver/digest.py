"""What one mail says, as plain data: the numbers, the classes, whom to chase and why. No layout, no address."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from pipeline.deliver.recipients import Recipient, digest, within
from pipeline.deliver.source import Key, Source
from pipeline.logs import mask
from pipeline.render.theme import FAMILY_OF
from pipeline.review.status import open_critical
from pipeline.tables import ACTORS, STATUSES

# What each state waits for, in the order in which it is worth chasing.
WAITS_FOR: dict[str, str] = {
    "counselor": "辅导员", "missing": "学生", "correct": "学生", "returned": "学生", "registrar": "教务处",
    "not_checked": "就业办", "stale": "学院", "awaiting": "学院",
}  # fmt: skip
_WITHOUT_FINDING: dict[str, str] = {
    "missing": "尚未提交", "returned": "审核退回，等待重新提交", "awaiting": "等待学院审核",
    "stale": "审核通过后有改动，需要复核", "not_checked": "部分项目尚未核验", "registrar": "等待教务处更正学籍",
    "counselor": "请核实", "correct": "请更正",
}  # fmt: skip
REASONS_SHOWN = 3  # of one student, in a line
TOP_REASONS = 6


@dataclass(frozen=True)
class Tally:
    """Students by state: of one class, one college or all that a recipient sees."""

    label: str
    note: str
    registered: int
    done: int
    review: int
    verify: int
    fix: int
    missing: int

    @property
    def left(self) -> int:
        """Return how many are not approved yet."""
        return self.registered - self.done

    @property
    def percent(self) -> int:
        """Return the approved share, rounded down: 100 only where all are."""
        return self.done * 100 // self.registered if self.registered else 0


@dataclass(frozen=True)
class Chase:
    """One student who is not done: where, who, in which state, who must act, why."""

    school: str
    college: str
    class_name: str
    student_number: str
    name: str
    status: str
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Return the first reasons in one line."""
        more = f"；等 {len(self.reasons)} 项" if len(self.reasons) > REASONS_SHOWN else ""
        return "；".join(self.reasons[:REASONS_SHOWN]) + more

    @property
    def state(self) -> str:
        """Return the state in Chinese."""
        return STATUSES[self.status]

    @property
    def waits_for(self) -> str:
        """Return who must act."""
        return WAITS_FOR[self.status]


@dataclass(frozen=True)
class Digest:
    """All that one mail shows."""

    as_of: date
    total: Tally
    by_status: dict[str, int]
    groups: tuple[Tally, ...]
    chase: tuple[Chase, ...]
    reasons: tuple[tuple[str, int], ...]
    """Open critical findings: message and number of students."""
    progress: pd.DataFrame
    """Columns `day` (ISO date), `submitted`, `approved`: cumulative students per day."""
    extras: int = 0
    """Submissions of people outside the roster that claim a place among the reader's students."""

    @property
    def content(self) -> str:
        """Return the digest of what a reader would call news: no dates, no days left."""
        states = [[c.school, c.class_name, c.student_number, c.status, *c.reasons] for c in self.chase]
        tallies = [[t.label, t.note, t.registered, t.done, t.review, t.verify, t.fix, t.missing] for t in self.groups]
        extras = [self.extras] if self.extras else []  # without any it is the digest of the mails of earlier versions
        return digest(json.dumps([states, tallies, *extras], ensure_ascii=False))


def counselor_digest(source: Source, recipient: Recipient) -> Digest:
    """Return what a counselor is told: of the classes in the recipient's scope and of no other."""
    roster = within(source.roster, ["school", "college", "class_name"], recipient.scope)
    many_colleges = roster["college"].nunique() > 1 or roster["school"].nunique() > 1
    notes = roster["college"] if many_colleges else pd.Series("", index=roster.index, dtype="str")
    extras = within(source.extras, ["school", "college", "class_name"], recipient.scope)
    return replace(_digest(source, roster, roster["class_name"], notes), extras=len(extras))


def secretary_digest(source: Source, recipient: Recipient) -> Digest:
    """Return what a college's secretary is told: each class with its counselor."""
    roster = within(source.roster, ["school", "college"], recipient.scope)
    extras = within(source.extras, ["school", "college"], recipient.scope)
    return replace(_digest(source, roster, roster["class_name"], roster["counselor"]), extras=len(extras))


def _digest(source: Source, roster: pd.DataFrame, labels: pd.Series, notes: pd.Series) -> Digest:
    findings = _owned(source.findings, roster)
    return Digest(
        as_of=source.as_of,
        total=_tally("合计", "", roster["status"]),
        by_status={status: int((roster["status"] == status).sum()) for status in STATUSES},
        groups=_tallies(roster, labels, notes),
        chase=_chase(roster, findings, source.returned),
        reasons=_reasons(findings),
        progress=_progress(source.first_came, roster),
    )


def _tally(label: str, note: str, status: pd.Series) -> Tally:
    counts = status.map(FAMILY_OF).value_counts().to_dict()
    family = {name: int(counts.get(name, 0)) for name in ("done", "review", "verify", "fix", "missing")}
    return Tally(label, note, len(status), **family)


def _tallies(roster: pd.DataFrame, labels: pd.Series, notes: pd.Series) -> tuple[Tally, ...]:
    """Return a tally per class, the ones with most left first."""
    keyed = roster.assign(label=labels, note=notes)
    groups = keyed.groupby(["school", "college", "label"], sort=True)
    tallies = [_tally(str(key[2]), str(group["note"].iloc[0]), group["status"]) for key, group in groups]
    return tuple(sorted(tallies, key=lambda tally: (-(tally.missing + tally.fix + tally.verify), -tally.left)))


def _owned(findings: pd.DataFrame, roster: pd.DataFrame) -> pd.DataFrame:
    """Return the open critical findings of the roster's students, each with the student's `owner` (roster position).

    A finding belongs to the submission it names; one that names none, to the student number in the school.
    """
    found = open_critical(findings)
    owner = pd.Series(range(len(roster)), index=roster["submission_id"].to_numpy())
    owner = owner[(owner.index != "") & ~owner.index.duplicated()]
    by_submission = found["submission_id"].map(owner)
    numbers = pd.Series(
        range(len(roster)), index=pd.MultiIndex.from_frame(roster[["school", "student_number"]]), dtype="float64"
    )
    numbers = numbers[~numbers.index.duplicated()]
    asked = pd.MultiIndex.from_frame(found[["school", "student_number"]])
    by_number = pd.Series(numbers.reindex(asked).to_numpy(), index=found.index)
    position = by_number.mask(found["submission_id"].ne(""), by_submission)
    return found.assign(owner=position)[position.notna()].astype({"owner": "int64"})


def _chase(roster: pd.DataFrame, findings: pd.DataFrame, returned: dict[Key, str]) -> tuple[Chase, ...]:
    told = _told(findings)
    order = {status: place for place, status in enumerate(WAITS_FOR)}
    columns = ["school", "college", "class_name", "student_number", "name", "status"]
    rows: list[Chase] = []
    for place, row in enumerate(roster[columns].itertuples(index=False, name=None)):
        *where, number, name, status = map(str, row)
        if status in WAITS_FOR:
            reasons = told.get((place, WAITS_FOR[status]), (_WITHOUT_FINDING[status],))
            if status == "returned" and (where[0], number) in returned:
                reasons = (f"退回：{mask(returned[where[0], number])}",)
            rows.append(Chase(where[0], where[1], where[2], number, mask(name), status, reasons))
    return tuple(sorted(rows, key=lambda c: (order[c.status], c.school, c.college, c.class_name, c.student_number)))


def _told(findings: pd.DataFrame) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the reasons, by roster position and by who must act."""
    told: dict[tuple[int, str], dict[str, None]] = {}
    rows = zip(findings["owner"].tolist(), findings["actor"], findings["message"], strict=True)
    for owner, actor, message in rows:
        told.setdefault((int(owner), ACTORS.get(str(actor), "")), {})[mask(str(message))] = None
    return {key: tuple(messages) for key, messages in told.items()}


def _reasons(findings: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    if findings.empty:
        return ()
    people = findings.groupby("message")["owner"].nunique().sort_values(ascending=False, kind="stable")
    return tuple((mask(str(message)), int(count)) for message, count in people.head(TOP_REASONS).items())


def _progress(first_came: pd.Series, roster: pd.DataFrame) -> pd.DataFrame:
    """Return students by day: those who had submitted, those approved by then."""
    submitted = roster.loc[roster["submission_id"].ne(""), "submission_id"]
    came = first_came.reindex(submitted.to_numpy()).fillna("").str[:10]
    decided = roster.loc[roster["status"].eq("approved"), "decided_at"].str[:10]
    came, decided = came[came.ne("")], decided[decided.ne("")]
    days = sorted(set(came) | set(decided))
    counts = pd.DataFrame({"day": pd.Series(days, dtype="str")})
    counts["submitted"] = counts["day"].map(came.value_counts()).fillna(0).cumsum().astype("int64")
    counts["approved"] = counts["day"].map(decided.value_counts()).fillna(0).cumsum().astype("int64")
    return counts
