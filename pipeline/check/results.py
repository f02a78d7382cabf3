"""What is kept of Great Expectations' results: counts and verdicts, never a value, a row or a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILE = "validations.json"
_COUNTS = ("element_count", "unexpected_count", "unexpected_percent", "missing_count", "missing_percent")


def slim_results(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return validation results as plain data for `validations.json`, one entry for each suite.

    Args:
        results: `ExpectationSuiteValidationResult` by the suite's name.
    """
    return [
        {
            "suite": name,
            "success": bool(outcome.success),
            "statistics": dict(outcome.statistics),
            "results": [_slim(result) for result in outcome.results],
        }
        for name, outcome in results.items()
    ]


def _slim(result: Any) -> dict[str, Any]:  # noqa: ANN401 - Great Expectations' own, imported late
    config = result.expectation_config.to_json_dict()
    return {
        "success": bool(result.success),
        "expectation_config": config
        | {"kwargs": {key: value for key, value in config["kwargs"].items() if key != "batch_id"}},
        "result": {name: result.result[name] for name in _COUNTS if name in result.result},
        "raised": _raised(result),
    }


def _raised(result: Any) -> bool:  # noqa: ANN401 - as above
    told = result.exception_info or {}
    return any(one.get("raised_exception") for one in ([told] if "raised_exception" in told else told.values()))
