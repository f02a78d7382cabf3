"""The table of regions against an independent one, and splitting and judging over all of it."""

import csv

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import resources
from pipeline.knowledge import regions
from pipeline.knowledge.region_table import MUNICIPALITIES, NOW, load_table

TABLE = load_table()
PLACES = sorted(TABLE.spans)
CELLS = st.one_of(
    st.just(""),
    st.sampled_from(sorted({name for place in PLACES for name in place if name})),
    st.sampled_from(
        ["市辖区", "县", "省直辖县级行政区划", "湖南", "长沙", "望城", "湖南省长沙市", "高新区", "x", "北京 海淀"]
    ),
    st.text(alphabet="省市县区湖南长沙望城 北京-", max_size=8),
)


def frame(rows):
    return pd.DataFrame(rows, columns=["province", "city", "county"]).astype("str")


@pytest.fixture(scope="module")
def reference(shared):
    path = shared / "reference" / "regions-areacodes.csv"
    if not path.is_file():
        pytest.skip("reference/regions-areacodes.csv is not here")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["级别"] == "县级"]


def counties(reference, year):
    """(code, province, city, county) valid at the end of a year by the independent table (CC0, yescallop/areacodes)."""
    for row in reference:
        ended = int(row["变更/弃用时间"] or NOW)
        if int(row["启用时间"]) <= year < ended:
            province, city = row["一级行政区"], row["二级行政区"]
            direct = province if province in MUNICIPALITIES else ""
            yield row["代码"], province, direct if city == "直辖" else city, row["名称"]


def ours(year):
    with (resources.expectations() / "regions" / "regions.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["county"] and int(row["valid_from"]) <= year <= int(row["valid_to"] or NOW):
                yield row["code"], row["province"], row["city"], row["county"]


@pytest.mark.parametrize(
    ("year", "count"),
    [(2010, 2859), (2011, 2856), (2012, 2852), (2013, 2853), (2014, 2854), (2016, 2851), (2017, 2851)],
)
def test_every_county_agrees_with_the_independent_table(reference, year, count, record_property):
    theirs, mine = set(counties(reference, year)), set(ours(year))
    assert theirs == mine
    record_property("counties_that_agree", len(mine))
    assert len(mine) == count


def test_every_code_of_the_independent_table_is_known(reference):
    codes = pd.Series(sorted({row["代码"] for row in reference}), dtype="str")
    unknown = codes[~regions.known_code(codes)]
    # county-level codes that lived for less than a year in the 1980s and stand on no list that is published
    assert set(unknown) <= {"230834", "370719", "370819", "370919", "620925"}


def test_no_county_of_2013_gets_a_finding(reference):
    rows = frame([place[1:] for place in counties(reference, 2013)])
    split = regions.split_regions(rows["province"], rows["city"], rows["county"])
    direct = rows["city"].eq("")
    assert split[~direct].eq(rows[~direct]).all(axis=None)
    assert split["county"].eq(rows["county"]).all()
    for year in (2013, 2014):
        verdict = regions.judge_regions(split["province"], split["city"], split["county"], year)
        assert verdict[["resolved_province", "resolved_city", "hierarchy", "valid_then"]].all().all()
        assert verdict["successors"].eq("").all()


def test_a_county_under_a_city_of_another_province_breaks_the_hierarchy(reference):
    rows = frame([place[1:] for place in counties(reference, 2013)])
    rows = rows[rows["city"].ne("") & ~rows["province"].isin(list(MUNICIPALITIES))]
    other = rows["province"].shift(500).fillna("湖南省")
    moved = rows.assign(province=other)[other.ne(rows["province"])]
    verdict = regions.judge_regions(moved["province"], moved["city"], moved["county"], 2013)
    once = [(place.province, place.city, place.county) in TABLE.spans for place in moved.itertuples()]
    assert (verdict["hierarchy"].to_numpy() == once).all()


@given(CELLS, CELLS, CELLS)
@example("莱西市", "市辖区", "")
@example("湖南省", "浏阳市", "市辖区")
def test_splitting_twice_changes_nothing(province, city, county):
    cells = frame([(province, city, county)])
    first = regions.split_regions(cells["province"], cells["city"], cells["county"])
    second = regions.split_regions(first["province"], first["city"], first["county"])
    assert second[regions.LEVELS].equals(first[regions.LEVELS])


def test_every_name_of_every_year_stays_as_it_is():
    rows = frame([place for place in PLACES if place.city])
    split = regions.split_regions(rows["province"], rows["city"], rows["county"])
    undivided = [not TABLE.counties.get((place.province, place.city)) for place in rows.itertuples()]
    same = split[regions.LEVELS].eq(rows).all(axis=1)
    changed = rows[~same & ~pd.Series(undivided)]
    # a county-level city that had no city level for a few years is given the one it has had since; a prefecture that is
    # none any more (巢湖市) is the county-level city of its name
    later = [
        bool(set(TABLE.cities_of_county[place.province, place.county or place.city]) - {""})
        for place in changed.itertuples()
    ]
    assert len(changed) == 0 or all(later)


def sides(rows):
    return [rows[level] for level in regions.LEVELS]


@pytest.mark.parametrize(
    ("one", "other", "year", "same"),
    [
        (("湖北省", "襄樊市", "襄城区"), ("湖北省", "襄阳市", "襄城区"), "2013", True),
        (("湖南", "长沙", "望城县"), ("湖南省", "长沙市", "望城区"), "2013", True),
        (("湖北省", "省直辖县级行政区划", "仙桃市"), ("湖北省", "仙桃市", ""), "2013", True),
        (("广东省", "东莞市", "莞城区"), ("广东省", "东莞市", "东莞市"), "2013", True),
        (("新疆生产建设兵团", "石河子市", ""), ("新疆维吾尔自治区", "石河子市", "石河子市"), "2013", True),
        (("北京市", "北京市", "崇文区"), ("北京市", "北京市", "东城区"), "2013", True),
        (("北京市", "北京市", "崇文区"), ("北京市", "北京市", "东城区"), "2008", False),  # merged in 2010
        (("山东省", "莱芜市", "莱城区"), ("山东省", "济南市", "莱芜区"), "2013", True),
        (("浙江省", "杭州市", "上城区"), ("浙江省", "杭州市", "江干区"), "2013", False),  # merged in 2021
        (("山东省", "威海市", "环翠区"), ("山东省", "威海市", "乳山市"), "2013", False),
    ],
)
def test_one_region_by_its_names_of_different_years(one, other, year, same):
    answer = regions.same_regions(sides(frame([one])), sides(frame([other])), pd.Series([year], dtype="str"))
    assert bool(answer.all(axis=1).iloc[0]) == same


def test_the_level_that_differs_is_told():
    one, other = frame([("湖南省", "湘潭市", "雨湖区")]), frame([("湖南省", "湘潭市", "岳塘区")])
    answer = regions.same_regions(sides(one), sides(other), pd.Series(["2013"], dtype="str"))
    assert answer.iloc[0].tolist() == [True, True, False]


def test_nearly_every_county_is_known_without_its_city():
    year = 2013
    living = [p for p in PLACES if p.city not in ("", p.province) and p.county and TABLE.valid(p, year)]
    living = [p for p in living if p.province not in MUNICIPALITIES]
    names = [(p.province, p.county) for p in living]
    alone = [p for p in living if names.count((p.province, p.county)) == 1]
    split = regions.split_regions(*sides(frame([(p.province, p.county, "") for p in alone])))
    right = [tuple(row[:3]) == p for row, p in zip(split.itertuples(index=False), alone, strict=True)]
    assert sum(right) / len(right) > 0.9


def test_every_successor_is_in_the_table():
    assert {heir for heirs in TABLE.successors.values() for heir in heirs} <= set(TABLE.spans)


def test_judging_takes_each_row_by_its_own_year():
    rows = frame([("湖南省", "长沙市", "望城县")] * 3)
    years = pd.Series(["2009-09", "2013-09", ""], dtype="str")
    verdict = regions.judge_regions(rows["province"], rows["city"], rows["county"], years)
    assert verdict["valid_then"].tolist() == [True, False, True]
    assert verdict["successors"].tolist() == ["", "望城区", ""]


def test_unknown_codes():
    never = ["999999", "430199", "000000", "439902"]
    ever = ["430100", "430101", "439900", "439901", "810000", "820000", "830000", ""]
    codes = pd.Series([*never, *ever], dtype="str")
    assert regions.known_code(codes).tolist() == [False] * len(never) + [True] * len(ever)


def test_postcodes():
    codes = pd.Series(["410000", "100000", "065201", "999999", "", "12"], dtype="str")
    province = pd.Series(["湖南省", "湖南省", "河北", "湖南省", "湖南省", "湖南省"], dtype="str")
    assert regions.postcode_fits(codes, province).tolist() == [True, False, True, True, True, True]
    border = pd.Series(["100000", "100000", "100000", "065201"], dtype="str")
    province = pd.Series(["北京市", "河北省", "湖南省", "河北省"], dtype="str")
    assert regions.postcode_fits(border, province).tolist() == [True, True, False, True]


def test_a_city_never_was_in_another_province():
    judged = regions.judge_regions(
        *(pd.Series([name], dtype="str") for name in ("浙江省", "合肥市", "肥东县", "2013-09"))
    )
    assert not judged["hierarchy"].iloc[0]
