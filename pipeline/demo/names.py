"""Invented people's names: pools built once, from which columns are drawn by index."""

from __future__ import annotations

from functools import cache

import numpy as np

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤单仇解查盖朴区"
)
COMPOUND = ["欧阳", "司马", "上官", "诸葛", "司徒", "尉迟"]
MALE = "伟强磊军勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆昊哲睿诚嘉阳天海文国建新立志宏毅峰林晨旭东子轩梓博航"
FEMALE = "芳娜敏静丽艳娟霞燕玲红雪梅琴萍莉洁婷慧颖倩琳雅欣怡佳瑶涵萱悦诗梦思语嘉晓雨文春秋兰英凤桂彤秀珍宁"
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
