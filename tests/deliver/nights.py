"""A season's nights on one cohort: the real `run` and the real `send`, each in a fork that may be killed at any moment.

`python -m tests.deliver.nights COHORT REPORT NIGHTS SEED`. Students submit as their rows are dated, mend what was
wrong, colleges approve. Of each night a line of JSON says what was tried, how it ended and what stood afterwards.
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pipeline.clock import SHANGHAI
from pipeline.cohort import Cohort, load_cohort
from pipeline.colleges import College
from pipeline.deliver.send import SendOptions, send_due
from pipeline.deliver.smtp import ServerError, SmtpServer
from pipeline.progress import Reporter
from pipeline.render import notebooks, render_stage
from pipeline.render.prepared import Prepared, prepare
from pipeline.review.actions import Actor, approve_ready
from pipeline.review.ledger import open_ledger
from pipeline.review.review_snapshot import open_tables
from pipeline.run import run_cohort
from pipeline.run_folder import RunOptions
from tests.deliver.season import Dying, FakeClock, own_page
from tests.faults.driver import Dying as DyingReporter
from tests.faults.driver import forked

OPENS = date(2016, 9, 20)
MENDED = timedelta(days=9)  # after the faulty row
DRAWN_EVERY = 4  # nights: each counselor's own page is the dearest part of a night
ENDS = ("collect", "match", "check", "tabulate", "page:1", "page:3", "render")
Death = Mapping[str, Any]


def night_of(number: int) -> datetime:
    """Return when the night begins: two o'clock of its day."""
    return datetime.combine(OPENS + timedelta(days=number), time(2), SHANGHAI)


def reveal(cohort: Cohort, rows: list[dict[str, str]], day: date) -> None:
    """Write the sheet as it stood in the night to `day`."""
    given = [row for row in rows if row["提交时间"] < day.isoformat()]
    with (cohort.folder / "submissions" / "form.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(given)


def season_rows(folder: Path) -> list[dict[str, str]]:
    """Return all rows of the season in the order of their dates: the faulty ones are sent again in order later."""
    first, mended = (_rows(folder / name) for name in ("given.csv", "mended.csv"))
    clean = {row["学号"]: row for row in mended}
    rows = [*first]
    for row in first:
        good = clean.get(row["学号"])
        if good and {**good, "提交时间": ""} != {**row, "提交时间": ""}:
            again = datetime.fromisoformat(row["提交时间"][:10]) + MENDED
            rows.append(good | {"提交时间": f"{again:%Y-%m-%d} 12:00"})
    return sorted(rows, key=lambda row: row["提交时间"])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run(cohort: Cohort, now: datetime, death: Death) -> int:
    """Be one `mingce run`."""
    reporter = DyingReporter(str(death.get("at", ""))) if "at" in death else Reporter(quiet=True)
    outcome = run_cohort(cohort, RunOptions(now.date(), now, reporter=reporter))
    return 4 if outcome.incomplete else 0


def post(cohort: Cohort, now: datetime, death: Death, failed: bool = False) -> int:
    """Be one `mingce send`; waiting costs nothing, and on most nights a stand-in draws the counselors' own pages."""
    assert cohort.mail
    pages = None if (now.date() - OPENS).days % DRAWN_EVERY == 0 else own_page
    server = SmtpServer(cohort.mail, None, timeout=1.0)
    dying = Dying(server, str(death["where"]), int(death["mail"])) if "where" in death else server
    try:
        send_due(
            cohort, SendOptions(failed=failed), FakeClock(now + timedelta(hours=4)).clock, server=dying, pages=pages
        )
    except ServerError:
        return 4
    return 0


def approve_all(cohort: Cohort, now: datetime) -> int:
    """Be the colleges' secretaries, who approve whoever is ready."""
    tables, _ = open_tables(cohort)
    with open_ledger(cohort, lambda: now) as ledger:
        for one in tables.people[["school_code", "school", "college"]].drop_duplicates().itertuples(index=False):
            approve_ready(tables, ledger, College(*one), Actor("李书记", "", now.date()))
    return 0


class _Shared(Prepared):
    """The notebooks' prepared process of the whole season: a run that ends, or is killed, leaves it standing."""

    def close(self) -> None:
        pass


def share_prepared() -> AbstractContextManager[object]:
    """Start one prepared process for all nights: what it costs to start has its own tests."""
    one = prepare()
    shared = _Shared(one.pid, one._control)
    for module in (render_stage, notebooks):
        module.prepare = lambda **_: shared  # type: ignore[attr-defined]
    return one


def deaths(chance: random.Random, choices: Callable[[], Death]) -> Death:
    """Return how the first try of tonight dies: about every third time."""
    return choices() if chance.random() < 0.35 else {}


def one_night(cohort: Cohort, number: int, chance: random.Random) -> dict[str, Any]:
    """Run and send; what is killed is started again, as the timers do."""
    now = night_of(number)
    line: dict[str, Any] = {"night": number, "as_of": str(now.date())}

    def tried(name: str, work: Callable[[Death], int], death: Death) -> None:
        code, said = forked(lambda: work(death), death.get("after", 0.0))
        line[name] = [code]
        if code == -9:
            line[f"{name} killed"] = {"latest": _latest(cohort), **death}
            code, said = forked(lambda: work({}))
            line[name].append(code)
        line[f"{name} said"] = said

    before = _latest(cohort)
    tried("run", lambda death: run(cohort, now, death), deaths(chance, lambda: _run_death(chance)))
    tried("send", lambda death: post(cohort, now, death), deaths(chance, lambda: _send_death(chance)))
    if number % 6 == 5:
        tried("failed", lambda death: post(cohort, now + timedelta(hours=1), death, failed=True), {})
    if number % 5 == 4:
        tried("approve", lambda _: approve_all(cohort, now + timedelta(hours=12)), {})
    return line | {"before": before, "latest": _latest(cohort)}


def _run_death(chance: random.Random) -> Death:
    return {"at": chance.choice(ENDS)} if chance.random() < 0.6 else {"after": chance.uniform(0.05, 4)}


def _send_death(chance: random.Random) -> Death:
    if chance.random() < 0.7:
        return {"where": chance.choice(("claimed", "answered")), "mail": chance.randint(1, 3)}
    return {"after": chance.uniform(0.05, 2)}


def _latest(cohort: Cohort) -> str:
    path = cohort.reports_folder / "latest.txt"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def main() -> None:
    """Play the season."""
    import great_expectations  # noqa: F401  # imported once, for all forks

    import tests.deliver.warm  # noqa: F401
    from pipeline.check.validate import preload

    preload()
    cohort, report, nights, seed = load_cohort(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    chance = random.Random(seed)
    rows = season_rows(cohort.folder)
    os.umask(0o077)
    with share_prepared(), report.open("a", encoding="utf-8") as lines:
        for number in range(nights):
            reveal(cohort, rows, night_of(number).date())
            print(json.dumps(one_night(cohort, number, chance), ensure_ascii=False), file=lines, flush=True)


if __name__ == "__main__":
    main()
