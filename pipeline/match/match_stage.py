"""The match stage: whose the submissions are, which of them count, the evidence, and what the registry completes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.knowledge.codes import covered
from pipeline.match.evidence import find_evidence
from pipeline.match.keys import PERSON_KEYS, key_frame
from pipeline.match.membership import with_scope
from pipeline.match.persons import WITHDRAWN, counting, made_at
from pipeline.match.settle import CLASHES, FLAGS, OWNED, flag_columns, settle_persons, submission_keys
from pipeline.normalise.dates import AMBIGUOUS
from pipeline.tables import CHANGES, Frame

MARKS: dict[str, bool | str] = {
    **dict.fromkeys([*CLASHES, *OWNED[: len(CLASHES)], "untimed"], False),
    **dict.fromkeys(["later_id", "later_cause", "contacts_changed"], ""),
}
"""What may be known of a submission beside its evidence, with what stands where nothing is: values that are shared,
a time that is none, other submissions of the same person."""
COMPLETED = ("education_level", "graduation_month", "enrolment_month")
"""Fields that the registry's value completes where it is one of those that the given one may mean."""
CONTACTS = ["phone", "qq", "email", "home_address"]
_MANY = 2  # contacts that change at once: who does that may be somebody else (contract, *Whose row counts*)
CLASSES = ["school", "class_name", "college", "major"]
PHOTOS = {
    "found": bool, "readable": bool, "bytes": "int64", "width": "int64", "height": "int64", "shared": bool,
    "shared_owned": bool,
}  # fmt: skip


@dataclass(frozen=True)
class Matched:
    """What check starts from: submissions, those that count with their evidence, and the registry.

    Where schools are worked on apart, `registry` ends with guests: the few rows of schools elsewhere that a submission
    here may be. They can be matched, but are nobody's students here: `students` are the first `own` rows.
    """

    submissions: Frame
    counting: Frame
    evidence: Frame
    registry: Frame
    own: int
    classes: Frame
    """`school, class_name, college, major` as the registries have them, of every school that matters here."""
    marks: Frame
    """What else is known of the counting submissions: the columns `MARKS`."""
    unread: dict[str, str]
    """School name to the reason why its registry could not be read."""
    photos: Frame | None
    """`PHOTOS` of the counting submissions; None where no photos are collected."""
    made_at: pd.Series
    """When each submission counts as made (`persons.made_at`)."""
    later: Frame
    """Submissions made after the one that counts, whose identity is certified while theirs is not."""
    changes: Frame
    """What the registry completed (`fill_from_registry`)."""

    @property
    def students(self) -> Frame:
        """The registry's students of the schools that are worked on."""
        return self.registry.iloc[: self.own]

    def students_with(self, standing: pd.Series) -> Frame:
        """Return the students with the id of the submission that stands on each (`standing_submissions`), or ""."""
        ids = pd.Series("", index=self.students.index, dtype="str")
        ids.iloc[standing.index.to_numpy()] = self.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
        return self.students.assign(submission_id=ids)


def standing_submissions(made_at: pd.Series, evidence: Frame) -> pd.Series:
    """Return, by registry position, the index of the submission that stands on that row.

    A submission stands on its `standing_row`. Where several do, the one whose ID number and name are the row's
    comes first, then the better score, then the later one.
    """
    rows = evidence[["standing_row", "score"]].assign(
        whole=evidence["id_name_row"] == evidence["matched_row"],
        made_at=made_at.loc[evidence.index],
        at=evidence.index,
    )
    rows = rows[rows["standing_row"] >= 0].sort_values(["standing_row", "whole", "score", "made_at", "at"])
    return rows.drop_duplicates("standing_row", keep="last").set_index("standing_row")["at"]


def first_submissions(matched: Matched) -> Frame:
    """Return each person's first submission where a later one counts instead, in the order they were read."""
    others = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    earlier = others.drop(index=matched.later.index, errors="ignore")
    in_time = earlier.loc[matched.made_at.loc[earlier.index].sort_values(kind="stable").index]
    return in_time.drop_duplicates("superseded_by").sort_index()


def fill_from_registry(submissions: Frame, evidence: Frame, registry: Frame, classes: Frame) -> tuple[Frame, Frame]:
    """Return submissions that count with what the registry completes, and the `changes` that this makes.

    A blank major is filled from the class (the notice: choose the class, not the major); a bare 研究生 takes the
    registry's own level where the row is matched (fields.csv); 2017.1 is the registry's January or October (traps.md).
    """
    matched = evidence["matched_row"].to_numpy()
    filled = submissions.copy()
    blank = submissions[submissions["major"] == ""]
    filled.loc[blank.index, "major"] = _majors(blank, classes)
    for name in COMPLETED if len(registry) else ():
        held = registry[name].take(matched.clip(0)).set_axis(submissions.index)
        filled[name] = submissions[name].where(~(_completes(name, submissions[name], held) & (matched >= 0)), held)
    parts: list[Frame] = []
    for name in ("major", *COMPLETED):
        changed = submissions[name] != filled[name]
        told = {"submission_id": submissions["submission_id"], "given": submissions[name], "kept": filled[name]}
        part = pd.DataFrame({key: column[changed] for key, column in told.items()})
        parts.append(part.assign(field=name, why="按班级补填专业" if name == "major" else "按学籍补全"))
    return filled, pd.concat(parts, ignore_index=True)[CHANGES]


def _completes(name: str, given: pd.Series, held: pd.Series) -> pd.Series:
    """Return where the registry's value completes the one that was given."""
    if name == "education_level":
        return covered(name, given, held)
    year = given.str.slice(0, 4)
    return given.str.fullmatch(AMBIGUOUS) & ((held == year + "-01") | (held == year + "-10"))


def _majors(submissions: Frame, classes: Frame) -> pd.Series:
    """Return the one major of each submission's class; a class with several has none to fill in."""
    keys = ["school", "class_name"]
    groups = classes.loc[classes["major"] != "", [*keys, "major"]].drop_duplicates()
    single = groups[~groups.duplicated(keys, keep=False)]
    return submissions[keys].join(single.set_index(keys)["major"], on=keys)["major"].fillna("").astype("str")


def resubmissions(submissions: Frame) -> dict[str, pd.Series]:
    """Return for each submission that counts what its person's others say, blank where nothing is said.

    `later_id` is the last submission made after the one that counts whose identity is not certified while that one's
    is. `contacts_changed` has the labels of the contacts that a certified earlier one gives otherwise, where they are
    two or more.
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
    differ = pd.DataFrame(
        {name: (then[name] != "") & (then[name].str.lower() != now[name].str.lower()) for name in CONTACTS}
    )
    many = differ[differ.sum(axis=1) >= _MANY]
    told = ["、".join(fields.label(name) for name in CONTACTS if row[name]) for _, row in many.iterrows()]
    whose = mine["superseded_by"].reset_index(drop=True).loc[many.index]
    return pd.Series(told, index=whose, dtype="str").groupby(level=0).last()


@dataclass(frozen=True)
class Registries:
    """What match looks in: registry rows (guests after the first `own`), classes, registries that are missing."""

    rows: Frame
    own: int
    classes: Frame
    unread: dict[str, str]

    @classmethod
    def of(cls, rows: Frame, unread: dict[str, str] | None = None) -> Self:
        """Return the registries of a whole cohort: normalised rows, and which schools' could not be read, and why."""
        return cls(rows, len(rows), rows[CLASSES].drop_duplicates(), unread or {})


def match(
    submissions: Frame, registries: Registries, latest: datetime, withdrawn: Collection[str] = frozenset()
) -> Matched:
    """Return what check starts from: persons, superseding, clashes, schools and evidence, settled for a whole cohort.

    Args:
        submissions: normalised submissions with distinct ids, in the order they were read; where photos are collected,
            what they are (`photo_` and a name of `PHOTOS`, `photo_sha256`, `photo_phash`) beside the table's columns.
        registries: of the whole cohort.
        latest: a time past it cannot be right (`persons.latest_moment`).
        withdrawn: ids of the submissions that a decision took out.
    """
    rows = pd.concat([submissions, made_at(submissions, latest)], axis=1).reset_index(drop=True)
    live = ~rows["submission_id"].isin(list(withdrawn)).to_numpy()
    settled = settle_persons(submission_keys(rows), key_frame(registries.rows, PERSON_KEYS), live)
    ids = rows["submission_id"].to_numpy(dtype=object)
    instead = np.where(settled.counts == np.arange(len(rows)), "", ids[settled.counts])
    superseded_by = pd.Series(np.where(live, instead, WITHDRAWN), index=rows.index, dtype="str")
    return match_settled(rows.assign(superseded_by=superseded_by, **flag_columns(settled.flags)), registries)


def match_settled(rows: Frame, registries: Registries) -> Matched:
    """Return what check starts from, of rows of which `settle` has told what needs all rows at once.

    They are as `match` takes them, with `superseded_by`, the columns `FLAGS` and those of `persons.made_at`.
    """
    counted = counting(rows)
    evidence = find_evidence(counted, registries.rows)
    filled, changes = fill_from_registry(counted, evidence, registries.rows, registries.classes)
    told = {*FLAGS, "made_at", "timed", "untimed"}
    beside = [name for name in rows if name in told or str(name).startswith("photo_")]
    submissions = rows.drop(columns=beside)
    for column in ("major", *COMPLETED):
        submissions.loc[counted.index, column] = filled[column]
    return Matched(
        submissions=submissions,
        counting=filled.drop(columns=beside),
        evidence=evidence,
        registry=with_scope(registries.rows),
        own=registries.own,
        classes=registries.classes,
        marks=counted.reindex(columns=list(MARKS)).assign(later_cause="", **resubmissions(rows)),
        unread=registries.unread,
        photos=_photos(counted),
        made_at=rows["made_at"],
        later=submissions[rows["later"]],
        changes=changes,
    )


def _photos(submissions: Frame) -> Frame | None:
    if "photo_found" not in submissions:
        return None
    return pd.DataFrame({name: submissions[f"photo_{name}"] for name in PHOTOS}, index=submissions.index)
