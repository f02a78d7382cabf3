"""Rules: 100,000 rows × all rules with every failing row kept, against plain functions and stock expectations.

What is counted, in CPU seconds of this process (a busy machine changes little):

- ours: `validate`, as a run calls it: suite, Great Expectations' validation, failing positions of every rule;
- plain: the rule functions alone, without Great Expectations;
- stock: the same rules as stock expectations, validated as Great Expectations' guide does, COMPLETE results without
  index names. Kinds are stock expectations over the text columns, whose blanks were made missing values beforehand
  (not counted). A rule with logic of its own is a column that must be false: working that column out is part of the
  suite's work and counted, though by our own fast functions (kind to the stock way). "checking alone" leaves even that
  out.

Every way finds the same failing rows of the same table; the test compares ours with plain row by row.
"""

import gc
import statistics
import time

import numpy as np
import pandas as pd
import pytest

from pipeline.check import validate as judging
from pipeline.check.logic import LOGIC
from pipeline.check.suites import built_in_rules
from pipeline.knowledge.identifiers import check_character
from pipeline.match.persons import CLASHES
from tests.benchmarks.measure import repeats
from tests.benchmarks.plain import judge
from tests.check import whole
from tests.spec.judge import facts

ROWS = 100_000
RULES = [rule for rule in built_in_rules() if rule.table == "submissions"]


@pytest.fixture(scope="module")
def known():
    return facts()


@pytest.fixture(scope="module")
def table(known):
    """100,000 rows: mostly good ones of people who all differ, one in a hundred with a fault of the spec tables."""
    cases = whole.table_of_all_cases(known)
    random = np.random.default_rng(1)
    good = cases.index[0]
    picked = np.where(random.random(ROWS) < 0.01, random.integers(0, len(cases), ROWS), good)
    rows = cases.iloc[picked].reset_index(drop=True)
    rows["submission_id"] = rows.index.astype(str)
    usual = pd.Series(picked == good, index=rows.index)
    for name, values in people(rows.index).items():
        rows[name] = rows[name].where(~usual, values)
        if f"registry_{name}" in rows:
            rows[f"registry_{name}"] = rows[f"registry_{name}"].where(~usual, values)
    photo = {"photo_found": True, "photo_readable": True, "photo_bytes": 60_000, "photo_width": 295}
    return rows.assign(**photo, photo_height=413, **{name: rows[name] & ~usual for name in CLASHES})


def people(index):
    """Return the columns of text that differ from person to person."""
    number = pd.Series(np.arange(len(index)), index=index)
    born = (pd.Timestamp("1995-01-01") + pd.to_timedelta(number % 365, unit="D")).dt.strftime("%Y%m%d")
    sequence = number // 365  # an odd one is a man's, GB 11643
    first17 = ("430302" + born + sequence.astype(str).str.zfill(3)).astype("str")
    surnames, given = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚文辉玲玉"
    name = pd.Series([surnames[n % 20] + given[n // 20 % 24] + given[n // 480 % 24] for n in range(len(index))], index)
    phone = "17" + number.astype(str).str.zfill(9)
    text = {
        "id_number": first17 + check_character(first17),
        "name": name,
        "gender": pd.Series(np.where(sequence % 2 == 1, "男", "女"), index),
        "student_number": "13" + number.astype(str).str.zfill(8),
        "exam_number": "13430300" + number.astype(str).str.zfill(6),
        "phone": phone,
        "qq": phone,
        "email": phone + "@qq.com",
        "home_address": "韶山西路" + number.astype(str) + "号",
        "photo": number.astype(str) + ".jpg",
    }
    return {name: values.astype("str") for name, values in text.items()}


def plain(table, known):
    """Return the failing rows of every rule by the plain functions."""
    return {
        rule.name: np.flatnonzero(LOGIC[rule.expectation](table, known, rule.field).rows.to_numpy(dtype=bool))
        for rule in RULES
    }


def stock_suite(known):
    """Return the same rules as stock expectations, and those that are a column which must be false."""
    expectations, with_logic = [], []
    for rule in RULES:
        if rule.expectation == "expect_field_given":
            expectations.append(("ExpectColumnValuesToNotBeNull", {"column": rule.field}))
        elif rule.expectation == "expect_field_in_codes":
            labels = list(known.words.codes[rule.field].labels)
            expectations.append(("ExpectColumnValuesToBeInSet", {"column": rule.field, "value_set": labels}))
        elif rule.expectation == "expect_field_equals_registry":
            pair = {"column_A": rule.field, "column_B": f"registry_{rule.field}"}
            pair["ignore_row_if"] = "either_value_is_missing"
            expectations.append(("ExpectColumnPairValuesToBeEqual", pair))
        else:
            with_logic.append(rule)
            keywords = {"column": f"broken {rule.name}", "value_set": [False]}
            expectations.append(("ExpectColumnValuesToBeInSet", keywords))
    return expectations, with_logic


def worked_out(table, known, rules):
    """Return the columns of the rules with logic of their own: true where a row breaks the rule."""
    return {f"broken {rule.name}": LOGIC[rule.expectation](table, known, rule.field).rows for rule in rules}


def seconds(work):
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.bench
def test_what_great_expectations_costs(table, known, record):
    judging.preload()
    found = plain(table, known)
    verdicts, _ = judging.validate_rules(table, RULES, known, "submissions")
    assert {verdict.rule.name: verdict.rows.tolist() for verdict in verdicts} == {
        name: rows.tolist() for name, rows in found.items()
    }
    assert max(len(rows) for rows in found.values()) < ROWS / 50, "most rows are honest"
    text = [name for name in table.columns if pd.api.types.is_string_dtype(table[name])]
    missing = table.assign(**{name: table[name].mask(table[name] == "") for name in text})
    expectations, with_logic = stock_suite(known)
    ours, bare, logic, stock = [], [], [], []
    for _ in range(repeats()):
        fresh = table.copy(deep=False)  # what rules share is remembered of one table only
        bare.append(seconds(lambda table=fresh: plain(table, known)))
        ours.append(seconds(lambda: judging.validate_rules(table, RULES, known, "submissions")))
        columns = {}
        fresh = table.copy(deep=False)
        logic.append(seconds(lambda table=fresh, kept=columns: kept.update(worked_out(table, known, with_logic))))
        stock.append(seconds(lambda kept=columns: judge(missing.assign(**kept), expectations)))
    bare_time, our_time, logic_time, checking = (statistics.median(times) for times in (bare, ours, logic, stock))
    record(f"ours, {len(table):,} rows × {len(RULES)} rules, CPU", our_time, "s")
    record("plain functions, CPU", bare_time, "s")
    record("stock expectations COMPLETE without index names, CPU", logic_time + checking, "s")
    record("ours / plain functions", our_time / bare_time, "times", at_most=2.5)
    record("stock expectations / ours", (logic_time + checking) / our_time, "times", at_least=8)
    record("stock expectations, checking alone / ours", checking / our_time, "times")
