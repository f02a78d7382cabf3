"""The main job, and the only file that knows the order of its stages.

    collect ─ normalise ─ match ─ check ─ review ─ tabulate ─ render
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd

from pipeline.check.facts import facts_of
from pipeline.check.stage import Checked, Matched, check
from pipeline.check.suites import Rule, cohort_rules
from pipeline.check.validate import warm_up
from pipeline.cohort import Cohort
from pipeline.colleges import College, only_colleges
from pipeline.errors import BusyError, PartialError, UsageError
from pipeline.lock import cohort_lock
from pipeline.match.stage import match
from pipeline.normalise.stage import Normalised, normalise_all
from pipeline.normalise.vocabulary import vocabulary
from pipeline.progress import Reporter
from pipeline.review.stage import Reviewed, review
from pipeline.run_folder import RunFolder, start_run
from pipeline.sources import Sources, collect_all
from pipeline.summary import summarise
from pipeline.tables import Frame
from pipeline.tabulate.stage import tabulate

__all__ = ["BusyError", "Outcome", "RunOptions", "run_cohort"]


@dataclass(frozen=True)
class RunOptions:
    """How a run is made. `as_of` is the day for which days are counted, `now` the moment it is made."""

    as_of: date
    now: datetime
    command: str = "run"
    colleges: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    notebooks: bool = True
    jobs: int = 2
    cold: bool = False
    force: bool = False
    reporter: Reporter = field(default_factory=Reporter)


@dataclass(frozen=True)
class Outcome:
    """What a run left: its folder and its summary."""

    folder: Path
    summary: dict[str, Any]

    @property
    def partial(self) -> bool:
        """Whether something failed; what could be finished stands."""
        return bool(self.summary["partial"])


def run_cohort(cohort: Cohort, options: RunOptions) -> Outcome:
    """Run the main job and return where its results are.

    Raises:
        ConfigurationError, UsageError: settings, rules or words of the command are wrong.
        InputError: no submission can be read; nothing was produced.
        BusyError: another run holds the cohort.
    """
    rules = _rules(cohort, options)
    with cohort_lock(cohort, options.now):
        folder = start_run(cohort, options.now)
        try:
            return _run(cohort, options, rules, folder)
        finally:
            folder.discard()


def _run(cohort: Cohort, options: RunOptions, rules: list[Rule], folder: RunFolder) -> Outcome:
    stage, render = options.reporter.stage, _renderer(options)
    judges = Thread(target=warm_up, name="great-expectations", daemon=True)
    judges.start()
    with stage("collect"):
        sources = collect_all(cohort, folder.inputs)
        words = vocabulary(cohort, sources.colleges)
        chosen = only_colleges(cohort, sources.colleges, options.colleges)
    with stage("normalise"):
        normalised = normalise_all(sources, words)
    with stage("match"):
        matched, changes = match(cohort, normalised, sources)
    with stage("check"):
        judges.join()
        checked = check(matched, rules, facts_of(cohort, words))
    with stage("review"):
        reviewed = review(cohort, matched, checked, options.as_of)
    with stage("tabulate"):
        tables = tabulate(cohort, matched, checked, reviewed, sources, options.as_of)
        tables["changes"] = pd.concat([normalised.changes, changes], ignore_index=True)
        tables = chosen.filter(tables) if chosen else tables
        folder.write_tables(tables)
    summary = summarise(cohort, options, folder, sources, checked, reviewed, tables)
    folder.write_summary(summary)
    with stage("render"):
        summary["stages"]["render"] = render(cohort, options, folder, tables, summary)
    return _finish(options, folder, summary)


def _rules(cohort: Cohort, options: RunOptions) -> list[Rule]:
    """Return the rules to judge: all of them, or those that were asked for."""
    rules = cohort_rules(cohort.path(cohort.rules.folder) if cohort.rules.folder else None, cohort.rules.known_issues)
    unknown = sorted(set(options.rules) - {rule.name for rule in rules})
    if unknown:
        raise UsageError(f"没有规则 {'、'.join(unknown)}", where="--rule", remedy="规则名见 docs/rules.md")
    return [rule for rule in rules if rule.name in options.rules] if options.rules else rules
