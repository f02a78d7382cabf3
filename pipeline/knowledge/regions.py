"""Regions: names split into province, city and county, judged by the years in which they were valid.

Source: GB/T 2260 since 1980 (`expectations/regions/`, by `tests/knowledge/build_regions.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import pandas as pd

from pipeline.knowledge.region_split import ANY_COUNTY, split_cells
from pipeline.knowledge.region_table import (
    CORPS,
    CORPS_UNIT,
    UNDIVIDED,
    XINJIANG,
    Place,
    RegionTable,
    current_names,
    load_table,
    names_in,
)
from pipeline.knowledge.text_columns import Positions, distinct_rows, flag_by_rows, is_in, text_by_rows
from pipeline.resources import expectation_rows

LEVELS = ["province", "city", "county"]
_VERDICTS = ["resolved_province", "resolved_city", "hierarchy", "valid_then"]
_CACHED_CELLS = 50_000  # cached cells: about a province's students
# prefectures of the table, which people there write under 伊犁哈萨克自治州
_PARENT_OF = {"塔城地区": "伊犁哈萨克自治州", "阿勒泰地区": "伊犁哈萨克自治州"}


@lru_cache(maxsize=_CACHED_CELLS)
def _split(*cells: str) -> Place:
    return split_cells(load_table(), *cells)


def split_regions(province: pd.Series, city: pd.Series, county: pd.Series) -> pd.DataFrame:
    """Return the cells as full names of one level each. Unknown text stays; splitting twice changes nothing."""
    places, cells = distinct_rows(province, city, county)
    return _expand(places, [_split(*cell) for cell in cells], LEVELS, province.index)


def same_regions(left: Sequence[pd.Series], right: Sequence[pd.Series], years: pd.Series) -> pd.DataFrame:
    """Return by level where two sides name one region, each by its names of any year.

    A unit with one successor equals it (襄樊市 and 襄阳市), unless both were valid in the year (text that begins
    with it). A city without counties (东莞市) is its own county.
    """
    places, cells = distinct_rows(*left, *right, years.str[:4])
    same = [_same(Place(*cell[:3]), Place(*cell[3:6]), cell[6]) for cell in cells]
    return pd.DataFrame(np.array(same, dtype=bool).reshape(-1, 3)[places], columns=LEVELS, index=left[0].index)


def _same(left: Place, right: Place, year: str) -> list[bool]:
    table = load_table()
    left, right = _split(*left), _split(*right)
    year_number = int(year) if re.fullmatch("[0-9]{4}", year) else table.latest
    if not all(place in table.spans and table.valid(place, year_number) for place in (left, right)):
        left, right = (current_names(table, place) for place in (left, right))
        # 新疆生产建设兵团 lies in 新疆: each name stands for the other
        left, right = (place._replace(province=place.province.replace(CORPS, XINJIANG)) for place in (left, right))
    return [left_name == right_name for left_name, right_name in zip(left, right, strict=True)]


def judge_regions(province: pd.Series, city: pd.Series, county: pd.Series, year: pd.Series | int) -> pd.DataFrame:
    """Return the verdicts on names that `split_regions` returned, in a year (number, or text that begins with it).

    `resolved_province`, `resolved_city`: the name exists in any year. `hierarchy`: each level was in the one above
    in any year (true for blank counties, unresolved names, and areas such as 高新区). `valid_then`: the names were
    valid at the end of the year or of the one before (true if the year is blank). `successors`: the names valid
    then, joined by ；.
    """
    years = year.str[:4] if isinstance(year, pd.Series) else pd.Series(str(year), index=province.index, dtype="str")
    places, cells = distinct_rows(province, city, county, years)
    judged = [_judge(Place(*cell[:3]), cell[3]) for cell in cells]
    return _expand(places, judged, [*_VERDICTS, "successors"], province.index)


def _judge(place: Place, year: str) -> tuple[str | bool, ...]:
    table = load_table()
    province = place.province in table.provinces
    corps = place.province == XINJIANG and CORPS_UNIT.search(place.city) is not None
    is_city = corps or place.city in table.city_names or _directly_governed(table, place)
    city = province and (place.province in UNDIVIDED or is_city)
    hierarchy = not (province and city) or _hierarchy_ok(table, place)
    entries = _dated_entries(table, place) if province and city and hierarchy else []
    year_number = int(year) if re.fullmatch("[0-9]{4}", year) else None
    if not entries or year_number is None or any(table.valid(entry, year_number) for entry in entries):
        return province, city, hierarchy, True, ""
    return province, city, hierarchy, False, "；".join(names_in(table, entries[0], year_number))


def known_code(six: pd.Series) -> pd.Series:
    """Return whether six digits were ever a region's code. Codes ending in 00 or 01 pass under a province."""
    codes = load_table().codes
    above_county = {code for code in six.unique() if f"{code[:2]}0000" in codes and re.fullmatch("[0-9]{4}0[01]", code)}
    return is_in(six, {"", "830000", *codes, *above_county})


def _expand(
    places: Positions, answers: Sequence[tuple[str | bool, ...]], columns: list[str], index: pd.Index
) -> pd.DataFrame:
    kinds = {name: bool if name in _VERDICTS else "str" for name in columns}
    return pd.DataFrame(answers, columns=pd.Index(columns)).astype(kinds).take(places).set_axis(index)


def _directly_governed(table: RegionTable, place: Place) -> bool:
    return Place(place.province, "", place.city) in table.spans


def _hierarchy_ok(table: RegionTable, place: Place) -> bool:
    if place.province in UNDIVIDED:
        return True
    is_prefecture = Place(place.province, place.city, "") in table.spans
    # 黄山市, 泰州市 and others were counties of the province before they had counties
    if _directly_governed(table, place) and (not is_prefecture or place.county in {"", place.city}):
        return True
    if not is_prefecture:
        return bool(ANY_COUNTY.search(place.city))
    if not place.county or not table.counties.get((place.province, place.city)):
        return True
    below = (Place(place.province, city, place.county) for city, above in _PARENT_OF.items() if above == place.city)
    if any(entry in table.spans for entry in (place, *below)):
        return True
    # any city may have a 高新区 or 某林场; 碑林区 is a county, of 西安市 alone
    elsewhere = place.county in table.county_names and len(place.county) > 2 and not place.county.endswith("新区")
    return bool(ANY_COUNTY.search(place.county)) and not elsewhere


def _dated_entries(table: RegionTable, place: Place) -> list[Place]:
    """Return the entries whose years are judged: the county, else the city, longest lasting first."""
    if place in table.spans and place.county:
        return [place]
    entries = [Place(place.province, place.city, ""), Place(place.province, "", place.city)]
    known = [entry for entry in entries if entry in table.spans and (entry.city or entry.county)]
    return sorted(known, key=table.last_year, reverse=True)


def postcode_fits(values: pd.Series, province: pd.Series) -> pd.Series:
    """Return whether each postcode may lie in its province. Blank, malformed and unknown ones are true."""

    def fits(code: str, name: str) -> bool:
        return _serves(code, name) is not False

    return flag_by_rows(fits, values, province)


def restore_postcode(values: pd.Series, province: pd.Series) -> pd.Series:
    """Return postcodes with the leading 0 that a spreadsheet dropped, unless their first digits fit the province."""

    def restored(code: str, name: str) -> str:
        other = not _serves(f"0{code}", name) and _serves(f"{code}0", name)
        return code if other or not re.fullmatch("[1-7][0-9]{4}", code) else f"0{code}"

    return text_by_rows(restored, values, province)


def _serves(code: str, province: str) -> bool | None:
    """Return whether a postcode serves a province, or None if one of them is unknown."""
    provinces = load_table().provinces
    served = _postcodes().get(code[:2]) if re.fullmatch("[0-9]{6}", code) else None
    if not served or province not in provinces or province in UNDIVIDED:
        return None
    return provinces[province] in served


@cache
def _postcodes() -> dict[str, list[str]]:
    return {row["begins"]: row["provinces"].split("|") for row in expectation_rows("regions/postcodes.csv")}
