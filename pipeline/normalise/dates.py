"""Parse months, dates with time, and years of study as people and spreadsheets write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pandas as pd

from pipeline.clock import SHANGHAI

_CHINESE_DIGITS = str.maketrans("〇○零一二两三四五六七八九", "0001223456789")
_MONTH_ABBREVIATIONS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = {name: number for number, name in enumerate(_MONTH_ABBREVIATIONS, 1)}

_YEAR_MONTH = re.compile(
    r"((?:19|20)[0-9]{2})(?:年|[-/.])([0-9]{1,2})(?:月份?)?(?:[-/.]?[0-9]{1,2}日?)?(?: ?0{1,2}:00(?::00)?(?:\.0+)?)?"
)
_COMPACT = re.compile(r"((?:19|20)[0-9]{2})(0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])?(?:\.0+)?")
_MONTH_YEAR = re.compile(r"([0-9]{1,2})[-/.]((?:19|20)[0-9]{2})")
_ENGLISH = re.compile(r"([A-Za-z]{3})[a-z]*[- .,]*((?:19|20)?[0-9]{2})|((?:19|20)?[0-9]{2})[- .]([A-Za-z]{3})[a-z]*")
_EPOCH_1900 = datetime(1899, 12, 30)  # day 0 of the 1900 system, which has a 1900-02-29
_SERIAL = re.compile(r"(3[6-9][0-9]{3}|4[0-9]{4}|5[01][0-9]{3})(\.[0-9]+)?")  # dates of 1998 to 2042
AMBIGUOUS = r"(?:19|20)[0-9]{2}\.1"
"""2017.1 was typed as 2017.1 or as 2017.10: a spreadsheet's number does not distinguish them (traps.md)."""


def month(text: str) -> str:
    """Return `2013-09` for a month in any usual spelling or 1900 serial. 2017.1 and unreadable texts are unchanged."""
    if re.fullmatch(AMBIGUOUS, text):
        return text
    if serial := _SERIAL.fullmatch(text):
        return (_EPOCH_1900 + timedelta(days=int(serial[1]))).strftime("%Y-%m")
    plain = text
    if not re.search(r"[A-Za-z:]", text):
        tens = re.sub(r"十([一二])", r"1\1", text).replace("十", "10")
        plain = tens.translate(_CHINESE_DIGITS).replace(" ", "")
    for pattern, order in ((_YEAR_MONTH, (1, 2)), (_COMPACT, (1, 2)), (_MONTH_YEAR, (2, 1))):
        match = pattern.fullmatch(plain)
        if match and 1 <= int(match[order[1]]) <= 12:
            return f"{match[order[0]]}-{int(match[order[1]]):02d}"
    return _english_month(text)


def _english_month(text: str) -> str:
    match = _ENGLISH.fullmatch(text.strip())
    if not match:
        return text
    name, year = (match[1], match[2]) if match[1] else (match[4], match[3])
    number = _MONTH_NAMES.get(name.lower())
    return f"{year if len(year) == 4 else f'20{year}'}-{number:02d}" if number else text


_HALF = "上午|下午|中午|晚上|凌晨|早上|清晨|傍晚|AM|PM"
_WEEKDAY = re.compile(r" ?[(（]?(?:星期|周)[一二三四五六日天][)）]? ?")
_NOON = 4  # 中午 1:30 is in the afternoon, 中午 11:50 is before noon
_MOMENT = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?"
    rf"(?:[T ,，_]*({_HALF})? ?([0-9]{{1,2}})[:时点]([0-9]{{1,2}})分?(?::?([0-9]{{1,2}})秒?)?"
    rf"(?:\.[0-9]+)? ?({_HALF})?)?(?:(Z|[+-][0-9]{{2}}:?[0-9]{{2}})| (?:GMT|UTC)([+-][0-9]{{1,2}})(?:00)?)?",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2}))?")
_TRAILING_REMARK = re.compile(r" ?[(（][^()（）0-9]*[)）]$")
_ISO_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?"
_AMERICAN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(.*)")
_ENGLISH_DATE = re.compile(  # Oct 5, 2016 9:30 AM; 5 Oct 2016 9:30; Wed Oct 05 2016 09:30:00 GMT+0800 (CST)
    r"(?:[A-Za-z]{3},? )?"
    r"(?:(?P<day>[0-9]{1,2})[ -](?P<month>[A-Za-z]{3})|(?P<Month>[A-Za-z]{3})[a-z]*\.? (?P<Day>[0-9]{1,2}),?)"
    r"[a-z]*[ ,-]+(?P<year>[0-9]{4}),?(?P<rest>[ T].*)?"
)


def moment(text: str) -> str:
    """Return `2016-09-20 15:05` (with seconds if it has them) for a moment in any usual spelling or 1900 serial.

    The time zone is Asia/Shanghai. A date without a time stays a date. An unreadable text is unchanged.
    """
    if _SERIAL.fullmatch(text):
        return (_EPOCH_1900 + timedelta(seconds=round(float(text) * 86400))).strftime("%Y-%m-%d %H:%M:%S")
    plain = _TRAILING_REMARK.sub("", _WEEKDAY.sub(" ", text).strip())
    return _moment(_reorder(plain)) or text


def _reorder(text: str) -> str:
    """Rewrite a moment without separators, or in American or British order, as ISO 8601."""
    if digits := _DIGITS.fullmatch(text):
        day = "-".join(digits.groups()[:3])
        return f"{day} {digits[4]}:{digits[5]}:{digits[6]}" if digits[4] else day
    if american := _AMERICAN.fullmatch(text):
        return f"{american[3]}-{american[1]}-{american[2]}{american[4]}"
    if english := _ENGLISH_DATE.fullmatch(text):
        month = _MONTH_NAMES.get((english["month"] or english["Month"]).lower(), 0)
        return f"{english['year']}-{month}-{english['day'] or english['Day']}{english['rest'] or ''}"
    return text


def _moment(text: str) -> str:
    match = _MOMENT.fullmatch(text.strip())
    if not match:
        return ""
    year, month_, day = int(match[1]), int(match[2]), int(match[3])
    half_day = (match[4] or match[8] or "").upper()
    hour, minute, second = (int(match[n] or 0) for n in (5, 6, 7))
    if (half_day in ("下午", "傍晚", "晚上", "PM") and hour < 12) or (half_day == "中午" and hour < _NOON):
        hour += 12
    elif half_day in ("上午", "凌晨", "AM") and hour == 12:
        hour = 0
    try:
        result = datetime(year, month_, day, hour, minute, second)
        offset = match[9] or (f"{match[10][0]}{match[10][1:].zfill(2)}00" if match[10] else "")
        if offset:
            zone = datetime.strptime("+0000" if offset.upper() == "Z" else offset, "%z").tzinfo
            result = result.replace(tzinfo=zone).astimezone(SHANGHAI)
    except (ValueError, OverflowError):  # no such day or offset, or past the year 9999
        return ""
    if match[5] is None:
        return result.date().isoformat()
    return result.replace(tzinfo=None).isoformat(" ", "seconds" if match[7] else "minutes")


def sortable_times(moments: pd.Series, latest: datetime) -> pd.Series:
    """Return results of `moment` as texts that sort by time. Unreadable ones and those after `latest` are ""."""
    return moments.where(moments.str.fullmatch(_ISO_TIME) & (moments <= f"{latest:%Y-%m-%d %H:%M:%S}"), "")


def study_years(text: str) -> str:
    """Return `4` for 4年, 4.0, 四年 and 4 年制, `2.5` for 两年半. An unreadable text is unchanged."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?|[一二两三四五六七八])(年)?(半)?(?:年?学?制)?", text.replace(" ", ""))
    if not match:
        return text
    number = float(match[1].translate(_CHINESE_DIGITS)) + (0.5 if match[3] else 0)
    return f"{number:g}" if number < 100 else text
