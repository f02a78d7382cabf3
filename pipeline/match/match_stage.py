"""The match stage: whose the submissions are, which of them count, the evidence, and what the registry completes."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
from pipeline.tables import Frame

MARKS: dict[str, bool | str] = {
    **dict.fromkeys([*CLASHES, *OWNED[: len(CLASHES)], "untimed"], False),
    **dict.fromkeys(["later_id", "later_cause", "contacts_changed"], ""),
}
"""What may be known of a submission beside its evidence, with what stands where nothing is: values that are shared
(`clashes`), a time that is none (`times`), other submissions of the same person (`resubmitted`)."""


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
    """`stage.PHOTOS` of the counting submissions; None where no photos are collected."""
    made_at: pd.Series
    """When each submission counts as made (`times.made_at`)."""
    later: Frame
    """Submissions made after the one that counts, whose identity is certified while theirs is not."""
    changes: Frame
    """What the registry completed (`fill_from_registry`)."""

    @property
    def students(self) -> Frame:
        """The registry's students of the schools that are worked on."""
        return self.registry.iloc[: self.own]

    def students_with(self, standing: pd.Series) -> Frame:
        """Return the students with the id of the submission that stands on each, blank where none does.

        Args:
            standing: by registry position, the index of the submission that stands there (`standing_submissions`).
        """
        ids = pd.Series("", index=self.students.index, dtype="str")
        ids.iloc[standing.index.to_numpy()] = self.counting["submission_id"].loc[standing.to_numpy()].to_numpy()
        return self.students.assign(submission_id=ids)


def standing_submissions(made_at: pd.Series, evidence: Frame) -> pd.Series:
    """Return, by registry position, the index of the submission that stands on that row.

    A submission stands on its `standing_row`. Where several do, the one whose ID number and name are the row's
    comes first, then the better score, then the later one.

    Args:
        made_at: when each submission counts as made (`times.made_at`).
        evidence: `find_evidence` of those that count.
    """
    rows = pd.DataFrame(
        {
            "row": evidence["standing_row"],
            "whole": evidence["id_name_row"] == evidence["matched_row"],
            "score": evidence["score"],
            "made_at": made_at.loc[evidence.index],
            "at": evidence.index,
        }
    )
    rows = rows[rows["row"] >= 0].sort_values(["row", "whole", "score", "made_at", "at"])
    return rows.drop_duplicates("row", keep="last").set_index("row")["at"]


def first_submissions(matched: Matched) -> Frame:
    """Return each person's first submission where a later one counts instead, in the order they were read."""
    others = matched.submissions[~matched.submissions["superseded_by"].isin(["", WITHDRAWN])]
    earlier = others.drop(index=matched.later.index, errors="ignore")
    in_time = earlier.loc[matched.made_at.loc[earlier.index].sort_values(kind="stable").index]
    return in_time.drop_duplicates("superseded_by").sort_index()


def fill_from_registry(submissions: Frame, evidence: Frame, registry: Frame, classes: Frame) -> tuple[Frame, Frame]:
    """Return submissions with what the registry completes, and the `changes` that this makes.

    A blank major is filled from the class (the notice: choose the class, not the major); a bare 研究生 takes the
    registry's own level where the row is matched (fields.csv); 2017.1 is the registry's January or October (traps.md).

    Args:
        submissions: the submissions that count.
        evidence: `find_evidence` of them.
        registry: normalised registry rows.
        classes: `school, class_name, major` of the registry's classes, of every school that a submission names.
    """
    matched = evidence["matched_row"].to_numpy()
    filled = submissions.copy()
    blank = submissions[submissions["major"] == ""]
    filled.loc[blank.index, "major"] = _majors(blank, classes)
    if len(registry):
        for name, completes in COMPLETED.items():
            held = registry[name].take(matched.clip(0)).set_axis(submissions.index)
            filled[name] = submissions[name].where(~(completes(submissions[name], held) & (matched >= 0)), held)
    why = {"major": "按班级补填专业", **dict.fromkeys(COMPLETED, "按学籍补全")}
    parts = [_changes(submissions, filled, name, reason) for name, reason in why.items()]
    return filled, pd.concat(parts, ignore_index=True)


def _completes_level(given: pd.Series, held: pd.Series) -> pd.Series:
    return covered("education_level", given, held)


def _completes_month(given: pd.Series, held: pd.Series) -> pd.Series:
    year = given.str.slice(0, 4)
    ambiguous = given.str.fullmatch(AMBIGUOUS)
    return ambiguous & ((held == year + "-01") | (held == year + "-10"))


COMPLETED: dict[str, Callable[[pd.Series, pd.Series], pd.Series]] = {
    "education_level": _completes_level,
    "graduation_month": _completes_month,
    "enrolment_month": _completes_month,
}
"""By field: where the registry's value (second) completes the one that was given."""


def _majors(submissions: Frame, classes: Frame) -> pd.Series:
    """Return the one major of each submission's class; a class with several has none to fill in."""
    keys = ["school", "class_name"]
    groups = classes.loc[classes["major"] != "", [*keys, "major"]].drop_duplicates()
    single = groups[~groups.duplicated(keys, keep=False)]
    return submissions[keys].join(single.set_index(keys)["major"], on=keys)["major"].fillna("").astype("str")


def _changes(given: Frame, filled: Frame, name: str, why: str) -> Frame:
    changed = given[name] != filled[name]
    return pd.DataFrame(
        {
            "submission_id": given["submission_id"][changed],
            "field": name,
            "given": given[name][changed],
            "kept": filled[name][changed],
            "why": why,
        }
    )


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


CLASSES = ["school", "class_name", "college", "major"]
PHOTOS = {
    "found": bool, "readable": bool, "bytes": "int64", "width": "int64", "height": "int64", "shared": bool,
    "shared_owned": bool,
}  # fmt: skip
_TIMES = ["made_at", "timed", "untimed"]


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
        latest: a time past it cannot be right (`times.latest_moment`).
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

    Args:
        rows: as `match` takes them, with `superseded_by`, the columns `FLAGS` and those of `times.made_at`.
        registries: of the schools that the rows are of.
    """
    counted = counting(rows)
    evidence = find_evidence(counted, registries.rows)
    filled, changes = fill_from_registry(counted, evidence, registries.rows, registries.classes)
    beside = [name for name in rows if name in {*FLAGS, *_TIMES} or str(name).startswith("photo_")]
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
