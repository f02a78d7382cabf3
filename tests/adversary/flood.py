"""Strangers in numbers: people of no registry, who type numbers, names and contacts of real students."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

from tests.invented import numbers

Row = dict[str, str]
_TIMES = ["2016-10-0{} 10:00", "2016-11-0{} 00:30", "2099-0{}-01 00:00", "", "昨天{}"]
_ODD = ["", "=1+1", "🙂", "不知道", "x" * 300]


def write_strangers(cohort: Path, count: int, seed: int) -> None:
    """Write `count` strangers into one more file of submissions.

    Each knows of the registry's students at random: nothing; one number; a number of one and another's ID number; a
    name with its class; telephone, QQ, e-mail or picture of one who submitted. None knows name and number of one who
    has not submitted: he could not be told from that student.
    """
    random = Random(seed)
    students = [row for path in sorted((cohort / "registry").glob("*.csv")) for row in _read(path)]
    forms = [row for path in sorted((cohort / "submissions").glob("*.csv")) for row in _read(path)]
    with (cohort / "submissions" / "strangers.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(forms[0]))
        writer.writeheader()
        writer.writerows(_stranger(at, students, forms, random) for at in range(count))


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def _stranger(at: int, students: list[Row], forms: list[Row], random: Random) -> Row:
    claimed, victim, other, form = (random.choice(rows) for rows in (students, students, students, forms))
    body = f"{random.choice(students)['身份证号码'][:6]}199{random.randrange(10)}{1 + at % 12:02d}{1 + at % 28:02d}"
    body += f"{at % 1000:03d}"
    row = dict(form, **{name: claimed[name] for name in ("学校名称", "院系", "班级", "专业", "学历")})
    row |= {
        "姓名": f"{random.choice('欧司东西南')}{random.choice('门官方令马')}{random.choice('甲乙丙丁戊')}",
        "身份证号码": body + numbers.check_character(body),
        "学号": f"77{at:09d}",
        "考生号": f"77{at:012d}",
        "QQ号码": str(5_000_000_000 + at),
        "电子邮箱": f"stranger{at}@example.com",
        "个人联系电话": f"170{at:08d}",
        "提交时间": random.choice(_TIMES).format(1 + at % 9),
    }
    known = ["", "身份证号码", "学号", "考生号"]
    what = random.choice([*known, "mixed", "namesake", "contact", "odd", "certified", "odd class"])
    if what in known[1:]:
        row |= {"学校名称": victim["学校名称"], what: victim[what]}
    elif what == "mixed":
        row |= {"学校名称": victim["学校名称"], "身份证号码": victim["身份证号码"], "学号": other["学号"]}
    elif what == "namesake":
        row |= {name: victim[name] for name in ("学校名称", "姓名", "院系", "班级", "专业")}
    elif what == "contact":
        row |= {name: form[name] for name in ("QQ号码", "电子邮箱", "个人联系电话", "照片文件名") if name in form}
    elif what == "certified":
        row |= {name: form[name] for name in ("学校名称", "姓名", "学号")}
    elif what == "odd":
        row[random.choice(["姓名", "身份证号码", "学号", "专业", "院系", "班级", "学校名称"])] = random.choice(_ODD)
    elif what == "odd class":
        row |= {"班级": f"{at}班", "专业": "魔法学", "院系": "魔法学院"}
    return row
