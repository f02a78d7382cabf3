"""Amending sources: their rows are read separately, then applied to the submissions of all parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.collect.collected import Collected, Note
from pipeline.collect.skipping import with_people
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.knowledge.regions import load_regions
from pipeline.match.amend import AMENDING_KEYS, GIVEN, TARGET, Amended, with_amendments
from pipeline.match.keys import joined_keys, key_frame, known_keys
from pipeline.normalise.normalise_rows import normalise
from pipeline.scale.across import submissions_keyed
from pipeline.scale.layout import Layout
from pipeline.scale.part import Part, fetch_submissions
from pipeline.scale.reading import UNIT, UnitRead, changes_name, lay_rows, photos_of
from pipeline.scale.settings import RunSettings
from pipeline.scale.spool import Spool
from pipeline.tables import POSITION, Frame

SUBMISSION_ID = "提交编号"
"""The heading under which a row names the submission that it amends (the 问题表 has it)."""


def read_amendments(spool: Spool, number: int, unit: Unit) -> UnitRead:
    """Read one unit of an amending source into the spool. Its rows are no submissions."""
    settings = RunSettings.of(spool)
    collected = collect_unit(unit, settings.cohort, settings.keep)
    collected = with_people(collected, (collected.rows["why"] == "").to_numpy())
    spool.write(_name(number), _amendments(collected, settings))
    spool.write(f"extras/{number}", collected.extras)
    return UnitRead(
        number,
        {},
        collected.columns,
        tuple(collected.notes),
        tuple(collected.inputs),
        collected.extras[["file", "sheet", "column"]].drop_duplicates(),
        collected.skipped,
    )


def _name(number: int) -> str:
    return f"amendments/{number}"


def _amendments(collected: Collected, settings: RunSettings) -> Frame:
    rows = collected.rows.reset_index(drop=True)
    kept, _ = normalise(rows, settings.words, load_regions(), collected.school or settings.words.only_school)
    given = rows[fields.names()].where(kept[fields.names()] != "", "").add_prefix(GIVEN)
    named = collected.extras[collected.extras["column"].str.strip() == SUBMISSION_ID]
    ids = named.drop_duplicates([*POSITION]).set_index(POSITION)["value"].str.strip()
    places = pd.MultiIndex.from_frame(rows[POSITION])
    target = pd.Series(ids.reindex(places).fillna("").to_numpy(), index=rows.index, dtype="str")
    keys = kept[["school", "submitted_at", *AMENDING_KEYS]]
    return pd.concat([rows[POSITION], target.rename(TARGET), keys, given], axis=1)


def lay_amendments(
    spool: Spool, layout: Layout, parts: Sequence[Part], units: Sequence[UnitRead], withdrawn: set[str]
) -> UnitRead:
    """Apply amendments to the submissions and return the result as one more unit. `withdrawn` ids are left out."""
    amendments = spool.read_all(_name(unit.number) for unit in units if spool.has(_name(unit.number)))
    bases, changes = _bases(spool, parts, units, amendments, withdrawn)
    settings = RunSettings.of(spool)
    words = settings.words
    amended = with_amendments(
        amendments, bases, changes, lambda rows: normalise(rows, words, load_regions(), words.only_school)
    )
    number = max(unit.number for unit in units) + 1
    rows = _with_photos(amended, settings.cohort.photos_folder, spool)
    filled = _lay(spool, number, rows, amended.changes, layout)
    notes = tuple(
        Note("warning", str(row.file), str(row.sheet), int(str(row.row)), str(row.why))
        for row in amended.untaken.itertuples()
    )
    spool.write(f"extras/{number}", spool.read(f"extras/{units[0].number}").iloc[:0])
    return UnitRead(number, filled, (), notes, (), units[0].unknown.iloc[:0], units[0].skipped.iloc[:0])


def _bases(
    spool: Spool, parts: Sequence[Part], units: Sequence[UnitRead], amendments: Frame, withdrawn: set[str]
) -> tuple[Frame, Frame]:
    """Return the submissions of amended people, in the order of reading, and their changes."""
    keyed = submissions_keyed(spool, [(unit.number, unit.rows) for unit in units])
    held, sought = keyed.columns([*AMENDING_KEYS, "order"]), key_frame(amendments, AMENDING_KEYS)
    wanted = np.zeros(len(held), dtype=bool)
    for name in ("student_number", "id_number"):
        own, theirs = (joined_keys(keys[name].to_numpy(), keys["name"].to_numpy()) for keys in (held, sought))
        wanted |= known_keys(own, theirs)
    orders = held["order"].to_numpy().astype(np.int64)[wanted]
    found = pd.concat([fetch_submissions(spool, part, orders) for part in parts], ignore_index=True)
    found = found[~found["submission_id"].isin(list(withdrawn))].sort_values("order", ignore_index=True)
    ids = pd.Series(found["submission_id"].to_numpy(), index=found["order"])
    read = [spool.read(changes_name(unit, part.number)) for part in parts for unit in part.units]
    mine = [changes[changes["order"].isin(ids.index)] for changes in read]
    changes = pd.concat(mine, ignore_index=True)
    return found, changes.assign(submission_id=ids.reindex(changes["order"]).to_numpy())


def _with_photos(amended: Amended, folder: Path | None, spool: Spool) -> Frame:
    rows = amended.rows
    new = np.unique(amended.changes["at"][amended.changes["field"] == "photo"])
    if folder is not None and len(new):
        seen = photos_of(rows.loc[new], folder, spool)
        rows.loc[new, seen.columns] = seen
    return rows


def _lay(spool: Spool, number: int, rows: Frame, changes: Frame, layout: Layout) -> dict[int, int]:
    """Write the amended rows into the spool as a unit of their own, later than all others."""
    rows = rows.assign(order=np.arange(len(rows), dtype=np.int64) + number * UNIT)
    changes = changes.assign(order=changes["at"] + number * UNIT).drop(columns="at")
    return lay_rows(spool, number, rows, changes, layout)
