"""Data Docs: Great Expectations' own pages about a run's validations, without values and without the network.

The pages are drawn by Great Expectations from `validations.json`, which holds counts only; what they would load from
other machines (styles, scripts, pictures) is taken out, so that opening one calls nobody.
"""

from __future__ import annotations

import html
import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.check.results import FILE
from pipeline.errors import InputError, reason_of
from pipeline.whole import appearing

_TITLES = {"submissions": "提交", "superseded": "被取代的提交", "students": "在册学生", "registry": "学籍库自身"}
_STYLE = """
body{font-family:"Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;margin:2rem auto;max-width:70rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}
ul{padding-left:1.2rem}nav,.modal,.cooltip,#header-cta-footer{display:none}
"""
_FOREIGN = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<iframe\b.*?</iframe>", re.DOTALL | re.IGNORECASE
)
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'\">"
)
_IN_STYLE = re.compile(r"""url\(\s*(["']?)(?:https?:)?//[^)]*\)""", re.IGNORECASE)
_HANDLER = re.compile(r"""\son[a-z]+\s*=\s*(["']).*?\1""", re.IGNORECASE)
_ADDRESS = re.compile(r"""(?:href|src|action)\s*=\s*(["'])(?:https?:)?//.*?\1""", re.IGNORECASE)


def write_data_docs(run: Path, folder: Path) -> Path:
    """Write the Data Docs of a run into `folder` and return the page to open.

    Args:
        run: a run folder.
        folder: where the pages go; made where it is not there.

    Raises:
        InputError: the run kept no validation results, or the folder cannot be written to.
    """
    try:
        suites = json.loads((run / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            "这次运行没有留下校验结果", where=str(run), remedy="请重新运行 mingce run 或 mingce check"
        ) from None
    made = datetime.fromtimestamp((run / FILE).stat().st_mtime).astimezone()
    try:
        for suite in suites:
            _write(folder / f"{suite['suite']}.html", _page(suite, run.name, made))
        index = folder / "index.html"
        _write(index, _index(suites, run.name))
    except OSError as error:
        raise InputError(f"页面写不进去（{reason_of(error)}）", where=str(folder), remedy="请换一个文件夹") from None
    return index


def _write(path: Path, text: str) -> None:
    with appearing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _page(suite: dict[str, Any], run_id: str, made: datetime) -> str:
    """Return one suite's page as Great Expectations draws it."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    result = _restored(suite)
    # Great Expectations tries to read a run's name as a date: "-9999" at its end would be an offset of 99 hours.
    result.meta["run_id"] = RunIdentifier(run_name=f"运行 {run_id}", run_time=made)
    page = str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result)))
    alone = _HANDLER.sub(" ", _IN_STYLE.sub("none", _ADDRESS.sub("", _FOREIGN.sub("", page))))
    return alone.replace("<head>", f"<head>{_POLICY}", 1).replace("</head>", f"<style>{_STYLE}</style></head>", 1)


def _restored(suite: dict[str, Any]) -> Any:  # noqa: ANN401 - Great Expectations' own, imported late
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    import pipeline.check.expectations  # noqa: F401  # pyright: ignore[reportUnusedImport] - registers our types

    results = [
        ExpectationValidationResult(
            success=one["success"],
            expectation_config=ExpectationConfiguration(**one["expectation_config"]),
            result=one["result"],
            exception_info={
                "raised_exception": one["raised"],
                "exception_traceback": None,
                "exception_message": "规则未能运行" if one["raised"] else None,
            },
        )
        for one in suite["results"]
    ]
    return ExpectationSuiteValidationResult(
        success=suite["success"], results=results, suite_name=suite["suite"], statistics=suite["statistics"], meta={}
    )


def _index(suites: list[dict[str, Any]], run_id: str) -> str:
    rows = "".join(
        f'<tr><td><a href="{suite["suite"]}.html">{html.escape(_title(suite["suite"]))}</a></td>'
        f"<td>{suite['statistics']['evaluated_expectations']}</td>"
        f"<td>{suite['statistics']['unsuccessful_expectations']}</td></tr>"
        for suite in suites
    )
    return (
        f'<!doctype html><html lang="zh"><head>{_POLICY}<meta charset="utf-8"><title>核验说明</title>'
        f"<style>{_STYLE}</style>"
        f"</head><body><h1>核验说明</h1><p>运行 {html.escape(run_id)}。页面只有规则和数量，没有任何人的信息。</p>"
        f"<table><tr><th>对象</th><th>规则</th><th>其中发现问题的</th></tr>{rows}</table></body></html>\n"
    )


def _title(name: str) -> str:
    base = name.removesuffix("_office")
    return _TITLES.get(base, base) + ("（本校规则）" if name != base else "")
