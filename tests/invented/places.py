"""Where invented people come from: counties whose province, city and own name stood unchanged from 2004 to today."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A county with its six-digit code and the names of its city and province."""

    code: str
    province: str
    city: str
    county: str


# First two digits of a province's postcodes, area code of its capital's landlines.
POSTCODES = {
    "河北省": "05", "山西省": "03", "内蒙古自治区": "01", "辽宁省": "11", "吉林省": "13", "黑龙江省": "15",
    "江苏省": "21", "浙江省": "31", "安徽省": "23", "福建省": "35", "江西省": "33", "山东省": "25", "河南省": "45",
    "湖北省": "43", "湖南省": "41", "广东省": "51", "广西壮族自治区": "53", "海南省": "57", "四川省": "61",
    "贵州省": "55", "云南省": "65", "西藏自治区": "85", "陕西省": "71", "甘肃省": "73", "青海省": "81",
    "宁夏回族自治区": "75", "新疆维吾尔自治区": "83",
}  # fmt: skip

# Names that had become others by 2011: (province, city, the name since, the name before)
RENAMED = [
    ("湖南省", "长沙市", "望城区", "望城县"),
    ("江苏省", "扬州市", "江都区", "江都市"),
    ("江苏省", "徐州市", "铜山区", "铜山县"),
]


@cache
def places() -> list[Place]:
    """Return every county of `places.csv`, in the order of the codes."""
    with (Path(__file__).parent / "places.csv").open(encoding="utf-8", newline="") as lines:
        return [Place(**row) for row in csv.DictReader(lines)]


@cache
def within(province: str, city: str = "") -> list[Place]:
    """Return the counties of a province, or of one of its cities; all of them without a province."""
    mine = [place for place in places() if not province or place.province == province]
    return [place for place in mine if not city or place.city == city]
