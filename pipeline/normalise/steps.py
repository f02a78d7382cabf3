"""Which repairs each field gets, in order, each with the reason that `changes` names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pipeline import fields
from pipeline.knowledge.contacts import telephones
from pipeline.normalise import dates, text_repairs


@dataclass(frozen=True)
class Repair:
    """One repair of one value and the reason that stands in `changes.why`."""

    repair: Callable[[str], str]
    why: str


@dataclass(frozen=True)
class Recipe:
    """The repairs of one field. Values that match `plain` as a whole need none of them."""

    plain: str
    steps: tuple[Repair, ...]


_VISIBLE = Repair(text_repairs.visible, "去掉空格和不可见字符")
_TRIMMED = Repair(text_repairs.trimmed, "去掉首尾空格")
_WIDTH = Repair(text_repairs.half_width, "全角改半角")
_LETTER_WIDTH = Repair(text_repairs.half_width_letters, "全角字母数字改半角")
_NO_SPACES = Repair(text_repairs.without_spaces, "去掉空格")
_NO_HAN_SPACES = Repair(text_repairs.without_han_spaces, "去掉汉字间空格")
_DASHES = Repair(text_repairs.plain_dashes, "统一连接号")
_APOSTROPHE = Repair(text_repairs.without_apostrophe, "去掉表格软件留下的撇号")
_LABEL = Repair(text_repairs.without_label, "去掉号码前的文字")
_REMARK = Repair(text_repairs.without_remark, "去掉号码后的说明")
_EDGES = Repair(text_repairs.without_edges, "去掉号码前后的标点")
_NUMBER = (_VISIBLE, _WIDTH, _APOSTROPHE, _EDGES, _LABEL, _REMARK, _EDGES, _NO_SPACES, _DASHES)
_TELEPHONE = Recipe(
    r"1[0-9]{10}",
    (
        _VISIBLE,
        _WIDTH,
        _APOSTROPHE,
        _EDGES,
        Repair(telephones, "统一电话号码写法，去掉文字和分隔"),
        _NO_SPACES,
        _DASHES,
    ),
)


def _identifier(*more: Repair, plain: str) -> Recipe:
    return Recipe(plain, (*_NUMBER, *more))


_BASIC_HAN = "\u4e00-\u9fa5"  # the characters themselves: an escape in a pattern costs Arrow's quick matching

_BY_NAME: dict[str, Recipe] = {
    # the address is only trimmed: full-width characters break email.format (rules.csv)
    "email": Recipe(r"[!-~]+", (_TRIMMED,)),
    "id_number": _identifier(
        Repair(text_repairs.joined_id, "去掉号码中的分隔"),
        Repair(text_repairs.letters_upper, "字母改大写"),
        Repair(text_repairs.upper_x, "末位改为 X"),
        plain=r"[0-9]{17}[0-9X]",
    ),
    "exam_number": _identifier(Repair(text_repairs.joined_digits, "去掉号码中的分隔"), plain=r"[0-9A-Za-z]+"),
    "student_number": _identifier(plain=r"[0-9A-Za-z]+"),
    "qq": _identifier(plain=r"[0-9]+"),
    "phone": _TELEPHONE,
    "family_phone": _TELEPHONE,
    "postcode": _identifier(plain=r"[0-9]{6}"),
    "photo": Recipe(r"[0-9A-Za-z_.-]+", (_TRIMMED,)),
    "name": Recipe(f"[{_BASIC_HAN}]{{2,4}}", (_VISIBLE, _DASHES)),  # the rest is knowledge.names'
}

_HAN = f"[{_BASIC_HAN}]*"
_BY_TYPE: dict[str, Recipe] = {
    "datetime": Recipe(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?",
        (_VISIBLE, _WIDTH, Repair(dates.moment, "统一时间写法")),
    ),
    "month": Recipe(
        r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])",
        (_VISIBLE, _WIDTH, _DASHES, Repair(dates.month, "统一为年-月")),
    ),
    "number": Recipe(r"[1-9]", (_VISIBLE, _WIDTH, Repair(dates.study_years, "统一为数字"))),
    "code": Recipe(_HAN, (_VISIBLE, _WIDTH, _NO_HAN_SPACES)),
    "region": Recipe(_HAN, (_VISIBLE, _NO_HAN_SPACES)),
    "text": Recipe(f"[0-9A-Za-z{_BASIC_HAN}]*", (_VISIBLE, _LETTER_WIDTH, _NO_HAN_SPACES)),
    "file": Recipe(r"[0-9A-Za-z_.-]*", (_TRIMMED,)),
}


@cache
def recipe(name: str) -> Recipe:
    """Return the repairs of the field `name`."""
    field = fields.fields()[name]
    return _BY_NAME.get(name, _BY_TYPE[field.type])


def repair(name: str, given: str) -> tuple[str, str]:
    """Return the kept text of one value of the field `name` and the reasons; repairing twice changes nothing."""
    kept, reasons = given, list[str]()
    for step in recipe(name).steps:
        before, kept = kept, step.repair(kept)
        if kept != before:
            reasons.append(step.why)
    return kept, "；".join(reasons)
