"""Faults of identity, each with the cause that the definitions of `rules.csv` give it, read literally.

ID numbers are mistyped by the shares that Verhoeff published for human errors (Error Detecting Decimal Codes, 1969):
single substitutions 79 %, adjacent transpositions 10 %, jump transpositions, twin errors; digits lost or added are
the rest. A mistyped number that happens to be valid is another valid number: `registry_outdated` by definition.
"""

from __future__ import annotations

from random import Random

from tests.invented import names, numbers
from tests.invented.case import Case
from tests.invented.faults import fault

# share of each fault where a bench asks for faulty identities only
BENCH: dict[str, int] = {
    "identity.id_mistyped": 42,
    "identity.id_of_another": 13,
    "identity.wrong_school": 12,
    "identity.registry_outdated": 14,
    "identity.name_differs": 12,
    "identity.unknown": 5,
    "identity.ambiguous": 2,
}
_ERRORS = {"substitution": 79.0, "transposition": 10.2, "jump": 0.9, "twin": 0.6, "lost": 4.8, "added": 4.5}


def mistype(number: str, random: Random) -> str:
    """Return `number` with one human typing error; never the same number."""
    while True:
        kind = random.choices(list(_ERRORS), list(_ERRORS.values()))[0]
        wrong = _ERROR[kind](number, random)
        if wrong != number:
            return wrong


def _substituted(number: str, random: Random) -> str:
    at = random.randrange(len(number))
    return number[:at] + random.choice("0123456789") + number[at + 1 :]


def _transposed(number: str, random: Random) -> str:
    at = random.randrange(len(number) - 1)
    return number[:at] + number[at + 1] + number[at] + number[at + 2 :]


def _jumped(number: str, random: Random) -> str:
    at = random.randrange(len(number) - 2)
    return number[:at] + number[at : at + 3][::-1] + number[at + 3 :]


def _twinned(number: str, random: Random) -> str:
    """A pair of equal digits typed as another pair; where there is none, a digit doubled over its neighbour."""
    pairs = [at for at in range(len(number) - 1) if number[at] == number[at + 1]]
    at = random.choice(pairs) if pairs else random.randrange(len(number) - 1)
    return number[:at] + random.choice("0123456789") * 2 + number[at + 2 :]


def _lost(number: str, random: Random) -> str:
    at = random.randrange(len(number))
    return number[:at] + number[at + 1 :]


def _added(number: str, random: Random) -> str:
    at = random.randrange(len(number) + 1)
    return number[:at] + random.choice("0123456789") + number[at:]


_ERROR = {
    "substitution": _substituted,
    "transposition": _transposed,
    "jump": _jumped,
    "twin": _twinned,
    "lost": _lost,
    "added": _added,
}


@fault("identity.id_mistyped")
def _mistyped(case: Case) -> bool:
    given = mistype(case.own["id_number"], case.random)
    case.row["id_number"] = given
    case.cause = "registry_outdated" if numbers.is_valid(given) else "id_mistyped"
    return True


@fault("identity.wrong_school")
def _wrong_school(case: Case) -> bool:
    others = [school.name for school in case.kind.schools if school.code != case.school.plan.code]
    if not others:
        return False
    case.row["school"] = case.random.choice(others)
    case.cause = "wrong_school"
    return True


@fault("identity.registry_outdated")
def _outdated(case: Case) -> bool:
    """The student's number is right: the registry holds an older one, or mistyped it."""
    own = case.own["id_number"]
    if case.random.random() < 0.5:
        year = int(own[6:10]) + case.random.choice([-1, 1])
        day = "28" if own[10:14] == "0229" else own[12:14]
        body = f"{own[:6]}{year}{own[10:12]}{day}{int(own[14:17]) % 90 + 900}"
        case.own["id_number"] = body + numbers.check_character(body)
    else:
        case.own["id_number"] = mistype(own, case.random)
    case.cause = "registry_outdated"
    return True


@fault("identity.name_differs")
def _name_differs(case: Case) -> bool:
    """Another name under the right number: a slip of one character, or a classmate's name."""
    name = names.sibling(case.own["name"]) if case.random.random() < 0.7 else case.mate["name"]
    if name == case.own["name"]:
        return False
    case.row["name"] = name
    case.cause = "name_differs"
    return True


@fault("identity.id_of_another")
def _another(case: Case) -> bool:
    """A classmate's ID number; where the classmate is a namesake the numbers still tell the two apart."""
    case.row["id_number"] = case.mate["id_number"]
    case.cause = "id_of_another"
    return True


@fault("identity.ambiguous")
def _ambiguous(case: Case) -> bool:
    """One's student number, another's ID number, an exam number of nobody and a name that neither has."""
    case.row.update(
        id_number=case.mate["id_number"],
        exam_number=f"990{case.serial:011d}",
        name=f"莫{'甲乙丙丁戊己庚辛壬癸'[case.serial % 10]}问",
    )
    case.cause = "ambiguous"
    return True


@fault("identity.unknown")
def _unknown(case: Case) -> bool:
    """Somebody of no registry: every number is invented anew. The person's own row stays without a submission."""
    body = case.own["id_number"][:14] + f"{996 + case.serial % 4}"
    body = (
        body[:6] + f"{case.kind.year - 40 + case.serial % 7}" + body[10:12] + f"{1 + case.serial % 28:02d}" + body[14:]
    )
    case.row.update(
        name="查无" + "甲乙丙丁戊己庚辛壬癸"[case.serial % 10],
        student_number=f"990{case.serial:08d}",
        exam_number=f"990{case.serial:011d}",
        id_number=body + numbers.check_character(body),
        gender="男" if int(body[16]) % 2 else "女",
    )
    case.cause = "unknown"
    return True
