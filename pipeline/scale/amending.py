"""Amending sources: their rows are read separately, then applied to the submissions of all parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.collect.collected import Collected, Note
from pipeline.collect.skipping import with_people
from pipeline.collect.submissions import Unit, collect_unit
from pipeline.match.amend import AMENDING_KEYS, GIVEN, TARGET, with_amendments
from pipeline.match.keys import joined_keys, key_frame, known_keys
from pipeline.normalise.normalise_rows import normalise
from pipeline.scale.across import submissions_keyed
from pipeline.scale.layout import Layout, Part, RunSettings
from pipeline.scale.parts import fetch_submissions
from pipeline.scale.reading import UNIT, UnitRead, photos_of, unknown_columns, write_by_part
from pipeline.scale.spool import Spool
from pipeline.tables import POSITION, Frame

SUBMISSION_ID = "提交编号"
"""The heading under which a row names the submission that it amends (the 问题表 has it)."""


def read_amendments(spool: Spool, number: int, unit: Unit) -> UnitRead:
    """Read one unit of an amending source into the spool. Its rows are no submissions."""
    settings = spool.shared(RunSettings)
    collected = collect_unit(unit, settings.cohort, settings.keep)
    collected = with_people(collected, (collected.rows["why"] == "").to_numpy())
    spool.write(f"amendments/{number}", _amendments(collected, settings))
    spool.write(f"extras/{number}", collected.extras)
    unknown, notes = unknown_columns(collected.extras), tuple(collected.notes)
    return UnitRead(number, {}, collected.columns, notes, tuple(collected.inputs), unknown, collected.skipped)


def _amendments(collected: Collected, settings: RunSettings) -> Frame:
    rows = collected.rows.reset_index(drop=True)
    kept, _ = normalise(rows, settings.words, collected.school or settings.words.only_school)
    given = rows[fields.names()].where(kept[fields.names()] != "", "").add_prefix(GIVEN)
    named = collected.extras[collected.extras["column"].str.strip() == SUBMISSION_ID]
    ids = named.drop_duplicates([*POSITION]).set_index(POSITION)["value"].str.strip()
    places = pd.MultiIndex.from_frame(rows[POSITION])
    target = pd.Series(ids.reindex(places).fillna("").to_numpy(), index=rows.index, dtype="str")
    keys = kept[["school", "submitted_at", *AMENDING_KEYS]]
    return pd.concat([rows[POSITION], target.rename(TARGET), keys, given], axis=1)


def apply_amendments(
    spool: Spool, layout: Layout, parts: Sequence[Part], units: Sequence[UnitRead], withdrawn: set[str]
) -> UnitRead:
    """Apply amendments to the submissions and return the result as one more unit. `withdrawn` ids are left out."""
    names = [f"amendments/{unit.number}" for unit in units]
    amendments = spool.read_all(name for name in names if spool.has(name))
    bases, changes = _bases(spool, parts, units, amendments, withdrawn)
    settings = spool.shared(RunSettings)
    words = settings.words
    amended = with_amendments(
        amendments, bases, changes, lambda rows: normalise(rows, words, words.only_school), settings.latest
    )
    number = max(unit.number for unit in units) + 1
    rows, made = amended.rows, amended.changes
    new = np.unique(made["at"][made["field"] == "photo"])
    if settings.cohort.photos_folder is not None and len(new):
        seen = photos_of(rows.loc[new], settings.cohort.photos_folder, spool)
        rows.loc[new, seen.columns] = seen
    rows = rows.assign(order=np.arange(len(rows), dtype=np.int64) + number * UNIT)  # later than all other units
    made = made.assign(order=made["at"] + number * UNIT).drop(columns="at")
    filled = write_by_part(spool, number, rows, made, layout)
    notes = tuple(
        Note("warning", str(row.file), str(row.sheet), int(str(row.row)), str(row.why))
        for row in amended.untaken.itertuples()
    )
    return UnitRead(number, filled, (), notes, (), units[0].unknown.iloc[:0], units[0].skipped.iloc[:0])


def _bases(
    spool: Spool, parts: Sequence[Part], units: Sequence[UnitRead], amendments: Frame, withdrawn: set[str]
) -> tuple[Frame, Frame]:
    """Return the submissions of amended people, in the order of reading, and their changes."""
    keyed = submissions_keyed(spool, units)
    held, sought = keyed.columns([*AMENDING_KEYS, "order"]), key_frame(amendments, AMENDING_KEYS)
    wanted = np.zeros(len(held), dtype=bool)
    for name in ("student_number", "id_number"):
        own, theirs = (joined_keys(keys[name].to_numpy(), keys["name"].to_numpy()) for keys in (held, sought))
        wanted |= known_keys(own, theirs)
    orders = held["order"].to_numpy().astype(np.int64)[wanted]
    found = pd.concat([fetch_submissions(spool, part, orders) for part in parts], ignore_index=True)
    found = found[~found["submission_id"].isin(list(withdrawn))].sort_values("order", ignore_index=True)
    ids = pd.Series(found["submission_id"].to_numpy(), index=found["order"])
    read = [spool.read(name) for part in parts for name in part.of_units("changes")]
    mine = [changes[changes["order"].isin(ids.index)] for changes in read]
    changes = pd.concat(mine, ignore_index=True)
    return found, changes.assign(submission_id=ids.reindex(changes["order"]).to_numpy())
