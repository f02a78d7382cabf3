"""When a job was last done to its end."""

from __future__ import annotations

import json
from datetime import datetime

from pipeline.cohort import Cohort
from pipeline.operate.schedule import Job
from pipeline.review.ledger import open_ledger


def last_done(cohort: Cohort, job: Job) -> datetime | None:
    """Return when the newest complete run was started, or when mail was last settled; None where never."""
    if job == "send":
        return _last_sent(cohort)
    root = cohort.reports_folder
    try:
        run = root / "runs" / (root / "latest.txt").read_text(encoding="utf-8").strip()
        return datetime.fromisoformat(json.loads((run / "summary.json").read_text(encoding="utf-8"))["started_at"])
    except (OSError, ValueError, KeyError):
        return None


def _last_sent(cohort: Cohort) -> datetime | None:
    """Sending twice sends nothing twice, so that a sending without news may be caught up again."""
    with open_ledger(cohort) as ledger:
        times = ledger.entries("delivery")["at"]
    return datetime.fromisoformat(str(times.iloc[-1])) if len(times) else None
