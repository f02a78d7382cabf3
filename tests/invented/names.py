"""Invented people's names: pools built once, from which columns are drawn by index."""

from __future__ import annotations

from functools import cache

import numpy as np

from pipeline.anonymise.disguise import FEMALE, MALE, SURNAMES

COMPOUND = ["欧阳", "司马", "上官", "诸葛", "司徒", "尉迟"]
RARE = ["䶮", "㛃", "喆", "堃", "昇", "犇", "燚", "翀", "頔", "䲜"]
MINORITY = [
    "阿卜杜拉·买买提", "古丽娜尔·艾合买提", "买买提江·吐尔逊", "阿依古丽·热合曼", "艾力·库尔班",
    "迪丽努尔·阿不都拉", "努尔兰·哈布丁", "巴合提·叶尔肯", "帕提古丽·木合塔尔", "扎西·次仁多吉",
    "阿不都热西提·阿不都克里木", "如则古丽·图尔荪",
]  # fmt: skip

MAN, WOMAN = 0, 1


@cache
def pool(gender: int, size: int) -> list[str]:
    """Return `size` names for men (0) or women (1): mostly of three characters, some of two, few with rare ones."""
    rng = np.random.default_rng([41, gender, size])
    given = MALE if gender == MAN else FEMALE
    heads = [*SURNAMES * 4, *COMPOUND]
    # the first surnames are the common ones
    first = np.minimum(rng.exponential(len(SURNAMES) / 3.0, size).astype(int), len(SURNAMES) - 1)
    odd = rng.random(size)
    picks = rng.integers(0, len(given), (size, 2))
    names: list[str] = []
    for at in range(size):
        head = heads[-1 - at % len(COMPOUND)] if odd[at] > 0.99 else SURNAMES[first[at]]
        a, b = given[picks[at, 0]], given[picks[at, 1]]
        if odd[at] < 0.01:
            b = RARE[at % len(RARE)]
        names.append(head + (a if 0.01 <= odd[at] < 0.15 else a + b))
    return names


def sibling(name: str) -> str:
    """Return a name one character apart: the same family, the last character another one."""
    others = MALE + FEMALE
    at = others.find(name[-1])
    return name[:-1] + others[(at + 7) % len(others)]
