"""Places as people write them: equal to the registry where they name the same one, different where they do not."""

# ruff: noqa: E501 - tables of values
from __future__ import annotations

import re
from collections import Counter
from random import Random

from tests.adversary.bench import Case, Person, Want, each, right, wrong
from tests.invented import places
from tests.invented.places import Place

Cells = tuple[str, str, str]
_PEOPLES = (
    "蒙古族|回族|藏族|维吾尔族|维吾尔|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族|哈尼族|哈萨克族|哈萨克|傣族|黎族|傈僳族|佤族|畲族|拉祜族|水族|"
    "东乡族|纳西族|景颇族|柯尔克孜族|柯尔克孜|土族|达斡尔族|仫佬族|羌族|布朗族|撒拉族|毛南族|仡佬族|锡伯族|阿昌族|普米族|塔吉克族|塔吉克|怒族|鄂温克族|裕固族|"
    "保安族|独龙族|各族|蒙古|俄罗斯族|京族|基诺族"
)
_SUFFIX = re.compile(rf"(?:{_PEOPLES})+自治(?=[县州旗])|(?:{_PEOPLES})+(?=区$)")


def _short(name: str) -> str:
    """Return 酉阳县 for 酉阳土家族苗族自治县, 湘西州 and 管城区 likewise; the name itself where nothing is left."""
    short = _SUFFIX.sub("", name)
    return short if len(short) > 2 else name


def _bare(name: str) -> str:
    return re.sub(r"(?:市|省|(?:壮族|回族|维吾尔)?自治区)$", "", name)


def _same(p: Person, value: tuple[Cells, Cells]) -> Want:
    held, given = value
    p.place(*held)
    for level, name in zip(("province", "city", "county"), given, strict=True):
        p.form[f"origin_{level}"] = name
    return right()


def _other(p: Person, value: tuple[Cells, Cells, str]) -> Want:
    held, given, rules = value
    _same(p, (held, given))
    return wrong(*rules.split())


def _all() -> list[Place]:
    return [place for place in places.places() if place.province in places.POSTCODES]


def _sample(count: int, seed: int) -> list[Place]:
    """Return counties, each of whose names no other county of the province has."""
    names = Counter((place.province, place.county) for place in _all())
    cities = {(place.province, place.city) for place in _all()}
    single = [p for p in _all() if names[p.province, p.county] == 1 and (p.province, p.county) not in cities]
    return Random(seed).sample([p for p in single if p.county not in ("城区", "郊区", "矿区")], count)


def _ways(place: Place) -> list[tuple[Cells, Cells]]:
    """Return the ways in which a whole place is written."""
    p, c, k = place.province, place.city, place.county
    held = (p, c, k)
    given = [
        (_bare(p), _bare(c), k), (p, p + c, c + k), (p + c + k, "", ""), (p, c + k, ""), (p, c + k, k), (f"{p}-{c}-{k}", "", ""), (f"{p} {c} {k}", "", ""),
        (f"{p}/{c}/{k}", "", ""), (p, c, f"{p}{c}{k}"), (_bare(p) + _bare(c) + k, "", ""), (p, _short(c), _short(k)), (p, c, _short(k)), (p + _short(c) + _short(k), "", ""),
        (p, c, f" {k}"), (f"{p}，{c}，{k}", "", ""), (p, c, ""),
    ]  # fmt: skip
    return [(held, cells) for cells in given]


def _without_city(place: Place) -> list[tuple[Cells, Cells]]:
    """Return the ways in which a county is written without its prefecture."""
    p, k = place.province, place.county
    return [((p, place.city, k), cells) for cells in ((p, k, ""), (p, k, k), (p + k, "", ""), (_bare(p), k, ""))]


_STATES = {
    "新疆维吾尔自治区": {"巴音郭楞蒙古自治州": "巴州", "博尔塔拉蒙古自治州": "博州", "克孜勒苏柯尔克孜自治州": "克州", "昌吉回族自治州": "昌吉州", "伊犁哈萨克自治州": "伊犁州"},
    "湖北省": {"恩施土家族苗族自治州": "恩施州"}, "湖南省": {"湘西土家族苗族自治州": "湘西州"},
    "贵州省": {"黔东南苗族侗族自治州": "黔东南州", "黔南布依族苗族自治州": "黔南州", "黔西南布依族苗族自治州": "黔西南州"},
    "云南省": {"楚雄彝族自治州": "楚雄州", "红河哈尼族彝族自治州": "红河州", "文山壮族苗族自治州": "文山州", "西双版纳傣族自治州": "西双版纳", "大理白族自治州": "大理州", "德宏傣族景颇族自治州": "德宏州", "怒江傈僳族自治州": "怒江州", "迪庆藏族自治州": "迪庆州"},
    "四川省": {"凉山彝族自治州": "凉山州", "甘孜藏族自治州": "甘孜州", "阿坝藏族羌族自治州": "阿坝州"},
    "甘肃省": {"临夏回族自治州": "临夏州", "甘南藏族自治州": "甘南州"}, "吉林省": {"延边朝鲜族自治州": "延边州"},
    "青海省": {"海北藏族自治州": "海北州", "黄南藏族自治州": "黄南州", "海南藏族自治州": "海南州", "果洛藏族自治州": "果洛州", "玉树藏族自治州": "玉树州", "海西蒙古族藏族自治州": "海西州"},
}  # fmt: skip


def _states() -> list[tuple[Cells, Cells]]:
    found: list[tuple[Cells, Cells]] = []
    for province, cities in _STATES.items():
        for city, alias in cities.items():
            county = next((place.county for place in _all() if place.city == city), "")
            found += [
                ((province, city, county), (province, alias, county)),
                ((province, city, county), (province + alias + county, "", "")),
            ]
    return found


BANNERS = [
    ("内蒙古自治区", "通辽市", "科尔沁左翼中旗", "科左中旗"), ("内蒙古自治区", "通辽市", "科尔沁左翼后旗", "科左后旗"), ("内蒙古自治区", "兴安盟", "科尔沁右翼前旗", "科右前旗"),
    ("内蒙古自治区", "兴安盟", "科尔沁右翼中旗", "科右中旗"), ("内蒙古自治区", "乌兰察布市", "察哈尔右翼前旗", "察右前旗"), ("内蒙古自治区", "包头市", "达尔罕茂明安联合旗", "达茂旗"),
    ("内蒙古自治区", "呼伦贝尔市", "莫力达瓦达斡尔族自治旗", "莫旗"), ("内蒙古自治区", "赤峰市", "克什克腾旗", "克旗"), ("内蒙古自治区", "赤峰市", "阿鲁科尔沁旗", "阿旗"),
    ("辽宁省", "朝阳市", "喀喇沁左翼蒙古族自治县", "喀左县"), ("辽宁省", "阜新市", "阜新蒙古族自治县", "阜蒙县"), ("吉林省", "松原市", "前郭尔罗斯蒙古族自治县", "前郭县"),
    ("黑龙江省", "大庆市", "杜尔伯特蒙古族自治县", "杜蒙县"), ("青海省", "黄南藏族自治州", "河南蒙古族自治县", "河南县"), ("新疆维吾尔自治区", "喀什地区", "塔什库尔干塔吉克自治县", "塔县"),
    ("内蒙古自治区", "锡林郭勒盟", "西乌珠穆沁旗", "西乌旗"), ("内蒙古自治区", "锡林郭勒盟", "东乌珠穆沁旗", "东乌旗"), ("内蒙古自治区", "呼伦贝尔市", "新巴尔虎左旗", "新左旗"),
    ("新疆维吾尔自治区", "伊犁哈萨克自治州", "察布查尔锡伯自治县", "察县"), ("内蒙古自治区", "鄂尔多斯市", "准格尔旗", "准旗"), ("甘肃省", "临夏回族自治州", "积石山保安族东乡族撒拉族自治县", "积石山县"),
]  # fmt: skip
WAYS: list[tuple[Cells, Cells]] = [
    (("上海市", "上海市", "浦东新区"), ("上海市", "上海市", "浦东")), (("上海市", "上海市", "浦东新区"), ("上海", "浦东新区", "")),
    (("上海市", "上海市", "闵行区"), ("上海市闵行区", "", "")), (("北京市", "北京市", "朝阳区"), ("北京", "市辖区", "朝阳")), (("北京市", "北京市", "延庆县"), ("北京市", "县", "延庆县")),
    (("重庆市", "重庆市", "酉阳土家族苗族自治县"), ("重庆市", "酉阳县", "")), (("重庆市", "重庆市", "万州区"), ("重庆", "重庆", "万州")), (("重庆市", "重庆市", "彭水苗族土家族自治县"), ("重庆市彭水县", "", "")),
    (("天津市", "天津市", "滨海新区"), ("天津市", "滨海新区", "滨海新区")), (("湖北省", "仙桃市", "仙桃市"), ("湖北省", "省直辖县级行政区划", "仙桃市")), (("湖北省", "潜江市", ""), ("湖北省潜江市", "", "")),
    (("海南省", "琼海市", "琼海市"), ("海南省", "琼海市", "")), (("河南省", "济源市", "济源市"), ("河南省", "济源", "")), (("新疆维吾尔自治区", "石河子市", "石河子市"), ("新疆生产建设兵团", "石河子市", "")),
    (("新疆维吾尔自治区", "石河子市", "石河子市"), ("新疆", "兵团第八师", "")), (("新疆维吾尔自治区", "阿拉尔市", "阿拉尔市"), ("兵团", "阿拉尔市", "")), (("新疆维吾尔自治区", "五家渠市", ""), ("新疆兵团", "五家渠", "")),
    (("新疆生产建设兵团", "石河子市", ""), ("新疆维吾尔自治区", "石河子市", "石河子市")), (("广东省", "东莞市", ""), ("广东省", "东莞市", "莞城区")), (("广东省", "东莞市", ""), ("广东省", "东莞", "无")),
    (("广东省", "中山市", ""), ("广东省中山市", "", "")), (("甘肃省", "嘉峪关市", ""), ("甘肃省", "嘉峪关市", "嘉峪关市")), (("广东省", "东莞市", "东莞市"), ("广东省", "东莞市", "")),
    (("香港特别行政区", "香港特别行政区", ""), ("香港", "", "")), (("澳门特别行政区", "澳门特别行政区", ""), ("澳门", "澳门", "")), (("台湾省", "台北市", ""), ("台湾", "台北市", "")),
    (("湖北省", "襄阳市", "襄城区"), ("湖北省", "襄樊市", "襄城区")), (("湖南省", "长沙市", "望城区"), ("湖南省", "长沙市", "望城县")), (("湖南省", "长沙市", "浏阳市"), ("湖南省", "浏阳市", "")),
    (("安徽省", "合肥市", "巢湖市"), ("安徽省", "巢湖市", "")), (("安徽省", "合肥市", "庐江县"), ("安徽省", "巢湖市", "庐江县")), (("西藏自治区", "日喀则市", "桑珠孜区"), ("西藏", "日喀则地区", "日喀则市")),
    (("江苏省", "扬州市", "江都区"), ("江苏省", "扬州市", "江都市")), (("云南省", "普洱市", "思茅区"), ("云南省", "思茅市", "翠云区")), (("内蒙古自治区", "呼和浩特市", "土默特左旗"), ("内蒙", "呼市", "土左旗")),
    (("黑龙江省", "齐齐哈尔市", "梅里斯达斡尔族区"), ("黑龙江", "齐市", "梅里斯区")), (("新疆维吾尔自治区", "乌鲁木齐市", "天山区"), ("新疆", "乌市", "天山区")), (("广西壮族自治区", "崇左市", "凭祥市"), ("广西", "凭祥市", "")),
    (("贵州省", "铜仁市", "碧江区"), ("贵州省", "铜仁地区", "铜仁市")), (("贵州省", "毕节市", "七星关区"), ("贵州省", "毕节地区", "毕节市")), (("海南省", "三沙市", ""), ("海南省", "三沙市", "三沙市")),
]  # fmt: skip
OTHERS: list[tuple[Cells, Cells, str]] = [
    (("上海市", "上海市", "闸北区"), ("上海市", "上海市", "静安区"), "origin_county.registry"), (("浙江省", "杭州市", "江干区"), ("浙江省", "杭州市", "上城区"), "origin_county.registry"),
    (("浙江省", "杭州市", "下城区"), ("浙江省", "杭州市", "拱墅区"), "origin_county.registry"), (("江苏省", "南通市", "港闸区"), ("江苏省", "南通市", "崇川区"), "origin_county.registry"),
    (("四川省", "绵阳市", "涪城区"), ("四川省", "绵阳市", "游仙区"), "origin_county.registry"), (("河北省", "邢台市", "桥东区"), ("河北省", "邢台市", "桥西区"), "origin_county.registry"),
    (("山东省", "莱芜市", "莱城区"), ("山东省", "济南市", "历城区"), "origin_city.registry origin_county.registry"), (("吉林省", "吉林市", "船营区"), ("吉林省", "长春市", "南关区"), "origin_city.registry origin_county.registry"),
    (("湖南省", "湘潭市", "湘潭县"), ("湖南省", "湘潭市", "雨湖区"), "origin_county.registry"), (("湖南省", "湘潭市", "雨湖区"), ("浙江省", "湘潭市", "雨湖区"), "origin_province.registry origin.hierarchy"),
    (("湖南省", "长沙市", "长沙县"), ("湖南省", "长沙市", "岳麓区"), "origin_county.registry"), (("湖南省", "湘潭市", "雨湖区"), ("湖南省", "某某市", "雨湖区"), "origin_city.registry origin.precision"),
]  # fmt: skip

CASES: list[Case] = [
    *each("way", [way for place in _sample(12, 5) for way in _ways(place)], _same),
    *each("no city", [way for place in _sample(40, 9) for way in _without_city(place)], _same),
    *each("state", _states(), _same),
    *each("banner", [((p, c, k), cells) for p, c, k, short in BANNERS for cells in ((p, c, short), (p + c + short, "", ""))], _same),
    *each("special", WAYS, _same),
    *each("other", OTHERS, _other),
]  # fmt: skip
