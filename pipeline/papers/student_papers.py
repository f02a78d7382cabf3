"""Papers for students: 核对结果, the answers of a class without shared sheet, and 操作流程, what to do and when."""

from __future__ import annotations

from collections import Counter
from datetime import date

from pipeline.cohort import Cohort
from pipeline.collect.inputs import is_gsheet
from pipeline.papers.class_roster import Students
from pipeline.resources import report_table
from pipeline.tables import Frame
from pipeline.typeset import BOXED, Paper, paper_of, qr_svg
from pipeline.view.answers import ADVICE, NUMBER, STATE
from pipeline.view.remaining_work import group_name, month_day
from pipeline.workbook_writer import PrintedList

RESULTS = "核对结果"

_SHORTEST = 4
_SHEET = PrintedList(
    {"学号后几位": 14, "状态": 16, "要做什么": 74},
    font={"font_name": "宋体", "font_size": 11, "valign": "vcenter"},
    head={"bold": True, "border": 1, "bg_color": "#ECECEC", "align": "center"},
    cell={"border": 1, "text_wrap": True, "num_format": "@"},
    line=16,
    minimum=20,
    landscape=False,
)
_NO_ACTION = "不用再做什么"


def suffixes(numbers: list[str]) -> list[str]:
    """Return the last four digits of each number, or as many more as keep the suffixes distinct."""
    length = [_SHORTEST] * len(numbers)
    while True:
        ends = [number[-digits:] for number, digits in zip(numbers, length, strict=True)]
        counts = Counter(ends)
        numbered = zip(length, ends, numbers, strict=True)
        longer = [digits + (counts[end] > 1 and digits < len(number)) for digits, end, number in numbered]
        if longer == length:
            return ends
        length = longer


def results_workbook(students: Students, answers: Frame, cohort: str, contact: str) -> bytes:
    """Return the workbook of one class from its `answer_rows`. It holds no name and no registry value."""
    ends = suffixes(list(answers[NUMBER].astype(str)))
    cells = zip(ends, answers[STATE].astype(str), answers[ADVICE].astype(str), strict=True)
    rows = sorted((end, state, advice or _NO_ACTION) for end, state, advice in cells)
    title = f"{cohort}毕业生信息{RESULTS}　{group_name(students.class_name, 'class_name')}"
    counted = "，".join(f"{word} {number} 人" for word, number in students.counts.items())
    note = f"数据截至 {_day(students.run.as_of)}：{counted}。按学号后几位找到自己的一行；{contact}。"
    titles = [
        (title, {"bold": True, "font_size": 16, "align": "center"}, 32),
        (note, {"font_size": 10, "text_wrap": True}, 34),
    ]
    return _SHEET.book(RESULTS, titles, rows)


GUIDE = "操作流程"
_PHOTO = "近期免冠证件照，JPG 格式，不超过 200 KB，文件名为 学号.jpg，按学院通知上交。"
_SOURCES = (
    ("身份证", "姓名、性别、民族、身份证号码"),
    ("户口簿", "生源地（入学前的户口所在地，写到省、市、县全称）、家庭所在地"),
    ("校园卡、学生证", "学号、院系、班级、入学时间"),
    ("录取通知书", "考生号、学历、学制、培养方式、是否师范生"),
)


def contact_text(cohort: Cohort) -> str:
    """Return a Chinese sentence with the contacts for questions."""
    office = cohort.office
    contact = "、".join(filter(None, (office.contact, office.phone)))
    return f"不清楚的问辅导员或{office.name}" + (f"（{contact}）" if contact else "")


def guide_paper(cohort: Cohort) -> Paper:
    """Return the guide as a page."""
    office = cohort.office
    return paper_of(
        "guide",
        cohort.window.opens,
        {
            "title": f"{cohort.name}毕业生信息登记与核对{GUIDE}",
            "dates": [
                ["学生登记、更正", f"{_day(cohort.window.opens)}至{_day(cohort.window.closes)}"],
                ["学院签字上报", f"{_day(cohort.window.college_due)}前"],
                ["咨询", " ".join(filter(None, (office.name, office.contact, office.phone)))],
            ],
            "steps": [{"title": title, "lines": lines} for title, lines in _steps(cohort)],
            "sources_title": "填写时照着什么",
            "sources": [list(row) for row in _SOURCES],
            "form": office.form,
            "scan": "扫码填写" if office.form else "",
            "sign": [office.name, _day(cohort.window.opens)],
            "boxed_note": BOXED,
        },
        {"qr": qr_svg(office.form) if office.form else ""},
    )


def group_message(cohort: Cohort) -> str:
    """Return the paragraph for the class's chat group. It names nobody."""
    window, office = cohort.window, cohort.office
    where = f"入口：{office.form}。" if office.form else "入口见学院通知。"
    days = {"opens": month_day(window.opens), "closes": month_day(window.closes)}
    texts = {"name": cohort.name, "month": cohort.cohort.undergraduate_month, "asked": contact_text(cohort)}
    return str(report_table("words")["texts"]["group"]).format(where=where, **days, **texts)


def _day(day: date) -> str:
    return f"{day.year}年{month_day(day)}"


def _steps(cohort: Cohort) -> list[tuple[str, list[str]]]:
    closes, month = month_day(cohort.window.closes), cohort.cohort.undergraduate_month
    entrance = f"打开登记表：{cohort.office.form}" if cohort.office.form else "打开学院通知里的登记表"
    return [
        ("登记", [f"{entrance}。一人一行，带 * 的必填；填好后提交，可以多次提交，以最后一次为准。", *_schools(cohort)]),
        ("身份", ["姓名、性别、民族、身份证号码照身份证填写；号码按文本输入，末位 X 用大写；姓名中的间隔号用“·”。"]),
        (
            "学籍",
            [
                "院系、班级从名单中选，专业由班级确定，不用自己填。"
                f"本科、专科毕业年月统一填 {month}，研究生填实际月份。",
                "学号照校园卡，考生号、生源地照录取通知书和入学前的户口；定向、委培的填单位全称，其他人留空。",
            ],
        ),
        ("联系方式", ["手机、QQ、邮箱填本人常用的；家庭地址写到门牌号，邮政编码 6 位。"]),
        *([("证件照", [_PHOTO])] if cohort.submissions.photos else []),
        ("等待核对", ["提交后由学校与学籍逐项核对，再由学院审核。通过以后请不要再改动，确需修改的先告诉辅导员。"]),
        (
            "查看结果",
            [
                f"{_answer_places(cohort)}。有提示的，在{closes}前改好重交；“等教务更正”的，教务处更正后自动通过核对，不用重交。"
            ],
        ),
        ("找谁", [f"{contact_text(cohort)}。请不要在群里发身份证号码和照片。"]),
    ]


def _schools(cohort: Cohort) -> list[str]:
    if len(cohort.schools) == 1 or len(cohort.schools) > 4:
        return []
    names = "、".join(school.name for school in cohort.schools)
    return [f"学校名称请选自己学籍所在的一所（{names}），选错了要重新登记。"]


def _answer_places(cohort: Cohort) -> str:
    shared = cohort.google.answers is not None or any(map(is_gsheet, cohort.submissions.paths))
    places = ["共享表格的“认证结果”工作表，按学号查找"] if shared else ["班级公布的核对结果，按学号后四位查找"]
    if cohort.mail is not None and cohort.mail.students:
        places.append("本人登记并确认过的邮箱")
    return "；或".join(places)
