"""Telephones, QQ numbers, addresses and what two students share."""

# ruff: noqa: E501 - tables of values
from __future__ import annotations

from typing import Any

from tests.adversary.bench import ANY, Case, Person, Want, each, right


def _field(name: str, *rules: str, status: str = "awaiting"):
    def write(p: Person, value: Any) -> Want:
        own = p.form[name]
        p.form[name] = value.format(n=own, a=own[:3], b=own[3:7], c=own[7:]) if isinstance(value, str) else value
        return Want(status, frozenset(rules))

    return write


def _home(p: Person, value: tuple[str, str, str]) -> Want:
    p.form.update(
        home_province=value[0],
        home_city=value[1],
        home_county=value[2],
        postcode="523000" if "广东" in value[0] else p.form["postcode"],
    )
    return right()


def _shared(p: Person, name: str) -> Want:
    """Two classmates, both right, give one telephone: both are told."""
    mate = p.mate()
    mate.form[name] = p.form[name]
    p.forms.append(mate.form)
    p.also.append((" (the mate)", mate.own, right("contact.shared")))
    return right("contact.shared")


def _stranger_shares(p: Person, name: str) -> Want:
    row = p.stranger()
    row[name] = p.form[name]
    p.forms.append(row)
    return right()


def _failed_shares(p: Person, name: str) -> Want:
    """A classmate whose identity fails gives this student's telephone: told of him alone."""
    mate = p.mate()
    mate.form[name] = p.form[name]
    n = mate.own["id_number"]
    mate.form["id_number"] = n[:17] + ("1" if n[17] != "1" else "2")
    p.forms.append(mate.form)
    rules = frozenset({"identity.id_mistyped", "contact.shared", ANY})
    p.also.append((" (the mate)", mate.own, Want("correct", rules, "failed", "id_mistyped", ANY)))
    return right()


def _changed(p: Person, names: tuple[str, ...]) -> Want:
    """A later row of one's own changes contacts."""
    again = dict(p.form, submitted_at="2016-10-30 09:00")
    new = {
        "phone": "13012340000"[:7] + f"{p.n:04d}"[-4:],
        "qq": str(3_200_000_000 + p.n),
        "email": f"n{p.n}@126.com",
        "home_address": "新搬到解放路12号3栋",
        "family_phone": "0731-58290000",
    }
    again.update({name: new[name] for name in names})
    p.forms.append(again)
    many = len([name for name in names if name != "family_phone"]) >= 2
    return right(*(["cohort.contact_changed"] if many else []))


NOTHING = [
    "",
    "无",
    "-",
    "/",
    "NULL",
    "N/A",
    "暂无",
    "不详",
    "(空)",
    "(跳过)",
    "-3",
    "没有",
    "none",
    "/ /",
    "－",
    "\\",
    "0",
]
PHONES: list[Any] = [
    "手机：{n}", "电话:{n}", "+86 {n}", "+86{n}", "86-{n}", "0086{n}", "{a} {b} {c}", "{a}-{b}-{c}", "{n}（本人）", "{n}(本人)", "本人{n}", "TEL:{n}",
    "'{n}", "{n}\u200b", "{n}。", "（{a}）{b}{c}", "{a}.{b}.{c}", "{n} 本人", "Tel {n}", "{n};", "手机号{n}", "移动电话：{n}", "{a}—{b}—{c}", "{n}、", "☎{n}", "{a}_{b}_{c}",
    "{n}-", "“{n}”", "{a}　{b}　{c}", "{n} （微信同号）", "{n}(微信同号)", "手机/微信：{n}", "{n}/{n}", "{a}·{b}·{c}",
]  # fmt: skip
FAMILY = [
    "13912340003（父亲）", "010 6234 5679", "(0731)58291319", "0731-58291319", "0731 58291319", "073158291319", "父亲：13912340004", "13912340005 母亲",
    "13912340006/13912340007", "0731-58291319转8012", "+86 731 58291319", "0086-731-58291319", "021-62345678", "02162345678", "爸爸13912340008 妈妈13912340009",
    "13912340010、13912340011", "家里：0731-58291320", "", "无", "-", "暂无", "4008123456", "400-812-3456", "0731－58291321", "13912340012，0731-58291322", "0731-5829-1323",
    "0731-58291324（家）", "86 731 58291325", "0898-66812345", "0571-8812345", "固话0731-58291326", "0731—58291327",
]  # fmt: skip

CASES: list[Case] = [
    *each("phone", PHONES, _field("phone")),
    *each("phone cell", [13812345678], lambda p, _: (p.form.update(phone=int(p.form["phone"])), right())[1]),
    *each("phone wrong", ["1381234567", "238{b}{c}12", "{n}1", "021-62345678", "12{b}{c}000", "电话没有号"], _field("phone", "phone.format", status="correct")),
    *each("phone blank", NOTHING[:-1], _field("phone", "phone.required", status="correct")),
    *each("family", FAMILY, _field("family_phone")),
    *each("family no area", ["58291319", "6234567", "家里58291319"], _field("family_phone", "family_phone.area_code")),
    *each("family gone", ["0732-58291319", "0733-28291319", "0797-1", "0140-58291319", "0191-58291319", "0261-5829131"][:2], _field("family_phone", "family_phone.area_code")),
    *each("family never", ["0780-5829131", "0640-5829131"], _field("family_phone", "family_phone.area_code")),
    *each("family wrong", ["12345", "139123400", "没装电话机"], _field("family_phone", "family_phone.format")),
    *each("qq", ["QQ：{n}", "qq:{n}", "QQ{n}", "QQ号：{n}", "{n} ", "'{n}", "{n}（常用）", "{a} {b} {c}", "qq号码 {n}", "{n}\u200b", "{n}。", "Q:{n}", "扣扣：{n}", "{n}号"], _field("qq")),
    *each("qq blank", NOTHING, _field("qq", "qq.required", status="correct")),
    *each("qq wrong", ["小鱼儿", "1234", "0123456", "{n}{n}"], _field("qq", "qq.format", status="correct")),
    *each("email wrong", ["qq.com", "abc@@qq.com", "12345＠qq.com", "a b@qq.com", "x@qq"], _field("email", "email.format", status="correct")),
    *each("email blank", NOTHING[:-1], _field("email", "email.required", status="correct")),
    *each("email typo", ["zz1@qq.con", "zz1@163.cm", "zz2@126.con", "zz3@qq.cm"], _field("email", "email.domain_typo")),
    *each("postcode", ["{n} ", "邮编：{n}", "{n}（家）", "'{n}", "{n}\u200b", "{a} {b}", "４１１１００", "邮编{n}"], _field("postcode")),
    *each("postcode blank", NOTHING[:-1], _field("postcode", "postcode.required", status="correct")),
    *each("postcode wrong", ["4113", "4112011", "邮局"], _field("postcode", "postcode.format", status="correct")),
    *each("address blank", NOTHING[:-1], _field("home_address", "home_address.required", status="correct")),
    *each("address short", ["长沙", "老家村"], _field("home_address", "home_address.detail")),
    *each("county blank", NOTHING[:-1], _field("home_county", "home_county.required", status="correct")),
    *each("city blank", NOTHING[:6], lambda p, word: (p.form.update(home_city=word), Want("correct", frozenset({"home_city.required", ANY})))[1]),
    *each("province blank", NOTHING[:6], lambda p, word: (p.form.update(home_province=word), Want("correct", frozenset({"home_province.required", ANY})))[1]),
    *each("no county", [
        ("广东省", "东莞市", ""), ("广东省", "中山市", ""), ("广东省", "东莞市", "无"), ("广东省", "中山市", "-"), ("广东省东莞市", "", ""),
        ("广东", "东莞", "东莞市"), ("广东省", "东莞市", "虎门镇"),
    ], _home),
    *each("shared", ["phone", "qq", "email"], lambda p, name: _shared(p, name)),
    *each("stranger shares", ["phone", "qq", "email"], _stranger_shares),
    *each("failed shares", ["phone", "qq", "email"], _failed_shares),
    *each("changed", [("phone",), ("phone", "qq"), ("email", "home_address"), ("phone", "qq", "email", "home_address"), ("qq",), ("family_phone",), ("family_phone", "phone"), ("phone", "home_address")], _changed),
]  # fmt: skip
