"""What Great Expectations costs: 100,000 rows × all rules, every failing row kept. Ratios within one run are told.

The bars (issue 3): at most 2.5 times the plain vectorised functions, at least 8 times less than the same suite through
stock expectations with COMPLETE results. Time is this process's own (CPU), so that a busy machine changes little.
"""

import gc
import statistics
import time

import numpy as np
import pandas as pd
import pytest

from pipeline.check import validate as judging
from pipeline.check.logic import LOGIC
from pipeline.check.suites import Rule, built_in_rules
from pipeline.match.clashes import CLASHES
from tests.check import whole
from tests.spec.judge import facts

ROWS = 100_000
ROUNDS = 3


@pytest.fixture(scope="module")
def known():
    return facts()


@pytest.fixture(scope="module")
def table(known):
    """100,000 rows: mostly good ones that all differ, one in a hundred with a fault of the spec tables."""
    cases = whole.table_of_all_cases(known)
    random = np.random.default_rng(1)
    good = cases.index[0]
    picked = np.where(random.random(ROWS) < 0.01, random.integers(0, len(cases), ROWS), good)
    rows = cases.iloc[picked].reset_index(drop=True)
    numbers = rows.index.astype(str)
    rows["submission_id"] = numbers
    own = pd.Series("17" + numbers.str.zfill(9), index=rows.index, dtype="str")
    for column in ("qq", "phone", "home_address"):  # text that differs from row to row, as people's does
        rows[column] = rows[column].where(picked != good, own)
    rows["email"] = rows["email"].where(picked != good, own + "@qq.com")
    return rows.assign(**{name: rows[name] & (picked != good) for name in CLASHES})


def rules_of_rows():
    return [rule for rule in built_in_rules() if rule.table == "submissions"]


def plain(table, known):
    """Return the failing rows of every rule by the plain functions."""
    return {
        rule.name: np.flatnonzero(LOGIC[rule.expectation](table, known, rule.field).rows.to_numpy(dtype=bool))
        for rule in rules_of_rows()
    }


def stock_suite(table, known):
    """Return the same rules as stock expectations: kinds as such, rules with logic as a column that must be false."""
    rules, columns = [], {}
    for rule in rules_of_rows():
        if rule.expectation == "expect_field_given":
            kind, kwargs = "expect_column_values_to_not_be_null", {"column": rule.field}
        elif rule.expectation == "expect_field_in_codes":
            labels = list(known.words.codes[rule.field].labels)
            kind, kwargs = "expect_column_values_to_be_in_set", {"column": rule.field, "value_set": labels}
        elif rule.expectation == "expect_field_equals_registry":
            kind = "expect_column_pair_values_to_be_equal"
            kwargs = {"column_A": rule.field, "column_B": f"registry_{rule.field}"}
            kwargs["ignore_row_if"] = "either_value_is_missing"
        else:
            kind, kwargs = "expect_column_values_to_be_in_set", {"column": f"broken {rule.name}", "value_set": [False]}
            columns[f"broken {rule.name}"] = LOGIC[rule.expectation](table, known, rule.field).rows
        rules.append(Rule(rule.name, rule.page, kind, "", rule.severity, rule.actor, "x", stock=True, kwargs=kwargs))
    return table.assign(**columns), rules


def seconds(work):
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.bench
def test_what_great_expectations_costs(table, known, capsys):
    judging.warm_up()
    ours_once, _ = judging.validate(table, rules_of_rows(), known, "submissions")
    expected = plain(table, known)
    assert {verdict.rule.name: verdict.rows.tolist() for verdict in ours_once} == {
        name: rows.tolist() for name, rows in expected.items()
    }
    ours, bare, stock = [], [], []
    for _ in range(ROUNDS):
        bare.append(seconds(lambda: plain(table.copy(deep=False), known)))
        ours.append(seconds(lambda: judging.validate(table, rules_of_rows(), known, "submissions")))
        stock.append(seconds(lambda: judging.validate(*stock_suite(table.copy(deep=False), known), known, "stock")))
    bare_time, our_time, stock_time = (statistics.median(times) for times in (bare, ours, stock))
    with capsys.disabled():
        print(
            f"\n{len(table):,} rows x {len(expected)} rules, {sum(map(len, expected.values())):,} failing: "
            f"plain {bare_time:.2f} s, ours {our_time:.2f} s ({our_time / bare_time:.2f} times plain, bar 2.5), "
            f"stock {stock_time:.2f} s ({stock_time / our_time:.1f} times ours, bar 8)"
        )
