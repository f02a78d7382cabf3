"""Which repairs each field gets, in order, each with the reason that `changes` names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pipeline import fields
from pipeline.normalise import text, times


@dataclass(frozen=True)
class Step:
    """One repair of one value and the reason that stands in `changes.why`."""

    repair: Callable[[str], str]
    why: str


@dataclass(frozen=True)
class Recipe:
    """The repairs of one field. Values that match `plain` as a whole need none of them."""

    plain: str
    steps: tuple[Step, ...]
    of_number: Callable[[str], str] | None = None
    """What a cell that held a number means, where that differs from the same text."""


_VISIBLE = Step(text.visible, "去掉空格和不可见字符")
_TRIMMED = Step(text.trimmed, "去掉首尾空格")
_WIDTH = Step(text.half_width, "全角改半角")
_LETTER_WIDTH = Step(text.half_width_letters, "全角字母数字改半角")
_NO_SPACES = Step(text.without_spaces, "去掉空格")
_NO_HAN_SPACES = Step(text.without_han_spaces, "去掉汉字间空格")
_DASHES = Step(text.plain_dashes, "统一连接号")
_APOSTROPHE = Step(text.without_apostrophe, "去掉表格软件留下的撇号")
_PLACEHOLDER = Step(text.without_placeholder, "“无”等占位文字视为空")
_UNTITLED = Step(lambda value: re.sub(r"^(?:QQ|qq)(?:号码?)?[:： ]*(?=[0-9])", "", value), "去掉号码前的文字")
_NUMBER = (_VISIBLE, _WIDTH, _NO_SPACES, _APOSTROPHE, _DASHES)


def _mobile(value: str) -> str:
    """Return a mobile number's eleven digits without country code, hyphens and brackets; anything else stays."""
    digits = re.sub(r"[-()]", "", value)
    found = re.fullmatch(r"(?:\+86|0086|86)?(1[0-9]{10})", digits)
    return found[1] if found else value


def _landline(value: str) -> str:
    """Return a landline as area code, hyphen, number (and 转 extension): brackets and country code go."""
    found = re.fullmatch(
        r"(?:\+86-?|0086-?)?\(?(0[0-9]{2,3})\)?[- ]?([2-9][0-9]{6,7})(?:(?:转|-|ext\.?)([0-9]{1,6}))?", value
    )
    if not found:
        return value
    return f"{found[1]}-{found[2]}" + (f"转{found[3]}" if found[3] else "")


def _six_digits(value: str) -> str:
    """Return a postcode that lost its leading zero in a numeric cell (traps.md: fixed-width fields only)."""
    return value.zfill(6) if re.fullmatch(r"[0-9]{5}", value) else value


def _identifier(*more: Step, plain: str, of_number: Callable[[str], str] | None = None) -> Recipe:
    return Recipe(plain, (*_NUMBER, *more), of_number)


_BASIC_HAN = "\u4e00-\u9fa5"  # the characters themselves: an escape in a pattern costs Arrow's quick matching

_BY_NAME: dict[str, Recipe] = {
    # the address is only trimmed: full-width characters break email.format (rules.csv)
    "email": Recipe(r"[!-~]+", (_TRIMMED,)),
    "id_number": _identifier(
        Step(text.letters_upper, "字母改大写"), Step(text.upper_x, "末位改为 X"), plain=r"[0-9]{17}[0-9X]"
    ),
    "exam_number": _identifier(plain=r"[0-9A-Za-z]+"),
    "student_number": _identifier(plain=r"[0-9A-Za-z]+"),
    "qq": _identifier(_UNTITLED, plain=r"[0-9]+"),
    "phone": _identifier(Step(_mobile, "统一手机号写法"), plain=r"1[0-9]{10}"),
    "family_phone": _identifier(
        _PLACEHOLDER, Step(_mobile, "统一手机号写法"), Step(_landline, "统一固定电话写法"), plain=r"1[0-9]{10}"
    ),
    "postcode": _identifier(plain=r"[0-9]{6}", of_number=_six_digits),
    "photo": Recipe(r"[0-9A-Za-z_.-]+", (_TRIMMED,)),
    "commissioning_unit": Recipe(r"", (_VISIBLE, _NO_HAN_SPACES, _LETTER_WIDTH, _PLACEHOLDER)),
    "name": Recipe(f"[{_BASIC_HAN}]{{2,4}}", (_VISIBLE,)),  # the rest is knowledge.names'
}

_HAN = f"[{_BASIC_HAN}]*"
_BY_TYPE: dict[str, Recipe] = {
    "datetime": Recipe(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?",
        (_VISIBLE, _WIDTH, Step(times.moment, "统一时间写法")),
        times.moment_of_number,
    ),
    "month": Recipe(
        r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])",
        (_VISIBLE, _WIDTH, _DASHES, Step(times.month, "统一为年-月")),
        times.month_of_number,
    ),
    "number": Recipe(r"[1-9]", (_VISIBLE, _WIDTH, Step(times.study_years, "统一为数字"))),
    "code": Recipe(_HAN, (_VISIBLE, _WIDTH, _NO_HAN_SPACES)),
    "region": Recipe(_HAN, (_VISIBLE, _NO_HAN_SPACES)),
    "text": Recipe(f"[0-9A-Za-z{_BASIC_HAN}]*", (_VISIBLE, _LETTER_WIDTH, _NO_HAN_SPACES)),
    "file": Recipe(r"[0-9A-Za-z_.-]*", (_TRIMMED,)),
}


@cache
def recipe(name: str) -> Recipe:
    """Return the repairs of the field `name`."""
    field = fields.fields()[name]
    found = _BY_NAME.get(name, _BY_TYPE[field.type])
    # In a field that may stay empty, 无 and / mean empty; a code table may know 无 as an answer of its own.
    if field.required == "no" and field.type in ("text", "region") and _PLACEHOLDER not in found.steps:
        return Recipe(found.plain, (*found.steps, _PLACEHOLDER), found.of_number)
    return found


def repair(name: str, given: str, *, from_number: bool = False) -> tuple[str, str]:
    """Return the kept text of one value of the field `name` and the reasons; repairing twice changes nothing."""
    steps = recipe(name)
    kept, reasons = given, list[str]()
    if from_number and steps.of_number:
        kept = steps.of_number(given)
        reasons += ["数字单元格还原为文字"] if kept != given else []
        if _ambiguous(name, given):
            return given, ""
    for step in steps.steps:
        before, kept = kept, step.repair(kept)
        if kept != before:
            reasons.append(step.why)
    return kept, "；".join(reasons)


def _ambiguous(name: str, given: str) -> bool:
    return fields.fields()[name].type == "month" and re.fullmatch(r"(19|20)[0-9]{2}\.1", given) is not None
