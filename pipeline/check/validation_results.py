"""Reduce Great Expectations' results to counts and verdicts, without values or row lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.check.validate import exceptions_of

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
            "version": str(outcome.meta["great_expectations_version"]),
            "statistics": dict(outcome.statistics),
            "results": [_slim(result) for result in outcome.results],
        }
        for name, outcome in results.items()
    ]


def added_results(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the results of several parts as one: counts added up, a success where every part's is one."""
    if len(parts) == 1:
        return parts[0]
    suites: dict[str, list[dict[str, Any]]] = {}
    for suite in (suite for part in parts for suite in part):
        suites.setdefault(suite["suite"], []).append(suite)
    return [_added(name, suites[name]) for name in suites]


def _added(name: str, suites: list[dict[str, Any]]) -> dict[str, Any]:
    rules: dict[str, list[dict[str, Any]]] = {}
    for result in (result for suite in suites for result in suite["results"]):
        rules.setdefault(str(result["expectation_config"]["meta"]["rule"]), []).append(result)
    results = [_added_rule(same) for same in rules.values()]
    passed = sum(result["success"] for result in results)
    statistics = {
        "evaluated_expectations": len(results),
        "successful_expectations": passed,
        "unsuccessful_expectations": len(results) - passed,
        "success_percent": 100 * passed / len(results) if results else None,
    }
    same = {"suite": name, "version": suites[0]["version"], "success": passed == len(results)}
    return {**same, "statistics": statistics, "results": results}


def _added_rule(same: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in _COUNTS if any(name in one["result"] for one in same)]
    counts: dict[str, float] = {name: sum(one["result"].get(name) or 0 for one in same) for name in names}
    for kind in ("unexpected", "missing"):
        if f"{kind}_percent" in counts:
            counts[f"{kind}_percent"] = 100 * counts.get(f"{kind}_count", 0) / max(counts.get("element_count", 0), 1)
    return {
        "success": all(one["success"] for one in same),
        "expectation_config": same[0]["expectation_config"],
        "result": counts,
        "raised": any(one["raised"] for one in same),
    }


def _slim(result: Any) -> dict[str, Any]:  # noqa: ANN401 - Great Expectations' own, imported late
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    judged = result.expectation_config
    kwargs = {key: value for key, value in judged.kwargs.items() if key not in ("batch_id", "facts")}
    words = {name: getattr(judged, name) for name in ("meta", "notes", "description", "severity")}
    config = ExpectationConfiguration(judged.type, kwargs, **words).to_json_dict()
    return {
        "success": bool(result.success),
        "expectation_config": config,
        "result": {name: result.result[name] for name in _COUNTS if name in result.result},
        "raised": bool(exceptions_of(result)),
    }
