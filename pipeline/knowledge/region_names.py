"""Names of regions: their stems, their short forms."""

from __future__ import annotations

import re
from functools import cache

PEOPLES = (
    "土家族|蒙古族|蒙古|回族|藏族|维吾尔族|维吾尔|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|哈尼族|哈萨克族|哈萨克|傣族|黎族"
    "|傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族|柯尔克孜族|柯尔克孜|土族|达斡尔族|达斡尔|仫佬族|羌族|布朗族|撒拉族|毛南族"
    "|仡佬族|锡伯族|锡伯|普米族|塔吉克族|塔吉克|怒族|鄂温克族|德昂族|崩龙族|保安族|裕固族|独龙族|鄂伦春族|各族|毛难族|蒙古族藏族|僮族"
)
_AUTONOMOUS = re.compile(rf"(?:{PEOPLES})*自治(?:州|县|旗|区)$")
_SUFFIX = re.compile(r"(?:特别行政区|自治区|自治州|地区|省|市|盟|县|区|旗|林区|特区|州)$")


@cache
def base_name(name: str) -> str:
    """Return a region's name without its kind and peoples: 望城县 and 望城区 → 望城, 靖州苗族侗族自治县 → 靖州."""
    bare = _AUTONOMOUS.sub("", name)
    if not bare:
        bare = re.sub(r"自治(?:州|县|旗|区)$", "", name)
    if bare != name:
        return bare
    stem = _SUFFIX.sub("", name)
    return stem if len(stem) >= 2 else name


PROVINCE_SHORT = {
    "内蒙": "内蒙古自治区", "内蒙古": "内蒙古自治区", "内蒙古省": "内蒙古自治区", "内蒙古区": "内蒙古自治区",
    "广西": "广西壮族自治区", "广西省": "广西壮族自治区", "广西自治区": "广西壮族自治区", "广西区": "广西壮族自治区",
    "西藏": "西藏自治区", "西藏省": "西藏自治区", "西藏区": "西藏自治区", "宁夏": "宁夏回族自治区",
    "宁夏省": "宁夏回族自治区", "宁夏自治区": "宁夏回族自治区", "宁夏区": "宁夏回族自治区",
    "新疆": "新疆维吾尔自治区", "新疆省": "新疆维吾尔自治区", "新疆自治区": "新疆维吾尔自治区",
    "新疆区": "新疆维吾尔自治区", "香港": "香港特别行政区", "香港特区": "香港特别行政区", "中国香港": "香港特别行政区",
    "澳门": "澳门特别行政区", "澳门特区": "澳门特别行政区", "中国澳门": "澳门特别行政区", "台湾": "台湾省",
    "中国台湾": "台湾省", "台湾地区": "台湾省", "兵团": "新疆生产建设兵团", "新疆兵团": "新疆生产建设兵团",
    "建设兵团": "新疆生产建设兵团", "新疆建设兵团": "新疆生产建设兵团",
    "新疆维吾尔自治区生产建设兵团": "新疆生产建设兵团",
}  # fmt: skip


_PEOPLES_DISTRICT = re.compile(rf"(?<=..)(?:{PEOPLES})+区$")
_WING = re.compile(r"^(.).*([左右])翼([前中后]?)旗$")


def short_forms(name: str) -> set[str]:
    """Return the ways people shorten a city's or county's name: 恩施土家族苗族自治州 → 恩施, 恩施州, 恩施自治州.

    管城回族区 is 管城区, 浦东新区 is 浦东, 科尔沁左翼中旗 is 科左中旗.
    """
    stem = base_name(name)
    forms = {stem} if len(stem) >= 2 else set()
    for kind in ("州", "县", "旗"):
        if name.endswith(f"自治{kind}"):
            forms |= {f"{stem}{kind}", f"{stem}自治{kind}"}
    if _PEOPLES_DISTRICT.search(name):
        forms |= {_PEOPLES_DISTRICT.sub("区", name), _PEOPLES_DISTRICT.sub("", name)}
    if name.endswith("新区") and len(name) >= 4:
        forms |= {name[:-2], f"{name[:-2]}区"}
    if wing := _WING.match(name):
        forms.add(f"{wing[1]}{wing[2]}{wing[3]}旗")
    return forms - {name}
