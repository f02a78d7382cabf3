"""When each row counts as made: its own time or, where none can be read, that of the nearest row above it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd

from pipeline.match.keys import Bools
from pipeline.normalise.dates import in_order
from pipeline.tables import Frame

FIRST = np.iinfo(np.int64).min
"""`made_at` of rows above which no time can be read: they come before all others."""


def latest_moment(now: datetime, as_of: date) -> datetime:
    """Return the last moment that a submission may have: a day after the run's start and after the day `as_of`."""
    end_of_day = datetime.combine(as_of, time.max, now.tzinfo)
    return max(now, end_of_day).replace(tzinfo=None) + timedelta(days=1)


def made_at(rows: Frame, latest: datetime) -> Frame:
    """Return when each row counts as made (contract, *Whose row counts*).

    Args:
        rows: normalised `file, sheet, submitted_at`, in the order they were read.
        latest: a time past it is as good as unreadable (`latest_moment`).

    Returns:
        `made_at` (int64, seconds): the row's own time, else that of the nearest row above it in its sheet that has
        one, else `FIRST`. `timed`: whether the time is the row's own. `untimed`: whether that is to be told, because
        the row gives a time that is none, or none in a sheet where others have one.
    """
    moments = pd.to_datetime(in_order(rows["submitted_at"]), format="ISO8601", errors="coerce").astype("datetime64[s]")
    moments = moments.mask(moments > np.datetime64(latest, "s"))
    sheets = [rows["file"], rows["sheet"]]
    filled = moments.groupby(sheets).ffill()
    timed = moments.notna()
    some = timed.groupby(sheets).transform("any")
    seconds = filled.to_numpy().astype("datetime64[s]").astype(np.int64)  # a missing time is the least number
    told = ~timed & (rows["submitted_at"].ne("") | some)
    return pd.DataFrame({"made_at": seconds, "timed": timed, "untimed": told}, index=rows.index)


def ranks(made: np.ndarray, timed: Bools, sheet: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return each row's place in time, 0 for the earliest; of two made at one moment the later read is later.

    A row without a time of its own comes after every row of the same person above it in its sheet.

    Args:
        made: of `made_at`, in the order the rows were read.
        timed: of `made_at`.
        sheet: a number for each row's sheet.
        person: a number for each row's person.
    """
    rows = pd.DataFrame({"person": person, "sheet": sheet, "made": made})
    above = rows.groupby(["person", "sheet"])["made"].cummax().to_numpy()
    order = np.lexsort((np.arange(len(made)), np.where(timed, made, above)))
    places = np.empty(len(made), dtype=np.int64)
    places[order] = np.arange(len(made))
    return places
