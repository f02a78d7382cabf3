"""Who moved between two exports of a registry and between two years: told to the office by name, and to nobody else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipeline.render.overview import open_overview, show_moved
from pipeline.view.moves import registry_changes
from pipeline.view.run_tables import load_run
from tests.render.test_pages import text_of

Row = tuple[str, str, str, str, str, str]
"""Student number, ID number, name, class, month, why he is outside."""
ZHANG: Row = ("1301", "43030219950314123X", "张三", "13土木1班", "2017-06", "")
LI: Row = ("1302", "430302199503141235", "李四", "13土木1班", "2017-06", "")
WANG: Row = ("1303", "430302199503141236", "王五", "13土木2班", "2017-06", "")
ZHAO: Row = ("1304", "430302199503141237", "赵六", "13土木2班", "2017-06", "休学")


def changed(row: Row, **cells: str) -> Row:
    names = ("number", "identity", "name", "class_name", "month", "outside")
    return tuple(cells.get(name, value) for name, value in zip(names, row, strict=True))  # pyright: ignore


def write(root: Path, day: date, *rows: Row, school: str = "甲大学", **summary: object) -> Path:
    """Write a run of 甲大学 with this registry."""
    run = root / "runs" / f"{day:%Y%m%d}-000000-0000"
    (run / "tables").mkdir(parents=True)
    names = ["student_number", "id_number", "name", "class_name", "graduation_month", "outside"]
    table = pd.DataFrame(rows, columns=pd.Index(names), dtype="str").assign(school=school, college="土木工程学院")
    for name in ("registry", "roster"):
        table.to_parquet(run / "tables" / f"{name}.parquet")
    cohort = {"name": f"{root.name}届", "year": 2017, "schools": [{"code": "1", "name": "甲大学"}]}
    told = {"run_id": run.name, "as_of": str(day), "colleges": "all", "rules": "all", "cohort": cohort, **summary}
    (run / "summary.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return run


def moved(run: Path, school: str = "") -> list[tuple[str, ...]]:
    told = registry_changes(load_run(run), school)[["since", "student_number", "name", "before", "now"]]
    return sorted(tuple(map(str, row)) for row in told.itertuples(index=False))


HERE, THERE, ABSENT = "土木工程学院 13土木1班", "土木工程学院 13土木2班", "学籍库里没有"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ([ZHANG, LI], [ZHANG, LI], []),
        ([ZHANG], [ZHANG, WANG], [("1303", "王五", ABSENT, THERE)]),
        ([ZHANG, WANG], [ZHANG], [("1303", "王五", THERE, ABSENT)]),
        ([ZHANG, LI], [ZHANG, changed(LI, class_name="13土木2班")], [("1302", "李四", HERE, THERE)]),
        ([ZHANG], [changed(ZHANG, outside="参军入伍")], [("1301", "张三", HERE, "不在本届（参军入伍）")]),
        ([ZHAO], [changed(ZHAO, outside="")], [("1304", "赵六", "不在本届（休学）", THERE)]),
        # another number, the same person: known by his ID number however it is written
        ([LI, ZHANG], [LI, changed(ZHANG, number="1401", identity="43030219950314123x")], []),
        (
            [LI, ZHANG],
            [LI, changed(ZHANG, number="1401", class_name="13土木2班")],
            [("1401", "张三", HERE, THERE)],
        ),
        # a mended ID number or name is no move
        ([ZHANG], [changed(ZHANG, identity="430302199503141299", name="张叁")], []),
        # without an ID number nobody is followed, and two of one ID number are nobody's trace
        (
            [changed(ZHANG, identity="")],
            [changed(ZHANG, identity="", number="9")],
            [("1301", "张三", HERE, ABSENT), ("9", "张三", ABSENT, HERE)],
        ),
    ],
)
def test_since_the_last_export(
    tmp_path: Path, before: list[Row], now: list[Row], told: list[tuple[str, str, str, str]]
):
    write(tmp_path, date(2016, 10, 20), *before)
    run = write(tmp_path, date(2016, 10, 21), *now)
    assert moved(run) == moved(run, "甲大学") == sorted(("2016-10-20 的学籍库", *row) for row in told)


def test_it_stays_told_until_the_next_change_and_an_unread_registry_tells_nothing(tmp_path: Path):
    write(tmp_path, date(2016, 10, 18), ZHANG, LI, WANG)
    write(tmp_path, date(2016, 10, 19), ZHANG, LI)
    write(tmp_path, date(2016, 10, 20))  # the registry could not be read
    run = write(tmp_path, date(2016, 10, 21), ZHANG, LI)
    assert moved(run) == [("2016-10-18 的学籍库", "1303", "王五", THERE, ABSENT)]
    assert moved(write(tmp_path, date(2016, 10, 22))) == []
    write(tmp_path / "other", date(2016, 10, 19), ZHANG, school="乙大学")
    assert moved(write(tmp_path / "other", date(2016, 10, 20), LI)) == []


def test_since_the_year_before(tmp_path: Path):
    """Repeaters come from last year's class; who was to come and did not is told; who came up with his year is not."""
    repeater, back = changed(ZHANG, class_name="12土木1班", month="2016-06"), changed(ZHAO, class_name="12土木2班")
    graduate = ("1201", "430302199403141230", "钱七", "12土木1班", "2016-06", "")
    coming, lost = changed(LI, outside="非本届"), changed(WANG, outside="非本届")
    then = write(tmp_path / "2016", date(2015, 10, 20), repeater, back, graduate, coming, lost)
    year = {"year_before": {"run": str(then)}}
    newcomer = ("1399", "430302199603141230", "孙八", "13土木1班", "2017-06", "")
    run = write(tmp_path / "2017", date(2016, 10, 20), ZHANG, changed(ZHAO, outside=""), LI, newcomer, **year)
    assert moved(run) == [
        ("2016届", "1301", "张三", "土木工程学院 12土木1班", HERE),
        ("2016届", "1303", "王五", "不在本届（非本届）", ABSENT),
        ("2016届", "1304", "赵六", "不在本届（休学）", THERE),
    ]
    shown = show_moved(open_overview(str(write_colleges(run))))
    assert shown is not None and all(word in text_of(shown.html) for word in ("张三", "12土木1班", "不在本届（休学）"))
    gone = write(tmp_path / "2017", date(2016, 10, 21), ZHANG, year_before={"run": str(tmp_path / "purged")})
    assert {row[0] for row in moved(gone)} == {"2016-10-20 的学籍库"}


def write_colleges(run: Path) -> Path:
    pd.DataFrame({"school": ["甲大学"], "college": ["土木工程学院"]}).to_parquet(run / "tables" / "colleges.parquet")
    return run
