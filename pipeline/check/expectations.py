"""Our expectation types for Great Expectations; importing this module imports it (many seconds).

Every type is a `BatchExpectation` around a rule function. They share one table metric, which hands over the frame
as it is: stock expectations copy whole frames and cost 20 ms each (measured, architecture.md). Great Expectations
calls each expectation by itself and reports one that raises without touching the others' verdicts.

The batch that Great Expectations holds is the rows' positions; the table beside them waits in `JUDGING`. Of a batch
with all columns it would make a fingerprint that nobody reads: 0.27 s of CPU for 100,000 rows (measured), more than
all else that it does.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.render.components import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from pipeline.check.facts import Facts
from pipeline.check.logic import DOCS, LOGIC, Logic
from pipeline.check.rule import Broken
from pipeline.tables import Frame


@dataclass(frozen=True)
class Judging:
    """The running validation: the table whose rows the batch holds, the facts, and what each rule found by its name.

    `broken` tells of the rows what the results of Great Expectations have no place for.
    """

    table: Frame
    facts: Facts
    broken: dict[str, Broken] = field(default_factory=dict[str, Broken])

    @property
    def batch(self) -> Frame:
        """The rows as Great Expectations holds them: by position, without columns."""
        return self.table[[]]


JUDGING: ContextVar[Judging] = ContextVar("judging")
METRIC = "table.mingce.rows"


class TableRows(TableMetricProvider):
    """The one metric of all our types: the table of the batch's rows, uncopied."""

    metric_name = METRIC

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> Frame:
        rows, _, _ = execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        table = JUDGING.get().table
        if not rows.index.equals(table.index):
            raise ValueError("the batch holds other rows than the table that is judged")
        return table


class RowExpectation(BatchExpectation):
    """An expectation about every row of the batch, judged by a rule function.

    `column` is the field that a finding names; the result's `unexpected_index_list` holds the positions of all
    failing rows, never capped.
    """

    column: str = ""
    rule: str = ""

    metric_dependencies: ClassVar[tuple[str, ...]] = (METRIC,)
    success_keys: ClassVar[tuple[str, ...]] = ("column", "rule")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "rule")

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls,
        configuration: Any = None,  # noqa: ANN401 - Great Expectations' own
        result: object = None,
        runtime_configuration: object = None,
    ) -> list[Any]:
        """Return what Data Docs say of the rule: its name and the message that people get."""
        meta = configuration.meta or {}
        template = {"template": "$rule：$message", "params": {name: meta.get(name, "") for name in ("rule", "message")}}
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]

    def broken(self, frame: Frame, facts: Facts) -> Broken:
        """Return the rows that break the rule."""
        raise NotImplementedError

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: object = None,
    ) -> dict[str, Any]:
        frame: Frame = metrics[METRIC]
        judging = JUDGING.get()
        broken = self.broken(frame, judging.facts)
        failing = np.flatnonzero(broken.rows.to_numpy(dtype=bool))
        judging.broken[self.rule] = broken
        return {
            "success": not len(failing),
            "result": {
                "element_count": len(frame),
                "unexpected_count": len(failing),
                "unexpected_percent": 100 * len(failing) / len(frame) if len(frame) else 0.0,
                "unexpected_index_list": failing.tolist(),
            },
        }


def _type_of(name: str, logic: Logic) -> type[RowExpectation]:
    """Return the expectation type `name` (`expect_email_format` → `ExpectEmailFormat`) of a rule's logic."""

    def broken(self: RowExpectation, frame: Frame, facts: Facts) -> Broken:
        return logic(frame, facts, self.column)

    camel = "".join(part.title() for part in name.split("_"))
    members = {"broken": broken, "__doc__": DOCS[name], "__module__": __name__}
    return type(camel, (RowExpectation,), members)


TYPES: dict[str, type[RowExpectation]] = {name: _type_of(name, logic) for name, logic in LOGIC.items()}
