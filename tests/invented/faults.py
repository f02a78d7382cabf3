"""One fault for each rule of the form: what a student, or now and then the registry, got wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from tests.invented import numbers, places
from tests.invented.case import Case, Fault, Row
from tests.invented.classes import LEVELS
from tests.invented.people import UNITS

FAULTS: dict[str, Fault] = {}
PHOTO_FAULTS: dict[str, Fault] = {}

REQUIRED = [
    "school", "email", "id_number", "education_level", "graduation_month", "name", "gender",
    "ethnicity", "political_status", "origin_province", "origin_city", "exam_number", "exam_category",
    "college", "class_name", "student_number", "enrolment_month", "study_years", "teacher_training",
    "training_mode", "foreign_language", "qq", "phone", "postcode", "home_province", "home_city",
    "home_county", "home_address",
]  # fmt: skip

# rule: the field, and what stands there instead
_WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "school.vocabulary": ("school", ("云梦理工学校", "未名大学")),
    "education_level.vocabulary": ("education_level", ("函授", "夜大")),
    "graduation_month.format": ("graduation_month", ("明年夏天", "大四那年")),
    "gender.vocabulary": ("gender", ("保密", "未知")),
    "ethnicity.vocabulary": ("ethnicity", ("穿青族", "中华民族")),
    "political_status.vocabulary": ("political_status", ("青年先锋", "少先队员")),
    "origin.precision": ("origin_city", ("某市", "市里")),
    "exam_category.vocabulary": ("exam_category", ("社会青年", "保送")),
    "college.vocabulary": ("college", ("航空航天学院", "星际工程系")),
    "class_name.vocabulary": ("class_name", ("13火箭工程9班", "99级1班")),
    "enrolment_month.format": ("enrolment_month", ("大一那年秋天", "开学时")),
    "study_years.range": ("study_years", ("40", "12")),
    "teacher_training.vocabulary": ("teacher_training", ("也许", "不清楚")),
    "training_mode.vocabulary": ("training_mode", ("走读", "自学成才")),
    "foreign_language.vocabulary": ("foreign_language", ("世界语", "火星语")),
    "hardship_category.vocabulary": ("hardship_category", ("轻微困难", "其他困难")),
    "qq.format": ("qq", ("没有QQ", "12")),
    "phone.format": ("phone", ("12345", "1380000123")),
    "family_phone.format": ("family_phone", ("没有电话", "1234")),
    "family_phone.area_code": ("family_phone", ("88290011", "0732-8290011", "0733-8290022")),
    "postcode.format": ("postcode", ("12", "4112011")),
    "home_address.detail": ("home_address", ("长沙", "老家")),
    "text.suspicious": ("home_address", ('=HYPERLINK("http://example.com","建设路12号")', "@SUM(A1)建设路12号")),
    "name.characters": ("name", ("", "")),
}


def fault(rule: str) -> Callable[[Fault], Fault]:
    """Enter a fault under its rule."""

    def enter(function: Fault) -> Fault:
        FAULTS[rule] = function
        return function

    return enter


def _worded(name: str, words: tuple[str, ...]) -> Fault:
    def write(case: Case) -> bool:
        if name == "school" and len(case.kind.schools) == 1:
            return False  # a blank or unknown name is the one school's (contract, Columns)
        case.row[name] = case.random.choice(words) if len(words) > 1 else next(iter(words))
        return True

    return write


FAULTS.update({f"{name}.required": _worded(name, ("",)) for name in REQUIRED})
FAULTS.update({rule: _worded(name, words) for rule, (name, words) in _WORDS.items()})


@fault("name.characters")
def _name_characters(case: Case) -> bool:
    case.row["name"] = case.own["name"] + case.random.choice(["1", "?", "(大)"])
    return True


@fault("student_number.format")
def _student_number_format(case: Case) -> bool:
    case.row["student_number"] = case.own["student_number"] + case.random.choice(["000000", "?"])
    return True


@fault("submitted_at.window")
def _early(case: Case) -> bool:
    day = case.kind.opens - timedelta(days=case.random.randint(2, 9))
    case.row["submitted_at"] = f"{day} 21:{case.random.randint(10, 59)}"
    return True


@fault("email.format")
def _email_format(case: Case) -> bool:
    case.row["email"] = case.random.choice([f"{case.row['qq']}qq.com", f"{case.row['qq']}@@qq.com", "没有邮箱"])
    return True


@fault("email.domain_typo")
def _email_typo(case: Case) -> bool:
    case.row["email"] = case.row["qq"] + case.random.choice(["@qq.con", "@qq.cm", "@163.con", "@126.cm"])
    return True


@fault("email.qq_preferred")
def _no_qq_mailbox(case: Case) -> bool:
    case.row["email"] = f"s{case.own['student_number']}@example.edu.cn"
    return True


@fault("qq.email")
def _other_qq(case: Case) -> bool:
    case.row["email"] = case.row["qq"][::-1].replace("0", "7") + "@qq.com"
    return case.row["email"] != case.row["qq"] + "@qq.com"


@fault("graduation_month.cohort")
def _other_year(case: Case) -> bool:
    case.row["graduation_month"] = f"{case.kind.year + 1}{case.own['graduation_month'][4:]}"
    return True


@fault("graduation_month.june")
def _not_june(case: Case) -> bool:
    if case.own["education_level"] != LEVELS[0]:
        return False
    case.row["graduation_month"] = f"{case.kind.year}-07"
    return True


@fault("graduation_month.registry")
def _other_graduation(case: Case) -> bool:
    if case.own["education_level"] == LEVELS[0]:
        return False
    case.row["graduation_month"] = f"{case.kind.year}-" + (
        "12" if case.own["graduation_month"].endswith("06") else "06"
    )
    return True


@fault("id_number.damaged")
def _damaged(case: Case) -> bool:
    number = case.own["id_number"]
    if number.endswith("X"):
        return False
    case.row["id_number"] = f"{number[0]}.{number[1:15].rstrip('0')}E+17"
    case.extra["numeric_id"] = number
    return True


@fault("id_number.format")
def _id_short(case: Case) -> bool:
    number = case.own["id_number"]
    case.row["id_number"] = case.random.choice([number[:-1], number + "0", number[:9] + "O" + number[10:]])
    return True


@fault("id_number.checksum")
def _id_check(case: Case) -> bool:
    number = case.own["id_number"]
    case.row["id_number"] = number[:-1] + case.random.choice([c for c in "0123456789" if c != number[-1]])
    return True


@fault("id_number.birth_date")
def _id_date(case: Case) -> bool:
    number = case.own["id_number"]
    body = number[:10] + case.random.choice(["0231", "1301", "0432"]) + number[14:17]
    case.row["id_number"] = body + numbers.check_character(body)
    return True


@fault("id_number.region")
def _id_region(case: Case) -> bool:
    """The registry has the same odd number: only the region is doubtful."""
    body = case.own["id_number"][:2] + "9998" + case.own["id_number"][6:17]
    case.row["id_number"] = case.own["id_number"] = body + numbers.check_character(body)
    return True


@fault("id_number.unique")
def _id_twice(case: Case) -> bool:
    case.row["id_number"] = case.mate["id_number"]
    return True


@fault("student_number.unique")
def _student_number_twice(case: Case) -> bool:
    case.row["student_number"] = case.mate["student_number"]
    return True


@fault("exam_number.unique")
def _exam_number_twice(case: Case) -> bool:
    case.row["exam_number"] = case.mate["exam_number"]
    return True


@fault("contact.shared")
def _contact_shared(case: Case) -> bool:
    name = case.random.choice(["phone", "qq"])
    if not case.mate_form[name].isdigit():
        return False
    case.row[name] = case.mate_form[name]
    if name == "qq" and case.row["email"].endswith("@qq.com"):
        case.row["email"] = f"s{case.own['student_number']}@example.edu.cn"
    return True


def _other_gender(gender: str) -> str:
    return "女" if gender == "男" else "男"


@fault("gender.matches_id")
@fault("gender.registry")  # both are found: a registry's gender that its own ID number denies is the registrar's
def _gender_swapped(case: Case) -> bool:
    case.row["gender"] = _other_gender(case.own["gender"])
    return True


@fault("ethnicity.registry")
def _other_ethnicity(case: Case) -> bool:
    case.row["ethnicity"] = "侗族" if case.own["ethnicity"] != "侗族" else "白族"
    return True


def _elsewhere(case: Case, same: str, other: str) -> places.Place:
    """Return a place with this person's `same` (a part of the place, or none) and another `other`."""
    own = case.own
    near = places.within(own["origin_province"] if same else "", own["origin_city"] if same == "city" else "")
    fits = [place for place in near if getattr(place, other) != own[f"origin_{other}"]]
    return case.random.choice(fits) if fits else places.Place("", "", "", "")


def _moved(same: str, other: str) -> Fault:
    def move(case: Case) -> bool:
        place = _elsewhere(case, same, other)
        if not place.code:
            return False
        case.row.update(origin_province=place.province, origin_city=place.city, origin_county=place.county)
        return True

    return move


FAULTS["origin_province.registry"] = _moved("", "province")
FAULTS["origin_city.registry"] = _moved("province", "city")
FAULTS["origin_county.registry"] = _moved("city", "county")


def _torn(prefix: str) -> Fault:
    """A province that the city never lay in."""

    def tear(case: Case) -> bool:
        here = case.own["origin_province"] if prefix == "origin" else case.row["home_province"]
        case.row[f"{prefix}_province"] = "浙江省" if here != "浙江省" else "甘肃省"
        return True

    return tear


FAULTS["origin.hierarchy"] = _torn("origin")
FAULTS["home.hierarchy"] = _torn("home")


def _renamed(case: Case, prefix: str) -> Row:
    province, city, since, before = case.random.choice(places.RENAMED)
    case.row.update({f"{prefix}_province": province, f"{prefix}_city": city, f"{prefix}_county": before})
    return {"origin_province": province, "origin_city": city, "origin_county": since}


@fault("origin.renamed")
def _origin_renamed(case: Case) -> bool:
    case.own.update(_renamed(case, "origin"))
    return True


@fault("home.renamed")
def _home_renamed(case: Case) -> bool:
    place = _renamed(case, "home")
    case.row["postcode"] = places.POSTCODES[place["origin_province"]] + case.row["postcode"][2:]
    return True


@fault("postcode.region")
def _postcode_elsewhere(case: Case) -> bool:
    case.row["postcode"] = ("71" if case.row["home_province"] != "陕西省" else "51") + case.row["postcode"][2:]
    return True


@fault("training_mode.unit_required")
def _unit_missing(case: Case) -> bool:
    case.own.update(training_mode="定向", commissioning_unit=case.random.choice(UNITS))
    case.row.update(training_mode="定向", commissioning_unit="")
    return True


@fault("training_mode.unit_unexpected")
def _unit_too_many(case: Case) -> bool:
    if case.own["training_mode"] != "非定向":
        return False
    case.row.update(training_mode="非定向", commissioning_unit=case.random.choice(UNITS))
    return True


@fault("commissioning_unit.registry")
def _other_unit(case: Case) -> bool:
    given, own = case.random.sample(UNITS, 2)
    case.own.update(training_mode="定向", commissioning_unit=own)
    case.row.update(training_mode="定向", commissioning_unit=given)
    return True


@fault("training_mode.registry")
def _other_mode(case: Case) -> bool:
    if case.own["training_mode"] != "非定向":
        return False
    case.row.update(training_mode="自筹", commissioning_unit="")
    return True
