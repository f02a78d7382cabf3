"""The plain-text tables of this folder: what breaks a rule and what does not."""

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
PAGES = ("entry", "identity", "record", "contact", "registry", "match", "cohort", "registry_rows")
_CASE = re.compile(r"  (?P<edge>edge )?(?P<verdict>breaks|passes)\s+(?P<changes>.*?)(?:\s+-- (?P<why>.*))?")


@dataclass(frozen=True)
class Case:
    """One line: the changes of the good row and whether the rule is broken then."""

    page: str
    rule: str
    breaks: bool
    edge: bool
    changes: dict[str, str] = field(hash=False)
    why: str
    place: str

    def of(self, prefix: str) -> dict[str, str]:
        """Return the changes of `prefix.FIELD` by field; of the row itself where `prefix` is blank."""
        split = [(name.rpartition("."), value) for name, value in self.changes.items()]
        return {name: value for (before, _, name), value in split if before == prefix and name not in _WORDS}


_WORDS = ("registry", "submission", "decision")


def read_page(page):
    """Return the cases of `PAGE.txt` in order; a line that cannot be read is an error."""
    cases, rule = [], ""
    for number, line in enumerate((FOLDER / f"{page}.txt").read_text(encoding="utf-8").splitlines(), 1):
        place = f"{page}.txt:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if re.fullmatch(r"[a-z_]+\.[a-z_]+", line):
            rule = line
            continue
        found = _CASE.fullmatch(line)
        if not found or not rule:
            raise ValueError(f"{place}: {line}")
        changes = _changes(found["changes"], place)
        cases.append(
            Case(page, rule, found["verdict"] == "breaks", bool(found["edge"]), changes, found["why"] or "", place)
        )
    return cases


def read_all():
    """Return the cases of every page."""
    return [case for page in PAGES for case in read_page(page)]


def _changes(text, place):
    changes = {}
    for part in re.split(r";\s+(?=[a-z0-9_.]+ =)", text):
        name, equals, value = part.partition(" =")
        if not equals or not re.fullmatch(r"[a-z0-9_.]+", name.strip()):
            raise ValueError(f"{place}: {part}")
        changes[name.strip()] = value.removeprefix(" ")
    return changes
