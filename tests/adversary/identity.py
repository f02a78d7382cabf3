"""Odd names and numbers: who is certified, who is not and why, and who is never displaced or blamed."""

# ruff: noqa: E501 - tables of values
from __future__ import annotations

from typing import Any

from tests.adversary.bench import ANY, HUNAN, XIAOXIANG, Case, Person, Want, each, failed, right
from tests.invented import numbers


def _checked(body: str) -> str:
    return body + numbers.check_character(body)


def _masked(p: Person, value: tuple[str, str]) -> Want:
    name, how = value
    number = p.own["id_number"]
    spellings: dict[str, Any] = {
        "plain": number, "wide": number.translate({c: c + 0xFEE0 for c in range(48, 91)}),
        "spaced": f"{number[:6]} {number[6:14]} {number[14:]}", "label": f"身份证：{number}",
    }  # fmt: skip
    p.form.update(name=name, id_number=spellings[how])
    odd = ["name.characters"] if not all("\u4e00" <= c <= "\u9fff" for c in name) else []
    return failed("name_differs", "correct", "name.registry", *odd, record="failed")


def _masked_number_cell(p: Person, name: str) -> Want:
    p.form.update(name=name, id_number=float(p.own["id_number"][:17] + "0"))
    return Want("correct", frozenset({"id_number.damaged", ANY}), "failed", ANY, ANY)


def _own_odd_name(p: Person, name: str) -> Want:
    """A name that examples bear, and this student too."""
    p.both("name", name)
    return right()


def _spelt_name(p: Person, value: tuple[str, str]) -> Want:
    p.own["name"], p.form["name"] = value
    return right()


def _abroad(p: Person, value: tuple[str, str, str]) -> Want:
    held, given, name = value
    p.own.update(id_number=held, name=name, ethnicity="其他", gender="男")
    p.form.update(id_number=given, name=name, ethnicity="其他", gender="男")
    return right()


def _permit(p: Person, region: str) -> Want:
    number = _checked(f"{region}199503{p.n % 28 + 1:02d}{p.n % 500 * 2 + 1:03d}")
    p.both("id_number", number)
    p.both("gender", "男")
    return right()


def _id_spelt(p: Person, pattern: str) -> Want:
    n = p.own["id_number"]
    p.form["id_number"] = pattern.format(n=n, low=n.lower(), a=n[:6], b=n[6:14], c=n[14:], cross=n.replace("X", "×"))
    return right()


def _number_spelt(field: str):
    def spell(p: Person, pattern: str) -> Want:
        n = p.own[field]
        p.form[field] = pattern.format(n=n, a=n[:4], b=n[4:])
        return right()

    return spell


def _mistyped(p: Person, how: str) -> Want:
    n = p.own["id_number"]
    bad = {
        "check": n[:17] + ("1" if n[17] != "1" else "2"), "lost": n[:9] + n[10:], "more": n + "0", "blank": "",
        "无": "无", "不详": "不详", "swapped": n[:12] + n[13] + n[12] + n[14:] if n[12] != n[13] else n[:17] + "?",
        "month": _checked(n[:10] + "1331" + n[14:17]), "name": p.own["name"],
    }  # fmt: skip
    p.form["id_number"] = bad[how]
    rule = {"blank": "id_number.required", "无": "id_number.required", "不详": "id_number.required"}.get(how, ANY)
    return failed("id_mistyped", "correct", rule, record="certified")


def _outdated(p: Person, how: str) -> Want:
    n = p.own["id_number"]
    day = f"{int(n[12:14]) % 28 + 1:02d}"
    other = _checked(n[:12] + day + n[14:17])
    (p.own if how == "registry" else p.form)["id_number"] = other
    return failed("registry_outdated", "registrar", record="certified")


def _registry_key(p: Person, value: tuple[str, Any]) -> Want:
    """The registry's own ID number or name is blank or damaged."""
    p.own[value[0]] = value[1]
    return Want("registrar", frozenset({ANY}), ANY, ANY, ANY)


def _wrong_school(p: Person, given: str) -> Want:
    other = XIAOXIANG if p.own["school"] == HUNAN else HUNAN
    p.form["school"] = other
    return failed("wrong_school", "correct", ANY)


def _school_spelt(p: Person, value: tuple[str, str]) -> Want:
    p.of_college("潇湘学院" if value[0] == XIAOXIANG else "商学院")
    p.form["school"] = value[1]
    return right()


def _no_school(p: Person, given: str) -> Want:
    p.form["school"] = given
    return Want(
        "correct",
        frozenset({"school.vocabulary" if given == "某某大学" else "school.required"}),
        "not_checked",
        "",
        ANY,
    )


def _another(p: Person, how: str) -> Want:
    mate = p.mate()
    p.form["id_number"] = mate.own["id_number"]
    p.forms.append(mate.form)
    p.also.append((" (the owner)", mate.own, right()))
    if how == "both numbers":
        p.form["name"] = mate.own["name"]
        p.form["id_number"] = p.own["id_number"]
        p.form["name"] = p.own["name"]
        p.form["id_number"] = mate.own["id_number"]
    return failed("id_of_another", "counselor", ANY)


def _namesake(p: Person, how: str) -> Want:
    """Own ID number and name, and both other numbers of a namesake: takes nobody's place, keeps its own."""
    mate = p.mate()
    _same_class(p, mate)
    mate.own["name"] = mate.form["name"] = p.own["name"]
    p.form.update(student_number=mate.own["student_number"], exam_number=mate.own["exam_number"])
    p.form["submitted_at"] = "2016-10-30 08:00" if how == "later" else "2016-09-21 08:00"
    p.forms.append(mate.form)
    p.also.append((" (the namesake)", mate.own, right()))
    return failed("id_of_another", "counselor", ANY)


def _same_class(p: Person, mate: Person) -> None:
    for name in ("school", "college", "class_name", "major"):
        mate.own[name] = mate.form[name] = p.own[name]


def _namesakes_right(p: Person, _: Any) -> Want:
    mate = p.mate()
    _same_class(p, mate)
    mate.own["name"] = mate.form["name"] = p.own["name"]
    p.forms.append(mate.form)
    p.also.append((" (the namesake)", mate.own, right()))
    return right()


def _attack(p: Person, value: tuple[str, str, bool]) -> Want:
    """A classmate hands in a second row under this name and student number."""
    what, when, above = value
    row = dict(p.form, submitted_at=when)
    n = p.own["id_number"]
    row["id_number"] = {
        "invalid": n[:17] + ("1" if n[17] != "1" else "2"), "blank": "", "valid": _checked(n[:6] + "19950701" + n[14:17]),
        "word": "不知道", "example": "430302199503141041"[:17] + "9",
    }[what]  # fmt: skip
    row["submitted_at"] = when
    if above:
        p.form, row = row, p.form
    p.forms.append(row)
    if above and when[:4] != "2016":
        return right(ANY)  # whether it counts as later hangs on the row above it
    later = not above or when > "2016-10-28 20"
    return right(*(["cohort.later_uncertified"] if later else []))


def _stranger(p: Person, names: tuple[str, ...]) -> Want:
    """A stranger types this student's number: the owner stays as he was."""
    row = p.stranger()
    for name in names:
        row[name] = p.form[name]
    row["submitted_at"] = "2016-10-31 20:00"
    p.forms.append(row)
    same = "student_number" in names and {"id_number", "name"} & set(names)  # such a row is the owner's, too
    return right(*(["cohort.later_uncertified"] if same else []))


def _stranger_of_a_missing_one(p: Person, names: tuple[str, ...]) -> Want:
    """A stranger types a number of one who has handed nothing in: he is chased as before."""
    row = p.stranger()
    row |= {"school": p.own["school"], **{name: p.form[name] for name in names}}
    p.form, p.forms = {}, [row]
    return Want("missing", frozenset(), ANY, ANY, ANY)


def _mixed(p: Person, how: str) -> Want:
    """A stranger puts two students' numbers together: both stay as they were."""
    mate, row = p.mate(), p.stranger()
    row["id_number"] = p.own["id_number"]
    row["student_number" if how != "exam" else "exam_number"] = mate.own[
        "student_number" if how != "exam" else "exam_number"
    ]
    p.forms += [mate.form, row]
    p.also.append((" (the mate)", mate.own, right()))
    return right()


def _victim_of_number(p: Person, _: Any) -> Want:
    """A classmate types this student's number beside his own ID number and name: the mate's mistake."""
    mate = p.mate()
    _same_class(p, mate)
    mate.form["student_number"] = p.own["student_number"]
    p.forms.append(mate.form)
    verdict = Want("counselor", frozenset({"student_number.unique", "student_number.registry"}), record="failed")
    p.also.append((" (the mate)", mate.own, verdict))
    return right()


def _victim_of_exam(p: Person, _: Any) -> Want:
    mate = p.mate()
    _same_class(p, mate)
    mate.form["exam_number"] = p.own["exam_number"]
    p.forms.append(mate.form)
    verdict = Want("counselor", frozenset({"exam_number.unique", "exam_number.registry"}), record="failed")
    p.also.append((" (the mate)", mate.own, verdict))
    return right()


def _registry_twice(p: Person, how: str) -> Want:
    again = dict(p.own)
    p.registry.append(again)
    if how == "equal":
        return right()
    if how == "one cell":
        again["ethnicity"] = "苗族"
        return right()
    if how == "phone like":
        again["exam_number"] = ""
        return right()
    if how == "another name":
        again["name"] = "欧阳" + p.own["name"][-1]
        return Want("registrar", frozenset({ANY}), ANY, ANY, ANY)
    mate = p.mate()
    again.update(id_number=mate.own["id_number"], name=mate.own["name"] + "子")
    return Want("registrar", frozenset({ANY}), ANY, ANY, ANY)


def _outside(p: Person, status: str) -> Want:
    p.own["status"] = status
    return Want("outside", frozenset({ANY}), ANY, ANY, ANY)


def _inside(p: Person, status: str) -> Want:
    p.own["status"] = status
    return right()


def _no_name(p: Person, given: str) -> Want:
    p.form["name"] = given
    return Want("correct", frozenset({"name.required", ANY}), "failed", ANY, ANY)


def _id_only(p: Person, field: str) -> Want:
    """One number is mistyped: identity stands."""
    p.form[field] = p.own[field][:-1] + ("7" if p.own[field][-1] != "7" else "8") + "1"
    return Want("correct", frozenset({f"{field}.registry"}), record="failed")


DOTS = "·•‧∙⋅・･．.。﹒ꞏ᛫●"
_UIGHUR = "阿卜杜拉·买买提"
LATIN = [
    ("MARIA GARCIA", "Maria Garcia"), ("JEAN-PIERRE MBALA", "Jean Pierre Mbala"), ("John West", "JOHNWEST"),
    ("Nguyen Van An", "NGUYEN-VAN-AN"), ("O'Brien Sean", "OBRIEN SEAN"), ("ＩＢＲＡＨＩＭ ＳＯＷ", "Ibrahim Sow"),
    ("KIM MINSU", "kim  minsu"), ("ALI", "Ali "), ("Mary-Ann Lee", "MARY ANN LEE"), ("Abdul‐Aziz Khan", "ABDUL AZIZ KHAN"),
]  # fmt: skip
ABROAD = [
    ("E12345678", "E12345678", "MARIA GARCIA"), ("G87654321", "g87654321", "LEE JAE"), ("AB1234567", "AB 1234567", "John West"),
    ("H60123456", "H60123456", "陈大文"), ("M12345678", "Ｍ12345678", "何小明"), ("12345678", "12345678", "林志成"),
    ("H6012345600", "H6012345600", "黄伟明"), ("USA110095031405", "USA110095031405", "John Smith"),
    ("护照E22345678", "E22345678", "IVAN PETROV"), ("C1234567", "护照：C1234567", "SOMCHAI DEE"),
    ("911156199403150139", "911156199403150139", "JEAN MBALA"), ("P1234567A", "P1234567A", "Anna Lee"),
    ("0123456701", "0123456701", "张志豪"), ("K-1234567", "K1234567", "Omar Ali"),
]  # fmt: skip
ID_SPELLINGS = [
    "身份证：{n}", "身份证号码:{n}", "{a}-{b}-{c}", "{a} {b} {c}", "{low}", "'{n}", "‘{n}", "{n}\u200b", "\ufeff{n}",
    " {n} ", "{n}\t", "{n}。", "ID：{n}", "居民身份证{n}", "{a}—{b}—{c}", "{n}（本人）", "{cross}", "\u202d{n}\u202c",
    "{a}.{b}.{c}", "{a}_{b}_{c}", "证件号码：{n}", "({n})", "No.{n}", "{a}　{b}　{c}", "{a}/{b}/{c}", "`{n}", '"{n}"',
    "身份证号 {n}", "{n}\n", "\xa0{n}", "{a}·{b}·{c}", "{n},",
]  # fmt: skip
NUMBER_SPELLINGS = ["学号：{n}", "{a} {b}", "'{n}", "{n}\u200b", "　{n}", "No.{n}", "{n}（学号）", "{n}号"]
EXAM_SPELLINGS = ["考生号：{n}", "{a} {b}", "'{n}", "{n}\u200b", "{a}-{b}", "　{n}", "{n}（高考）"]
MASKS = [
    "郭某某",
    "李某",
    "张*",
    "王**",
    "陈××",
    "刘XX",
    "赵○○",
    "例",
    "示例",
    "张三",
    "李四",
    "测试",
    "样例",
    "某某某",
    "王先生",
    "周同学",
]

CASES: list[Case] = [
    *each("masked", [(name, how) for name in MASKS for how in ("plain", "wide", "spaced", "label")], _masked),
    *each("masked, number cell", MASKS[:6], _masked_number_cell),
    *each("own odd name", ["张三", "李四", "王五", "某某", "例子", "那", "段总计", "米合计", "测试", "何示例", "无名"], _own_odd_name),
    *each("dots", [(_UIGHUR, _UIGHUR.replace("·", dot)) for dot in DOTS], _spelt_name),
    *each("dots held", [(_UIGHUR.replace("·", dot), _UIGHUR) for dot in "•・．﹒‧"], _spelt_name),
    *each("dots spaced", [(_UIGHUR, "阿卜杜拉 · 买买提"), (_UIGHUR, "阿卜杜拉 •买买提"), ("扎西·次仁·多吉", "扎西．次仁．多吉")], _spelt_name),
    *each("spaced", [("张伟", "张 伟"), ("张伟", "张　伟"), ("张伟", " 张伟\u200b"), ("欧阳娜", "欧阳\t娜"), ("吕䶮", "吕䶮 ")], _spelt_name),
    *each("latin", LATIN, _spelt_name),
    *each("abroad", ABROAD, _abroad),
    *each("permit", ["810000", "820000", "830000"], _permit),
    *each("id spelt", ID_SPELLINGS, _id_spelt),
    *each("student number spelt", NUMBER_SPELLINGS, _number_spelt("student_number")),
    *each("exam number spelt", EXAM_SPELLINGS, _number_spelt("exam_number")),
    *each("mistyped", ["check", "lost", "more", "blank", "无", "不详", "swapped", "month", "name"], _mistyped),
    *each("outdated", ["registry", "form"], _outdated),
    *each("registry key", [
        ("name", ""), ("name", "?"), ("name", "无"), ("name", "张?"), ("id_number", ""), ("id_number", "无"),
        ("id_number", "4.30302E+17"), ("id_number", "43030219950314"), ("name", "NULL"), ("id_number", "430302199503140000"),
    ], _registry_key),
    *each("wrong school", [""], _wrong_school),
    *each("school spelt", [
        (XIAOXIANG, "潇湘学院"), (HUNAN, "湖科大"), (HUNAN, " 湖南科技大学 "), (HUNAN, "10534"), (XIAOXIANG, "湖南科技大学（潇湘学院）"),
        (XIAOXIANG, "湖南科技大学 潇湘学院"), (XIAOXIANG, "科技大学潇湘学院"),
    ], _school_spelt),
    *each("no school", ["", "无", "-", "N/A", "某某大学"], _no_school),
    *each("id of another", ["plain"], _another),
    *each("namesake", ["later", "earlier"], _namesake),
    *each("namesakes right", [1], _namesakes_right),
    *each("attack", [
        (what, when, above)
        for what in ("invalid", "blank", "valid", "word", "example")
        for when, above in (("2016-10-31 21:00", False), ("2099-01-01 00:00", False), ("", False), ("昨天", False),
                            ("2016-10-31 21:00", True), ("2099-12-31", True), ("2016-09-20 00:01", True))
    ], _attack),
    *each("stranger", [
        ("student_number",), ("exam_number",), ("id_number",), ("name", "class_name"), ("phone",), ("student_number", "exam_number"),
        ("student_number", "name"), ("id_number", "student_number"),
    ], _stranger),
    *each("stranger of a missing one", [
        ("id_number",), ("student_number",), ("exam_number",), ("id_number", "phone"), ("name",), ("name", "class_name"),
    ], _stranger_of_a_missing_one),
    *each("mixed", ["student", "exam"], _mixed),
    *each("victim", ["student_number"], _victim_of_number),
    *each("victim exam", ["exam_number"], _victim_of_exam),
    *each("registry twice", ["equal", "one cell", "phone like", "another name", "two people"], _registry_twice),
    *each("outside", ["退学", "已退学", "休学", "参军入伍", "保留学籍", "开除学籍", "转学（转出）", "死亡"], _outside),
    *each("inside", ["注册学籍", "在读", "有学籍", "正常", " 在籍 ", "-", "无", "NULL", "暂无"], _inside),
    *each("no name", ["", "无", "-", "NULL", "(空)"], _no_name),
    *each("one number off", ["student_number", "exam_number"], _id_only),
]  # fmt: skip
