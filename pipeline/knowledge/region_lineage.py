"""What a region was called in another year: forward by its successors, backward by what it grew out of."""

from __future__ import annotations

from pipeline.knowledge.region_table import Place, RegionTable

_MOST_STEPS = 12


def names_in(table: RegionTable, place: Place, year: int) -> list[str]:
    """Return the names that a place had in a year, as short as they stay clear; several where it was divided."""
    began = min(span.first for span in table.spans[place])
    found = _follow(table, place, year, backward=year < began)
    return sorted(_shown(place, other) for other in found)


def _follow(table: RegionTable, place: Place, year: int, *, backward: bool) -> set[Place]:
    ends: set[Place] = set()
    reached = {place}
    for _ in range(_MOST_STEPS):
        step = {other for one in reached for other in _next(table, one, backward=backward)}
        ends |= {other for other in step if table.valid(other, year) or table.valid(other, year - 1)}
        reached = step - ends
        if not reached:
            break
    return ends


def _next(table: RegionTable, place: Place, *, backward: bool) -> tuple[Place, ...]:
    return tuple(table.forebears.get(place, ())) if backward else table.heirs.get(place, ())


def _shown(place: Place, other: Place) -> str:
    if other.province != place.province:
        return "".join(dict.fromkeys(other))
    if other.city != place.city or not other.county:
        return "".join(other[1:])
    return other.county


def current_names(table: RegionTable, place: Place) -> Place:
    """Return the names of today where they are beyond doubt (one successor at each step), else the place as it is."""
    if place.county and place in table.spans:
        return _shown_today(table, place, place)
    entry = Place(place.province, "", place.city) if Place(place.province, "", place.city) in table.spans else place
    known = entry if entry in table.spans else Place(place.province, place.city, "")
    return _shown_today(table, place, known)


def _shown_today(table: RegionTable, place: Place, known: Place) -> Place:
    """Return the last names of the entry `known`, in the three levels of `place`."""
    latest = _latest(table, known)
    if latest.city and not latest.county:
        county = place.county if table.divided(latest.province, latest.city) else latest.city
        return Place(latest.province, latest.city, county)
    return Place(latest.province, latest.city or latest.county, latest.county) if latest in table.spans else place


def _latest(table: RegionTable, place: Place) -> Place:
    seen = {place}
    while len(heirs := table.heirs.get(place, ())) == 1 and heirs[0] not in seen:
        place = heirs[0]
        seen.add(place)
    return place
