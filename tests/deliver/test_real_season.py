"""Nights of real runs, a server that fails in every way, random kills: each due digest once, or flagged.

The suite plays three nights with four counselors, `make soak` sixty with twelve, and sixty with 120;
`MINGCE_SEASON_NIGHTS=4` is for trying.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from pipeline.cohort import Cohort, load_cohort
from pipeline.deliver import recipients
from pipeline.deliver.source import MailSource, open_run
from pipeline.review.ledger import open_ledger
from pipeline.tables import STATUSES
from tests.cohorts import make_cohort
from tests.conftest import ROOT
from tests.deliver.rough_server import STEPS, RoughServer
from tests.deliver.season import MAIL

FATES = [f"{what}@{where}" for what in ("drop", "421", "450", "550", "babble") for where in STEPS]
FATES += ["silence@banner", "silence@content", "drip@rcpt", "drop@half", "lose@content", "keep@content"]
SEATS = 8  # students of a class
NIGHTS = int(os.environ.get("MINGCE_SEASON_NIGHTS", "60"))


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the nights are forked")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_first_nights_of_a_season(tmp_path: Path):
    """In the second night the run dies at a page and the sending behind an answer; all else goes on."""
    run_season(tmp_path, min(NIGHTS, 3), counselors=4, seed=12)


@pytest.mark.soak
@pytest.mark.timeout(14400)
@pytest.mark.parametrize("counselors", [12, 120])
def test_a_season(tmp_path: Path, counselors: int):
    run_season(tmp_path, NIGHTS, counselors, seed=counselors)


def run_season(folder: Path, nights: int, counselors: int, seed: int) -> None:
    cycle = itertools.cycle([each for fate in FATES for each in (fate, "ok", "ok")])
    server = RoughServer(lambda: next(cycle))
    cohort = season_cohort(folder / "cohort", counselors, server.port)
    report = folder / "nights.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "tests.deliver.nights", str(cohort.folder), str(report), str(nights), str(seed)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    server.shutdown()
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == nights
    check_runs(cohort, lines)
    sources = {line["night"]: open_run(cohort, run_of(cohort, line)) for line in lines}
    for line in lines:
        check_pages(cohort, line, sources[line["night"]])
    check_ledger(cohort, server)
    check_told(cohort, server, lines, sources)
    check_canaries(server, sources[lines[-1]["night"]])


def season_cohort(folder: Path, counselors: int, port: int) -> Cohort:
    """A cohort whose classes are cut into small ones, each with a counselor of its own; and the same without faults."""
    students = counselors * SEATS
    twin = make_cohort(folder / "twin", students, 1, seed=counselors, kind="one-school", faults=0)
    make_cohort(folder, students, 1, seed=counselors, kind="one-school", faults=0.4)
    (folder / "cohort.toml").open("a", encoding="utf-8").write(MAIL.format(port=port))
    (sheet,), (registry,) = (folder / "submissions").iterdir(), (folder / "registry").iterdir()
    (clean,) = (twin / "submissions").iterdir()
    small = {row["学号"]: f"{row['班级']}甲{seat // SEATS:03}" for seat, row in enumerate(read(registry))}
    for source, target in ((registry, registry), (sheet, folder / "given.csv"), (clean, folder / "mended.csv")):
        write(target, [row | {"班级": small.get(row["学号"], row["班级"])} for row in read(source)])
    sheet.unlink()
    classes = dict.fromkeys((row["学校名称"], row["院系"], row["班级"]) for row in read(registry))
    people = [("学校名称", "院系", "班级", "姓名", "邮箱")]
    people += [(*key, f"辅导员{n}", f"c{n}@example.edu.cn") for n, key in enumerate(classes)]
    write(folder / "counselors.csv", [dict(zip(people[0], one, strict=True)) for one in people[1:]])
    return load_cohort(folder)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def run_of(cohort: Cohort, line: dict[str, Any]) -> Path:
    return cohort.reports_folder / "runs" / line["latest"]


def check_runs(cohort: Cohort, lines: list[dict[str, Any]]) -> None:
    """A killed run leaves the one before; the next try of the night becomes the latest."""
    for line in lines:
        codes = line["run"]
        assert codes[-1] == 0, (line["run said"], line)
        assert line["latest"] > line["before"]
        if codes[0] == -9:
            assert line["run killed"]["latest"] in (line["before"], *standing(line))
            if line["run killed"].get("at") == "page:3":  # two of them are the whole run's, one is a college's
                summary = json.loads((run_of(cohort, line) / "summary.json").read_text(encoding="utf-8"))
                assert summary["stages"]["render"]["taken_over"]
        for step in ("send", "failed"):
            assert line.get(step, [0])[-1] in (0, 4), (line[f"{step} said"], line)
        assert line.get("approve", [0])[-1] == 0, (line["approve said"], line)
    assert sum(line["run"][0] == -9 for line in lines) >= max(1, len(lines) // 10)
    assert sum(line["send"][0] == -9 for line in lines) >= max(1, len(lines) // 20)
    assert not list((cohort.reports_folder / "runs").glob(".*.part"))


def standing(line: dict[str, Any]) -> list[str]:
    """A kill by the clock may come after the run was whole."""
    return [line["run killed"]["latest"]] if "after" in line["run killed"] else []


def check_pages(cohort: Cohort, line: dict[str, Any], source: MailSource) -> None:
    """The night's run is whole, of that day, and every college's pages show its own students."""
    run = run_of(cohort, line)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert summary["complete"] and not summary["partial"] and summary["as_of"] == line["as_of"]
    assert not source.broken_pages
    for name in ("index", "overview", "registry"):
        assert (run / "site" / f"{name}.html").stat().st_size
    assert (run / "tables.xlsx").stat().st_size
    for (school, college), own in source.roster.groupby(["school", "college"]):
        site = run / "site" / f"{cohort.code_of(str(school))}-{college}"
        page = (site / "dashboard.html").read_text(encoding="utf-8")
        assert page.rstrip().endswith("</html>") and line["as_of"] in page
        shown = set(re.findall(r'data-s="([^"]*)"', page))
        assert set(own[own["status"] != "approved"]["student_number"]) <= shown <= set(own["student_number"])
        for name, start in (("headcount.html", b"<!"), ("headcount.xlsx", b"PK"), ("headcount.pdf", b"%PDF")):
            assert (site / name).read_bytes().lstrip().startswith(start), name


def entries(cohort: Cohort) -> list[dict[str, Any]]:
    with open_ledger(cohort) as book:
        assert book.verify() == []
        rows = book.entries("delivery").to_dict("records")
    return [json.loads(row["data"]) | {"action": row["action"], "content": row["made_on"]} for row in rows]


def check_ledger(cohort: Cohort, server: RoughServer) -> None:
    """What arrived, arrived once; what the ledger calls accepted, arrived; what may have, is flagged."""
    arrived = Counter(str(mail["Message-ID"]) for _, mail in server.mails())
    assert arrived
    assert set(arrived.values()) == {1}
    ledger = entries(cohort)
    count = Counter(line["action"] for line in ledger)
    assert count["claim"] == sum(line.get("claim", 0) > 0 for line in ledger)  # every claim is settled, once
    assert count["accepted"] <= len(server.accepted) <= count["accepted"] + count["unclear"]
    assert sum(count.values()) < 200 or all(count[action] for action in ("accepted", "unclear", "refused", "deferred"))


def check_told(
    cohort: Cohort, server: RoughServer, lines: list[dict[str, Any]], sources: dict[int, MailSource]
) -> None:
    """After each night the last mail of an inbox says what stands, or an entry says why not; none says it twice."""
    inboxes: dict[str, list[tuple[date, list[tuple[str, ...]]]]] = {}
    for to, mail in server.mails():
        sent = parsedate_to_datetime(str(mail["Date"])).date()
        inboxes.setdefault(to, []).append((sent, chased(mail)))
    for mails in inboxes.values():
        assert len({day for day, _ in mails}) == len(mails)
        assert all(one[1] != other[1] for one, other in itertools.pairwise(mails))
    ledger = [line for line in entries(cohort) if line["action"] != "claim"]
    fresh = flagged = 0
    for line in lines:
        source, day = sources[line["night"]], date.fromisoformat(line["as_of"])
        people = recipients.staff("counselor", source.counselors, source.roster)[0]
        people += recipients.staff("secretary", source.college_people, source.roster)[0]
        for recipient in people:
            last = [one for one in ledger if one["recipient"] == recipient.key and one["run"] <= source.run.run_id][-1]
            read = [rows for when, rows in inboxes.get(recipient.address, []) if when <= day]
            told = {row[:2] for row in read[-1]} if read else None
            if last["action"] == "accepted":
                assert told == expected(source, recipient), (line, recipient.address)
                fresh += 1
            else:
                assert last["action"] in ("unclear", "refused", "deferred")
                flagged += 1
    print(f"{len(server.accepted)} mails; recipients' nights: {fresh} up to date, {flagged} flagged")
    assert fresh > flagged


def expected(source: MailSource, recipient: recipients.Recipient) -> set[tuple[str, ...]]:
    """Who is to be chased in the recipient's classes or colleges, as the run's roster has it: number and state."""
    width = ["school", "college", "class_name"][: len(next(iter(recipient.scope)))]
    return {
        (row["student_number"], STATUSES[row["status"]])
        for row in source.roster.to_dict("records")
        if row["status"] != "approved" and tuple(row[column] for column in width) in recipient.scope
    }


def chased(mail: EmailMessage) -> list[tuple[str, ...]]:
    """Read the attached list back: number, state, what to do; there is none where nobody is left to chase."""
    books = [part for part in mail.walk() if (part.get_filename() or "").startswith("名单_")]
    if not books:
        return []
    book = load_workbook(io.BytesIO(books[0].get_content()))
    return [
        (str(row[2]), str(row[4]), str(row[6])) for row in book.active.iter_rows(min_row=4, values_only=True) if row[2]
    ]


def check_canaries(server: RoughServer, source: MailSource) -> None:
    """No part of a mail holds the number or the name of a student of another class (or college), or an ID number."""
    roster = source.roster
    owner = {row["student_number"]: row for row in roster.to_dict("records")}
    names = Counter(roster["name"])
    people = (
        recipients.staff("counselor", source.counselors, roster)[0]
        + recipients.staff("secretary", source.college_people, roster)[0]
    )
    scope = {one.address: one.scope for one in people}
    single = [name for name in names if names[name] == 1 and len(name) > 2]
    foreign = re.compile("|".join(map(re.escape, [*owner, *single])))
    whose = owner | {row["name"]: row for row in owner.values()}
    for to, mail in server.mails():
        text = readable(mail)
        for found in set(foreign.findall(text)):
            row = whose[found]
            keys = {(row["school"], row["college"], row["class_name"]), (row["school"], row["college"])}
            assert keys & scope[to], (to, "a student of another's class")
        assert not re.search(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])", text)


def readable(mail: EmailMessage) -> str:
    """All that a person can read of a mail: body, text, the attached page, the workbook's cells, names of files."""
    texts: list[str] = []
    for part in mail.walk():
        texts.append(part.get_filename() or "")
        if part.get_content_maintype() == "text":
            texts.append(part.get_content())
        elif part.get_content_subtype().endswith("sheet"):
            book = load_workbook(io.BytesIO(part.get_content()))
            texts += [str(cell.value) for row in book.active.iter_rows() for cell in row]
    return "\n".join([str(mail["Subject"]), *texts])
