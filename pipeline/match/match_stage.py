"""The match stage: persons, the submissions that count, their evidence, and what the registry completes."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline import fields
from pipeline.knowledge.codes import covers
from pipeline.match.evidence import find_evidence
from pipeline.match.persons import (
    CLASHES,
    FLAGS,
    OWNER_FLAGS,
    WITHDRAWN,
    counting,
)
from pipeline.normalise.dates import AMBIGUOUS
from pipeline.tables import CHANGES, Frame

MARKS: dict[str, bool | str] = {
    **dict.fromkeys([*CLASHES, *OWNER_FLAGS[: len(CLASHES)], "untimed"], False),
    **dict.fromkeys(["later_id", "later_cause", "contacts_changed"], ""),
}
"""Columns of `Matched.marks` with their defaults: shared values, unreadable times, other submissions of the person."""
COMPLETED = ("education_level", "graduation_month", "enrolment_month")
"""Fields that the registry's value completes where it is one of those that the given one may mean."""
CONTACTS = ["phone", "qq", "email", "home_address"]
_MANY_CHANGED = 2  # contacts changed at once: this may be another person (contract, *Whose row counts*)
CLASSES = ["school", "class_name", "college", "major"]
PHOTOS = {
    "found": bool, "readable": bool, "bytes": "int64", "width": "int64", "height": "int64", "shared": bool,
    "shared_owned": bool,
}  # fmt: skip


@dataclass(frozen=True)
class Matched:
    """The input of check: submissions, those that count with their evidence, and the registry.

    `registry` ends with foreign rows of other parts. `students` are the first `local_count` rows.
    """

    submissions: Frame
    counting: Frame
    evidence: Frame
    registry: Frame
    local_count: int
    classes: Frame
    """`school, class_name, college, major` as the registries have them, of every school that matters here."""
    marks: Frame
    """What else is known of the counting submissions: the columns `MARKS`."""
    unread: dict[str, str]
    """School name to the reason why its registry could not be read."""
    photos: Frame | None
    """`PHOTOS` of the counting submissions; None where no photos are collected."""
    order_time: pd.Series
    """The time of each submission in seconds (`persons.submission_times`)."""
    later: Frame
    """Submissions made after the one that counts, whose identity is certified while theirs is not."""
    changes: Frame
    """What the registry completed (`fill_from_registry`)."""

    @property
    def students(self) -> Frame:
        """The registry's students of the schools in this part."""
        return self.registry.iloc[: self.local_count]

    def students_with(self, standing: pd.Series) -> Frame:
        """Return the students with the id of the submission that stands on each (`roster_submissions`), or ""."""
        ids = pd.Series("", index=self.students.index, dtype="str")
        ids.iloc[standing.index.to_numpy()] = self.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
        return self.students.assign(submission_id=ids)


def roster_submissions(order_time: pd.Series, evidence: Frame) -> pd.Series:
    """Return by registry position the index of the submission that counts for that row (`roster_row`).

    Of several, the one with the row's ID number and name comes first, then the better score, then the later one.
    """
    rows = evidence[["roster_row", "score"]].assign(
        both_match=evidence["id_name_row"] == evidence["matched_row"],
        order_time=order_time.loc[evidence.index],
        at=evidence.index,
    )
    rows = rows[rows["roster_row"] >= 0].sort_values(["roster_row", "both_match", "score", "order_time", "at"])
    return rows.drop_duplicates("roster_row", keep="last").set_index("roster_row")["at"]


def first_submissions(matched: Matched) -> Frame:
    """Return each person's first submission if a later one counts, in the order they were read."""
    others = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    earlier = others.drop(index=matched.later.index, errors="ignore")
    in_time = earlier.loc[matched.order_time.loc[earlier.index].sort_values(kind="stable").index]
    return in_time.drop_duplicates("superseded_by").sort_index()


def fill_from_registry(submissions: Frame, evidence: Frame, registry: Frame, classes: Frame) -> tuple[Frame, Frame]:
    """Return counting submissions with values that the registry completes, and the `changes`.

    A blank major is the class's (the notice: choose the class). A bare 研究生 becomes the matched row's level
    (fields.csv). 2017.1 becomes the registry's January or October (traps.md).
    """
    matched = evidence["matched_row"].to_numpy()
    filled = submissions.copy(deep=False)  # pandas copies a column when it is written to
    blank = submissions[submissions["major"] == ""]
    keys = ["school", "class_name"]
    groups = classes.loc[classes["major"] != "", [*keys, "major"]].drop_duplicates()
    single = groups[~groups.duplicated(keys, keep=False)].set_index(keys)["major"]
    filled.loc[blank.index, "major"] = blank[keys].join(single, on=keys)["major"].fillna("").astype("str")
    for name in COMPLETED if len(registry) else ():
        known = registry[name].take(matched.clip(0)).set_axis(submissions.index)
        filled[name] = submissions[name].where(~(_can_complete(name, submissions[name], known) & (matched >= 0)), known)
    parts: list[Frame] = []
    for name in ("major", *COMPLETED):
        changed = submissions[name] != filled[name]
        columns = {"submission_id": submissions["submission_id"], "given": submissions[name], "kept": filled[name]}
        part = pd.DataFrame({key: column[changed] for key, column in columns.items()})
        parts.append(part.assign(field=name, why="按班级补填专业" if name == "major" else "按学籍补全"))
    return filled, pd.concat(parts, ignore_index=True)[CHANGES]


def _can_complete(name: str, given: pd.Series, registered: pd.Series) -> pd.Series:
    if name == "education_level":
        return covers(name, given, registered)
    year = given.str.slice(0, 4)
    return given.str.fullmatch(AMBIGUOUS) & ((registered == year + "-01") | (registered == year + "-10"))


def resubmissions(submissions: Frame) -> dict[str, pd.Series]:
    """Return what the same person's other submissions say of each counting one, or "".

    `later_id`: the last later submission that is not certified, while the counting one is. `contacts_changed`: labels
    of two or more contacts that differ in a certified earlier one.
    """
    submissions = submissions[["submission_id", "superseded_by", "order_time", "later", "certified", *CONTACTS]]
    counted = counting(submissions)
    superseded = submissions[~submissions["superseded_by"].isin(["", WITHDRAWN])]
    later = superseded[superseded["later"]].sort_values("order_time", kind="stable")
    later = later.drop_duplicates("superseded_by", keep="last")
    ids = later.set_index("superseded_by")["submission_id"]
    earlier = superseded[superseded["certified"] & ~superseded["later"]]
    by_id = {"later_id": ids, "contacts_changed": _changed_contacts(earlier, counted[counted["certified"]])}
    return {name: counted["submission_id"].map(values).astype("str").fillna("") for name, values in by_id.items()}


def _changed_contacts(earlier: Frame, counted: Frame) -> pd.Series:
    after = counted.set_index("submission_id")[CONTACTS]
    same = earlier[earlier["superseded_by"].isin(after.index)]
    before, after = same[CONTACTS].reset_index(drop=True), after.loc[same["superseded_by"]].reset_index(drop=True)
    differ = pd.DataFrame(
        {name: (before[name] != "") & (before[name].str.lower() != after[name].str.lower()) for name in CONTACTS}
    )
    many = differ[differ.sum(axis=1) >= _MANY_CHANGED]
    labels = ["、".join(fields.label(name) for name in CONTACTS if row[name]) for _, row in many.iterrows()]
    ids = same["superseded_by"].reset_index(drop=True).loc[many.index]
    return pd.Series(labels, index=ids, dtype="str").groupby(level=0).last()


@dataclass(frozen=True)
class Registries:
    """The input of match: registry rows (foreign after the first `local_count`), classes, and unread registries."""

    rows: Frame
    local_count: int
    classes: Frame
    unread: dict[str, str]


def match_resolved(rows: Frame, registries: Registries) -> Matched:
    """Return the evidence and marks of normalised submissions with distinct ids, in the order of reading.

    They have `superseded_by`, `FLAGS`, the columns of `submission_times` and, if photos are collected, of `photos_of`.
    """
    counted = counting(rows)
    evidence = find_evidence(counted, registries.rows)
    filled, changes = fill_from_registry(counted, evidence, registries.rows, registries.classes)
    internal = {*FLAGS, "order_time", "timed", "untimed"}
    extra = [name for name in rows if name in internal or str(name).startswith("photo_")]
    submissions = rows.drop(columns=extra)
    for column in ("major", *COMPLETED):
        submissions.loc[counted.index, column] = filled[column]
    columns = {name: f"photo_{name}" for name in PHOTOS}
    return Matched(
        submissions=submissions,
        counting=filled.drop(columns=extra),
        evidence=evidence,
        registry=registries.rows,
        local_count=registries.local_count,
        classes=registries.classes,
        marks=counted.reindex(columns=list(MARKS)).assign(later_cause="", **resubmissions(rows)),
        unread=registries.unread,
        photos=counted[list(columns.values())].set_axis([*columns], axis=1) if "photo_found" in counted else None,
        order_time=rows["order_time"],
        later=submissions[rows["later"]],
        changes=changes,
    )
