"""Regions: names split into province, city and county, judged by the years in which they were valid.

Source: `expectations/regions/regions.csv`, made by `tests/knowledge/build_regions.py` (GB/T 2260 in every year
since 1980).
Codes of the postal service: the first two digits of a postcode serve one province, or two along a border.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache, partial

import numpy as np
import pandas as pd

from pipeline.knowledge.region_split import ANY_COUNTY, split_cells
from pipeline.knowledge.region_table import (
    ABOVE,
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
from pipeline.knowledge.text_columns import Places, chosen, distinct_rows, flag, flag_by_distinct

LEVELS = ["province", "city", "county"]
VERDICTS = ["resolved_province", "resolved_city", "county_known", "hierarchy", "valid_then", "valid_now"]
SEVERAL = "；"  # between successors: a person decides
_CELLS = 50_000  # split cells that are remembered: those of a province's students; registry and form name the same


class Regions:
    """The table of regions with the questions that normalise and check ask, over whole columns."""

    def __init__(self, table: RegionTable) -> None:
        self._table = table
        self._split = lru_cache(maxsize=_CELLS)(partial(split_cells, table))
        self._provinces = {code[:2] for code in table.codes}

    def __reduce__(self) -> tuple[type[Regions], tuple[RegionTable]]:
        """Go to another process as the table alone; what was remembered stays here."""
        return Regions, (self._table,)

    def split(self, province: pd.Series, city: pd.Series, county: pd.Series) -> pd.DataFrame:
        """Return the cells as full names of one level each, with `why` ("" where nothing changed).

        Text that is no known region stays as given; splitting twice changes nothing.
        """
        places, cells = distinct_rows(province, city, county)
        return _spread(places, [self._split(*cell) for cell in cells], [*LEVELS, "why"], province.index)

    def same(self, here: Sequence[pd.Series], there: Sequence[pd.Series], years: pd.Series) -> pd.DataFrame:
        """Return, level by level, where two sides name one region, each by its names of any year.

        A unit with one successor is what that one is (襄樊市 襄城区 and 襄阳市 襄城区). Two that both were valid in
        the year are two, whatever became of them later. A city without counties (东莞市) has itself for a county.

        Args:
            here, there: province, city and county of each side.
            years: the year that counts, as `judge` takes it.
        """
        places, cells = distinct_rows(*here, *there, years.str[:4])
        same = [self._same(Place(*cell[:3]), Place(*cell[3:6]), cell[6]) for cell in cells]
        return pd.DataFrame(np.array(same, dtype=bool).reshape(-1, 3)[places], columns=LEVELS, index=here[0].index)

    def _same(self, one: Place, other: Place, year: str) -> list[bool]:
        table = self._table
        one, other = Place(*self._split(*one)[:3]), Place(*self._split(*other)[:3])
        names = [_of_xinjiang(current_names(table, place)) for place in (one, other)]
        then = int(year) if re.fullmatch("[0-9]{4}", year) else table.latest
        two = all(place in table.spans and _valid(table, [place], then) for place in (one, other))
        return [
            (mine == its) if two else (today == todays)
            for mine, its, today, todays in zip(one, other, *names, strict=True)
        ]

    def judge(
        self,
        province: pd.Series,
        city: pd.Series,
        county: pd.Series,
        year: pd.Series | int,
        now: int | None = None,
    ) -> pd.DataFrame:
        """Return what is known of names as `split` leaves them.

        Args:
            province, city, county: names.
            year: the year (number, or text that begins with it: 2013-09) in which they should be valid; a blank
                one is not judged.
            now: the year of "now"; the last of the table where it is not given.

        Returns:
            `resolved_province`, `resolved_city`: the name exists in any year. `county_known`: the county is one of
            that city in any year. `hierarchy`: each level was in the one above in any year (blank county, areas that
            are no counties such as 高新区, and unresolved names are true). `valid_then`, `valid_now`: the names
            together were valid at the end of `year` (`now`) or of the year before (true where not judged).
            `successors`: the names valid then (or, if valid then, now), joined by ； where there are several.
        """
        years = year.str[:4] if isinstance(year, pd.Series) else pd.Series(str(year), index=province.index, dtype="str")
        places, cells = distinct_rows(province, city, county, years)
        judged = [self._judge(cell, now) for cell in cells]
        return _spread(places, judged, [*VERDICTS, "successors"], province.index)

    def _judge(self, key: tuple[str, ...], now: int | None) -> tuple[str | bool, ...]:
        place = Place(*key[:3])
        table = self._table
        province = place.province in table.provinces
        city = province and (place.province in UNDIVIDED or _city_known(table, place))
        county = _county_known(table, place)
        hierarchy = not (province and city) or _belongs(table, place)
        entries = _dated(table, place) if province and city and hierarchy else []
        if not entries:
            return province, city, county, hierarchy, True, True, ""
        then = int(key[3]) if re.fullmatch("[0-9]{4}", key[3]) else None
        today = table.latest if now is None else now
        valid_then = then is None or _valid(table, entries, then)
        valid_now = _valid(table, entries, today)
        wanted = then if not valid_then else today if not valid_now else None
        successors = SEVERAL.join(names_in(table, entries[0], wanted)) if wanted is not None else ""
        return province, city, county, hierarchy, valid_then, valid_now, successors

    def known_code(self, six: pd.Series) -> pd.Series:
        """Return whether six digits were ever a region's code (those ending in 00 or 01 under a province pass)."""
        return flag_by_distinct(six, self._known_code)

    def _known_code(self, code: str) -> bool:
        if not code or code in self._table.codes:
            return True
        return code in {"830000"} or (len(code) == 6 and code[:2] in self._provinces and code[4:] in {"00", "01"})


def _of_xinjiang(place: Place) -> Place:
    """新疆生产建设兵团 lies in 新疆: who names the one means the other."""
    return place._replace(province=XINJIANG) if place.province == CORPS else place


def _city_known(table: RegionTable, place: Place) -> bool:
    corps = place.province == XINJIANG and bool(CORPS_UNIT.search(place.city))
    return corps or place.city in table.city_names or _direct(table, place)


def _direct(table: RegionTable, place: Place) -> bool:
    return Place(place.province, "", place.city) in table.spans


def _county_known(table: RegionTable, place: Place) -> bool:
    if not place.county:
        return False
    return place in table.spans or (_direct(table, place) and place.county == place.city)


def _belongs(table: RegionTable, place: Place) -> bool:
    """Whether the city was in the province and the county in the city, in one year at least."""
    if place.province in UNDIVIDED:
        return True
    is_prefecture = Place(place.province, place.city, "") in table.spans
    # 黄山市, 泰州市 and others were counties of the province before they had counties of their own.
    if _direct(table, place) and (not is_prefecture or place.county in {"", place.city}):
        return True
    if not is_prefecture:
        return bool(ANY_COUNTY.search(place.city))
    if not place.county or not table.divided(place.province, place.city):
        return True
    below = (Place(place.province, city, place.county) for city, above in ABOVE.items() if above == place.city)
    return any(entry in table.spans for entry in (place, *below)) or _is_no_county(table, place.county)


def _is_no_county(table: RegionTable, name: str) -> bool:
    """Whether this is an area that any city may have, such as 高新区 or 某林场: 碑林区 is a county, of 西安市 alone."""
    elsewhere = name in table.county_names and len(name) > 2 and not name.endswith("新区")
    return bool(ANY_COUNTY.search(name)) and not elsewhere


def _dated(table: RegionTable, place: Place) -> list[Place]:
    """The entries whose years are to be judged: the county, or else the city, longest lasting first."""
    if place in table.spans and place.county:
        return [place]
    entries = [Place(place.province, place.city, ""), Place(place.province, "", place.city)]
    known = [entry for entry in entries if entry in table.spans and (entry.city or entry.county)]
    return sorted(known, key=table.last_year, reverse=True)


def _valid(table: RegionTable, places: list[Place], year: int) -> bool:
    return any(table.valid(place, year) or table.valid(place, year - 1) for place in places)


def _spread(
    places: Places, answers: Sequence[Sequence[str | bool]], columns: Sequence[str], index: pd.Index
) -> pd.DataFrame:
    """Give every row the answer of its distinct cells: verdicts as true and false, the rest as text."""
    spread: dict[str, pd.Series] = {}
    for at, name in enumerate(columns):
        given = [answer[at] for answer in answers]
        is_verdict = name in VERDICTS
        spread[name] = (
            pd.Series(np.array(given, dtype=bool)[places], index=index)
            if is_verdict
            else chosen(places, [str(word) for word in given], index)
        )
    return pd.DataFrame(spread)


@cache
def load_regions() -> Regions:
    """Return the regions, read once."""
    return Regions(load_table())


_POSTCODES = {
    "01": "内蒙古自治区", "02": "内蒙古自治区", "03": "山西省", "04": "山西省", "05": "河北省", "06": "河北省",
    "07": "河北省", "10": "北京市；河北省", "11": "辽宁省", "12": "辽宁省", "13": "吉林省；内蒙古自治区",
    "15": "黑龙江省", "16": "黑龙江省；内蒙古自治区", "20": "上海市；浙江省", "21": "江苏省", "22": "江苏省",
    "23": "安徽省", "24": "安徽省", "25": "山东省", "26": "山东省", "27": "山东省", "30": "天津市；河北省",
    "31": "浙江省", "32": "浙江省", "33": "江西省", "34": "江西省", "35": "福建省", "36": "福建省",
    "40": "重庆市", "41": "湖南省", "42": "湖南省", "43": "湖北省", "44": "湖北省", "45": "河南省",
    "46": "河南省", "47": "河南省", "51": "广东省", "52": "广东省", "53": "广西壮族自治区",
    "54": "广西壮族自治区", "55": "贵州省", "56": "贵州省", "57": "海南省", "61": "四川省", "62": "四川省",
    "63": "四川省；重庆市", "64": "四川省；重庆市", "65": "云南省", "66": "云南省", "67": "云南省", "71": "陕西省",
    "72": "陕西省", "73": "甘肃省；青海省", "74": "甘肃省", "75": "宁夏回族自治区；内蒙古自治区", "81": "青海省",
    "83": "新疆维吾尔自治区", "84": "新疆维吾尔自治区", "85": "西藏自治区；新疆维吾尔自治区",
    "86": "西藏自治区",
}  # fmt: skip


def postcode_fits(values: pd.Series, province: pd.Series) -> pd.Series:
    """Return whether each postcode may lie in its province (true where either is blank, malformed or unknown)."""
    places, pairs = distinct_rows(values, province)
    return flag(values, np.array([_fits(*pair) is not False for pair in pairs], dtype=bool)[places])


def postcode_whole(values: pd.Series, province: pd.Series) -> pd.Series:
    """Return postcodes with the leading zero that a spreadsheet took from them; others as they are.

    Five digits whose first two serve the province have lost another digit, and stay.
    """
    places, pairs = distinct_rows(values, province)
    return chosen(places, [_whole(*pair) for pair in pairs], values.index)


def _whole(code: str, province: str) -> str:
    if not re.fullmatch("[1-7][0-9]{4}", code):
        return code
    padded = f"0{code}"
    other = not _fits(padded, province) and _fits(f"{code}0", province)
    return code if other else padded


def _fits(code: str, province: str) -> bool | None:
    """Return whether a postcode serves a province, None where nothing is known of the one or the other."""
    table = load_table()
    served = _POSTCODES.get(code[:2], "") if re.fullmatch("[0-9]{6}", code) else ""
    if not served or province not in table.provinces or province in UNDIVIDED:
        return None
    return table.provinces[province] in served.split(SEVERAL)
