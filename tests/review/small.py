"""Small invented run tables for the tests of deciding and signing."""

from datetime import date, datetime, timedelta
from hashlib import sha256

import pandas as pd
import sqlalchemy as sa

from pipeline.clock import SHANGHAI
from pipeline.colleges import College
from pipeline.review.decisions import registry_digest
from pipeline.review.ledger import Ledger
from pipeline.review.review_snapshot import RunTables, people_of
from pipeline.review.signing import Terms

SCHOOLS = {"10534": "甲大学", "12649": "甲大学乙学院"}
COLLEGES = {code: College(code, name, "土木学院") for code, name in SCHOOLS.items()}
COLLEGE = COLLEGES["10534"]
TODAY = date(2016, 11, 1)
FINDING = ["submission_id", "school", "student_number", "rule", "severity", "actor", "message", "given", "excepted"]
CLAIMED = ["college", "class_name", "name", "id_number"]
ROSTER = [
    "school",
    "college",
    "class_name",
    "major",
    "education_level",
    "student_number",
    "name",
    "gender",
    "counselor",
]


class Clock:
    """A clock that tests set; each look moves it a second."""

    def __init__(self, day=TODAY):
        self.now = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


def kept(desk, college, digest, known):
    """Stands for the making of the final files: their digest is that of the signed set."""
    return {"headcount.pdf": sha256(f"pdf {digest}".encode()).hexdigest()}


def terms(day=TODAY, secretary="李书记", due=date(2016, 11, 20)):
    rows = [{"school": name, "college": "土木学院", "secretary": secretary} for name in SCHOOLS.values()]
    return Terms(pd.DataFrame(rows, dtype="str"), due, day)


def open_in(folder, clock=None):
    return Ledger(sa.make_url(f"sqlite:///{folder / 'ledger.sqlite'}"), clock or Clock())


def person(number, school="甲大学", **more):
    base = {
        "school": school, "college": "土木学院", "class_name": "一班", "major": "土木", "education_level": "本科",
        "student_number": number, "name": f"名{number}", "gender": "男", "counselor": "周", "exam_number": f"e{number}",
        "id_number": f"id{number}",
    }  # fmt: skip
    return base | more


def submission(key, number, school="甲大学", **more):
    own = {"submission_id": key, "school": school, "student_number": number, "phone": "1", "superseded_by": ""}
    return dict.fromkeys(CLAIMED, "") | own | more


def finding(key, number, rule="phone.format", severity="critical", actor="student", **more):
    base = {
        "submission_id": key, "school": "甲大学", "student_number": number, "rule": rule, "severity": severity,
        "actor": actor, "message": f"{rule} 不对", "given": "x", "excepted": False,
    }  # fmt: skip
    return base | more


def tables(people, submissions, findings=(), extras=None, run_id="r1") -> RunTables:
    """`people` and `submissions` as above; the last submission of (school, number) counts."""
    registry = pd.DataFrame(people).astype("str")
    codes = {name: code for code, name in SCHOOLS.items()}
    registry = registry.assign(school_code=registry["school"].map(codes).astype("str"))
    registry = registry.assign(registry_digest=registry_digest(registry))
    counting = {(row["school"], row["student_number"]): row["submission_id"] for row in submissions}
    keys = zip(registry["school"], registry["student_number"], strict=True)
    roster = registry[ROSTER].assign(submission_id=[counting.get(key, "") for key in keys]).astype("str")
    columns = ["submission_id", "school", "student_number", "phone", "superseded_by", *CLAIMED]
    given = pd.DataFrame(list(submissions), columns=columns).astype("str")
    found = pd.DataFrame(list(findings), columns=FINDING)
    found = found.astype(dict.fromkeys(FINDING[:-1], "str") | {"excepted": bool})
    return RunTables(run_id, people_of(roster, registry, SCHOOLS), given, found, SCHOOLS, extras)
