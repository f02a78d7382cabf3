"""Plain ways to the same results, as a script: what an office would write with the same libraries and no more.

    python tests/benchmarks/plain.py COHORT RUN OUT [--colleges N]

COHORT is the cohort's folder, RUN a finished run of it (the notebooks read its tables), OUT a folder to write into.
1. pandas.read_excel (openpyxl) of every sheet, pandas.read_csv of the registries.
2. Every rule about submissions as a stock Great Expectations expectation: given, in the code table, equal to the
   registry. A rule with logic of its own is a column that must be false, its logic not even counted (kind to the plain
   way). COMPLETE results without index names.
3. pandas.DataFrame.to_excel of the same tables.
4. The same notebooks one after the other, in three ways:
   processes: `papermill` with a cold kernel, then `python -m nbconvert --to html`, two processes for each notebook;
   script: one process that loops over `papermill.execute_notebook` (a cold kernel each) with one exporter;
   kernel: one process and one warm kernel for all. Each notebook finds the names, imports and settings of the ones
   before it, and one that ends its kernel ends the rest.

What no way's time depends on is left out: normalising, matching, review and the PDF cost a plain way nothing here. No
plain way has a bound on memory, a guard that looks for other colleges' people on a page, or bounds in time for a whole
notebook. With `--colleges N` only N colleges' notebooks run, and the stage is scaled to all of them. Prints one line of
JSON: for each stage wall and CPU seconds, children included; for `notebooks` those of each way.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import resources
from pipeline.check.suites import built_in_rules
from pipeline.tables import read_table

TABLES = ("submissions", "roster", "findings", "certifications", "headcount", "colleges", "changes")


def main() -> None:
    asked = argparse.ArgumentParser()
    for name in ("cohort", "run", "out"):
        asked.add_argument(name, type=Path)
    asked.add_argument("--colleges", type=int, default=0)
    given = asked.parse_args()
    stages = {
        "read": measured(lambda: read(given.cohort)),
        "import Great Expectations": measured(import_expectations),
    }
    table = judged_table(given.run)
    stages["rules"] = measured(lambda: judge(*table))
    stages["to_excel"] = measured(lambda: write(given.run, given.out))
    ways = {name: notebooks(way, given.run, given.out, given.colleges) for name, way in WAYS.items()}
    print(json.dumps({"stages": stages, "notebooks": ways}))


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Return wall and CPU seconds of `work`, its child processes included."""
    start, cpu = time.perf_counter(), cpu_seconds()
    work()
    return {"wall": time.perf_counter() - start, "cpu": cpu_seconds() - cpu}


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def read(cohort: Path) -> None:
    for path in sorted((cohort / "submissions").glob("*.xlsx")):
        pd.read_excel(path, sheet_name=None, dtype=str, engine="openpyxl")
    for path in sorted((cohort / "registry").iterdir()):
        pd.read_csv(path, dtype=str)


def import_expectations() -> None:
    import great_expectations  # noqa: F401


def judged_table(run: Path) -> tuple[pd.DataFrame, list[tuple[str, dict[str, object]]]]:
    """Return the submissions that count with the matched registry row, and the expectations: type and keywords."""
    rows = read_table(run, "submissions")
    rows = rows[rows["superseded_by"] == ""].reset_index(drop=True)
    found = read_table(run, "certifications").set_index("submission_id").loc[rows["submission_id"]]
    registry = read_table(run, "registry").drop_duplicates(["school", "student_number"])
    keys = found[["matched_school", "matched_student_number"]].set_axis(["school", "student_number"], axis=1)
    matched = keys.reset_index(drop=True).merge(registry, how="left", on=["school", "student_number"])
    rows = rows.join(matched.add_prefix("registry_"))
    objected = read_table(run, "findings").groupby("rule")["submission_id"].agg(set).to_dict()
    columns: dict[str, pd.Series] = {}
    expectations: list[tuple[str, dict[str, object]]] = []
    for rule in (rule for rule in built_in_rules() if rule.table == "submissions"):
        failing = rows["submission_id"].isin(objected.get(rule.name, set()))
        if rule.expectation == "expect_field_given":
            expectations.append(("ExpectColumnValuesToNotBeNull", {"column": rule.field}))
        elif rule.expectation == "expect_field_in_codes":
            labels = sorted(set(rows.loc[~failing, rule.field]) - {""})
            expectations.append(("ExpectColumnValuesToBeInSet", {"column": rule.field, "value_set": labels}))
        elif rule.expectation == "expect_field_equals_registry":
            pair = {"column_A": rule.field, "column_B": f"registry_{rule.field}"}
            pair["ignore_row_if"] = "either_value_is_missing"
            expectations.append(("ExpectColumnPairValuesToBeEqual", dict(pair)))
        else:
            columns[f"broken {rule.name}"] = failing
            keywords: dict[str, object] = {"column": f"broken {rule.name}", "value_set": [False]}
            expectations.append(("ExpectColumnValuesToBeInSet", keywords))
    text = {name: rows[name].mask(rows[name] == "") for name in rows.columns if rows[name].dtype == "str"}
    return rows.assign(**text, **columns), expectations


def judge(table: pd.DataFrame, expectations: list[tuple[str, dict[str, object]]]) -> int:
    """Validate as Great Expectations' own guide does; return how many expectations failed."""
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("plain").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    suite = gx.ExpectationSuite(name="plain", expectations=[getattr(gxe, kind)(**kw) for kind, kw in expectations])
    outcome = batch.validate(suite, result_format="COMPLETE")
    raised = [one for one in outcome.results if (one.exception_info or {}).get("raised_exception")]
    assert not raised, raised[0]
    return sum(not one.success for one in outcome.results)


def write(run: Path, out: Path) -> None:
    with pd.ExcelWriter(out / "tables.xlsx", engine="openpyxl") as book:
        for name in TABLES:
            read_table(run, name).to_excel(book, sheet_name=name, index=False)


def notebooks(way: Way, run: Path, out: Path, count: int) -> dict[str, float]:
    """Run the whole run's notebooks and those of `count` colleges (0: all); return the cost of all colleges'."""
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    places = [key.split("/", 1) for key in summary["colleges_state"]]
    chosen = places[:count] if count else places
    of_all = [Made(name, out / f"{name}.ipynb", {"run": str(run)}) for name in ("overview", "registry")]
    of_colleges = [
        Made(name, out / f"{at}-{name}.ipynb", {"run": str(run), "school": school, "college": college})
        for at, (school, college) in enumerate(chosen)
        for name in ("college", "headcount")
    ]
    once, each = measured(lambda: way(of_all)), measured(lambda: way(of_colleges))
    scale = len(places) / len(chosen)
    return {key: once[key] + each[key] * scale for key in ("wall", "cpu")} | {"measured": 2 + 2 * len(chosen)}


@dataclass(frozen=True)
class Made:
    """A notebook of ours to execute: its name, where the executed one goes, its parameters."""

    name: str
    executed: Path
    parameters: dict[str, str]

    @property
    def source(self) -> str:
        return str(resources.notebooks() / f"{self.name}.ipynb")


def by_processes(all_of_them: list[Made]) -> None:
    """Papermill with a cold kernel, then nbconvert, both from the command line."""
    for made in all_of_them:
        words = [word for key, value in made.parameters.items() for word in ("-r", key, value)]
        for command in (
            ["papermill", "--no-progress-bar", "-k", "python3", made.source, str(made.executed), *words],
            ["nbconvert", "--to", "html", "--no-input", str(made.executed)],
        ):
            subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)


def by_script(all_of_them: list[Made]) -> None:
    """A loop over papermill's function, one exporter for all."""
    import papermill
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(exclude_input=True)
    for made in all_of_them:
        executed = papermill.execute_notebook(
            made.source, str(made.executed), made.parameters, kernel_name="python3", progress_bar=False
        )
        made.executed.with_suffix(".html").write_text(exporter.from_notebook_node(executed)[0], encoding="utf-8")


def by_one_kernel(all_of_them: list[Made]) -> None:
    """One warm kernel for all, parameters by papermill, one exporter."""
    import nbformat
    from jupyter_client.manager import start_new_kernel
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    exporter = HTMLExporter(exclude_input=True)
    manager, channels = start_new_kernel(kernel_name="python3")
    for made in all_of_them:
        notebook = parameterize_notebook(load_notebook_node(made.source), made.parameters)
        client = NotebookClient(notebook, km=manager)
        client.kc = channels
        client.execute()
        nbformat.write(notebook, made.executed)
        made.executed.with_suffix(".html").write_text(exporter.from_notebook_node(notebook)[0], encoding="utf-8")
    channels.stop_channels()
    manager.shutdown_kernel(now=True)


Way = Callable[[list[Made]], None]
WAYS: dict[str, Way] = {"processes": by_processes, "script": by_script, "kernel": by_one_kernel}


if __name__ == "__main__":
    main()
