"""Split the cells of a form into province, city and county, with short names completed."""

from __future__ import annotations

import re

from pipeline.knowledge.region_table import (
    CORPS,
    CORPS_UNIT,
    MUNICIPALITIES,
    NOW,
    SPECIAL,
    UNDIVIDED,
    XINJIANG,
    Place,
    RegionTable,
)

# administered like counties, but no counties in the national table
ANY_COUNTY = re.compile(
    r"市辖区$|高新|经开|开发区|新区|园区|管理区|管委会|示范区|实验区|试验区|风景|度假|农场|林场|牧场|林区|矿区|垦区|"
    r"保税|港区|科技城|工业城|生态城|合作区|直属|兵团|师$|团$|行委$|工委$|^县$|"
    r"^(?:加格达奇|松岭|新林|呼中)区$|^(?:大柴旦|冷湖|茫崖)"
)
_NO_CITY = re.compile(
    r"(?:市辖区|市辖县|辖区|辖县|县|区|市|郊县|(?:省|市|自治区|县级)?直辖.*|省辖.*|自治区辖.*|省管.*|无|-|/)?"
)
_PLACE = re.compile(r"[市县区旗州盟]$|地区$")
_CORPS_WORDS = re.compile(r"^(?:新疆)?(?:生产)?(?:建设)?兵团")
_DIVISION = re.compile(r"^(?:第|农)?[一二三四五六七八九十]+师")
_NOISE = re.compile(r"[\s\-—_/\\,，、.·>|]+")


def split_cells(table: RegionTable, *texts: str) -> Place:
    """Return province, city and county by full names."""
    cells = _resolve_corps(table, _split_province(table, [_NOISE.sub("", cell) for cell in texts]))
    if cells[0] in table.provinces:
        cells = _split_county(table, _split_city(table, cells))
    return Place(*cells)


def _split_province(table: RegionTable, cells: list[str]) -> list[str]:
    province, city, county = cells
    if province in table.provinces:
        official = table.provinces[province]
        return [official, *(_strip_province(table, official, cell) for cell in (city, county))]
    source = province or city or county
    for name in table.province_heads:
        if source.startswith(name) and len(source) > len(name):
            rest = source[len(name) :]
            official = table.provinces[name]
            if _city_head(table, official, rest) or (official, rest) in table.cities_of_form:
                break
    else:
        rest = source
        official = _province_of(table, province, source) if province or not (city and county) else ""
    further = [_strip_province(table, official, cell) for cell in (city, county) if cell and cell != source]
    return [official, *_fill_cells(rest, further)] if official else cells


def _province_of(table: RegionTable, province: str, source: str) -> str:
    """Return the only possible province of a place without province: 湘潭市雨湖区, or 浏阳市 in the province's cell."""
    heads = [source[:end] for end in range(len(source), 1, -1) if _PLACE.search(source[:end])]
    for head in heads:
        provinces = table.provinces_of.get(head, set())
        rest = source[len(head) :]
        if len(provinces) == 1 and (rest or province):
            province_found = next(iter(provinces))
            if not rest or rest in table.counties.get((province_found, table.cities[province_found].get(head, "")), {}):
                return province_found
    return ""


def _resolve_corps(table: RegionTable, cells: list[str]) -> list[str]:
    """Map units of 新疆生产建设兵团 to their cities. The national table has them under 新疆: 第八师 is 石河子市."""
    province, city, county = cells
    if province != CORPS and not (province == XINJIANG and CORPS_UNIT.search(city)):
        return cells
    direct = table.counties[XINJIANG, ""]
    for cell in (county, city):
        bare = _CORPS_WORDS.sub("", cell)
        for name in (bare, bare.removesuffix("市"), _DIVISION.sub("", bare), bare.partition("师")[0] + "师"):
            if cell and name in direct:
                return [XINJIANG, direct[name], direct[name]]
    return cells


def _fill_cells(rest: str, others: list[str]) -> list[str]:
    if not others:
        return [rest, ""]
    if len(others) == 1:
        return [rest, "" if rest.endswith(others[0]) and rest != others[0] else others[0]]
    return others[:2]


def _strip_province(table: RegionTable, province: str, cell: str) -> str:
    """Return a cell without a leading province (湖南省长沙市, 湖南长沙). A bare name stays: 吉林 may be 吉林市."""
    if cell in table.cities.get(province, ()):
        return cell
    for name in table.province_heads:
        rest = cell.removeprefix(name)
        if rest != cell and table.provinces[name] == province:
            known = (province, rest) in table.cities_of_form or _city_head(table, province, rest)
            return rest if rest and (name == province or known) else cell
    return cell


def _city_head(table: RegionTable, province: str, text: str) -> str:
    names = [name for name in table.cities.get(province, ()) if text.startswith(name)]
    return max(names, key=len, default="")


def _split_city(table: RegionTable, cells: list[str]) -> list[str]:
    province, city, county = cells
    if province in SPECIAL:
        return _split_special(table, province, city, county)
    if province in UNDIVIDED:
        return cells
    if province in MUNICIPALITIES:
        return _split_municipality(table, province, city, county)
    direct = table.counties.get((province, ""), {})
    if city in direct and _is_directly_governed(table, province, direct[city]):
        return [province, direct[city], county or direct[city]]
    if not county and _is_county_city_today(table, province, city):
        return _county_as_city(table, cells) or cells
    if city in table.cities[province]:
        return [province, table.cities[province][city], county]
    if _NO_CITY.fullmatch(city) and county in direct and _is_directly_governed(table, province, direct[county]):
        return [province, direct[county], direct[county]]
    return _split_city_cell(table, province, city, county) or _county_as_city(table, cells) or cells


def _is_directly_governed(table: RegionTable, province: str, county: str) -> bool:
    """Return whether the latest entry of a county has no city level (石河子市, unlike 浏阳市)."""
    last = table.last_year(Place(province, "", county))
    under = max((year for home, year in table.cities_of_county[province, county].items() if home), default=0)
    return last > max(under, table.last_year(Place(province, county, "")))


def _is_county_city_today(table: RegionTable, province: str, city: str) -> bool:
    """Return whether a former city is a county-level city today: 巢湖市 belongs to 合肥市 since 2011."""
    homes = table.cities_of_county.get((province, city), {})
    return table.last_year(Place(province, city, "")) < NOW and NOW in homes.values()


def _split_city_cell(table: RegionTable, province: str, city: str, county: str) -> list[str] | None:
    """Split 长沙市望城区 in the city cell if the county cell is blank or equal. None if it cannot be split."""
    head = _city_head(table, province, city)
    if not head:
        return None
    official = table.cities[province][head]
    rest = city[len(head) :]
    known = table.counties.get((province, official), {})
    if not known and not county and rest:
        return [province, official, rest]
    if rest not in known or county not in {"", rest, known[rest], city}:
        return None
    return [province, official, known[rest]]


def _county_as_city(table: RegionTable, cells: list[str]) -> list[str] | None:
    """Split 浏阳市 or 湘潭县 in the city cell: a county of one prefecture, and no other county in the county cell."""
    province, city, county = cells
    homes = table.cities_of_form.get((province, city), {})
    if not homes or county not in {"", "市辖区", city, *(name for _, name in homes)}:
        return None
    last = max(homes.values())
    latest = [home for home, year in homes.items() if year == last and home[0]]
    return [province, *latest[0]] if len(latest) == 1 else None


def _split_municipality(table: RegionTable, province: str, city: str, county: str) -> list[str]:
    known = table.counties[province, province]
    short = province.removesuffix("市")
    bare = city.removeprefix(province) if city != province else city
    if bare in {province, short} or _NO_CITY.fullmatch(bare):
        return [province, province, county]
    if bare in known:
        return [province, province, county if county in known else known[bare]]
    return [province, city, county]


def _split_special(table: RegionTable, province: str, city: str, county: str) -> list[str]:
    """Split Hong Kong and Macau: their city and county are the region itself, or the county is a district (中西区)."""
    if not city or table.provinces.get(city) == province:
        city = province
    if not county and city != province:
        city, county = province, city
    return [province, city, province if not county or table.provinces.get(county) == province else county]


def _split_county(table: RegionTable, cells: list[str]) -> list[str]:
    province, city, county = cells
    if province in UNDIVIDED or not city:
        return cells
    known = table.counties.get((province, city), {})
    if not known:
        return _split_undivided_city(table, province, city, county)
    for candidate in (county, county.removeprefix(province), county.removeprefix(province).removeprefix(city)):
        if candidate in known:
            return [province, city, known[candidate]]
    rest = county.removeprefix(province)
    head = _city_head(table, province, rest)
    if head and table.cities[province][head] == city and rest[len(head) :] in known:
        return [province, city, known[rest[len(head) :]]]
    return [province, city, "" if county in {city, province + city} else county]


def _split_undivided_city(table: RegionTable, province: str, city: str, county: str) -> list[str]:
    single = Place(province, city, "") in table.spans or Place(province, "", city) in table.spans
    same = county in {"", "市辖区", city, city.removesuffix("市"), f"{city}市辖区", province + city}
    return [province, city, city if single and same else county]
