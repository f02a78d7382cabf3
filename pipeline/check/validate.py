"""Great Expectations judges: one validation for each table, every failing row with its rule.

Importing Great Expectations takes many seconds; it happens when the first validation starts, or beside other work
through `warm_up`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.check.facts import Facts
from pipeline.check.results import exceptions_of
from pipeline.check.rule import Broken, Rule
from pipeline.check.stock import expectation_type
from pipeline.tables import Frame


@dataclass(frozen=True)
class Verdict:
    """What Great Expectations said of one rule: failing positions, or why it could not run (a type of error)."""

    rule: Rule
    rows: np.ndarray
    broken: Broken | None
    could_not_run: str = ""


def warm_up() -> None:
    """Import Great Expectations and our types, analytics off, and build a first context."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    from pipeline.imports import GRAMMARS, without

    with without(GRAMMARS):
        import pipeline.check.expectations  # noqa: F401  # pyright: ignore[reportUnusedImport]

    _context()


def _context():  # noqa: ANN202 - the library's own type, imported late
    """Return an ephemeral context that sends nothing anywhere, and makes no folder for sites that nobody builds."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=settings)


def validate(table: Frame, rules: list[Rule], facts: Facts, name: str) -> tuple[list[Verdict], dict[str, object]]:
    """Return each rule's verdict on `table`, and the validation results for Data Docs by name.

    A rule that raises could not run and leaves the others' verdicts standing. An office's stock expectations see blank
    cells as missing values, which is what they mean by them: only `not_be_null` speaks of those.
    """
    own = [rule for rule in rules if not rule.stock]
    stock = [rule for rule in rules if rule.stock]
    verdicts, results = _validate_own(table, own, facts, name)
    if stock:
        text = [column for column in table.columns if pd.api.types.is_string_dtype(table[column])]
        missing = table.assign(**{column: table[column].mask(table[column] == "") for column in text})
        outcome, found = _validate(missing, stock, f"{name}_office")
        results[f"{name}_office"] = outcome
        verdicts += [_verdict(rule, found[rule.name], None) for rule in stock]
    return verdicts, results


def _validate_own(table: Frame, rules: list[Rule], facts: Facts, name: str) -> tuple[list[Verdict], dict[str, object]]:
    """Return the verdicts of rules of our own types, and the results under the suite's name."""
    from pipeline.check.expectations import JUDGING, Judging

    judging = Judging(table.reset_index(drop=True), facts)
    token = JUDGING.set(judging)
    try:
        outcome, found = _validate(judging.batch, rules, name)
    finally:
        JUDGING.reset(token)
    return [_verdict(rule, found[rule.name], judging.broken.get(rule.name)) for rule in rules], {name: outcome}


def _validate(batch: Frame, rules: list[Rule], name: str) -> tuple[object, dict[str, Any]]:
    """Return what Great Expectations makes of `batch`: its outcome of the suite, and its result of each rule."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.validator.v1_validator import Validator

    source = _context().data_sources.add_pandas("mingce")
    batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    # what Batch.validate does, less a second fingerprint of the whole frame
    validator = Validator(
        batches,
        result_format={"result_format": "COMPLETE", "include_unexpected_rows": False},
        batch_parameters={"dataframe": batch.reset_index(drop=True)},
    )
    suite = gx.ExpectationSuite(name=name, expectations=[_expectation(rule) for rule in rules])
    outcome = validator.validate_expectation_suite(suite)
    results: list[Any] = list(outcome.results)
    return outcome, {result.expectation_config.meta["rule"]: result for result in results}


def _expectation(rule: Rule) -> Any:  # noqa: ANN401 - the library's own type, imported late
    """Return the expectation of one rule, its severity and its meaning told to Great Expectations."""
    from pipeline.check.expectations import TYPES

    meta = {"rule": rule.name, "actor": rule.actor, "message": rule.message, "since": rule.since, "page": rule.page}
    if rule.expectation in TYPES:
        kind: Any = TYPES[rule.expectation]
        return kind(column=rule.field, rule=rule.name, severity=rule.severity, meta=meta)
    kind = expectation_type(rule.expectation)
    assert kind is not None  # suites.office_rules has seen to it
    return kind(**rule.kwargs, severity=rule.severity, meta=meta)


def _verdict(rule: Rule, result: Any, broken: Broken | None) -> Verdict:  # noqa: ANN401 - as above
    """Return one rule's verdict from Great Expectations' result."""
    if raised := exceptions_of(result):
        trace = str(raised[0].get("exception_traceback", ""))
        return Verdict(rule, np.array([], dtype=np.int64), None, _class_of(trace))
    listed = [] if result.success else result.result.get("unexpected_index_list")  # `mostly` may let some pass
    rows = np.asarray(listed or [], dtype=np.int64)
    return Verdict(rule, rows, broken)


def _class_of(trace: str) -> str:
    """Return the class of the error that a traceback ends with; its text may hold a cell."""
    found = re.search(r"^(?:\w+\.)*(\w+)(?::|$)", trace, re.MULTILINE)
    return found[1] if found else "error"
