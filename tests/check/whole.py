"""One check table with every fault that the spec tables know."""

import pandas as pd

from pipeline.check.check_stage import submissions_table
from pipeline.match.match_stage import match_resolved
from pipeline.match.persons import CLASHES
from pipeline.normalise.normalise_rows import normalise, normalise_registry
from tests import frames
from tests.matching import registries_of
from tests.spec import judge
from tests.spec.cases import PAGES, read_page


def matched_of_all_cases(known):
    """Return what match hands on for the rows of all cases about submissions, none superseding another."""
    cases = [case for page in PAGES if page not in ("cohort", "registry_rows") for case in read_page(page)]
    cases = [case for case in cases if not case.of("registry") and "registry" not in case.changes]
    rows = frames.submissions(*[case.of("") for case in cases])
    rows, _ = normalise(rows, known.words)
    held = frames.registry({}, judge.MATE, judge.STRANGER)
    registry = normalise_registry(held, known.words)
    photos = pd.DataFrame([judge.PHOTO] * len(rows), index=rows.index).add_prefix("photo_")
    told = judge.apart(rows, **dict.fromkeys(CLASHES, True)).drop(columns=["photo_shared"])
    return match_resolved(pd.concat([told, photos], axis=1), registries_of(registry))


def table_of_all_cases(known):
    """Return the check table of all cases about submissions."""
    matched = matched_of_all_cases(known)
    return submissions_table(matched, matched.counting, matched.evidence, matched.marks, matched.photos)
