"""What the tasks of one part read from the spool, and what they write to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import fields
from pipeline.check.check_stage import Checked
from pipeline.check.findings import NotChecked, without_shared
from pipeline.check.shared import with_shared_faults
from pipeline.knowledge.text_columns import is_in
from pipeline.match.match_stage import CLASSES, Matched, Registries
from pipeline.match.persons import FLAGS, WITHDRAWN, flag_columns
from pipeline.normalise.normalise_rows import distinct_ids
from pipeline.review.decisions import registry_digest
from pipeline.review.worksheet import ReviewRows
from pipeline.scale.layout import Part, RunSettings
from pipeline.scale.reading import no_rows
from pipeline.scale.spool import Spool
from pipeline.tables import CHANGES, Frame, conform
from pipeline.tabulate.tabulate_stage import CLAIMED, Judged, Tabulated, extra_submissions, make_differences

Positions = npt.NDArray[np.int64]
WITHDRAWN_BIT, MOVED_BIT = 1 << len(FLAGS), 1 << (len(FLAGS) + 1)
"""Bits in addition to `FLAGS`: withdrawn by a decision; processed in another part than its school's."""
CHECK_TABLES = ("submissions", "changes", "certifications", "registry_findings")
REVIEW_TABLES = ("findings", "roster", "headcount", "course", "outside", "registry", "differences")
_COUNT_COLUMNS = {"submissions": ["superseded_by", *CLAIMED], "certifications": None}
"""The columns of the checked tables that the counts need, where no rows are filtered out."""


def home_rows(spool: Spool, part: Part) -> Frame:
    """Return the submissions of the part's schools with their ids, in the order of reading."""
    rows = spool.read_all(part.unit_frames("submissions"), empty=no_rows())
    return rows.assign(submission_id=distinct_ids(rows["submission_id"]))


def fetch_submissions(spool: Spool, part: Part, orders: Positions, columns: list[str] | None = None) -> Frame:
    """Return submissions of the part's schools by `order`: whole rows with ids, or some columns."""
    rows = spool.read_all(part.unit_frames("submissions"), [*columns, "order"]) if columns else home_rows(spool, part)
    return rows[rows["order"].isin(orders)].reset_index(drop=True)


def fetch_registry(spool: Spool, wanted: list[tuple[str, Positions]]) -> Frame:
    """Return registry rows by registry and position, registry by registry."""
    return pd.concat([spool.read(name).iloc[rows] for name, rows in wanted], ignore_index=True)


def find_ids(spool: Spool, part: Part, wanted: set[str]) -> Positions:
    """Return the `order` of the part's submissions with these ids."""
    rows = spool.read_all(part.unit_frames("submissions"), ["submission_id", "order"], empty=no_rows())
    return rows["order"][distinct_ids(rows["submission_id"]).isin(list(wanted))].to_numpy()


def part_submissions(spool: Spool, part: Part) -> tuple[Frame, Frame]:
    """Return the submissions that this part processes (for `match_resolved`), and the changes of its schools."""
    home = home_rows(spool, part)
    ids = home.set_index("order")["submission_id"]
    changes = spool.read_all(part.unit_frames("changes"), empty=pd.DataFrame(columns=pd.Index([*CHANGES, "order"])))
    changes = changes.assign(submission_id=ids.reindex(changes["order"]).to_numpy())[CHANGES].astype("str")
    special = spool.read(f"special/{part.number}").set_index("order")
    moved_away = special.index[((special["flags"] & MOVED_BIT) > 0) & (special["part"] != part.number)]
    rows = home[~home["order"].isin(moved_away)]
    moved = f"moved/{part.number}"
    if spool.has(moved):
        rows = pd.concat([rows, spool.read(moved)], ignore_index=True).sort_values("order")
    rows = rows.reset_index(drop=True)
    resolved = special.reindex(rows["order"])
    flags = resolved["flags"].fillna(0).to_numpy().astype(np.int64)
    rows = rows.assign(superseded_by=_superseded(rows, resolved["counts"], flags), **flag_columns(flags))
    return rows.drop(columns="order"), changes


def _superseded(rows: Frame, counts: pd.Series, flags: np.ndarray) -> pd.Series:
    orders = rows["order"].to_numpy()
    counting_orders = counts.fillna(-1).to_numpy().astype(np.int64)
    ids = pd.Series(rows["submission_id"].to_numpy(), index=orders)
    later = (counting_orders >= 0) & (counting_orders != orders) & ((flags & WITHDRAWN_BIT) == 0)
    superseded = np.full(len(rows), "", dtype=object)
    superseded[later] = ids.loc[counting_orders[later]].to_numpy(dtype=object)
    superseded[(flags & WITHDRAWN_BIT) > 0] = WITHDRAWN
    return pd.Series(superseded, index=rows.index, dtype="str")


def part_registry(spool: Spool, part: Part, unread: dict[str, str]) -> Registries:
    """Return the registry rows of the part's schools and foreign rows, the classes, and the unread registries."""
    columns = ["school_code", "file", "row", *fields.registry_columns()]
    empty = pd.DataFrame({name: pd.Series(dtype="int64" if name == "row" else "str") for name in columns})
    read = [at for at in part.schools if spool.has(f"registry/{at}")]
    local = spool.read_all((f"registry/{at}" for at in read), empty=empty)
    classes = spool.read_all((f"classes/{at}" for at in read), empty=empty[CLASSES])
    foreign, foreign_classes = f"foreign/{part.number}", f"foreign-classes/{part.number}"
    registry = pd.concat([local, spool.read(foreign)], ignore_index=True) if spool.has(foreign) else local
    if spool.has(foreign_classes):
        classes = pd.concat([classes, spool.read(foreign_classes)], ignore_index=True).drop_duplicates()
    return Registries(registry, len(local), classes.reset_index(drop=True), unread)


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


def write_judged(spool: Spool, part: Part, matched: Matched, checked: Checked, changes: Frame) -> None:
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


def apply_shared_faults(spool: Spool, part: Part, faults: Frame) -> None:
    """Apply the shared faults to one part's findings: the office must correct them, and no record fails by them."""
    signs, first = spool.read(part.name("signs")), spool.read(part.name("first"))
    findings = with_shared_faults(spool.read(part.name("judged")), signs, faults)
    all_signs = pd.concat([signs, spool.read(part.name("first_signs"))], ignore_index=True)
    first_failures = with_shared_faults(first.assign(actor="", expected="", shared_fault=""), all_signs, faults)
    spool.write(part.name("judged"), findings)
    spool.write(part.name("first"), first_failures.loc[first_failures["shared_fault"] == "", ["submission_id", "rule"]])
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


def write_reviewed(spool: Spool, part: Part, tabulated: Tabulated, settings: RunSettings) -> dict[str, Frame]:
    """Write the requested rows of the tables of one part, and return the tables for counting."""
    columns_read = _COUNT_COLUMNS if settings.all_requested else dict.fromkeys(CHECK_TABLES)
    judged = {name: spool.read(part.name(name), columns) for name, columns in columns_read.items()}
    tables = settings.requested({**tabulated.tables, **judged})
    submissions = tables["submissions"]
    counting = submissions[submissions["superseded_by"] == ""]
    outside = tables["findings"]["submission_id"][tables["findings"]["rule"] == "cohort.outside"]
    counting = counting[~is_in(counting["submission_id"], outside)]
    tables["differences"] = make_differences(tables["roster"], counting)
    for name in REVIEW_TABLES if settings.all_requested else tables:
        spool.write(part.name(name), tables[name])
    return tables


def snapshot_rows(spool: Spool, part: Part, numbers: set[str], decided_ids: set[str]) -> ReviewRows:
    """Return the rows of one part that decisions on these student numbers and on `decided_ids` (submissions) need."""
    students, findings = spool.read(part.name("students")), spool.read(part.name("judged"))
    named, submissions = students[students["student_number"].isin(list(numbers))], spool.read(part.name("submissions"))
    relevant = submissions["submission_id"].isin([*named["submission_id"], *decided_ids])
    of_students = findings["submission_id"].isin(list(named["submission_id"])) & (findings["submission_id"] != "")
    return named.assign(registry_digest=registry_digest(named)), submissions[relevant], findings[of_students]
