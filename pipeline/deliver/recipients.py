"""Recipients: one per address, with the classes, colleges or students that it may see."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pipeline.cohort_sections import School
from pipeline.knowledge.text_columns import is_in
from pipeline.view.remaining_work import group_name

Kind = Literal["counselor", "secretary", "student", "invite", "confirm", "changed", "registrar"]
Key = tuple[str, ...]
KIND_NAMES: dict[str, str] = {
    "counselor": "辅导员", "secretary": "副书记", "student": "学生", "invite": "提交通知", "confirm": "邮箱确认",
    "changed": "邮箱变更", "registrar": "教务处",
}  # fmt: skip

# One plain ASCII address for headers and SMTP commands, without control character, comma or bracket.
_ADDRESS = re.compile(r"[0-9A-Za-z.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[0-9A-Za-z-]{1,63}\.)+[0-9A-Za-z-]{2,63}")


@dataclass(frozen=True)
class Recipient:
    """One address, and its `scope`: what it may see.

    A counselor's holds (school, college, class), a secretary's (school, college), a student's (school, student number),
    a registrar's (school,).
    """

    kind: Kind
    address: str
    names: tuple[str, ...]
    scope: frozenset[Key]

    @property
    def key(self) -> str:
        """The recipient's key in the ledger: kind and a digest, no address."""
        owner = "|".join("/".join(key) for key in sorted(self.scope)) if self.kind in _PERSONAL else ""
        return f"{self.kind}:{mail_digest(self.address.casefold(), owner)[:20]}"

    @property
    def address_key(self) -> str:
        """The address's key in the ledger. A refused address is blocked by this key for every mail."""
        return mail_digest(self.address.casefold())[:20]


_PERSONAL = ("student", "invite", "confirm", "changed", "registrar")
# two students, or two schools' registrars, may share an address: each gets a separate mail


@dataclass(frozen=True)
class NoAddress:
    """A class, college or office without a valid address, why, and what to do."""

    who: str
    why: str


def mail_digest(*parts: str) -> str:
    """Return the SHA-256 of `parts`, in hex."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def clean_address(text: str) -> str:
    """Return `text` as an address with its domain in lower case. "" if it is not exactly one address."""
    text = text.strip()
    if not _ADDRESS.fullmatch(text) or ".." in text or text.startswith("."):
        return ""
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def registrars(schools: Iterable[School]) -> tuple[list[Recipient], list[NoAddress]]:
    """Return a recipient per school with a registrar's address, and the schools whose address is wrong."""
    addresses = {school.name: clean_address(school.registrar) for school in schools if school.registrar}
    found = [
        Recipient("registrar", address, (), frozenset({(name,)})) for name, address in addresses.items() if address
    ]
    invalid = [name for name, address in addresses.items() if not address]
    return found, [NoAddress(f"{name} 教务处", "registrar 的邮箱不正确，请在 cohort.toml 中改正") for name in invalid]


SCOPES = {"counselor": ["school", "college", "class_name"], "secretary": ["school", "college"]}
"""The columns of a scope, in the tables `counselors` and `college_people`."""


def staff(kind: Kind, table: pd.DataFrame, roster: pd.DataFrame) -> tuple[list[Recipient], list[NoAddress]]:
    """Return a recipient per address of a table of staff, and the roster's classes or colleges without one."""
    columns, name = SCOPES[kind], "name" if kind == "counselor" else "secretary"
    wanted: set[Key] = set(roster[columns].drop_duplicates().astype("str").itertuples(index=False, name=None))
    by_address: dict[str, tuple[str, set[str], set[Key]]] = {}
    why = dict.fromkeys(wanted, "人员表中没有这一行")
    for row in table[[*columns, name, "email"]].itertuples(index=False, name=None):
        *key, person, email = map(str, row)
        if tuple(key) not in wanted:
            continue
        address = clean_address(email)
        if not address:
            why[tuple(key)] = "邮箱不正确" if email.strip() else "没有填写邮箱"
            continue
        _, people, scope = by_address.setdefault(address.casefold(), (address, set(), set()))
        people.add(person.strip())
        scope.add(tuple(key))
    recipients = [
        Recipient(kind, address, tuple(sorted(people - {""})), frozenset(scope))
        for address, people, scope in by_address.values()
    ]
    covered = {key for recipient in recipients for key in recipient.scope}
    missing = [
        NoAddress(
            " ".join(map(group_name, key, columns)), f"{why[key]}，请在人员表中补上" if all(key) else "请教务处补录"
        )
        for key in sorted(wanted - covered)
    ]
    return sorted(recipients, key=lambda recipient: (recipient.address.casefold(), recipient.key)), missing


def in_scope(frame: pd.DataFrame, columns: list[str], scope: Iterable[Key]) -> pd.DataFrame:
    """Return the rows of `frame` whose `columns` are one of the keys of `scope`, in their order."""
    keys = set(scope)
    if not keys:
        return frame.iloc[0:0]
    candidates = frame[is_in(frame[columns[-1]].astype("str"), {key[-1] for key in keys})]
    index = pd.MultiIndex.from_frame(candidates[columns].astype("str"))
    return candidates[index.isin(list(keys))]
