"""The main job: one run of a cohort, from its lock to its finished folder. `stages` holds the steps between."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from pipeline import summary as summaries
from pipeline.cache import Fingerprint, fingerprint, reuse_run
from pipeline.check.rule import Rule
from pipeline.check.suites import cohort_rules
from pipeline.cohort import Cohort
from pipeline.colleges import find_school
from pipeline.errors import UsageError
from pipeline.imports import lazily
from pipeline.lock import cohort_lock
from pipeline.logs import log_to
from pipeline.review.ledger import entries_of, head_of
from pipeline.run_folder import RunFolder, RunOptions, RunOutcome, start_run

with lazily():
    from pipeline import stages
    from pipeline.review import worksheet


def run_cohort(cohort: Cohort, options: RunOptions) -> RunOutcome:
    """Run the main job and return its outcome.

    Raises:
        ConfigurationError, UsageError: settings, rules or the command line are wrong.
        InputError: no submission can be read; nothing was produced.
        BusyError: another run holds the cohort.
    """
    rules = _rules(cohort, options)
    pages = replace(options.render, schools=tuple(find_school(text, cohort).code for text in options.render.schools))
    options = replace(options, render=pages)
    with cohort_lock(cohort, options.now), log_to(cohort.reports_folder / "log" / "run.jsonl"):
        folder = start_run(cohort, options.now)
        try:
            decisions = None, list[str]()
            if cohort.review.decisions and not options.rules:
                decisions = worksheet.import_scope_decisions(cohort)
            digests = Fingerprint() if options.rules else fingerprint(cohort, options.as_of)
            reused = reuse_run(folder, digests.run) if options.full and not options.render.force else None
            if reused:
                options.reporter.print(f"与上一次运行（{reused['run_id']}）的输入完全相同，结果直接沿用")
                reused |= {"taken_over_from": reused["run_id"], "ledger": head_of(entries_of(cohort))}
                reused |= {"run_id": folder.run_id, "started_at": options.now.isoformat(timespec="seconds")}
                return _finish(options, folder, reused)
            return _finish(options, folder, stages.run_stages(cohort, options, rules, folder, digests, decisions))
        finally:
            folder.discard()


def _rules(cohort: Cohort, options: RunOptions) -> list[Rule]:
    """Return all rules. A rule chosen with `--rule` counts even if it is a known issue."""
    rules = cohort_rules(cohort.rules_folder, cohort.rules.known_issues, cohort.cohort.undergraduate_month)
    unknown = sorted(set(options.rules) - {rule.name for rule in rules})
    if unknown:
        raise UsageError(f"没有规则 {'、'.join(unknown)}", where="--rule", remedy="规则名见 docs/rules.md")
    return [replace(rule, known_issue="") if rule.name in options.rules else rule for rule in rules]


def _finish(options: RunOptions, folder: RunFolder, summary: dict[str, Any]) -> RunOutcome:
    """Name the run folder. A run of all colleges, rules and pages becomes the latest run."""
    rendered = summary["stages"].get("render") or {}
    summary["blemished"] = bool(rendered.get("failed"))
    summary["complete"] = not (summary["partial"] or summary["blemished"])
    if not summary["complete"]:
        summary["fingerprint"] = ""  # the next run reuses nothing whole
    summary["timings"] = options.reporter.seconds
    summary["finished_at"] = datetime.now(options.now.tzinfo).isoformat(timespec="seconds")
    folder.write_summary(summary)
    full = all(summary[scope] == "all" for scope in ("colleges", "rules", "pages"))
    final = folder.finish(latest=full and options.command == "run")
    for line in summary.get("decisions_read", []):
        options.reporter.print(line)
    for line in summaries.failures(summary):
        options.reporter.print(f"未完成：{line}")
    for line in summaries.questions(summary):
        options.reporter.print(f"请核对：{line}")
    return RunOutcome(final, summary)
