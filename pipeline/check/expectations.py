"""Our expectation types, for mingce's runs and for other Great Expectations projects.

Importing this module imports Great Expectations (seconds) and registers the types. All names used are documented ones;
`TableEngine` alone skips an unused fingerprint that costs more than all rules (decisions/expectation-types.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal, cast

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.datasource.fluent.pandas_datasource import PandasDatasource
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import parse_result_format
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.model_field_types import ConditionParser, MostlyField
from great_expectations.expectations.row_conditions import RowConditionType
from great_expectations.render.view.view import DefaultJinjaIndexPageView, DefaultJinjaPageView, DefaultJinjaView
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies
from jinja2 import ChoiceLoader, FileSystemLoader

from pipeline import fields, resources
from pipeline.check.logic import DOCS, LOGIC, Logic, columns_read, field_in_name
from pipeline.check.rule import Broken, Rule, facts_from
from pipeline.check.stock import expectation_type
from pipeline.check.suites import read_suite
from pipeline.tables import SUBMISSIONS, Frame

SUITES = ("entry", "identity", "record", "contact")
METRIC = "table.mingce.rows"
_TEXT = {*fields.names(), *(f"registry_{name}" for name in fields.in_registry()), "superseded_by"}


class TableRows(TableMetricProvider):
    """The metric that all our types share: the batch's rows that `row_condition` allows, numbered, and their labels."""

    metric_name = METRIC

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[Frame, pd.Index]:
        rows, _, _ = execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        return _as_text(rows.reset_index(drop=True)), rows.index


def _as_text(table: Frame) -> Frame:
    """Return the table with its fields as text; missing values become blanks."""
    converted = {
        str(name): _text_of(column)
        for name, column in table.items()
        if (name in _TEXT or column.dtype in ("object", "str")) and not _is_text(column)
    }
    return table.assign(**converted) if converted else table


def _is_text(column: pd.Series) -> bool:
    return column.dtype == "str" and not column.hasnans


def _text_of(column: pd.Series) -> pd.Series:
    return column if _is_text(column) else column.map(_text).astype("str")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class RowExpectation(BatchExpectation):
    """An expectation about every row of the batch, judged by a rule's logic.

    `column` is the field. `facts` is read by `rule.facts_from`; `{"$PARAMETER": "facts"}` takes it from the
    `expectation_parameters`. `counting` ignores superseded rows. `unexpected_index_list` has every failing row's label.
    """

    column: str = ""
    counting: bool = False
    facts: Any = None
    mostly: MostlyField = 1
    row_condition: RowConditionType = None
    condition_parser: ConditionParser | None = None

    logic: ClassVar[Logic]
    metric_dependencies: ClassVar[tuple[str, ...]] = (METRIC,)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def get_validation_dependencies(
        self,
        execution_engine: Any = None,  # noqa: ANN401 - its own
        runtime_configuration: dict[str, Any] | None = None,
    ) -> ValidationDependencies:
        """Return the one metric. The inherited method makes the expectation's configuration anew a dozen times."""
        if self.row_condition is not None:
            return super().get_validation_dependencies(execution_engine, runtime_configuration)
        result_format = (runtime_configuration or {}).get("result_format", self.result_format)
        metric = MetricConfiguration(METRIC, dict.fromkeys(self.domain_keys) | {"batch_id": self.batch_id})
        return ValidationDependencies({METRIC: metric}, parse_result_format(result_format))

    def broken(self, table: Frame) -> Broken:
        """Return the rows that break the rule."""
        own = field_in_name(self.expectation_type)
        moved = own and self.column not in ("", own) and columns_read(self.expectation_type) == frozenset({own})
        column = own if moved else self.column
        if self.column in table and (moved or not _is_text(table[self.column])):
            table = table.assign(**{column: _text_of(table[self.column])})
        return type(self).logic(table, facts_from(self.facts), column)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: object = None,
    ) -> dict[str, Any]:
        table, labels = cast("tuple[Frame, pd.Index]", metrics[METRIC])
        broken = self.broken(table)
        rows = broken.rows.to_numpy(dtype=bool)
        if self.counting and "superseded_by" in table:
            rows = rows & (table["superseded_by"] == "").to_numpy()
        failing = np.flatnonzero(rows)
        share = len(failing) / len(table) if len(table) else 0.0
        result_format = cast("dict[str, Any]", (runtime_configuration or {}).get("result_format", {}))
        names = cast("list[str]", result_format.get("unexpected_index_column_names") or [])
        result: dict[str, Any] = {
            "element_count": len(table),
            "unexpected_count": len(failing),
            "unexpected_percent": 100 * share,
            "unexpected_index_list": labels.take(failing).tolist(),
        }
        if names:
            columns = [name for name in dict.fromkeys([self.column, *names]) if name in table]
            result["unexpected_index_list"] = table[columns].iloc[failing].to_dict("records")
        if result_format.get("result_format") == "COMPLETE":
            details = {"field": broken.field, "given": broken.given, "expected": broken.expected}
            details["severity"] = broken.severity
            result["details"] = {name: of.iloc[failing].tolist() for name, of in details.items() if of is not None}
        return {"success": round(share + cast("float", self.mostly), 9) <= 1, "result": result}


def _type_of(name: str, logic: Logic) -> type[RowExpectation]:
    camel = "".join(part.title() for part in name.split("_"))
    description: dict[str, Any] = {"description": " ".join(DOCS[name].split()), "__annotations__": {"description": str}}
    members = {"logic": staticmethod(logic), "__doc__": DOCS[name], "__module__": __name__}
    return type(camel, (RowExpectation,), members | description)


TYPES: dict[str, type[RowExpectation]] = {name: _type_of(name, logic) for name, logic in LOGIC.items()}


def expectation_of(rule: Rule, **settings: Any) -> BatchExpectation:  # noqa: ANN401 - any setting of a type
    """Return a rule's expectation with severity, message and description. `settings` are for our own types."""
    names = ("severity", "actor", "message", "since", "page", "field")
    meta = {"rule": rule.name, **{name: getattr(rule, name) for name in names}}
    texts = {"description": f"{rule.name} {rule.message}", "notes": rule.about or None, "severity": rule.severity}
    if not rule.stock:
        return TYPES[rule.expectation](column=rule.field, meta=meta, **texts, **rule.kwargs, **settings)
    kind = expectation_type(rule.expectation)
    assert kind is not None  # suites.office_rules refuses unknown names
    return kind(**rule.kwargs, meta=meta, **texts)


def suite(name: str, facts: str = "") -> gx.ExpectationSuite:
    """Return `expectations/<name>.yml` as a suite of the rules that need only a submission's own row.

    Args:
        name: `entry`, `identity`, `record` or `contact`.
        facts: name of the expectation parameter that holds the facts (`rule.facts_from`); "" uses the built-in ones.

    Raises ValueError if there is no such suite.
    """
    if name not in SUITES:
        raise ValueError(f"no suite {name!r}: {', '.join(SUITES)}")
    parameters = {"facts": {"$PARAMETER": facts}} if facts else {}
    month = facts_from(None).undergraduate_month
    expectations: list[BatchExpectation] = []
    for rule in read_suite(resources.expectations() / f"{name}.yml"):
        read = columns_read(rule.expectation, rule.field)
        if not rule.needs and read is not None and read <= set(SUBMISSIONS):
            filled = replace(rule, message=rule.message.replace("{undergraduate_month}", month))
            expectations.append(expectation_of(filled, counting=True, **parameters))
    return gx.ExpectationSuite(name=name, expectations=expectations)


class TableEngine(PandasExecutionEngine):
    """Great Expectations' pandas engine, which fingerprints an empty table instead of the batch."""

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[PandasBatchData, Any]:  # noqa: ANN401 - its own
        """Return the batch's table as it is."""
        table = batch_spec.batch_data
        batch_spec.batch_data = pd.DataFrame()
        _, markers = super().get_batch_data_and_markers(batch_spec)
        return PandasBatchData(self, table), markers


class TableDatasource(PandasDatasource):
    """Tables in memory, judged by `TableEngine`."""

    type: Literal["mingce"] = "mingce"  # pyright: ignore[reportIncompatibleVariableOverride]
    execution_engine_override: ClassVar[Any] = TableEngine


class _OurTemplates(DefaultJinjaView):
    """Uses the templates of `reports/data_docs/`, which load no external files, before Great Expectations' own."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - its own
        super().__init__(**settings)
        ours = FileSystemLoader(resources.templates() / "data_docs")
        self.env.loader = ChoiceLoader([ours, *([self.env.loader] if self.env.loader else [])])


class DocsPage(_OurTemplates, DefaultJinjaPageView):
    """A page of Data Docs about one suite or one validation."""


class Index(_OurTemplates, DefaultJinjaIndexPageView):
    """The index page of Data Docs."""
