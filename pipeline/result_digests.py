"""Digests of all inputs of a run. An earlier run with equal digests has equal results."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from pipeline.cohort import Cohort
from pipeline.collect.inputs import files_of, is_database, is_gsheet
from pipeline.errors import InputError
from pipeline.kept import code_digest, digest_of
from pipeline.review.ledger import open_ledger
from pipeline.review.scope_decisions import YEARS
from pipeline.run_folder import previous_run
from pipeline.whole import sha256_of

_NOT_LOOKED_AT = ["delivery", "write_back", "purge", "backup"]
"""Kinds of ledger entries that no run looks at."""
_AFTER_THE_CHECK = ["decision", "reading", "exception", "signature", "acceptance", YEARS]
"""Kinds that only review and what follows look at. Of every other kind, match and check may."""


@dataclass(frozen=True)
class Fingerprint:
    """Digests of all inputs (`whole`) and of those of collect, match and check (`judged`); blank: unknown."""

    whole: str = ""
    judged: str = ""


def fingerprint(cohort: Cohort, as_of: date) -> Fingerprint:
    """Return a run's digests; blank with sheets or databases (known only after reading) or a missing file."""
    sources = [*cohort.submissions.paths, *(school.registry for school in cohort.schools)]
    if any(is_database(source) or is_gsheet(source) for source in [*sources, cohort.review.decisions or ""]):
        return Fingerprint()
    try:
        return _fingerprint(cohort, as_of, sources)
    except (InputError, OSError):
        return Fingerprint()


def _fingerprint(cohort: Cohort, as_of: date, sources: list[str]) -> Fingerprint:
    files = [path for source in sources for path in files_of(source, cohort.folder)[0]]
    files += [cohort.path(name) for name in (cohort.people.colleges, cohort.people.counselors)]
    files += sorted(cohort.path(cohort.rules.folder).rglob("*")) if cohort.rules.folder else []
    files += sorted(cohort.notebooks_folder.rglob("*")) if cohort.notebooks_folder else []
    read = [f"{path}:{sha256_of(path)}" for path in sorted(set(files)) if path.is_file()]
    given = digest_of(as_of.isoformat(), cohort.model_dump_json(), code_digest(), _photos(cohort), *read)
    with open_ledger(cohort) as ledger:
        entries = ledger.entries()
    seen = entries[~entries["kind"].isin(_NOT_LOOKED_AT)]
    before = seen[~seen["kind"].isin(_AFTER_THE_CHECK)]
    decided: list[str] = []
    if cohort.review.decisions:
        from pipeline.review.decision_rows import decision_files

        decided = [sha256_of(path) for path in decision_files(cohort)]
    whole = digest_of(given, *seen["hash"].tail(1), str(previous_run(cohort)), *decided)
    return Fingerprint(whole, digest_of(given, *before["hash"].tail(1)))


def _photos(cohort: Cohort) -> str:
    """Return paths, sizes and times of the photos. Reading all of them would take as long as the run."""
    if cohort.photos_folder is None:
        return ""
    seen = ((str(path), path.stat()) for path in cohort.photos_folder.rglob("*"))
    return json.dumps(sorted((path, status.st_size, status.st_mtime_ns) for path, status in seen))
