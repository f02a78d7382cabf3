"""The headcount by major as printed. Page, xlsx and PDF are made of these lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from pipeline.match.membership import names_by_reason
from pipeline.resources import report_table
from pipeline.review.signatures import code_of
from pipeline.tables import Frame
from pipeline.tabulate.tabulate_stage import UNLISTED
from pipeline.view.remaining_work import group_name

LEVELS = ("博士研究生", "硕士研究生", "本科", "专科")
COLUMNS: dict[str, str] = report_table("words")["headcount"]
"""Headings by column of the table, in print order."""
NOTE = "说明：在册＝男＋女＝已提交＋未提交；“一致”为“是”表示已通过的人就是在册的人，一个不多、一个不少。"
SIGN_INSTRUCTION = "请院系核对后由院党委副书记签字、加盖院系公章。"
DRAFT = "未定稿"
SIGNATURES = ("填表人", "电话", "院党委副书记（签字）")
SEAL, DATE = "单位（盖章）", "　　　　年　　月　　日"
_PORTRAIT_CHARACTERS = 20  # of a major, on two lines of an A4 page in portrait
_ONE_PAGE = {True: (30, 11), False: (18, 17)}
"""By portrait: table lines that fit on one page with the signature block, and characters of a major in one line."""


@dataclass(frozen=True)
class HeadcountLine:
    """One line. `kind` is major, subtotal or total; `numbers` are in the order of `COLUMNS`."""

    kind: str
    level: str
    major: str
    numbers: tuple[int, ...]
    equal: bool

    @property
    def equal_text(self) -> str:
        """The word for `equal`."""
        return "是" if self.equal else "否"


@dataclass(frozen=True)
class Headcount:
    """A college's printed headcount. `digest` is that of the signed set, blank until it may be signed."""

    cohort: str
    school: str
    college: str
    as_of: date
    lines: tuple[HeadcountLine, ...]
    digest: str = ""
    signed_on: str = ""
    """The day of the college's signature under these very data."""
    office: str = ""
    """The office that receives it."""
    outside: str = ""
    """The number of registry students outside the class, by reason: 休学 2、参军入伍 1."""

    @property
    def title(self) -> str:
        """The heading of the printed table."""
        return f"{self.school}{self.cohort}毕业生信息核对人数统计表"

    @property
    def attestation(self) -> str:
        """The text above the signature, or the reasons why the college may not sign yet."""
        if self.signable:
            return (
                f"本人确认：{self.school}{self.college}{self.cohort}毕业生共 {self.total.numbers[0]} 人，"
                "已逐人核对并全部审核通过，各专业审核通过的名单与学籍库在册名单完全一致。"
            )
        left = self._number("registered") - self._number("approved")
        extra = f"，名单外的提交 {self._number('extra')} 条" if self._number("extra") else ""
        return f"{DRAFT}，不能签字：还有 {left} 人没有审核通过{extra}。各专业“一致”全部为“是”后，请重新打印本表再签字。"

    @property
    def signable(self) -> bool:
        """Whether the college may sign: the approved are the registered."""
        return self.total.equal and bool(self.digest)

    @property
    def code(self) -> str:
        """The code for `mingce sign verify --code`; blank until the college may sign."""
        return code_of(self.digest) if self.signable else ""

    @property
    def note(self) -> str:
        """The meaning of the columns, students outside the class, and the instruction to sign."""
        outside = f"不在本届：{self.outside}。" if self.outside else ""
        return NOTE + outside + (SIGN_INSTRUCTION if self.signable else "")

    @property
    def addressee(self) -> str:
        """The office as addressee; blank if its name is unknown."""
        return f"{self.office}：" if self.office else ""

    @property
    def date_text(self) -> str:
        """The date of the data in Chinese."""
        return f"{self.as_of.year}年{self.as_of.month}月{self.as_of.day}日"

    @property
    def portrait(self) -> bool:
        """Whether every major is short enough for a portrait page."""
        return all(len(line.major) <= _PORTRAIT_CHARACTERS for line in self.lines)

    @property
    def one_page(self) -> bool:
        """Whether table and signature block fit on one page. Else the block moves to the next page."""
        lines, characters = _ONE_PAGE[self.portrait]
        return sum(-(-len(line.major) // characters) for line in self.lines) <= lines

    def level_spans(self) -> list[tuple[HeadcountLine, int]]:
        """Return each line with its level's row span (0: covered). On several pages each line has an own level cell."""
        if not self.one_page:
            return [(line, int(line.kind == "major")) for line in self.lines]
        spans: list[tuple[HeadcountLine, int]] = []
        for (is_major, _), lines in groupby(self.lines, key=lambda line: (line.kind == "major", line.level)):
            first, *rest = lines
            spans += [(first, 1 + len(rest) if is_major else 0), *((line, 0) for line in rest)]
        return spans

    @property
    def footer(self) -> str:
        """The footer: the code, or 未定稿."""
        return f"校验码 {self.code}" if self.signable else DRAFT

    def _number(self, column: str) -> int:
        return self.total.numbers[list(COLUMNS).index(column)]

    @property
    def total(self) -> HeadcountLine:
        """The line of totals."""
        return self.lines[-1]


def headcount_lines(table: Frame) -> tuple[HeadcountLine, ...]:
    """Return the lines of a college: majors by level with subtotals, then `UNLISTED`, then the total."""
    lines: list[HeadcountLine] = []
    listed = table[table["major"] != UNLISTED]
    order = {level: place for place, level in enumerate(LEVELS)}
    levels = sorted(listed["education_level"].unique(), key=lambda level: (order.get(level, len(order)), level))
    for level in levels:
        rows = listed[listed["education_level"] == level].sort_values("major").to_dict("records")
        majors = [_line("major", str(level), group_name(str(row["major"]), "major"), [row]) for row in rows]
        lines += majors
        if len(levels) > 1:
            lines.append(_line("subtotal", str(level), f"{level}小计", rows))
    lines += [_line("major", "", UNLISTED, [row]) for row in table[table["major"] == UNLISTED].to_dict("records")]
    lines.append(_line("total", "", "合计", table.to_dict("records")))
    return tuple(lines)


def outside_in_words(outside: Frame) -> str:
    """Return the number outside the class by reason: 休学 2、参军入伍 1."""
    return "、".join(f"{reason} {len(names)}" for reason, names in names_by_reason(outside))


def _line(kind: str, level: str, name: str, rows: list[dict[Any, Any]]) -> HeadcountLine:
    numbers = tuple(sum(int(row[column]) for row in rows) for column in COLUMNS)
    registered = [row for row in rows if int(row["registered"])]  # a major with extras only is in neither set
    return HeadcountLine(kind, level, name, numbers, bool(registered) and all(bool(row["equal"]) for row in registered))
