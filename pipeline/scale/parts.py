"""The files that a part's tasks write to the spool, for later tasks and for the run's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.check.check_stage import Checked
from pipeline.check.findings import NotChecked, without_shared
from pipeline.check.shared import with_shared_faults
from pipeline.knowledge.text_columns import among
from pipeline.match.match_stage import Matched
from pipeline.review.review_stage import DeskRows, desk_rows
from pipeline.scale.part import Part
from pipeline.scale.settings import Judging, RunSettings
from pipeline.scale.spool import Spool
from pipeline.tables import Frame, conform
from pipeline.tabulate.headcount import CLAIMED, make_differences
from pipeline.tabulate.tabulate_stage import Judged, Tabulated, extra_submissions

__all__ = ["Judging", "PartJudged", "PartResult", "RunSettings"]

JUDGED = ("submissions", "changes", "certifications", "registry_findings")
SETTLED = ("findings", "roster", "headcount", "course", "outside", "registry", "differences")
_COUNTED = {"submissions": ["superseded_by", *CLAIMED], "certifications": None}
"""What of the judged tables is looked at where all of them are wanted as they stand."""


@dataclass(frozen=True)
class PartJudged:
    """A judged part's unchecked rules and results of Great Expectations."""

    not_checked: list[NotChecked]
    results: list[dict[str, Any]]
    signs: Frame
    places: Frame
    """What `shared.decide` counts."""


@dataclass(frozen=True)
class PartResult:
    """A part's input for the ranking, its counts, and the states of its colleges."""

    tabulated: Tabulated
    counts: dict[str, Any]
    states: dict[str, Any]


def keep_judged(spool: Spool, part: Part, matched: Matched, checked: Checked, changes: Frame) -> None:
    """Write the results of match and check of one part."""
    frames = {
        "submissions": conform(matched.submissions, "submissions"),
        "changes": conform(pd.concat([changes, matched.changes], ignore_index=True), "changes"),
        "certifications": checked.certifications,
        "registry_findings": checked.registry_findings,
        "judged": checked.findings,
        "students": matched.students_with(checked.standing),
        "alone": extra_submissions(matched),
        "first": checked.first,
        "signs": checked.signs,
        "first_signs": checked.first_signs,
    }
    for name, frame in frames.items():
        spool.write(part.name(name), frame)


def lay_shared(spool: Spool, part: Part, faults: Frame) -> None:
    """Apply the shared faults to one part's findings: they are the office's, and no record fails by them."""
    signs, first = spool.read(part.name("signs")), spool.read(part.name("first"))
    findings = with_shared_faults(spool.read(part.name("judged")), signs, faults)
    every = pd.concat([signs, spool.read(part.name("first_signs"))], ignore_index=True)
    own = with_shared_faults(first.assign(actor="", expected="", shared_fault=""), every, faults)
    spool.write(part.name("judged"), findings)
    spool.write(part.name("first"), own.loc[own["shared_fault"] == "", ["submission_id", "rule"]])
    certifications = spool.read(part.name("certifications"))
    spool.write(part.name("certifications"), without_shared(certifications, findings))


def read_judged(spool: Spool, part: Part) -> tuple[Frame, Frame, Judged]:
    """Return students with their matched submission, findings, and the input of the counts."""
    judged = Judged(
        submissions=spool.read(part.name("submissions"), ["submission_id", "superseded_by", "submitted_at"]),
        certifications=spool.read(part.name("certifications")),
        extras=spool.read(part.name("alone")),
        first_failed=set(spool.read(part.name("first"))["submission_id"]),
    )
    return spool.read(part.name("students")), spool.read(part.name("judged")), judged


def keep_settled(spool: Spool, part: Part, tabulated: Tabulated, settings: RunSettings) -> dict[str, Frame]:
    """Write the requested rows of the tables of one part, and return the tables for counting."""
    looked_at = _COUNTED if settings.all_asked else dict.fromkeys(JUDGED)
    judged = {name: spool.read(part.name(name), columns) for name, columns in looked_at.items()}
    tables = settings.asked({**tabulated.tables, **judged})
    submissions = tables["submissions"]
    counting = submissions[submissions["superseded_by"] == ""]
    outside = tables["findings"]["submission_id"][tables["findings"]["rule"] == "cohort.outside"]
    counting = counting[~among(counting["submission_id"], outside)]
    tables["differences"] = make_differences(tables["roster"], counting)
    for name in SETTLED if settings.all_asked else tables:
        spool.write(part.name(name), tables[name])
    return tables


def ledger_name(part: int) -> str:
    """Return the spool name of the ledger entries about a part's schools."""
    return f"ledger/{part}"


def ledger_of(spool: Spool, part: Part) -> Frame:
    """Return the ledger entries about a part's schools."""
    return spool.read(ledger_name(part.number))


def desk_of(spool: Spool, part: Part, numbers: set[str], made_on: set[str]) -> DeskRows:
    """Return the rows of one part that decisions on these student numbers need."""
    students, findings = spool.read(part.name("students")), spool.read(part.name("judged"))
    return desk_rows(students, spool.read(part.name("submissions")), findings, numbers, made_on)
