"""The table of regions, `expectations/regions/regions.csv`, by name, code and year."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import pandas as pd

from pipeline import resources
from pipeline.knowledge.text_columns import text_by_rows
from pipeline.resources import expectation_rows

_ETHNIC_GROUPS = (
    "土家族|蒙古族|蒙古|回族|藏族|维吾尔族|维吾尔|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|哈尼族|哈萨克族|哈萨克|傣族|黎族"
    "|傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族|柯尔克孜族|柯尔克孜|土族|达斡尔族|达斡尔|仫佬族|羌族|布朗族|撒拉族|毛南族"
    "|仡佬族|锡伯族|锡伯|普米族|塔吉克族|塔吉克|怒族|鄂温克族|德昂族|崩龙族|保安族|裕固族|独龙族|鄂伦春族|各族|毛难族|蒙古族藏族|僮族"
)
_AUTONOMOUS = re.compile(rf"(?:{_ETHNIC_GROUPS})*自治(?:州|县|旗|区)$")
_SUFFIX = re.compile(r"(?:特别行政区|自治区|自治州|地区|省|市|盟|县|区|旗|林区|特区|州)$")
_ETHNIC_DISTRICT = re.compile(rf"(?<=..)(?:{_ETHNIC_GROUPS})+区$")
_WING_BANNER = re.compile(r"^(.).*([左右])翼([前中后]?)旗$")
_MAX_STEPS = 12  # of successors from one place
CORPS = "新疆生产建设兵团"
MUNICIPALITIES = frozenset({"北京市", "天津市", "上海市", "重庆市"})
SPECIAL = frozenset({"香港特别行政区", "澳门特别行政区"})
# not divided in the national table: every answer below them is right
UNDIVIDED = SPECIAL | {"台湾省", CORPS}
NOW = 9999
XINJIANG = "新疆维吾尔自治区"
CORPS_UNIT = re.compile(r"兵团|^(?:第.+|农.+)师(?:.*市)?$")


class Place(NamedTuple):
    """Names of one region. A blank county means the city itself, a blank city the province or no city level."""

    province: str
    city: str
    county: str


class Span(NamedTuple):
    """The years (year-ends, inclusive) in which a place was valid. `last` is `NOW` if it still is."""

    first: int
    last: int


@dataclass
class RegionTable:
    """The indexes of the table of regions. `load_table` builds them once."""

    spans: dict[Place, list[Span]] = field(default_factory=lambda: defaultdict(list))
    last_years: dict[Place, int] = field(default_factory=dict)
    """By place: the last year of its spans."""
    successors: dict[Place, tuple[Place, ...]] = field(default_factory=dict)
    predecessors: dict[Place, list[Place]] = field(default_factory=lambda: defaultdict(list))
    codes: set[str] = field(default_factory=set)
    code_of: dict[Place, tuple[int, str]] = field(default_factory=dict)
    """By place: the last year of its latest code, and the code."""
    latest: int = 0
    provinces: dict[str, str] = field(default_factory=dict)
    cities: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    counties: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    cities_of_county: dict[tuple[str, str], dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    city_names: set[str] = field(default_factory=set)
    county_names: set[str] = field(default_factory=set)
    cities_of_form: dict[tuple[str, str], dict[tuple[str, str], int]] = field(default_factory=lambda: defaultdict(dict))
    """By (province, form of a county's name): (city, full name) of each such county to its last year."""
    provinces_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By full name or form of a city or county: the provinces that have one of that name."""
    province_heads: list[str] = field(default_factory=list)

    def last_year(self, place: Place) -> int:
        """Return the last year in which a place was valid, or 0."""
        return self.last_years.get(place, 0)

    def valid(self, place: Place, year: int) -> bool:
        """Return whether a place was valid at the end of `year` or of the year before (at most the table's last)."""
        years = (min(year, self.latest), min(year - 1, self.latest))
        return any(span.first <= checked <= span.last for span in self.spans.get(place, ()) for checked in years)


@cache
def load_table() -> RegionTable:
    """Return the table, read once."""
    table = RegionTable()
    for row in expectation_rows("regions/regions.csv"):
        place = Place(row["province"], row["city"], row["county"])
        span = Span(int(row["valid_from"]), int(row["valid_to"] or NOW))
        table.codes.add(row["code"])
        table.code_of[place] = max(table.code_of.get(place, (0, "")), (span.last, row["code"]))
        table.spans[place].append(span)
        table.last_years[place] = max(table.last_year(place), span.last)
        if row["successors"] and span.last >= table.last_year(place):
            table.successors[place] = tuple(Place(*heir.split("/")) for heir in row["successors"].split("|"))
    other_codes = resources.expectations() / "regions" / "other_codes.csv"
    table.codes |= set(other_codes.read_text(encoding="utf-8").split()[1:])
    table.latest = max((span.first for spans in table.spans.values() for span in spans), default=0)
    for place, heirs in table.successors.items():
        for heir in heirs:
            table.predecessors[heir].append(place)
    official = {place.province for place in table.spans}
    table.provinces = {name: name for name in official | UNDIVIDED} | {base_name(name): name for name in official}
    _index_places(table)
    _index_aliases(table)
    table.province_heads = sorted(table.provinces, key=len, reverse=True)
    _index_forms(table)
    return table


def _index_places(table: RegionTable) -> None:
    """Index cities and counties by name and short form. A form that two current ones share is left out."""
    places_of_form: dict[Place, list[Place]] = defaultdict(list)
    for place in table.spans:
        name = place.county or place.city
        if place.county:
            table.county_names.add(name)
            table.cities_of_county[place.province, name][place.city] = table.last_year(place)
        elif place.city:
            table.city_names.add(name)
        if name:
            _forms(table, place)[name] = name
            for form in short_forms(name):
                places_of_form[place._replace(**{"county" if place.county else "city": form})].append(place)
    for form_place, places in places_of_form.items():
        last = max(map(table.last_year, places))
        latest = [place.county or place.city for place in places if table.last_year(place) == last]
        if len(latest) == 1:
            _forms(table, form_place).setdefault(form_place.county or form_place.city, latest[0])


def _forms(table: RegionTable, place: Place) -> dict[str, str]:
    return table.counties[place.province, place.city] if place.county else table.cities[place.province]


def _index_aliases(table: RegionTable) -> None:
    """Add `aliases.csv`. Existing names are not replaced."""
    for row in expectation_rows("regions/aliases.csv"):
        province, name = row["province"], row["name"]
        for alias in row["alias"].split("|"):
            if name == province:
                table.provinces[alias] = province
            elif name in table.cities[province]:
                table.cities[province].setdefault(alias, name)
            for city in table.cities_of_county.get((province, name), {}):
                table.counties[province, city].setdefault(alias, name)


def _index_forms(table: RegionTable) -> None:
    for (province, city), forms in table.counties.items():
        for form, name in forms.items():
            table.cities_of_form[province, form][city, name] = table.last_year(Place(province, city, name))
            table.provinces_of[form].add(province)
    for province, forms in table.cities.items():
        for form in forms:
            table.provinces_of[form].add(province)


@cache
def base_name(name: str) -> str:
    """Return a region's name without kind and ethnic groups: 望城县 → 望城, 靖州苗族侗族自治县 → 靖州."""
    bare = _AUTONOMOUS.sub("", name) or re.sub(r"自治(?:州|县|旗|区)$", "", name)
    if bare != name:
        return bare
    stem = _SUFFIX.sub("", name)
    return stem if len(stem) >= 2 else name


def short_forms(name: str) -> set[str]:
    """Return the short forms of a name: 恩施土家族苗族自治州 → 恩施, 恩施州, 恩施自治州; 浦东新区 → 浦东."""
    stem = base_name(name)
    forms = {stem} if len(stem) >= 2 else set()
    for kind in ("州", "县", "旗"):
        if name.endswith(f"自治{kind}"):
            forms |= {f"{stem}{kind}", f"{stem}自治{kind}"}
    if _ETHNIC_DISTRICT.search(name):
        forms |= {_ETHNIC_DISTRICT.sub("区", name), _ETHNIC_DISTRICT.sub("", name)}
    if name.endswith("新区") and len(name) >= 4:
        forms |= {name[:-2], f"{name[:-2]}区"}
    if wing := _WING_BANNER.match(name):
        forms.add(f"{wing[1]}{wing[2]}{wing[3]}旗")
    return forms - {name}


def names_in(table: RegionTable, place: Place, year: int) -> list[str]:
    """Return the names that a place had in a year, without the levels that it shares; several if it was divided."""
    links = table.predecessors if year < min(span.first for span in table.spans[place]) else table.successors
    found: set[Place] = set()
    reached = {place}
    for _ in range(_MAX_STEPS):
        step = {neighbour for previous in reached for neighbour in links.get(previous, ())}
        found |= {neighbour for neighbour in step if table.valid(neighbour, year)}
        reached = step - found
    return sorted(_relative_name(place, other) for other in found)


def _relative_name(place: Place, other: Place) -> str:
    if other.province != place.province:
        return "".join(dict.fromkeys(other))
    if other.city != place.city or not other.county:
        return "".join(other[1:])
    return other.county


def current_names(table: RegionTable, place: Place) -> Place:
    """Return today's names if each step has one successor, else the place unchanged."""
    entries = [Place(place.province, "", place.city), Place(place.province, place.city, "")]
    start = next((entry for entry in ([place] if place.county else []) + entries if entry in table.spans), entries[-1])
    latest, visited = start, {start}
    while len(heirs := table.successors.get(latest, ())) == 1 and heirs[0] not in visited:
        latest = heirs[0]
        visited.add(latest)
    if latest.city and not latest.county:
        county = place.county if table.counties.get((latest.province, latest.city)) else latest.city
        return Place(latest.province, latest.city, county)
    return Place(latest.province, latest.city or latest.county, latest.county) if latest in table.spans else place


def region_codes(province: pd.Series, city: pd.Series, county: pd.Series) -> pd.Series:
    """Return each place's latest six-digit code (GB/T 2260), without a county the city's, or ""."""
    return text_by_rows(_code, province, city, county)


def _code(province: str, city: str, county: str) -> str:
    known = load_table().code_of
    # a city without counties is its own county (东莞市)
    found = known.get(Place(province, city, county)) or (
        known.get(Place(province, city, "")) if city == county else None
    )
    return found[1] if found else ""
