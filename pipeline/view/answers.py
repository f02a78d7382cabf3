"""The shared sheet: state and corrections of each student. No names or registry values, because many read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from pipeline import fields
from pipeline.clock import SHANGHAI
from pipeline.review.decisions import one_per_mistake
from pipeline.run_folder import read_summary
from pipeline.states import states
from pipeline.tables import CERTIFIED, STATUSES, read_table
from pipeline.view.remaining_work import month_day

HEADER = ["院系", "班级", "学号", "状态", "需要更正", "核验时间", "身份认证", "学籍认证", "学校"]
KEY = ["学校", "学号"]
NUMBER, STATE, ADVICE, TIME = "学号", "状态", "需要更正", "核验时间"
_WAITING = ("registrar", "counselor", "correct", "returned", "not_checked")
_MAX_ADVICE = 1_500  # characters of advice in one cell; Google's own limit is 50,000
_LONG_DIGITS = re.compile(r"(?<![0-9A-Za-z])[0-9]{7,}[0-9Xx]?(?![0-9A-Za-z])")


def answer_rows(run: Path, reported: Mapping[tuple[str, str], str] | None = None) -> pd.DataFrame:
    """Return a row per student (`HEADER`, `file`). `reported` maps (school, number) to the day of the report."""
    roster = read_table(run, "roster")
    submissions = read_table(run, "submissions", ["submission_id", "file"])
    files = dict(zip(submissions["submission_id"], submissions["file"], strict=True))
    rows = pd.DataFrame(
        {
            "院系": roster["college"],
            "班级": roster["class_name"],
            NUMBER: roster["student_number"],
            STATE: roster["status"].map(STATUSES).astype("str"),
            ADVICE: _with_reported(roster, _advice(roster, read_table(run, "findings")), reported or {}),
            TIME: checked_at(run),
            "学校": roster["school"],
            "file": _map_values(roster["submission_id"], files),
        }
    )
    certified = read_table(run, "certifications", ["submission_id", "identity", "record"])
    for column, label in (("identity", "身份认证"), ("record", "学籍认证")):
        words = dict(zip(certified["submission_id"], certified[column].map(CERTIFIED), strict=True))
        rows[label] = _map_values(roster["submission_id"], words)
    order = ["学校", "院系", "班级", NUMBER]
    return rows.sort_values(order, kind="stable", ignore_index=True)[[*HEADER, "file"]].astype("str")


def checked_at(run: Path) -> str:
    """Return the run's end as 2016-10-20 14:05 in Asia/Shanghai."""
    summary = read_summary(run) or {}
    text = str(summary.get("finished_at") or summary.get("started_at") or summary.get("as_of") or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    moment = moment.astimezone(SHANGHAI) if moment.tzinfo else moment
    return moment.strftime("%Y-%m-%d %H:%M" if "T" in text else "%Y-%m-%d")


def _map_values(column: pd.Series, mapping: dict[str, str]) -> pd.Series:
    return column.map({value: mapping.get(value, "") for value in column.unique()}).astype("str")


def _advice(roster: pd.DataFrame, findings: pd.DataFrame) -> pd.Series:
    """Return the student's corrections as numbered items; blank when the student has nothing to do."""
    names = dict(zip(roster["submission_id"], roster["name"], strict=True))
    to_correct = findings[
        (findings["actor"] == "student")
        & ~findings["excepted"]
        & findings["severity"].isin(["critical", "warning"])
        & findings["submission_id"].isin(list(filter(None, names)))
    ]
    items: dict[str, dict[str, None]] = {}  # in order, each message once
    columns = ["submission_id", "field", "message", "expected"]
    ordered = one_per_mistake(to_correct.sort_values("severity", kind="stable"))  # critical before warning
    for submission, field, message, expected in ordered[columns].itertuples(index=False):
        items.setdefault(submission, {})[safe_message(message, field, expected, names[submission])] = None
    joined: dict[str, str] = {}
    for submission, messages in items.items():
        numbered = (f"{n}. {message_text}" for n, message_text in enumerate(messages, 1))
        text = "；".join(numbered if len(messages) > 1 else messages)
        joined[submission] = text if len(text) <= _MAX_ADVICE else f"{text[:_MAX_ADVICE]}……共 {len(messages)} 项"
    by_status = _map_values(roster["status"], {state.name: state.sheet for state in states().values()})
    advice = _map_values(roster["submission_id"], joined)
    advice = advice.mask(roster["status"].isin(["approved", "stale"]), "")
    return advice.mask((by_status != "") & (advice == ""), by_status).mask(roster["status"] == "missing", by_status)


def _with_reported(roster: pd.DataFrame, advice: pd.Series, reported: Mapping[tuple[str, str], str]) -> pd.Series:
    """Return the advice, plus the day of the report for students who wait for the registrar."""
    waiting = roster["status"].isin(_WAITING)
    keys = zip(roster["school"], roster["student_number"], strict=True)
    days = [reported.get((str(school), str(number)), "") for school, number in keys]
    notices = pd.Series([day and reported_in_words(day) for day in days], index=roster.index, dtype="str")
    replaced = waiting & (roster["status"] == "registrar") & (notices != "")
    appended = waiting & ~replaced & (notices != "")
    return advice.mask(replaced, notices).mask(appended, advice + "；" + notices)


def reported_in_words(day: str) -> str:
    """Return the text for a student who waits for the registrar. `day` is an ISO date."""
    return f"等教务更正，已上报 {month_day(date.fromisoformat(day))}"


def safe_message(message: str, field: str, expected: str, name: str) -> str:
    """Return a finding's message without registry values, names and long numbers: many may see the sheet."""
    pattern = re.escape(expected) if len(expected) != 1 else rf"[为是“：:「 ]{re.escape(expected)}"
    if expected and re.search(pattern, message.replace(fields.label(field), "")):
        return f"{fields.label(field)}与学籍信息不一致，请核对；确认无误请联系辅导员"
    if len(name) > 1:
        message = message.replace(name, "本人")
    return _LONG_DIGITS.sub("（号码略）", message)
