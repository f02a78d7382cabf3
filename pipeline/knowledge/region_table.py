"""The table of regions, `expectations/regions/regions.csv`, indexed for look-ups by name and by code."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pipeline import resources
from pipeline.knowledge.region_names import PROVINCE_SHORT, base_name, short_forms

CORPS = "新疆生产建设兵团"
MUNICIPALITIES = frozenset({"北京市", "天津市", "上海市", "重庆市"})
# regions that the national table does not divide: every answer below them is right
UNDIVIDED = frozenset({"台湾省", "香港特别行政区", "澳门特别行政区", CORPS})
SPECIAL = frozenset({"香港特别行政区", "澳门特别行政区"})
# 塔城 and 阿勒泰 are prefectures of the table, and of 伊犁哈萨克自治州 as people there write it
ABOVE = {"塔城地区": "伊犁哈萨克自治州", "阿勒泰地区": "伊犁哈萨克自治州"}
NOW = 9999
XINJIANG = "新疆维吾尔自治区"
CORPS_UNIT = re.compile(r"兵团|^(?:第.+|农.+)师(?:.*市)?$")


class Place(NamedTuple):
    """Names of one region: a blank county means the city itself, a blank city the province (or no city level)."""

    province: str
    city: str
    county: str


class Span(NamedTuple):
    """Years (inclusive year-ends) in which a place was valid; `last` is `NOW` while it is."""

    first: int
    last: int


@dataclass
class RegionTable:
    """Everything that look-ups need; made once by `load_table`."""

    spans: dict[Place, list[Span]] = field(default_factory=lambda: defaultdict(list))
    heirs: dict[Place, tuple[Place, ...]] = field(default_factory=dict)
    forebears: dict[Place, list[Place]] = field(default_factory=lambda: defaultdict(list))
    codes: set[str] = field(default_factory=set)
    latest: int = 0
    provinces: dict[str, str] = field(default_factory=dict)
    cities: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    counties: dict[tuple[str, str], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    homes: dict[tuple[str, str], dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    city_names: set[str] = field(default_factory=set)
    county_names: set[str] = field(default_factory=set)
    homes_of_form: dict[tuple[str, str], dict[tuple[str, str], int]] = field(default_factory=lambda: defaultdict(dict))
    """By province and any form of a county's name: the cities that had it, its full name there, and its last year."""
    provinces_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By full name or form of a city or county: the provinces that have one of that name."""
    province_heads: list[str] = field(default_factory=list)

    def last_year(self, place: Place) -> int:
        """Return the last year in which a place was valid, 0 where it never was."""
        return max((span.last for span in self.spans.get(place, ())), default=0)

    def valid(self, place: Place, year: int) -> bool:
        """Return whether a place was valid at the end of a year (later than the table: as the table ends)."""
        asked = min(year, self.latest)
        return any(span.first <= asked <= span.last for span in self.spans.get(place, ()))

    def divided(self, province: str, city: str) -> bool:
        """Return whether a city has counties of its own in any year (东莞市, 中山市, 嘉峪关市, 仙桃市 have none)."""
        return bool(self.counties.get((province, city)))


@cache
def load_table() -> RegionTable:
    """Return the table, read once."""
    table = RegionTable()
    path = resources.expectations() / "regions" / "regions.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            _add(table, row)
    table.codes |= set((path.parent / "other_codes.csv").read_text(encoding="utf-8").split()[1:])
    table.latest = max((span.first for spans in table.spans.values() for span in spans), default=0)
    for place, heirs in table.heirs.items():
        for heir in heirs:
            table.forebears[heir].append(place)
    _name_provinces(table)
    _name_cities(table)
    _name_counties(table)
    _name_by_alias(table, path.parent / "aliases.csv")
    _name_across(table)
    return table


def _add(table: RegionTable, row: dict[str, str]) -> None:
    place = Place(row["province"], row["city"], row["county"])
    span = Span(int(row["valid_from"]), int(row["valid_to"] or NOW))
    table.codes.add(row["code"])
    table.spans[place].append(span)
    if row["successors"] and span.last >= table.last_year(place):
        table.heirs[place] = tuple(Place(*heir.split("/")) for heir in row["successors"].split("|"))


def _name_provinces(table: RegionTable) -> None:
    official = {place.province for place in table.spans}
    table.provinces = {name: name for name in official | UNDIVIDED}
    table.provinces |= {base_name(name): name for name in official} | PROVINCE_SHORT
    table.province_heads = sorted(table.provinces, key=len, reverse=True)


def _name_cities(table: RegionTable) -> None:
    """Cities of each province by name and short form; of two that share one, the longer lasting counts."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for place in table.spans:
        if place.county or not place.city:
            continue
        table.city_names.add(place.city)
        table.cities[place.province][place.city] = place.city
        for form in short_forms(place.city):
            found[place.province][form].append(place.city)
    for province, forms in found.items():
        for form, names in forms.items():
            best = max(names, key=lambda name: table.last_year(Place(province, name, "")))
            table.cities[province].setdefault(form, best)


def _name_counties(table: RegionTable) -> None:
    """Counties of each city by name and short form; a form that two living counties share means neither."""
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for place in table.spans:
        if not place.county:
            continue
        key = (place.province, place.city)
        table.county_names.add(place.county)
        table.counties[key][place.county] = place.county
        table.homes[place.province, place.county][place.city] = table.last_year(place)
        for form in short_forms(place.county):
            found[key][form].append(place.county)
    for key, forms in found.items():
        for form, names in forms.items():
            best = _one_name(table, key, names)
            if best:
                table.counties[key].setdefault(form, best)


def _name_by_alias(table: RegionTable, path: Path) -> None:
    """Add what people call places (`aliases.csv`); a name that the table gives to another place stays that one's."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [(row["province"], row["name"], row["alias"].split("|")) for row in csv.DictReader(lines)]
    for province, name, aliases in rows:
        for alias in aliases:
            if name in table.cities[province]:
                table.cities[province].setdefault(alias, name)
            for city in table.homes.get((province, name), {}):
                table.counties[province, city].setdefault(alias, name)


def _name_across(table: RegionTable) -> None:
    """Note for every form of a county's name where it is, and for every name the provinces that have it."""
    for (province, city), forms in table.counties.items():
        for form, name in forms.items():
            table.homes_of_form[province, form][city, name] = table.last_year(Place(province, city, name))
            table.provinces_of[form].add(province)
    for province, forms in table.cities.items():
        for form in forms:
            table.provinces_of[form].add(province)


def _one_name(table: RegionTable, city: tuple[str, str], names: list[str]) -> str:
    last = {name: table.last_year(Place(*city, name)) for name in names}
    latest = [name for name in names if last[name] == max(last.values())]
    return latest[0] if len(latest) == 1 else ""
