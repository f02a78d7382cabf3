"""When a job was last done to its end."""

from __future__ import annotations

from datetime import datetime

from pipeline.cohort import Cohort
from pipeline.operate.schedule import Job
from pipeline.review.ledger import open_ledger
from pipeline.run_folder import latest_run


def last_done(cohort: Cohort, job: Job) -> datetime | None:
    """Return when the newest complete run was started, or when mail was last settled; None where never."""
    if job == "send":
        return _last_sent(cohort)
    latest = latest_run(cohort.reports_folder)
    try:
        return datetime.fromisoformat(str(latest[1]["started_at"])) if latest else None
    except (ValueError, KeyError):
        return None


def _last_sent(cohort: Cohort) -> datetime | None:
    """Sending twice sends nothing twice, so that a sending without news may be caught up again."""
    with open_ledger(cohort) as ledger:
        times = ledger.entries("delivery")["at"]
    return datetime.fromisoformat(str(times.iloc[-1])) if len(times) else None
