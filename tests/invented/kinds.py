"""The kinds of cohort that can be invented: schools, year, window, levels, colleges with their majors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True)
class CollegePlan:
    """A college: its name, an old name that students still write, its majors."""

    name: str
    alias: str
    majors: tuple[str, ...]
    study_years: int = 4


@dataclass(frozen=True)
class SchoolPlan:
    """A school of the cohort; `share` is its weight among the students."""

    code: str
    name: str
    colleges: tuple[CollegePlan, ...]
    share: float = 1.0
    levels: tuple[float, float, float] = (0.86, 0.12, 0.02)
    """Shares of 本科, 硕士研究生, 博士研究生."""


@dataclass(frozen=True)
class Kind:
    """What the cohort's file says, and what its people are like."""

    name: str
    year: int
    month: str
    opens: date
    closes: date
    college_due: date
    as_of: date
    """The day on which the cohort is looked at; nothing is submitted later."""
    schools: tuple[SchoolPlan, ...]
    postgraduate_months: tuple[str, ...] = ("06", "06", "06", "12")
    home: str = "湖南省"
    """The province from which half of the students come; empty: all places alike."""


def _college(text: str) -> CollegePlan:
    name, alias, majors, *years = text.split("|")
    return CollegePlan(name, alias, tuple(majors.split()), int(years[0]) if years else 4)


CATALOGUE = tuple(
    map(
        _college,
        [
            "土木工程学院||土木工程 工程管理 给排水科学与工程",
            "能源与安全工程学院|资源环境与安全工程学院|采矿工程 安全工程",
            "机电工程学院||机械设计制造及其自动化 车辆工程 测控技术与仪器",
            "计算机科学与工程学院||计算机科学与技术 软件工程 网络工程",
            "化学化工学院||应用化学 化学工程与工艺",
            "人文学院||汉语言文学 历史学 广播电视学",
            "建筑与艺术设计学院|建筑与城乡规划学院|建筑学 城乡规划|5",
            "外国语学院||英语 日语 翻译",
            "商学院||会计学 市场营销 国际经济与贸易",
            "数学与计算科学学院||数学与应用数学 统计学",
            "物理与电子科学学院||物理学 电子信息科学与技术",
            "信息与电气工程学院||电气工程及其自动化 通信工程 自动化",
            "生命科学学院||生物科学 生物技术",
            "教育学院||教育学 小学教育",
            "体育学院||体育教育 社会体育指导与管理",
            "艺术学院||音乐学 美术学 视觉传达设计",
            "法学院||法学 知识产权",
            "马克思主义学院||思想政治教育",
        ],
    )
)
_XIAOXIANG = CollegePlan("潇湘学院", "", ("工商管理", "金融学", "环境工程"))

HUNAN = SchoolPlan("10534", "湖南科技大学", CATALOGUE[:7], 0.86)
XIAOXIANG = SchoolPlan("12649", "湖南科技大学潇湘学院", (_XIAOXIANG,), 0.14, (1.0, 0.0, 0.0))

_2017 = Kind(
    "2017届", 2017, "2017-06", date(2016, 9, 20), date(2016, 10, 31), date(2016, 11, 20), date(2016, 10, 20),
    (HUNAN, XIAOXIANG),
)  # fmt: skip
_ELSEWHERE = SchoolPlan("90001", "云梦理工大学", CATALOGUE[7:14])
_2026 = Kind(
    "2026届", 2026, "2026-06", date(2025, 9, 15), date(2025, 10, 31), date(2025, 11, 15), date(2025, 10, 25),
    (_ELSEWHERE,), home="湖北省",
)  # fmt: skip

KINDS: dict[str, Kind] = {
    "2017": _2017,
    "2026": _2026,
    "one-school": replace(_2017, schools=(replace(_ELSEWHERE, levels=(1.0, 0.0, 0.0)),), home="湖北省"),
    "postgraduate-2026": replace(
        _2026,
        name="2026届研究生",
        month="2026-12",
        postgraduate_months=("12",),
        schools=(replace(_ELSEWHERE, levels=(0.0, 0.85, 0.15)),),
    ),
}

_CITIES = [
    "云梦", "青岚", "沧澜", "明湖", "白鹭", "丹枫", "平江", "望海", "松原", "临川", "长宁",
    "清溪", "石门", "南塘", "北原", "东岭", "西樵", "金沙", "银河", "玉山",
]  # fmt: skip
_SORTS = [
    "大学", "理工大学", "师范大学", "工业大学", "农业大学", "科技学院", "文理学院", "工程学院", "师范学院",
    "财经学院", "医科大学", "交通学院",
]  # fmt: skip


def of_schools(kind: Kind, schools: int) -> Kind:
    """Return the kind with exactly `schools` schools: its own ones first, then invented ones with codes 9xxxx."""
    own = kind.schools[:schools]
    more = tuple(_invented(number) for number in range(schools - len(own)))
    return replace(kind, schools=(*own, *more), home=kind.home if schools <= 200 else "")


def _invented(number: int) -> SchoolPlan:
    city, sort = _CITIES[number % len(_CITIES)], _SORTS[number // len(_CITIES) % len(_SORTS)]
    round_ = number // (len(_CITIES) * len(_SORTS))
    first = number % (len(CATALOGUE) - 7)
    return SchoolPlan(
        f"{91000 + number}", city + (f"第{round_ + 1}" if round_ else "") + sort, CATALOGUE[first : first + 8]
    )
