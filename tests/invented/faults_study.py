"""Faults of the study record: college, class, major, level, years, and the numbers that the registry holds."""

from __future__ import annotations

from tests.invented.case import Case
from tests.invented.classes import LEVELS, ClassPlan
from tests.invented.faults import PHOTO_FAULTS, fault


def _class_of(case: Case) -> ClassPlan:
    return next(plan for plan in case.school.classes if plan.name == case.own["class_name"])


def _write_class(case: Case, plan: ClassPlan) -> None:
    case.row.update(class_name=plan.name, major=plan.major)


@fault("college.registry")
def _other_college(case: Case) -> bool:
    others = [c.name for c in case.school.plan.colleges if c.name != case.own["college"]]
    present = sorted({plan.college.name for plan in case.school.classes} & set(others))
    if not present:
        return False
    case.row["college"] = case.random.choice(present)
    return True


@fault("class_name.college")
def _class_elsewhere(case: Case) -> bool:
    return _other_college(case)


@fault("class_name.registry")
def _other_class(case: Case) -> bool:
    own = _class_of(case)
    sisters = [
        p for p in case.school.classes if p.college == own.college and p.level == own.level and p.name != own.name
    ]
    same = [plan for plan in sisters if plan.major == own.major]
    if not sisters:
        return False
    _write_class(case, case.random.choice(same or sisters))
    return True


@fault("class_name.major")
def _other_major(case: Case) -> bool:
    own = case.own["major"]
    majors = [major for college in case.school.plan.colleges for major in college.majors if major != own]
    case.row["major"] = case.random.choice(majors)
    return True


@fault("major.registry")
def _registry_major(case: Case) -> bool:
    return _other_major(case)


@fault("education_level.registry")
def _other_level(case: Case) -> bool:
    case.row["education_level"] = "专科" if case.own["education_level"] == LEVELS[0] else LEVELS[0]
    return True


@fault("enrolment_month.registry")
def _other_enrolment(case: Case) -> bool:
    case.row["enrolment_month"] = case.own["enrolment_month"][:4] + "-03"
    return True


@fault("study_years.registry")
def _other_years(case: Case) -> bool:
    case.row["study_years"] = str(int(case.own["study_years"]) + 1)
    return True


@fault("study_years.span")
def _span(case: Case) -> bool:
    """A year was repeated: the registry says the same."""
    month = f"{int(case.own['enrolment_month'][:4]) - 1}-09"
    case.own["enrolment_month"] = case.row["enrolment_month"] = month
    return True


@fault("teacher_training.registry")
def _other_training(case: Case) -> bool:
    case.row["teacher_training"] = "是" if case.own["teacher_training"] == "否" else "否"
    return True


@fault("student_number.registry")
def _other_student_number(case: Case) -> bool:
    case.row["student_number"] = case.own["student_number"] + "9"
    return True


@fault("exam_number.registry")
def _other_exam_number(case: Case) -> bool:
    number = case.own["exam_number"]
    case.row["exam_number"] = number[:-1] + ("7" if number[-1] != "7" else "8") + "7"
    return True


def _photo(wrong: str) -> None:
    rule = {
        "broken": "photo.file", "missing": "photo.file", "large": "photo.size", "landscape": "photo.portrait",
        "narrow": "photo.portrait", "twin": "photo.duplicate", "near_twin": "photo.duplicate",
    }[wrong]  # fmt: skip

    def spoil(case: Case) -> bool:
        case.photo = wrong
        return True

    PHOTO_FAULTS[f"{rule}#{wrong}"] = spoil


for _wrong in ("broken", "missing", "large", "landscape", "narrow", "twin", "near_twin"):
    _photo(_wrong)


def _no_photo(case: Case) -> bool:
    case.row["photo"] = ""
    case.photo = "none"
    return True


PHOTO_FAULTS["photo.required"] = _no_photo
