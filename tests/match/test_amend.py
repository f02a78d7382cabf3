"""Rows that amend: whose they are, what they may fill and replace, what becomes of the rest."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import fields
from pipeline.match.amend import (
    AMENDING_KEYS,
    GIVEN,
    NO_SUBMISSION,
    NOT_LATER,
    SEVERAL_PEOPLE,
    SUPERSEDED_TARGET,
    TARGET,
    UNKNOWN_TARGET,
    Amended,
    with_amendments,
)
from pipeline.tables import CHANGES, POSITION, SUBMISSIONS

LATEST = datetime(2016, 11, 2, 12)
WANG = {"name": "王一", "student_number": "1305010101", "id_number": "430302199503141234", "school": "湖南科技大学"}


def submission(identity: str, **values: str) -> dict[str, object]:
    own = {"submitted_at": "2016-10-01 08:00", **WANG, **values}
    return {**dict.fromkeys(SUBMISSIONS, ""), "file": "表.csv", "row": 2, "submission_id": identity, **own}


def amendment(target: str = "", row: int = 2, **values: str) -> dict[str, object]:
    own = {"name": WANG["name"], "student_number": WANG["student_number"], **values}
    keys = {name: own.get(name, "") for name in ["school", "submitted_at", *AMENDING_KEYS]}
    texts = {f"{GIVEN}{name}": own.get(name, "") for name in fields.names()}
    return {"file": "问卷.csv", "sheet": "", "row": row, TARGET: target, **keys, **texts}


def as_given(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    none = pd.DataFrame({name: pd.Series(dtype="int64" if name == "at" else "str") for name in [*CHANGES, "at"]})
    return rows.assign(submission_id="", superseded_by="")[SUBMISSIONS], none


def amended(bases: list[dict[str, object]], amendments: list[dict[str, object]], changes=()) -> Amended:
    known = pd.DataFrame(list(changes), columns=pd.Index(CHANGES), dtype="str")
    return with_amendments(pd.DataFrame(amendments), pd.DataFrame(bases), known, as_given, LATEST)


ONE = [
    # base, amendment, what becomes of the phone
    ({"phone": ""}, {"phone": "139"}, "139"),  # fills a blank
    ({"phone": "138"}, {"phone": "139"}, None),  # no time of its own: replaces nothing
    ({"phone": "138"}, {"phone": "139", "submitted_at": "2016-10-02 08:00"}, "139"),  # a later one does
    ({"phone": "138"}, {"phone": "139", "submitted_at": "2016-10-01 08:00"}, None),  # not later
    ({"phone": "138"}, {"phone": "139", "submitted_at": "2016-09-30 08:00"}, None),
    ({"phone": "138"}, {"phone": "139", "submitted_at": "2099-01-01 08:00"}, None),  # a time to come is none
    ({"phone": "138"}, {"phone": "139", "submitted_at": "2016-11-02 12:00:01"}, None),
    ({"phone": "138"}, {"phone": "139", "submitted_at": "昨天"}, None),
    ({"phone": "138", "submitted_at": "2099-01-01"}, {"phone": "139", "submitted_at": "2016-10-02"}, "139"),
    ({"phone": "138"}, {"phone": "139", "target": "a"}, "139"),  # names what it amends
    ({"phone": "138"}, {"phone": "", "submitted_at": "2016-10-02 08:00"}, None),  # blank says nothing
    ({"phone": "138"}, {"phone": "138", "submitted_at": "2016-10-02 08:00"}, None),  # the same: no other row
    ({"phone": ""}, {"phone": "139", "student_number": "", "id_number": WANG["id_number"]}, "139"),
    ({"phone": ""}, {"phone": "139", "name": "王二"}, None),
    ({"phone": ""}, {"phone": "139", "student_number": "1305010102"}, None),
]


@pytest.mark.parametrize(("base", "row", "phone"), ONE)
def test_what_one_row_does(base, row, phone):
    found = amended([submission("a", **base)], [amendment(**row)])
    assert found.rows["phone"].tolist() == ([] if phone is None else [phone])
    refused = phone is None and row["phone"] not in ("", base["phone"]) and "student_number" not in row
    assert (NOT_LATER in found.not_applied["why"].tolist()) == (refused and row.get("name", "王一") == "王一")


def test_the_amended_submission_is_one_more_row_in_the_place_and_at_the_time_of_its_base():
    base = submission("a", phone="138", qq="")
    found = amended([base], [amendment(target="a", row=7, phone="139", qq="12345", submitted_at="2016-11-20 10:00")])
    row = found.rows.iloc[0]
    assert [row[name] for name in POSITION] == ["表.csv", "", 2]
    assert row["submitted_at"] == "2016-10-01 08:00"
    assert row["submission_id"] not in ("", "a")
    unlike = [name for name in fields.names() if row[name] != base[name]]
    assert sorted(unlike) == ["phone", "qq"]
    told = {change.field: (change.given, change.kept, change.why) for change in found.changes.itertuples()}
    assert told == {
        "phone": ("139", "139", "按 问卷.csv 第 7 行 更正"),
        "qq": ("12345", "12345", "按 问卷.csv 第 7 行 补上"),
    }
    assert found.not_applied.empty


def test_two_people_who_fill_in_the_same_sheet_undo_nothing_of_each_other():
    """The second one's sheet still had the first one's cell as it was printed, and so put it back."""
    printed = {"phone": "138", "qq": "1"}
    one, two = (
        amendment(target="a", row=row, **printed | own) for row, own in ((2, {"phone": "139"}), (3, {"qq": "2"}))
    )
    for both in ([one, two], [two, one]):
        found = amended([submission("a", **printed)], both)
        assert found.rows[["phone", "qq"]].iloc[-1].tolist() == ["139", "2"] and found.not_applied.empty
        assert len(amended([submission("a", **printed)], [*both, *both]).rows) == 2  # a copy of a sheet says no more


def test_what_normalising_did_to_the_base_is_told_of_the_amended_row_too():
    before = [("a", "name", " 王一", "王一", "去掉空格"), ("a", "phone", "1 38", "138", "去掉空格")]
    found = amended([submission("a", phone="138")], [amendment(target="a", phone="139")], before)
    own = found.rows["submission_id"][0]
    assert set(found.changes["submission_id"]) == {own}
    assert dict(zip(found.changes["field"], found.changes["given"], strict=True)) == {"name": " 王一", "phone": "139"}


def test_each_amendment_is_a_row_of_its_own_so_that_an_approved_one_stays():
    one = amendment(phone="139", submitted_at="2016-10-02 08:00")
    two = amendment(row=3, qq="12345", submitted_at="2016-10-03 08:00")
    alone = amended([submission("a", phone="138")], [one]).rows
    both = amended([submission("a", phone="138")], [two, one]).rows  # by their times, not their places
    assert both["submission_id"][0] == alone["submission_id"][0]
    assert both[["phone", "qq"]].to_numpy().tolist() == [["139", ""], ["139", "12345"]]
    three = amendment(both["submission_id"][0], row=4, email="a@b.cn")
    after = amended([submission("a", phone="138")], [one, two, three])
    assert after.rows["submission_id"][0] == alone["submission_id"][0]
    assert after.rows["email"].tolist() == ["", "a@b.cn", "a@b.cn"]


def test_all_rows_of_a_person_are_amended_but_only_the_named_one_by_its_id():
    bases = [submission("a"), submission("b", submitted_at="2016-10-05 08:00", phone="138")]
    found = amended(bases, [amendment(phone="139", submitted_at="2016-10-03 08:00")])
    assert found.rows["phone"].tolist() == ["139"] and found.rows["submitted_at"].tolist() == ["2016-10-01 08:00"]
    found = amended(bases, [amendment(target="b", phone="139")])
    assert found.rows["submitted_at"].tolist() == ["2016-10-05 08:00"] and found.not_applied.empty
    found = amended(bases, [amendment(target="a", phone="139")])
    assert found.not_applied["why"].tolist() == [SUPERSEDED_TARGET]


def test_rows_that_are_not_taken_are_told_with_their_place():
    bases = [
        submission("a"),
        submission("b", name="李二", student_number="7", id_number="1", school="甲"),
        submission("c", name="李二", student_number="7", id_number="2", school="乙"),
    ]
    rows = [
        amendment(row=2, name="张三", phone="139"),
        amendment(target="gone", row=3, phone="139"),
        amendment(row=4, name="李二", student_number="7", phone="139"),
        amendment(row=5, name="李二", student_number="7", school="乙", phone="139"),
    ]
    found = amended(bases, rows)
    told = found.not_applied[["file", "row", "why"]].to_numpy().tolist()
    assert told == [["问卷.csv", 2, NO_SUBMISSION], ["问卷.csv", 3, UNKNOWN_TARGET], ["问卷.csv", 4, SEVERAL_PEOPLE]]
    assert found.rows["school"].tolist() == ["乙"]


TEXT = st.sampled_from(["", "1", "2"])
TIME = st.sampled_from(["", "2016-09-30 08:00", "2016-10-02 08:00", "2016-10-03 08:00"])


ROW = {"phone": TEXT, "qq": TEXT, "submitted_at": TIME, "target": st.sampled_from(["", "a", "x"])}


@settings(max_examples=25)
@given(st.fixed_dictionaries({"phone": TEXT, "qq": TEXT}), st.lists(st.fixed_dictionaries(ROW), min_size=1, max_size=4))
def test_what_is_blank_says_nothing_and_nothing_is_lost(base, rows):
    """Against the rule written plainly: by time, those that name a submission right after it."""
    found = amended([submission("a", **base)], [amendment(row=at + 2, **row) for at, row in enumerate(rows)])
    plain = dict(base)
    named = sorted((row for row in rows if row["target"] == "a"), key=lambda row: row["submitted_at"])
    for row in [*named, *sorted((r for r in rows if not r["target"]), key=lambda r: r["submitted_at"])]:
        for name in ("phone", "qq"):
            may = not plain[name] or row["target"] or row["submitted_at"] > "2016-10-01 08:00"
            printed = row["target"] and row[name] == base[name]  # a cell of the 问题表 that nobody changed
            plain[name] = row[name] if row[name] and may and not printed else plain[name]
    last = found.rows.iloc[-1] if len(found.rows) else submission("a", **base)
    assert {name: last[name] for name in plain} == plain
    assert len(found.rows) == found.rows["submission_id"].nunique()
    assert [why for why in found.not_applied["why"] if why != NOT_LATER] == [
        UNKNOWN_TARGET for row in rows if row["target"] == "x"
    ]
