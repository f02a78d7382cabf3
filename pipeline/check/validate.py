"""Run Great Expectations: one validation per table, which returns every failing row of every rule."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from pipeline.check.rule import Facts, Rule
from pipeline.check.stock import stock_table
from pipeline.tables import Frame


@dataclass(frozen=True)
class RuleVerdict:
    """Great Expectations' result on one rule: positions of the failing rows, or why it could not run.

    `details` has `field`, `given`, `expected` of each failing row. `left_out` is a Chinese note on rows not judged.
    """

    rule: Rule
    rows: np.ndarray
    details: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    could_not_run: str = ""
    left_out: str = ""


def preload() -> None:
    """Import Great Expectations (a second and a half) and our types, without analytics, and build the context."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    from pipeline.imports import DEFERRED, FORMATS, lazily, without

    with lazily(*DEFERRED), without(*FORMATS):
        import pipeline.check.expectations  # noqa: F401  # pyright: ignore[reportUnusedImport]

    _batches()


def context(**settings: Any) -> Any:  # noqa: ANN401 - the library's own, imported late
    """Return an ephemeral context without analytics and without a folder for Data Docs."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        **settings,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def validate_rules(
    table: Frame, rules: list[Rule], facts: Facts, name: str
) -> tuple[list[RuleVerdict], dict[str, Any]]:
    """Return each rule's verdict on `table`, and the validation results for Data Docs by name.

    A rule that raises is reported as not run. Stock rules run apart, on blanks as missing values and typed columns.
    """
    built_in = [rule for rule in rules if not rule.stock]
    stock = [rule for rule in rules if rule.stock]
    verdicts, results = _validate(table.reset_index(drop=True), built_in, facts, name)
    if stock:
        columns, left_out = stock_table(table, stock)
        judged, office = _validate(columns, stock, facts, f"{name}_office")
        results |= office
        verdicts += [replace(verdict, left_out=left_out.get(verdict.rule.name, "")) for verdict in judged]
    return verdicts, results


@cache
def _batches() -> Any:  # noqa: ANN401 - as above
    """Return the batch definition for tables, cached: creating a context takes as long as ten rules."""
    from pipeline.check.expectations import TableDatasource

    source = context().data_sources.add_mingce("mingce")
    assert isinstance(source, TableDatasource)
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("all")


def _validate(batch: Frame, rules: list[Rule], facts: Facts, name: str) -> tuple[list[RuleVerdict], dict[str, Any]]:
    from great_expectations import ExpectationSuite

    from pipeline.check.expectations import expectation_of

    expectations = [expectation_of(rule, facts=facts) for rule in rules]
    outcome = (
        _batches()
        .get_batch({"dataframe": batch})
        .validate(
            ExpectationSuite(name=name, expectations=expectations),
            result_format={"result_format": "COMPLETE", "include_unexpected_rows": False},
        )
    )
    results: list[Any] = list(outcome.results)
    found = {result.expectation_config.meta["rule"]: result for result in results}
    return [_verdict(rule, found[rule.name]) for rule in rules], {name: outcome}


def _verdict(rule: Rule, result: Any) -> RuleVerdict:  # noqa: ANN401 - as above
    no_rows = np.array([], dtype=np.int64)
    if raised := exceptions_of(result):
        trace = str(raised[0].get("exception_traceback", ""))  # the class only: the text may hold a cell's value
        found = re.search(r"^(?:\w+\.)*(\w+)(?::|$)", trace, re.MULTILINE)
        return RuleVerdict(rule, no_rows, could_not_run=found[1] if found else "error")
    if result.success:
        return RuleVerdict(rule, no_rows)
    if not result.result.get("unexpected_index_list"):
        return RuleVerdict(rule, no_rows, could_not_run="没有列出是哪几行")
    return RuleVerdict(rule, np.asarray(result.result["unexpected_index_list"]), result.result.get("details", {}))


def exceptions_of(result: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as above
    """Return the exceptions of one expectation: `exception_info` is one entry, or one per metric."""
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else info.values()
    return [entry for entry in entries if entry.get("raised_exception")]
