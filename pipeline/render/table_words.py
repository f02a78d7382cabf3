"""The tables in Chinese, for people: headings of columns, and words for the codes that stand in them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipeline import fields
from pipeline.render.printed_headcount import COLUMNS as HEADCOUNT
from pipeline.states import ACTORS
from pipeline.tables import CERTIFIED, SEVERITIES, STATUSES
from pipeline.view.theme import theme

TITLES = {
    "roster": "名单",
    "findings": "问题",
    "submissions": "提交",
    "certifications": "认证",
    "headcount": "人数",
    "colleges": "院系",
    "changes": "整理",
    "registry_findings": "学籍的问题",
    "differences": "名单差异",
    "years": "与上一届相比",
}
_HEADINGS = {
    **HEADCOUNT,
    "submission_id": "提交编号",
    "file": "文件",
    "sheet": "工作表",
    "row": "行",
    "superseded_by": "被这一条取代",
    "field": "项目",
    "given": "填写的",
    "kept": "采用的",
    "why": "原因",
    "rule": "规则",
    "severity": "程度",
    "actor": "谁来做",
    "message": "问题",
    "expected": "应为",
    "excepted": "已批准例外",
    "shared_fault": "共同问题编号",
    "identity": "身份",
    "cause": "身份不符的原因",
    "record": "学籍信息",
    "matched_school": "对应的学校",
    "matched_student_number": "对应的学号",
    "score": "得分",
    "status": "状态",
    "open_findings": "未解决",
    "counselor": "辅导员",
    "decided_by": "审核人",
    "decided_at": "审核时间",
    "equal": "一致",
    "first_pass_rate": "一次通过",
    "submitted_on_time": "按时提交",
    "rework": "返工率",
    "score_low": "得分下限",
    "score_high": "得分上限",
    "days_left": "剩余天数",
    "signed_at": "签字时间",
    "accepted_at": "接收时间",
    "rank": "名次",
    "kind": "差异",
    "elsewhere": "另一处",
    "registered_before": "上一届在册",
    "change": "增减",
    "explain": "需要说明",
    "explanation": "说明",
    "day": "日期",
    "reason": "原因",
    "source": "来源",
    "by": "经办人",
    "at": "时间",
    "number": "编号",
    "rows": "行数",
    "of": "共几行",
    "advice": "建议",
    "settled": "处理结果",
    **{family.name: family.label for family in theme().families},
    "left": "还差",
    "count": "人数",
    "who": "谁来做",
    "students": "人数",
    "freed": "可放行",
    "share": "占还差人数",
    "family": "状态的大类",
}
DIFFERENCES = {
    "missing": "在册，没有提交",
    "not_approved": "提交了，没有通过",
    "extra": "提交了，不在册",
    "moved_out": "在册于此，填成别处",
    "moved_in": "填到此处，在册于别处",
}
_CAUSES = {
    "not_checked": "未核验",
    "wrong_school": "学校填错",
    "name_differs": "姓名不符",
    "id_of_another": "他人的身份证号码",
    "id_mistyped": "身份证号码填错",
    "registry_outdated": "学籍没有更正",
    "ambiguous": "不止一人相符",
    "unknown": "学籍库中没有",
}
_YES_NO = {"True": "是", "False": "否"}
_WORDS: dict[str, Mapping[str, str]] = {
    "status": STATUSES,
    "severity": SEVERITIES,
    "actor": ACTORS,
    "identity": CERTIFIED,
    "record": CERTIFIED,
    "cause": _CAUSES,
    "kind": DIFFERENCES,
    "family": {family.name: family.label for family in theme().families},
    **dict.fromkeys(("excepted", "equal", "explain"), _YES_NO),
}
SHARES = ("share", "first_pass_rate", "submitted_on_time", "rework", "change")
_MOMENTS = ("decided_at", "signed_at", "accepted_at")


def heading(column: str) -> str:
    """Return the Chinese heading of a table's column; a name that is not known is returned as it is."""
    return _HEADINGS.get(column) or fields.label(column)


def column_words(column: pd.Series) -> pd.Series:
    """Return a table's column as people read it: text, codes in words, shares in percent; all else as it stands."""
    name = str(column.name)
    if name in SHARES and column.dtype.kind == "f":
        return column.map("{:+.1%}".format if name == "change" else "{:.1%}".format).astype("str")
    text = column.astype("str")
    if name in _MOMENTS:
        return text.str.slice(0, 16).str.replace("T", " ")
    if name == "field":
        return text.map({each: fields.label(each) for each in text.unique()}).astype("str")
    words = _WORDS.get(name)
    return text.map({each: words.get(each, each) for each in text.unique()}).astype("str") if words else text
