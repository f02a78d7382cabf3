"""Each row of the plain-text tables in `spec/` is one case, with its source."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest

from pipeline.knowledge import contacts, identifiers, names, regions

SPEC = Path(__file__).with_name("spec")


def shown(value):
    """The tables write invisible and private-use characters as \\uXXXX."""
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), value)


def cases(name):
    with (SPEC / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        rows = [{key: shown(value) for key, value in row.items()} for row in csv.DictReader(lines)]
    return [pytest.param(row, id="-".join(list(row.values())[:3])) for row in rows]


def column(value):
    return pd.Series([value], dtype="str", index=[7])


def yes(answer):
    assert list(answer.index) == [7]
    return "yes" if answer.iat[0] else "no"


def said(answer):
    assert list(answer.index) == [7]
    return answer.iat[0]


@pytest.mark.parametrize("case", cases("identifiers"))
def test_id_numbers(case):
    number = column(case["number"])
    assert said(identifiers.IdNumbers(number).kind) == case["kind"]
    assert yes(identifiers.IdNumbers(number).format_ok) == case["format_ok"]
    assert yes(identifiers.IdNumbers(number).checksum_ok) == case["checksum_ok"]
    assert str(identifiers.IdNumbers(number).birth_dates[0]) == (case["birth_date"] or "NaT")
    assert said(identifiers.IdNumbers(number).gender) == case["gender"]
    assert said(identifiers.IdNumbers(number).region) == case["region"]
    assert yes(identifiers.IdNumbers(number).valid) == case["valid"]
    assert yes(regions.known_code(identifiers.IdNumbers(number).region)) == "yes"


@pytest.mark.parametrize("case", cases("phones"))
def test_phones(case):
    value = column(case["value"])
    assert yes(contacts.mobile_ok(value)) == case["mobile"]
    assert yes(contacts.family_phone_ok(value)) == case["family"]
    assert said(contacts.area_code_state(value)) == case["area_code"]
    assert said(contacts.area_code_successor(value)) == case["successor"]


@pytest.mark.parametrize("case", cases("emails"))
def test_emails(case):
    value = column(case["value"])
    assert yes(contacts.email_ok(value)) == case["ok"]
    assert said(contacts.email_misspelt(value)) == case["misspelt"]


@pytest.mark.parametrize("case", cases("names"))
def test_names(case):
    clean = names.clean_name(column(case["given"]))
    assert said(clean) == case["clean"]
    assert said(names.clean_name(clean)) == case["clean"]
    assert yes(names.name_ok(clean)) == case["ok"]


@pytest.mark.parametrize("case", cases("regions"))
def test_regions(case):
    split = regions.split_regions(*(column(case[level]) for level in regions.LEVELS))
    levels = [split[level] for level in regions.LEVELS]
    assert "/".join(str(said(level)) for level in levels) == case["split"]
    verdict = regions.judge_regions(*levels, year=column(f"{case['year']}-09"))
    assert yes(verdict["resolved_province"] & verdict["resolved_city"]) == case["resolved"]
    assert yes(verdict["hierarchy"]) == case["hierarchy"]
    assert yes(verdict["valid_then"]) == case["valid_then"]
    if case["valid_then"] == "no":
        assert said(verdict["successors"]) == case["successors"]
