"""Inputs of one part's tasks: submissions with the results across schools, and the registry with guests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.match.match_stage import CLASSES, Registries
from pipeline.match.persons import WITHDRAWN
from pipeline.match.settle import flag_columns
from pipeline.normalise.normalise_rows import distinct_ids
from pipeline.scale.across import MOVED, OUT, Positions, classes_name, guests_name, moved_name, special_name
from pipeline.scale.reading import changes_name, no_rows, registry_name, rows_name
from pipeline.scale.spool import Spool
from pipeline.tables import CHANGES, Frame


@dataclass(frozen=True)
class Part:
    """A group of schools (indexes in the cohort file), and the units with rows of theirs."""

    number: int
    schools: tuple[int, ...]
    units: tuple[int, ...]

    def name(self, table: str) -> str:
        """Return the spool name of this part's piece of a table."""
        return f"parts/{table}-{self.number}"


def home_rows(spool: Spool, part: Part) -> Frame:
    """Return the submissions of the part's schools with their ids, in the order of reading."""
    if not part.units:
        return no_rows()
    rows = spool.read_all(rows_name(unit, part.number) for unit in part.units)
    return rows.assign(submission_id=distinct_ids(rows["submission_id"]))


def fetch_submissions(spool: Spool, part: Part, orders: Positions, columns: list[str] | None = None) -> Frame:
    """Return submissions of the part's schools by `order`: whole rows with ids, or some columns."""
    if columns is None:
        rows = home_rows(spool, part)
    else:
        rows = spool.read_all((rows_name(unit, part.number) for unit in part.units), [*columns, "order"])
    return rows[rows["order"].isin(orders)].reset_index(drop=True)


def fetch_registry(spool: Spool, wanted: list[tuple[int, Positions]]) -> Frame:
    """Return registry rows by school and position, school by school."""
    return pd.concat([spool.read(registry_name(at)).iloc[rows] for at, rows in wanted], ignore_index=True)


def find_ids(spool: Spool, part: Part, wanted: set[str]) -> Positions:
    """Return the `order` of the part's submissions with these ids."""
    if not part.units:
        return np.zeros(0, dtype=np.int64)
    rows = spool.read_all((rows_name(unit, part.number) for unit in part.units), ["submission_id", "order"])
    ids = distinct_ids(rows["submission_id"])
    return rows["order"][ids.isin(list(wanted))].to_numpy()


def part_submissions(spool: Spool, part: Part) -> tuple[Frame, Frame]:
    """Return the submissions that this part processes (for `match_settled`), and the changes of its schools."""
    home = home_rows(spool, part)
    changes = _changes(spool, part, home)
    special = spool.read(special_name(part.number)).set_index("order")
    left = special.index[((special["flags"] & MOVED) > 0) & (special["place"] != part.number)]
    rows = home[~home["order"].isin(left)]
    if spool.has(moved_name(part.number)):
        rows = pd.concat([rows, spool.read(moved_name(part.number))], ignore_index=True).sort_values("order")
    rows = rows.reset_index(drop=True)
    told = special.reindex(rows["order"])
    flags = told["flags"].fillna(0).to_numpy().astype(np.int64)
    rows = rows.assign(superseded_by=_superseded(rows, told["counts"], flags), **flag_columns(flags))
    return rows.drop(columns="order"), changes


def _superseded(rows: Frame, counts: pd.Series, flags: np.ndarray) -> pd.Series:
    own = rows["order"].to_numpy()
    instead = counts.fillna(-1).to_numpy().astype(np.int64)
    ids = pd.Series(rows["submission_id"].to_numpy(), index=own)
    later = (instead >= 0) & (instead != own) & ((flags & OUT) == 0)
    superseded = np.full(len(rows), "", dtype=object)
    superseded[later] = ids.loc[instead[later]].to_numpy(dtype=object)
    superseded[(flags & OUT) > 0] = WITHDRAWN
    return pd.Series(superseded, index=rows.index, dtype="str")


def _changes(spool: Spool, part: Part, home: Frame) -> Frame:
    if not part.units:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in CHANGES})
    changes = spool.read_all(changes_name(unit, part.number) for unit in part.units)
    ids = pd.Series(home["submission_id"].to_numpy(), index=home["order"])
    return changes.assign(submission_id=ids.reindex(changes["order"]).to_numpy())[CHANGES].astype("str")


def part_registry(spool: Spool, part: Part, unread: dict[str, str]) -> Registries:
    """Return the registry of the part's schools with guests, classes and the unread registries."""
    filled = [registry_name(at) for at in part.schools if spool.has(registry_name(at))]
    own = spool.read_all(filled) if filled else _empty_registry()
    classes = own[CLASSES].drop_duplicates()
    guests, more = guests_name(part.number), classes_name(part.number)
    registry = pd.concat([own, spool.read(guests)], ignore_index=True) if spool.has(guests) else own
    if spool.has(more):
        classes = pd.concat([classes, spool.read(more)], ignore_index=True).drop_duplicates()
    return Registries(registry, len(own), classes.reset_index(drop=True), unread)


def _empty_registry() -> Frame:
    columns = [
        "school_code",
        "school",
        "file",
        "row",
        *(name for name in fields.registry_columns() if name != "school"),
    ]
    return pd.DataFrame({name: pd.Series(dtype="int64" if name == "row" else "str") for name in columns})
