"""Disguised values with the same faults. Equal values get equal disguises, in every table.

What a rule checks stays: lengths, kinds of characters, widths, spaces, validity of check characters, region and year
of an ID number, agreement of cells. A secret random number, written nowhere, seeds every change, so the result cannot
be reversed. It suits a bug report, not publication.
"""

from __future__ import annotations

import io
import re
import unicodedata
from calendar import monthrange
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path, PurePosixPath
from random import Random
from string import ascii_lowercase, digits

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance

from pipeline.check.rules.contact_rules import MAXIMUM_PHOTO, MINIMUM_PHOTO_WIDTH
from pipeline.knowledge.photos import IMAGE_SUFFIXES, PhotoFile, near_duplicates, read_picture

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔"
    "钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤单仇解查盖朴区"
)
MALE = "伟强磊军勇杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆昊哲睿诚嘉阳天海文国建新立志宏毅峰林晨旭东子轩梓博航"
FEMALE = "芳娜敏静丽艳娟霞燕玲红雪梅琴萍莉洁婷慧颖倩琳雅欣怡佳瑶涵萱悦诗梦思语嘉晓雨文春秋兰英凤桂彤秀珍宁"

_SIGNIFICANT = re.compile(r"[0-9A-Z]")
_CHECK = "10X98765432"
_GIVEN_NAMES = MALE + FEMALE
# leading characters that stay: year, region, operator's prefix, no leading zero
_FIXED_PREFIX = {"student_number": 4, "exam_number": 6, "phone": 4, "family_phone": 6, "qq": 1}
_DAYS = [f"{month:02d}{day:02d}" for month in range(1, 13) for day in range(1, monthrange(2015, month)[1] + 1)]
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_WORD = re.compile(rf"{_HAN.pattern}+")
# words beside or instead of a number that name nobody
_HARMLESS = frozenset("无没有暂缺空同上本人父母亲爸妈家长电话手机座号码转分办公室宿舍微信不详未知和或的")
_ADDRESS = re.compile(r"[0-9A-Za-z._%+-]++(@[0-9A-Za-z.-]+)?")  # also a word alone, so that no stretch is matched twice
_LONG = re.compile(r"(?<![0-9A-Za-z])[0-9]{7,17}[0-9Xx]?(?![0-9A-Za-z])")
_COMPARED = 200  # longer names are not compared character by character: nobody has one
_PLACES = 30  # digits with a substitution of their own; no real number has more
_PERSON = re.compile(r"[0-9]{15}|[0-9]{17}[0-9Xx]|1[3-9][0-9]{9}")  # ID numbers and mobile phones


class Disguise:
    """Maps a cohort's values to other ones. Two disguises with the same secret agree."""

    def __init__(self, secret: int) -> None:
        self._secret = secret
        self._days = _shuffled_cycle(_DAYS, f"{secret} days")
        self.digit = cache(self._digit)
        letters = _shuffled_cycle(ascii_lowercase, f"{secret} letters")
        capitals = {mark.upper(): new.upper() for mark, new in letters.items()}
        self._local = str.maketrans({**letters, **capitals, **dict(zip(digits, self.digit("local", 0), strict=True))})
        self._names: dict[str, str] = {}
        self._used_names: set[str] = set()
        self._people: set[str] = set()
        self._numbers: set[str] = set()

    def _digit(self, field: str, position: int) -> str:
        cycle = _shuffled_cycle(digits, f"{self._secret} {field} {position}")
        return "".join(cycle[mark] for mark in digits)

    def number(self, field: str, value: str) -> str:
        """Return another number of the same form. `_FIXED_PREFIX`: how many leading characters stay."""
        return self._replace_words(_map_significant(value, lambda core: self._number(field, core)))

    def _replace_words(self, value: str) -> str:
        """Replace the Chinese words in a cell of numbers, because they may be names. Harmless words stay."""

        def replacement(match: re.Match[str]) -> str:
            word = match[0]
            return word if _HARMLESS.issuperset(word) else self._names.get(word) or self._new_name(word)

        return _WORD.sub(replacement, value)

    def _number(self, field: str, core: str) -> str:
        if field.endswith("phone") and len(core) == 13 and core.startswith("86"):
            return "86" + self._number(field, core[2:])
        fixed = _FIXED_PREFIX[field]
        return "".join(
            self.digit(field, min(position, _PLACES))[int(mark)] if position >= fixed and mark.isdigit() else mark
            for position, mark in enumerate(core)
        )

    def id_number(self, value: str) -> str:
        """Return another ID number with the same region, year and sex. It is valid only if `value` is."""
        return self._replace_words(_map_significant(value, self._id_number))

    def _id_number(self, core: str) -> str:
        if not re.fullmatch(r"[0-9]{15}|[0-9]{17}[0-9X]", core):
            return "".join(self.digit("id", 0)[int(mark)] if mark.isdigit() else mark for mark in core)
        start = 10 if len(core) == 18 else 8
        day = self._days.get(core[start : start + 4], core[start : start + 4])
        tail = core[start + 4 : start + 7]
        sequence = "".join(self.digit("id", position)[int(mark)] for position, mark in enumerate(tail[:2], 15))
        sex = [digit for digit in self.digit("id", 17) if int(digit) % 2 == int(tail[2]) % 2][int(tail[2]) // 2]
        body = core[:start] + day + sequence + sex
        if len(core) == 15:
            return body
        # a wrong check character stays wrong by the same offset
        offset = _CHECK.index(core[17]) - _CHECK.index(_check_character(core[:17]))
        return body + _CHECK[(_CHECK.index(_check_character(body)) + offset) % 11]

    def prefix(self, fifteen: str) -> str:
        """Return the disguise of an ID number's first 15 digits, which are all that a damaged cell holds."""
        return self._id_number(fifteen + "00" + _check_character(fifteen + "00"))[:15]

    def add_known(self, names: Iterable[str], numbers: Iterable[str], typed: Iterable[str] = ()) -> None:
        """Store the registry's names and numbers, by which `text` recognises people.

        No new name equals one of `names` or of `typed`, the names that students submitted.
        """
        names = set(names)
        self._used_names |= {*names, *typed}
        self._people |= {name for name in names if len(name) > 1}
        self._numbers |= {number for number in numbers if _LONG.fullmatch(number)}

    def text(self, value: str) -> str:
        """Replace names, numbers and addresses in free text. A two-character name only if it is the complete cell."""

        def replacement(match: re.Match[str]) -> str:
            number = match[0]
            if number not in self._numbers and not _PERSON.fullmatch(number):
                return number
            if len(number) in (15, 18):
                return self._id_number(number.upper())
            return self._number("student_number", number)

        changed = _ADDRESS.sub(lambda match: self.email(match[0]) if match[1] else match[0], value)
        changed = _LONG.sub(replacement, changed)
        if changed.strip() in self._people:
            return self.name(changed)
        runs = [(run, start) for run in _WORD.findall(changed) for start in range(len(run) - 2)]
        words = {run[at : at + length] for run, at in runs for length in (3, 4, 5)} & self._people
        for name in sorted(words, key=len, reverse=True):
            changed = changed.replace(name, self.name(name))
        return changed

    def name(self, value: str, base: str = "") -> str:
        """Return another name. It differs from the new name of `base` as much as `value` differs from `base`."""
        core = value.strip()
        if core not in self._names:
            derived = base and base != core and len(base) + len(core) <= _COMPARED
            self._names[core] = self._derived_name(core, base) if derived else self._new_name(core)
            self._used_names.add(self._names[core])
        return value.replace(core, self._names[core]) if core else value

    def _new_name(self, core: str) -> str:
        new = core
        for attempt in range(200 if len(core) <= _COMPARED else 1):  # long names hardly collide
            dice = Random(f"{self._secret} {core} {attempt}")
            new = "".join(self._letter(mark, position, dice) for position, mark in enumerate(core))
            if new not in self._used_names and new != core:
                break
        return new

    def _derived_name(self, core: str, base: str) -> str:
        new_base, dice, out = self.name(base), Random(f"{self._secret} {core} {base}"), ""
        for step, a, b, c, d in SequenceMatcher(None, base, core, autojunk=False).get_opcodes():
            changed = "".join(self._letter(mark, 1, dice) for mark in core[c:d])
            out += new_base[a:b] if step == "equal" else changed
        return out if out not in self._used_names else self._new_name(core)

    @staticmethod
    def _letter(mark: str, position: int, dice: Random) -> str:
        if _HAN.fullmatch(mark):
            return dice.choice(SURNAMES if position == 0 else _GIVEN_NAMES)
        if mark.isascii() and mark.isalpha():
            letter = dice.choice(ascii_lowercase)
            return letter.upper() if mark.isupper() else letter
        return _in_style(dice.choice(digits), mark) if mark.isdecimal() else mark

    def email(self, value: str) -> str:
        """Return another address at the same provider. Digits of a QQ mailbox still agree with the QQ number."""
        local, at, domain = value.partition("@")
        if local.strip().isdigit():
            return self.number("qq", local) + at + self.text(domain)
        return self._replace_words(local.translate(self._local)) + at + self.text(domain)

    def address(self, value: str) -> str:
        """Return another address. One that is too short stays as short, and a formula stays a formula."""
        core = value.strip()
        if not core:
            return value
        number = Random(f"{self._secret} {core}").randrange(1, 9999)
        if core[0] in "=+-@":
            return f"{core[0]}SUM(A1)某路{number}号" if core[0] in "=@" else f"{core[0]}某路{number}号某单元"
        return "某" * len(core) if len(core) < 6 else f"某县某路{number}号某单元"


def _check_character(body: str) -> str:
    """Return the check character of an ID number's first 17 digits (GB 11643; columns: `knowledge.identifiers`)."""
    return _CHECK[sum(int(digit) * 2 ** (17 - position) for position, digit in enumerate(body)) % 11]


def _shuffled_cycle(marks: Iterable[str], seed: str) -> dict[str, str]:
    """Map each of `marks` to the next one in a shuffled cycle, so that none maps to itself."""
    order = list(marks)
    Random(seed).shuffle(order)
    return dict(zip(order, order[1:] + order[:1], strict=True))


def _map_significant(value: str, change: Callable[[str], str]) -> str:
    """Apply `change` to the digits and letters of `value`. Spaces, signs, widths and cases stay."""
    marks = [unicodedata.normalize("NFKC", mark).upper() for mark in value]
    places = [position for position, mark in enumerate(marks) if _SIGNIFICANT.fullmatch(mark)]
    new = change("".join(marks[position] for position in places))
    out = list(value)
    for position, mark in zip(places, new, strict=True):
        out[position] = _in_style(mark, value[position])
    return "".join(out)


def _in_style(mark: str, model: str) -> str:
    cased = mark.lower() if model.islower() else mark
    return chr(ord(cased) + 0xFEE0) if ord(model) > 0xFF00 else cased


_SIZE = (108, 151)  # one inch, upright
_QUALITY = 55


def invented_picture(person: int, seed: int, fault: str = "", suffix: str = ".jpg") -> bytes:
    """Return a picture's bytes. `fault`: broken, large, landscape, narrow, near_twin (brighter)."""
    image = _mottled_picture(person, seed)
    if fault == "near_twin":
        image = ImageEnhance.Brightness(image).enhance(1.02)
    elif fault == "landscape":
        image = image.rotate(90, expand=True)
    elif fault == "narrow":
        image = image.resize((72, 100))
    elif fault == "large":
        return _large(image, person)
    out = io.BytesIO()
    if suffix == ".png":
        image.quantize(24).save(out, "PNG", optimize=True)
    else:
        image.save(out, "JPEG", quality=_QUALITY)
    content = out.getvalue()
    return content[: len(content) // 2] if fault == "broken" else content


def _mottled_picture(person: int, seed: int) -> Image.Image:
    """Draw a mottled pattern that differs for every person, so that no two pictures are near duplicates."""
    rng = np.random.default_rng([seed, 77, person])
    light = rng.choice([60, 235], (8, 6, 1)) * rng.uniform(0.75, 1.0, (8, 6, 3))
    return Image.fromarray(light.astype(np.uint8), "RGB").resize(_SIZE, Image.Resampling.BICUBIC)


def _large(image: Image.Image, person: int) -> bytes:
    rng = np.random.default_rng(person)
    grain = rng.integers(-40, 40, (616, 440, 1))
    pixels = np.asarray(image.resize((440, 616))).astype(np.int64) + grain
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "RGB").save(out, "JPEG", quality=97)
    return out.getvalue()


class PictureNames:
    """New names of picture files: a student's number or ID number becomes the disguised one, others get a count."""

    def __init__(self, rows: pd.DataFrame, disguise: Disguise) -> None:
        self._from_numbers: dict[str, str] = {}
        for number in rows["student_number"].str.strip().unique():
            self._from_numbers[number.lower()] = disguise.number("student_number", number)
        for number in rows["id_number"].str.strip().unique():
            self._from_numbers[number.lower()] = disguise.id_number(number)
        self._counted: dict[str, str] = {}

    def name(self, value: str) -> str:
        """Return the new name of a picture file, or of a cell that names one."""
        if not value.strip():
            return value
        last = PurePosixPath(value.strip().replace("\\", "/"))
        suffix = last.suffix if last.suffix.lower() in IMAGE_SUFFIXES else ""
        stem = last.name.removesuffix(suffix)
        renamed = self._from_numbers.get(stem.lower())
        return (renamed or self._counted.setdefault(stem.lower(), f"photo{len(self._counted):05d}")) + suffix


def draw_pictures(folder: Path, out: Path, names: PictureNames) -> None:
    """Draw a picture with the fault of each one in `folder`."""
    out.mkdir(exist_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES)
    pictures = [read_picture(path) for path in files]
    frame = pd.DataFrame({"sha": [p.sha256 for p in pictures], "near": [p.phash for p in pictures]}, dtype="str")
    groups = near_duplicates(frame["near"], frame["sha"])
    people: dict[str, tuple[int, str]] = {}
    for number, (path, picture, group) in enumerate(zip(files, pictures, groups, strict=True)):
        person, first_sha256 = people.setdefault(str(group) or picture.sha256, (number, picture.sha256))
        fault = _picture_fault(picture) or ("near_twin" if first_sha256 != picture.sha256 else "")
        (out / names.name(path.name)).write_bytes(invented_picture(person, 0, fault, path.suffix.lower()))


def _picture_fault(picture: PhotoFile) -> str:
    if not picture.readable:
        return "broken"
    if picture.bytes > MAXIMUM_PHOTO:
        return "large"
    if picture.width > picture.height:
        return "landscape"
    return "narrow" if picture.width < MINIMUM_PHOTO_WIDTH else ""
