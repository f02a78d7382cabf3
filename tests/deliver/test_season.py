"""Sixty nights of invented runs, a server that fails in every way, random kills: each due digest once, or flagged."""

import io
import itertools
import json
import multiprocessing
import re
from collections import Counter
from datetime import date, datetime, timedelta

import pytest
from openpyxl import load_workbook

from pipeline.clock import SHANGHAI
from pipeline.deliver import recipients
from pipeline.deliver.dashboard import content_digest
from pipeline.deliver.source import open_run
from pipeline.review.ledger import open_ledger
from tests.deliver.post_office import PostOffice, start
from tests.deliver.runs import class_of, make_cohort, roster_of, write_run
from tests.deliver.season import MAIL, deaths, night

FATES = (
    "ok", "450", "ok", "ok", "421", "ok", "drop before", "ok", "slow", "drop after", "ok", "452 data", "ok", "ok",
    "drop and lose", "ok", "554 data", "ok", "ok", "550", "ok", "ok", "ok",
)  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(14400)
@pytest.mark.parametrize("counselors", [12, 120])
def test_a_season_of_invented_runs(tmp_path, counselors):
    run_season(tmp_path, nights=60, counselors=counselors)


def run_season(folder, nights, counselors):
    fates = itertools.cycle(FATES)
    office = PostOffice(fate=lambda _: next(fates))
    controller = start(office)
    cohort = make_cohort(folder / "cohort", MAIL.format(port=controller.port))
    dies = deaths(seed=counselors)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.deliver.warm"])
    killed = 0
    for number in range(nights):
        as_of = date(2016, 9, 20) + timedelta(days=number)
        run = write_run(cohort, f"night{number:02}", roster_of(counselors, 8, number // 3), as_of=as_of)
        death = dies(number)
        while True:
            at = datetime(as_of.year, as_of.month, as_of.day, 22, tzinfo=SHANGHAI)
            process = processes.Process(target=night, args=(cohort.folder, at, death))
            process.start()
            process.join(1800)
            assert process.exitcode in (0, -9)
            killed += process.exitcode == -9
            if process.exitcode == 0:
                break
            death = None  # the next start of the same night goes through
        if number % 6 == 5:  # the office looks at what was refused
            night(cohort.folder, at + timedelta(hours=1), None, failed=True)
        if number % 4 == 3:
            check_told(cohort, run)
    controller.stop()
    assert killed >= 3
    check_ledger(cohort, office)
    check_canaries(office, counselors)


def check_told(cohort, run):
    """Every recipient's last settled entry is about today's content, or says that it could not be told."""
    source = open_run(cohort, run)
    ledger = lines(cohort)
    for recipient in recipients.staff("counselor", source.counselors, source.roster)[0]:
        last = [line for line in ledger if line["recipient"] == recipient.key and line["action"] != "claim"][-1]
        if last["action"] in ("accepted", "unclear"):
            assert last["content"] == content_digest(source.people(recipient), recipient) or last["run"] == run.name
        else:
            assert last["action"] in ("refused", "deferred")
    for recipient in recipients.staff("secretary", source.college_people, source.roster)[0]:
        last = [line for line in ledger if line["recipient"] == recipient.key and line["action"] != "claim"][-1]
        told = last["content"] == content_digest(source.people(recipient), recipient)
        assert told or last["action"] in ("refused", "deferred") or last["run"] == run.name


def check_ledger(cohort, office):
    """What arrived, arrived once; what the ledger calls accepted, arrived; what may have, is flagged."""
    arrived = Counter(str(mail["Message-ID"]) for _, mail in office.mails())
    assert arrived and set(arrived.values()) == {1}
    ledger = lines(cohort)
    count = Counter(line["action"] for line in ledger)
    assert count["claim"] == sum(line.get("claim", 0) > 0 for line in ledger)  # every claim is settled, once
    assert count["accepted"] <= len(office.accepted) <= count["accepted"] + count["unclear"]
    assert all(count[action] for action in ("accepted", "unclear", "refused"))
    with open_ledger(cohort) as book:
        assert book.verify() == []


def check_canaries(office, counselors):
    """No mail of a counselor holds a row of another's class: body, workbook, page and text."""
    for to, mail in office.mails():
        mine = re.fullmatch(r"c(\d+)@example.edu.cn", to)
        own = {int(mine[1])} if mine else {n for n in range(counselors) if class_of(n)[0][-1] == to[8]}
        found = set()
        for part in mail.walk():
            if part.get_content_maintype() == "text":
                found |= {
                    int(n) for n in re.findall(r"金(\d{3})丝雀|13土木(\d{3})班", part.get_content()) for n in n if n
                }
            elif part.get_content_subtype().endswith("sheet"):
                book = load_workbook(io.BytesIO(part.get_content()))
                cells = "".join(str(cell.value) for row in book.active.iter_rows() for cell in row)
                found |= {int(n) for n in re.findall(r"金(\d{3})丝雀", cells)}
        assert found <= own


def lines(cohort):
    with open_ledger(cohort) as book:
        rows = book.entries("delivery").to_dict("records")
    return [json.loads(row["data"]) | {"action": row["action"], "content": row["made_on"]} for row in rows]
