"""The stages of a run. Only this file knows their order.

collect ─ normalise ─ match ─ check ─ review ─ tabulate ─ render
"""

from __future__ import annotations

from dataclasses import replace
from threading import Thread
from typing import Any

import pandas as pd

from pipeline import summary as summaries
from pipeline.cache import Fingerprint, open_cache
from pipeline.check.check_stage import judge_parts
from pipeline.check.data_docs import slim_results, sum_results
from pipeline.check.rule import Rule, facts_of
from pipeline.check.shared import count_signs, shared_faults_of
from pipeline.check.validate import preload
from pipeline.cohort import Cohort
from pipeline.collect.school_tables import read_people
from pipeline.colleges import find_college
from pipeline.match.match_stage import match_resolved
from pipeline.match.membership import apply_scope
from pipeline.match.persons import latest_moment
from pipeline.normalise.normalise_rows import vocabulary
from pipeline.render.headcount_files import SignedFolder
from pipeline.render.page_notebooks import Notebooks
from pipeline.render.render_stage import Renderer
from pipeline.review.decision_rows import DecisionRows
from pipeline.review.decisions import review, standing_decisions, with_approved
from pipeline.review.exceptions import compare_years, resolved_faults
from pipeline.review.ledger import head_of, missing_history, open_ledger
from pipeline.review.review_snapshot import people_of
from pipeline.review.scope_decisions import scope_decisions
from pipeline.review.signatures import college_states
from pipeline.run_folder import RunFolder, RunOptions, full_runs, latest_run, previous_run, runs_with_roster
from pipeline.scale import parts
from pipeline.scale.layout import CheckInputs, Part, RunSettings
from pipeline.scale.plan import RunData, open_run_data
from pipeline.scale.spool import Spool
from pipeline.tables import COLUMNS, conform, read_table
from pipeline.tabulate.tabulate_stage import tabulate, tabulate_colleges


def run_stages(
    cohort: Cohort,
    options: RunOptions,
    rules: list[Rule],
    folder: RunFolder,
    digests: Fingerprint,
    decisions: DecisionRows,
) -> dict[str, Any]:
    """Run the stages and return the summary. Stages within parts of schools are tasks.

    `digests` are of the inputs. `decisions` is the cohort's table of decisions (or None) and Chinese lines about it.
    Raises InputError if no submission, or no registry, can be read.
    """
    cache = open_cache(folder, force=options.render.force)
    signed, notebooks = SignedFolder(cohort), Notebooks(cohort.notebooks_folder)
    with Renderer(options.render, options.reporter, cache, cohort.scale.scheduler, signed, notebooks) as renderer:
        return _run(cohort, options, rules, folder, renderer, digests, decisions)


def _run(
    cohort: Cohort,
    options: RunOptions,
    rules: list[Rule],
    folder: RunFolder,
    renderer: Renderer,
    digests: Fingerprint,
    decisions: DecisionRows,
) -> dict[str, Any]:
    stage = options.reporter.stage
    colleges, counselors = read_people(cohort)
    words = vocabulary(cohort, colleges)
    chosen = tuple(find_college(text, cohort, colleges) for text in options.colleges)
    latest = latest_moment(options.now, options.as_of)
    settings = RunSettings(cohort, words, folder.inputs, counselors, options.as_of, chosen, options.rules, latest)
    with open_run_data(settings, folder, renderer.cache) as run:
        checked = run.reuse_judged(digests.check)
        if checked is None:
            checked = _collect_match_check(settings, options, rules, run)
            if not checked["partial"]:
                run.store_judged(digests.check, checked)
        with stage("review"):
            lines, changed = run.import_decisions(decisions[0])
        with stage("tabulate"):
            reviewed = run.each_part(review_and_tabulate)
            college_table = tabulate_colleges(cohort, [part.tabulated for part in reviewed], run.entries)
            shared = pd.DataFrame(checked["shared_faults"], columns=pd.Index(COLUMNS["shared_faults"]))
            extra = {"shared_faults": conform(shared, "shared_faults")}
            run.write_tables(college_table, extra | {"counselors": counselors, "college_people": colleges})
            previous = previous_run(cohort)
            if previous is not None:
                now, then = (read_table(path, "headcount") for path in (folder.path, previous))
                folder.write_tables({"years": compare_years(now, then, run.entries)})
    summary = summaries.with_answers(_summary_of(options, settings, folder, checked, reviewed), run.entries)
    with open_ledger(cohort) as ledger:
        lost = missing_history(cohort, ledger)
    summary |= {
        "decisions_read": [*decisions[1], *lines],
        "fingerprint": digests.run if options.full and not changed else "",
        "ledger": head_of(run.entries),
        "ledger_lost": lost,
        "year_before": {"run": str(previous)} if previous else {},
    }
    folder.write_summary(summary)
    if options.command == "run":
        with stage("render"):
            summary["stages"]["render"] = renderer.render(folder).as_summary()
    return summary


def _collect_match_check(settings: RunSettings, options: RunOptions, rules: list[Rule], run: RunData) -> dict[str, Any]:
    """Collect, match and check. Return their entries of the summary."""
    stage, cohort = options.reporter.stage, settings.cohort
    loader = Thread(target=preload, name="great-expectations", daemon=True)
    if not run.work.parallel:
        loader.start()
    with stage("collect"):
        read = run.collect_and_normalise()
    with stage("match"):
        run.load_ledger()
        run.resolve_cross_school()
    with stage("check"):
        run.spool.share(CheckInputs(rules, facts_of(cohort, settings.words), read.unread, read.missing))
        if not run.work.parallel:
            loader.join()
        judged = run.each_part(match_and_check)
        run.folder.write_validations(sum_results([part.results for part in judged]))
        earlier_faults = list[str]()
        for _, earlier in full_runs((cohort.reports_folder / "runs").glob("[!.]*")):
            earlier_faults += [fault["number"] for fault in earlier.get("shared_faults", [])]
            if not earlier.get("partial"):  # a run without a source cannot tell that its faults are gone
                break
        signs, places = [part.signs for part in judged], [part.places for part in judged]
        shared = shared_faults_of(signs, places, earlier_faults, resolved_faults(run.entries))
        run.each_part(parts.apply_shared_faults, shared)
    return {
        **summaries.input_entries(read),
        **summaries.not_checked([entry for part in judged for entry in part.not_checked]),
        "unread": summaries.unread(read, cohort, runs_with_roster(cohort.reports_folder)),
        "partial": read.incomplete,
        "shared_faults": [dict(row) for row in shared[COLUMNS["shared_faults"]].to_dict("records")],
    }


def _summary_of(
    options: RunOptions, settings: RunSettings, folder: RunFolder, checked: dict[str, Any], done: list[parts.PartResult]
) -> dict[str, Any]:
    """Return the summary before rendering. `checked` are the entries of `_collect_match_check`."""
    cohort = settings.cohort
    summary: dict[str, Any] = {
        **summaries.head(cohort, folder.run_id, options.command, options.as_of, options.now),
        **checked,
        "counts": summaries.sum_counts([part.counts for part in done]),
        "colleges": [str(college) for college in settings.chosen] or "all",
        "rules": list(options.rules) or "all",
        "pages": list(options.render.schools) or "all",
        "colleges_state": {key: state for part in done for key, state in part.states.items()},
        "complete": False,
        "blemished": False,
        "stages": {},
    }
    latest = latest_run(cohort.reports_folder)
    if latest and not settings.chosen:
        summary["shrunk_registries"] = summaries.shrunk_registries(summary, latest[1])
    return summary


def match_and_check(spool: Spool, part: Part) -> parts.PartJudged:
    """Match and check one part and write its tables to the spool."""
    judging = spool.shared(CheckInputs)
    submissions, changes = parts.part_submissions(spool, part)
    registries = parts.part_registry(spool, part, judging.unread)
    scoped = apply_scope(registries.rows, scope_decisions(spool.read(f"ledger/{part.number}")))
    matched = match_resolved(submissions, replace(registries, rows=scoped))
    checked = judge_parts(matched, judging.rules, judging.facts, judging.missing)
    parts.write_judged(spool, part, matched, checked, changes)
    results, signs = slim_results(checked.results), count_signs(checked.signs)
    return parts.PartJudged(checked.not_checked, results, signs, checked.places)


def review_and_tabulate(spool: Spool, part: Part) -> parts.PartResult:
    """Review and tabulate one part and write its tables to the spool."""
    settings, entries = spool.shared(RunSettings), spool.read(f"ledger/{part.number}")
    students, findings, judged = parts.read_judged(spool, part)
    reviewed = review(students, judged.submissions, findings, entries, settings.as_of)
    counselors = settings.counselors[settings.counselors["school"].isin(students["school"].unique())]
    tabulated = tabulate(settings.cohort, judged, reviewed, counselors, settings.as_of)
    tables = parts.write_reviewed(spool, part, tabulated, settings)
    people = people_of(tables["roster"], tables["registry"], settings.cohort.school_names)
    people = with_approved(people, standing_decisions(entries))
    states = summaries.college_entries(people, college_states(entries))
    return parts.PartResult(replace(tabulated, tables={}), summaries.count_tables(tables), states)
