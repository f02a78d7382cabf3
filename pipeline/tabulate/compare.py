"""Tables that set one table beside another: people by whom sets differ, this year beside the year before."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.review.previous import compare_years
from pipeline.tables import CSV_ROW_LIMIT, Frame
from pipeline.tabulate.differences import make_differences


def compared(tables: Mapping[str, Frame], entries: Frame, previous: Frame | None) -> dict[str, Frame]:
    """Return `differences` (up to a million students) and, where there is a year before, `years`.

    Args:
        tables: the run's.
        entries: of the ledger, for the explanations of colleges.
        previous: the headcount of the year before, or None.
    """
    made: dict[str, Frame] = {}
    roster = tables["roster"]
    if len(roster) <= CSV_ROW_LIMIT:
        submissions = tables["submissions"]
        counting = submissions[submissions["superseded_by"] == ""]
        alone = counting[~counting["submission_id"].isin(roster["submission_id"])]
        made["differences"] = make_differences(roster, counting, alone)
    if previous is not None:
        made["years"] = compare_years(tables["headcount"], previous, entries)
    return made
