"""Validation counts in `validations.json`, and pages of Data Docs: no personal values, no external files."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from pipeline import fields, resources
from pipeline.atomic_files import atomic_folder, write_atomically
from pipeline.check.validate import context, exceptions_of
from pipeline.errors import InputError
from pipeline.run_folder import read_summary
from pipeline.states import ACTORS
from pipeline.tables import SEVERITIES

FILE = "validations.json"
_COUNTS = ("element_count", "unexpected_count", "missing_count")


def slim_results(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return validation results by suite name as plain data for `validations.json`, one entry per suite."""
    return [
        {
            "suite": name,
            "version": str(outcome.meta["great_expectations_version"]),
            "results": [_slim(result) for result in outcome.results],
        }
        for name, outcome in results.items()
    ]


def sum_results(parts: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the results of several parts as one: counts are summed, and a success must be every part's."""
    suites: dict[str, dict[str, Any]] = {}
    for suite in (suite for part in parts for suite in part):
        results = suites.setdefault(suite["suite"], {**suite, "results": {}})["results"]
        for result in suite["results"]:
            rule = result["expectation_config"]["meta"]["rule"]
            results[rule] = _sum_result(results[rule], result) if rule in results else result
    return [{**suite, "results": [*suite["results"].values()]} for suite in suites.values()]


def _sum_result(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    counts = Counter[str](left["result"])
    counts.update(right["result"])
    success, raised = left["success"] and right["success"], left["raised"] or right["raised"]
    return {**left, "success": success, "raised": raised, "result": dict(counts)}


def _slim(result: Any) -> dict[str, Any]:  # noqa: ANN401 - Great Expectations' own, imported late
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    config = result.expectation_config
    kwargs = {key: value for key, value in config.kwargs.items() if key not in ("batch_id", "facts")}
    texts = {name: getattr(config, name) for name in ("meta", "notes", "description", "severity")}
    return {
        "success": bool(result.success),
        "expectation_config": ExpectationConfiguration(config.type, kwargs, **texts).to_json_dict(),
        "result": {name: result.result[name] or 0 for name in _COUNTS if name in result.result},
        "raised": bool(exceptions_of(result)),
    }


_TITLES = {"submissions": "提交", "superseded": "被取代的提交", "students": "在册学生", "registry": "学籍库自身"}


def write_data_docs(run: Path, folder: Path) -> Path:
    """Write a run's pages and return the office's page. Raises InputError if the run kept no validation results."""
    try:
        suites = json.loads((run / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            "这次运行没有留下校验结果", where=str(run), remedy="请重新运行 mingce run 或 mingce check"
        ) from None
    created = datetime.fromtimestamp((run / FILE).stat().st_mtime).astimezone()
    site, index = folder / f"great-expectations-{run.name}", folder / "index.html"
    shutil.rmtree(site, ignore_errors=True)
    with atomic_folder(site) as draft:
        _write_site(suites, run.name, created, draft)
    write_atomically(index, _office_page(suites, run, created, site.name))
    return index


def _write_site(suites: list[dict[str, Any]], run_id: str, created: datetime, folder: Path) -> None:
    page, index = ({"module_name": "pipeline.check.expectations", "class_name": name} for name in ("DocsPage", "Index"))
    section = {"class_name": "DefaultSiteSectionBuilder", "view": page}
    path = str(folder).replace("$", r"\$")  # Great Expectations replaces $NAME and ${NAME}
    site = context(
        data_docs_sites={
            "run": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": path},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "view": index},
                "site_section_builders": {"expectations": section, "validations": section, "profiling": "none"},
            }
        }
    )
    for suite in suites:
        _store_suite(site, suite, run_id, created)
    site.build_data_docs()
    shutil.rmtree(folder / "static", ignore_errors=True)  # unused by these pages


def _store_suite(site: Any, suite: dict[str, Any], run_id: str, created: datetime) -> None:  # noqa: ANN401 - imported late
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.validation_statistics import calc_validation_statistics

    import pipeline.check.expectations  # noqa: F401  # pyright: ignore[reportUnusedImport] - registers our types

    name = suite["suite"]
    configs = [ExpectationConfiguration(**entry["expectation_config"]) for entry in suite["results"]]
    results = [
        ExpectationValidationResult(
            success=entry["success"],
            expectation_config=config,
            result=entry["result"] | _percentages(entry["result"]),
            exception_info={
                "raised_exception": entry["raised"],
                "exception_traceback": None,
                "exception_message": "规则未能运行" if entry["raised"] else None,
            },
        )
        for config, entry in zip(configs, suite["results"], strict=True)
    ]
    # Great Expectations tries to read a run's name as a date: "-9999" at its end would be an offset of 99 hours.
    run = RunIdentifier(run_name=f"运行 {run_id}", run_time=created)
    site.suites.add(ExpectationSuite(name=name, expectations=configs, notes=_title(name)))
    site.validation_results_store.set(
        ValidationResultIdentifier(ExpectationSuiteIdentifier(name), run, name),
        ExpectationSuiteValidationResult(
            success=all(entry["success"] for entry in suite["results"]),
            results=results,
            suite_name=name,
            statistics=calc_validation_statistics(results)._asdict(),
            meta={"run_id": run, "great_expectations_version": suite.get("version", "")},
        ),
    )


def _percentages(counts: dict[str, int]) -> dict[str, float]:
    """Return the shares that Great Expectations' pages show: of all rows, and of those that are not blank."""
    total, missing = counts.get("element_count", 0), counts.get("missing_count", 0)
    return {
        "unexpected_percent": 100 * counts.get("unexpected_count", 0) / max(total - missing, 1),
        "missing_percent": 100 * missing / max(total, 1),
    }


def _office_page(suites: list[dict[str, Any]], run: Path, created: datetime, site: str) -> str:
    pages = Environment(loader=FileSystemLoader(resources.templates() / "data_docs"), autoescape=True)
    return pages.get_template("office.j2").render(
        run=run.name,
        made=f"{created:%Y-%m-%d %H:%M}",
        version=suites[0].get("version", "") if suites else "",
        site=f"{site}/index.html",
        suites=suites,
        not_checked=(read_summary(run) or {}).get("not_checked", []),
        title=_title,
        label=fields.label,
        severities=SEVERITIES,
        actors=ACTORS,
    )


def _title(name: str) -> str:
    base = name.removesuffix("_office")
    return _TITLES.get(base, base) + ("（本校规则）" if name != base else "")
