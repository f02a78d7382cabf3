"""The text of a new cohort's files: `cohort.toml` with its comments, and the empty tables of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.cohort import Cohort
from pipeline.cohort_save import quoted
from pipeline.cohort_sections import School

EXAMPLE = ("10000", "某某大学")
"""Code and name of the school in a new cohort's file, until the office writes its own."""
COLLEGES = "学校名称,院系,别名,副书记,邮箱\n"
COUNSELORS = "学校名称,院系,班级,姓名,邮箱\n"


@dataclass(frozen=True)
class Starter:
    """What a new cohort's file begins with."""

    year: int
    month: str
    opens: date
    closes: date
    college_due: date
    schools: tuple[School, ...]
    previous: str = ""
    student_number: str = ""
    carried: str = ""
    """Sections taken over from last year, as TOML."""


def fresh(today: date) -> Starter:
    """Return the beginnings for the class that graduates next summer."""
    year = today.year + (1 if today.month >= 7 else 0)
    code, name = EXAMPLE
    school = School(code=code, name=name, registry=f"registry/{code}.xlsx")
    opens = date(year - 1, 9, 20)
    return Starter(year, f"{year}-06", opens, date(year - 1, 10, 31), date(year - 1, 11, 20), (school,))


def following(cohort: Cohort, previous: str) -> Starter:
    """Return the beginnings of the class one year after `cohort`, which lies at the relative path `previous`."""
    window, year = cohort.window, cohort.year + 1
    month = f"{year}-{cohort.cohort.undergraduate_month[5:]}"
    opens, closes, due = (_year_later(day) for day in (window.opens, window.closes, window.college_due))
    pattern, carried = cohort.cohort.student_number, _carried(cohort, previous)
    return Starter(year, month, opens, closes, due, cohort.schools, previous, pattern, carried)


def _carried(cohort: Cohort, previous: str) -> str:
    """Return last year's sections that hold for this year too: rules, standing, keep, mail."""
    sections: dict[str, dict[str, object]] = {
        "standing": cohort.standing.model_dump(exclude_unset=True),
        "keep": cohort.keep.model_dump(exclude_unset=True),
        "mail": cohort.mail.model_dump(exclude_unset=True, exclude_none=True) if cohort.mail else {},
    }
    if cohort.rules.folder:
        sections["rules"] = {"folder": f"{previous}/{cohort.rules.folder}"}
    if cohort.reports.notebooks:
        sections["reports"] = {"notebooks": f"{previous}/{cohort.reports.notebooks}"}
    parts = [
        f"\n[{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in section.items())
        for name, section in sections.items()
        if section
    ]
    return "\n# 以下沿用上一届的设置\n" + "".join(parts) if parts else ""


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quoted(value) if isinstance(value, str) else str(value)


def _year_later(day: date) -> date:
    return day.replace(year=day.year + 1) if (day.month, day.day) != (2, 29) else day + timedelta(days=365)


def cohort_text(starter: Starter) -> str:
    """Return `cohort.toml`, each setting under a comment that says what belongs there."""
    head = _HEAD.format(starter=starter, previous=_previous(starter), pattern=_pattern(starter))
    return head + _schools(starter) + _TAIL + starter.carried


def _previous(starter: Starter) -> str:
    return f"previous = {quoted(starter.previous)}" if starter.previous else '# previous = "../2016"'


def _pattern(starter: Starter) -> str:
    own = starter.student_number
    return f"student_number = {quoted(own)}" if own else '# student_number = "[0-9A-Z]{4,15}"'


def _schools(starter: Starter) -> str:
    return "\n".join(map(_school, starter.schools))


def _school(school: School) -> str:
    given = {"code": school.code, "name": school.name, "registry": school.registry}
    columns = "".join(f"{name} = {quoted(label)}\n" for name, label in school.columns.items())
    text = "[[schools]]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in given.items())
    return text + (f"[schools.columns]\n{columns}" if columns else "")


_HEAD = """\
# 这一届毕业生的设置。“#”后面是说明。改好后运行：mingce doctor，再运行：mingce run
# 文件里的路径都从本文件夹算起；日期写作 2016-10-31，含当天。

[cohort]
name = "{starter.year}届"               # 届别名称，会出现在页面和报表上
year = {starter.year}                     # 毕业年份
undergraduate_month = "{starter.month}"   # 本科生、专科生统一填写的毕业年月
# 学号由哪些字、几位组成，一般不用改：
{pattern}
# 上一届的文件夹，用来对比：
{previous}

[window]
opens = {starter.opens}        # 学生开始登记的日期
closes = {starter.closes}       # 学生登记截止的日期
college_due = {starter.college_due}  # 院系上报的日期

# 每所学校一段：学校代码、学校全称、学籍库导出文件
# 学籍文件可以是 csv、xlsx、xls、ods、dbf、parquet，有几个文件的写 "registry/*.xlsx"
# 学籍库的列名与模板不同时，在学校那一段下面写（mingce columns 会逐列问，--save 写入）：
# [schools.columns]
# "院系" = "分院"           # 字段名或它的中文名 = 学籍库自己的列名
# "学历" = "=本科"          # “=”后面是固定的内容，所有行都一样
"""

_TAIL = """
[submissions]
from = "submissions/*"      # 学生登记表：放进 submissions 文件夹；在线表格写 "gsheet:表格编号"
# photos = "photos"         # 证件照文件夹；不写则不检查照片

# [submissions.columns]     # 登记表的列名与模板不同时写；mingce columns 会逐列问，--save 写入
# "院系" = "所在二级学院"    # 字段名或它的中文名 = 登记表自己的列名
# "班级" = "@sheet"         # @sheet 是工作表名，@title 是表头上面的一行；"=本科" 是固定的内容

[people]
colleges = "colleges.csv"       # 院系表：学校名称、院系、别名（用；隔开）、副书记、邮箱
counselors = "counselors.csv"   # 辅导员表：学校名称、院系、班级、姓名、邮箱，每个班一行

[reports]
folder = "reports"          # 结果写到哪里
# notebooks = "notebooks"   # 本办公室自己的页面：与本程序同名的代替它，其他的各多一页

[office]                    # 谁来答疑：印在每封邮件、每个页面和每张纸上
name = "就业办"              # 本部门的名称，例如 招生就业处
contact = ""                # 联系人，例如 江老师
phone = ""                  # 电话，例如 58291319
# form = "https://…"        # 学生填写和更正的网址，邮件和页面里可以点开

# 以下各段可以不写；需要时去掉行首的“#”

# [rules]
# folder = "rules"          # 本校自己的规则和代码表

# [review]
# decisions = "decisions.csv"   # 审核意见表：学号、意见（通过/退回/取消审核）、审核人、说明

# [standing]                # 院系名次的权重
# first_pass = 0.5          # 一次通过率
# on_time = 0.3             # 按时提交率
# rework = 0.2              # 返工率

# [keep]                    # 个人数据保留的天数，到期用 mingce purge 清除
# inputs = 400
# mail = 90

# [mail]                    # 不写则只生成邮件文件，不寄出；密码放在环境变量 MINGCE_MAIL_PASSWORD
# server = "smtp.example.edu.cn"
# port = 587
# security = "starttls"
# user = "jyc@example.edu.cn"
# sender = "就业处 <jyc@example.edu.cn>"
"""
