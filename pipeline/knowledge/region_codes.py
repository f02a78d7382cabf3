"""Codes of regions (GB/T 2260) by name, for systems that want digits."""

from __future__ import annotations

import csv
from functools import cache

import pandas as pd

from pipeline import resources
from pipeline.knowledge.text_columns import chosen, distinct_rows

Names = tuple[str, ...]


def region_codes(province: pd.Series, city: pd.Series, county: pd.Series) -> pd.Series:
    """Return the six-digit code of each place as `Regions.split` names it; without a county the city's, else "".

    A name with several codes over the years gets the latest; an abolished unit keeps its last one.
    """
    table = _codes()
    places, names = distinct_rows(province, city, county)
    return chosen(places, [table.get(name, "") for name in names], province.index)


@cache
def _codes() -> dict[Names, str]:
    found: dict[Names, tuple[int, str]] = {}
    with (resources.expectations() / "regions" / "regions.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key, last = (row["province"], row["city"], row["county"]), int(row["valid_to"] or 9999)
            found[key] = max(found.get(key, (0, "")), (last, row["code"]))
    codes = {key: code for key, (_, code) in found.items()}
    # cities without counties are written with themselves for a county (东莞市)
    codes |= {(p, c, c): code for (p, c, d), code in codes.items() if c and not d and (p, c, c) not in codes}
    return codes
