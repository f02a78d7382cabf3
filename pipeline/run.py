"""The main job, and the only file that knows the order of its stages.

collect ─ normalise ─ match ─ check ─ review ─ tabulate ─ render
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd

from pipeline import summary as summaries
from pipeline.check.facts import facts_of
from pipeline.check.results import slim_results
from pipeline.check.stage import check
from pipeline.check.suites import Rule, cohort_rules
from pipeline.check.validate import warm_up
from pipeline.cohort import Cohort
from pipeline.colleges import College, find_college, only_colleges
from pipeline.errors import UsageError
from pipeline.lock import cohort_lock
from pipeline.logs import log_to
from pipeline.match.stage import match
from pipeline.normalise.stage import normalise_all
from pipeline.normalise.vocabulary import vocabulary
from pipeline.progress import Reporter
from pipeline.render.stage import Renderer, RenderOptions
from pipeline.review.decisions import withdrawn_submission_ids
from pipeline.review.ledger import open_ledger
from pipeline.review.signing import college_states
from pipeline.review.stage import import_from_file, review
from pipeline.run_folder import RunFolder, start_run
from pipeline.sources import Sources, collect_all
from pipeline.tables import Frame
from pipeline.tabulate.stage import tabulate
from pipeline.unchanged import fingerprint, take_over_latest


@dataclass(frozen=True)
class RunOptions:
    """How a run is made. `as_of` is the day for which days are counted, `now` the moment it is made."""

    as_of: date
    now: datetime
    command: str = "run"
    colleges: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    render: RenderOptions = field(default_factory=RenderOptions)
    reporter: Reporter = field(default_factory=Reporter)

    @property
    def whole(self) -> bool:
        """Whether everything is asked for: every rule, every college, every page."""
        return self.command == "run" and self.render.notebooks and not self.colleges and not self.rules


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
    with cohort_lock(cohort, options.now), log_to(cohort.reports_folder / "log" / "run.jsonl"):
        folder = start_run(cohort, options.now)
        try:
            known = fingerprint(cohort, options.as_of) if options.whole else ""
            same = None if options.render.force else take_over_latest(folder, known, options.now)
            if same:
                options.reporter.say(f"与上一次运行（{same['taken_over_from']}）的输入完全相同，结果直接沿用")
                return _finish(options, folder, same)
            with Renderer(options.render, options.reporter) as renderer:
                return _run(cohort, options, rules, folder, renderer, known)
        finally:
            folder.discard()


def _run(
    cohort: Cohort, options: RunOptions, rules: list[Rule], folder: RunFolder, renderer: Renderer, known: str
) -> Outcome:
    stage = options.reporter.stage
    judges = Thread(target=warm_up, name="great-expectations", daemon=True)
    judges.start()
    with stage("collect"):
        sources = collect_all(cohort, folder.inputs)
        words = vocabulary(cohort, sources.colleges)
        chosen = [find_college(text, cohort, sources.colleges) for text in options.colleges]
    with stage("normalise"):
        normalised = normalise_all(sources, words)
    with stage("match"):
        entries = _entries(cohort)
        withdrawn = withdrawn_submission_ids(entries)
        matched, filled = match(
            normalised.submissions, normalised.registry, sources.unread, withdrawn, cohort.photos_folder
        )
    with stage("check"):
        judges.join()
        checked = check(matched, rules, facts_of(cohort, words))
    with stage("review"):
        reviewed = review(matched, checked.findings, checked.standing, entries, options.as_of)
        trial = bool(options.rules)
        imported = import_from_file(cohort, folder.run_id, matched, reviewed, options.as_of, trial=trial)
        if imported.changed:
            entries = _entries(cohort)
            reviewed = review(matched, checked.findings, checked.standing, entries, options.as_of)
    with stage("tabulate"):
        tables = tabulate(cohort, matched, checked, reviewed, sources.counselors, options.as_of)
        tables["changes"] = pd.concat([normalised.changes, filled], ignore_index=True)
        tables = only_colleges(tables, chosen) if chosen else tables
        tables = _only_rules(tables, options.rules) if options.rules else tables
        folder.write_validations(slim_results(checked.results))
        beside = {"counselors": sources.counselors, "college_people": sources.colleges}
        folder.write_tables({**tables, **beside, "extras": sources.submissions.extras})
        folder.write_validations(slim_results(checked.results))
    summary = _summary(cohort, options, folder, sources, chosen)
    summary["fingerprint"] = "" if imported.changed else known
    summary |= summaries.of_results(tables, checked.not_checked)
    summary["colleges_state"] = summaries.of_colleges(tables["roster"], college_states(entries), cohort)
    summary["decisions_read"] = imported.lines
    folder.write_summary(summary)
    if options.command == "run":
        with stage("render"):
            summary["stages"]["render"] = renderer.render(folder, tables).as_summary()
    return _finish(options, folder, summary)


def _rules(cohort: Cohort, options: RunOptions) -> list[Rule]:
    """Return the rules to judge: all of them. One that is tried (`--rule`) counts although it is a known issue."""
    rules = cohort_rules(cohort.path(cohort.rules.folder) if cohort.rules.folder else None, cohort.rules.known_issues)
    unknown = sorted(set(options.rules) - {rule.name for rule in rules})
    if unknown:
        raise UsageError(f"没有规则 {'、'.join(unknown)}", where="--rule", remedy="规则名见 docs/rules.md")
    return [replace(rule, known_issue="") if rule.name in options.rules else rule for rule in rules]


def _only_rules(tables: dict[str, Frame], names: tuple[str, ...]) -> dict[str, Frame]:
    """Return the tables with the findings of the tried rules alone; every other table says what it always says."""
    kept = {name: tables[name][tables[name]["rule"].isin(names)] for name in ("findings", "registry_findings")}
    return {**tables, **{name: frame.reset_index(drop=True) for name, frame in kept.items()}}


def _entries(cohort: Cohort) -> Frame:
    with open_ledger(cohort) as ledger:
        return ledger.entries()


def _summary(
    cohort: Cohort, options: RunOptions, folder: RunFolder, sources: Sources, chosen: list[College]
) -> dict[str, Any]:
    return {
        **summaries.head(cohort, folder.run_id, options.command, options.as_of, options.now),
        **summaries.of_inputs(sources),
        "colleges": [str(college) for college in chosen] or "all",
        "rules": list(options.rules) or "all",
        "complete": False,
        "partial": sources.incomplete,
        "stages": {},
    }


def _finish(options: RunOptions, folder: RunFolder, summary: dict[str, Any]) -> Outcome:
    """Give the run its name; only a complete run of all colleges with its pages becomes the latest."""
    rendered = summary["stages"].get("render") or {}
    summary["partial"] = bool(summary["partial"] or rendered.get("failed"))
    summary["complete"] = not summary["partial"]
    summary["timings"] = options.reporter.seconds
    summary["finished_at"] = datetime.now(options.now.tzinfo).isoformat(timespec="seconds")
    folder.write_summary(summary)
    whole = summary["complete"] and summary["colleges"] == "all" and summary["rules"] == "all"
    final = folder.finish(latest=whole and options.command == "run")
    return Outcome(final, summary)
