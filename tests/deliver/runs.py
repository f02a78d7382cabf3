"""Small invented runs, written as the main job leaves them: only what sending reads."""

import json
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from pipeline.cohort import Cohort, load_cohort
from pipeline.tables import COLUMNS, typed, write_table
from pipeline.tabulate.tabulate_stage import make_course
from pipeline.view.run_tables import token
from tests.cohorts import settings

SCHOOL = "湖南科技大学"
PAGE = '<!DOCTYPE html><html lang="zh-CN"><meta name="data-college" content="{}"><body>看板</body></html>'


def make_cohort(folder: Path, more: str = "") -> Cohort:
    """Write `cohort.toml` (with `more` sections) and the two tables of people, and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cohort.toml").write_text(settings("registry/10534.csv") + more, encoding="utf-8")
    (folder / "colleges.csv").write_text("学校名称,院系,别名,副书记,邮箱\n", encoding="utf-8")
    (folder / "counselors.csv").write_text("学校名称,院系,班级,姓名,邮箱\n", encoding="utf-8")
    return load_cohort(folder)


def class_of(counselor: int, colleges: int = 2) -> tuple[str, str]:
    """Return college and class of a counselor's number."""
    return f"学院{counselor % colleges}", f"13土木{counselor:03d}班"


def roster_of(
    counselors: int, each: int, night: int = 0, colleges: int = 2, speed: int = 3
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return roster, findings and submissions of `night`: students move on, class by class, at their own pace.

    Every student's name and number hold the class's number: a canary for other people's mail.
    """
    rows, findings, submissions = [], [], []
    for counselor in range(counselors):
        college, class_name = class_of(counselor, colleges)
        for seat in range(each):
            number = f"13{counselor:03d}{seat:03d}"
            step = (night * (1 + counselor % speed) - seat * 3) // 6
            status = ("missing", "correct", "awaiting", "approved")[max(0, min(3, step))]
            sid = "" if status == "missing" else f"S{number}{'b' if step > 1 else 'a'}"
            day = str(date(2016, 9, 20) + timedelta(days=min(60, max(0, seat * 3 // (1 + counselor % speed) + 6))))
            rows.append(
                (SCHOOL, college, class_name, "土木工程", "本科", number, f"金{counselor:03d}丝雀{seat}", "男", sid,
                 status, int(status == "correct"), f"辅导员{counselor}", "", day if status == "approved" else "")
            )  # fmt: skip
            if sid:
                submissions.append(
                    (sid, "a.xlsx", "Sheet1", seat, "", f"{day} 10:00:00", SCHOOL, number,
                     f"s{number}@stu.example.edu.cn", f"金{counselor:03d}丝雀{seat}", class_name)
                )  # fmt: skip
            if status == "correct":
                for field, message in (("ethnicity", "民族与学籍信息不一致"), ("phone", "手机号码应为 11 位")):
                    findings.append(
                        (sid, SCHOOL, college, class_name, number, field, f"{field}.x", "critical", "student", message,
                         "给的", "学籍机密值", False, "")
                    )  # fmt: skip
    roster = pd.DataFrame(rows, columns=_ROSTER)
    found = pd.DataFrame(findings, columns=COLUMNS["findings"])
    given = pd.DataFrame(
        submissions,
        columns=[
            "submission_id", "file", "sheet", "row", "superseded_by", "submitted_at", "school", "student_number",
            "email", "name", "class_name",
        ],
    )  # fmt: skip
    return roster, found, given


_ROSTER = [
    "school", "college", "class_name", "major", "education_level", "student_number", "name", "gender", "submission_id",
    "status", "open_findings", "counselor", "decided_by", "decided_at",
]  # fmt: skip


def write_run(
    cohort: Cohort,
    run_id: str,
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    *,
    as_of: date,
    counselors: pd.DataFrame | None = None,
    latest: bool = True,
    **summary: object,
) -> Path:
    """Write a run folder whole and, if `latest`, point latest.txt at it."""
    roster, findings, submissions = tables
    run = cohort.reports_folder / "runs" / run_id
    (run / "tables").mkdir(parents=True)
    places = roster[["school", "college"]].drop_duplicates()
    if counselors is None:
        counselors = roster[["school", "college", "class_name", "counselor"]].drop_duplicates()
        counselors = counselors.rename(columns={"counselor": "name"})
        counselors["email"] = counselors["name"].str.replace("辅导员", "c") + "@example.edu.cn"
    secretaries = places.assign(
        aliases="", secretary="李书记", email="college-" + places["college"].str[-1] + "@example.edu.cn"
    )
    colleges = places.assign(
        registered=1, submitted=1, certified=1, approved=0, open_findings=0, days_left=3, rank=1,
        signed_at="", accepted_at="",
    )  # fmt: skip
    for name, table in {
        "roster": roster, "findings": findings, "submissions": submissions, "counselors": counselors,
        "college_people": secretaries, "colleges": colleges, "course": make_course(roster, submissions),
    }.items():  # fmt: skip
        write_table(run / "tables", name, typed(table))
    for college in places["college"]:
        folder = run / "site" / f"10534-{college}"
        folder.mkdir(parents=True)
        (folder / "dashboard.html").write_text(PAGE.format(token(run_id, "10534", college)), encoding="utf-8")
    schools = [{"code": school.code, "name": school.name} for school in cohort.schools]
    known = {
        "cohort": {"name": cohort.name, "schools": schools},
        "run_id": run_id, "command": "run", "as_of": str(as_of), "complete": True, "partial": False,
        "colleges": "all", "rules": "all",
    } | summary  # fmt: skip
    (run / "summary.json").write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
    if latest:
        (cohort.reports_folder / "latest.txt").write_text(run_id, encoding="utf-8")
    return run
