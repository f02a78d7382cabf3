"""The cohort's vocabulary: code tables, schools, colleges with their former names."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

import pandas as pd

from pipeline.cohort import Cohort
from pipeline.knowledge.codes import CodeTable, load_codes, read_aliases
from pipeline.knowledge.text_columns import among, by_distinct, text_by_rows
from pipeline.normalise.text_repairs import comparable, names_in_cell

_KINDS = frozenset({"大学", "学院", "学校", "分校", "校区", "本部", "university", "college"})
_LEAST = 2  # characters that may abbreviate a school's name


def _bare(school: str) -> str:
    """Return a school's name as it is looked up: 湖南科技大学（潇湘学院） is 湖南科技大学潇湘学院."""
    return re.sub(r"[()·\-]", "", comparable(school))


@dataclass(frozen=True)
class Vocabulary:
    """The meanings of written answers.

    `codes`: tables by code field. `schools`: comparable name or code to name. `colleges`: school and comparable name,
    former ones included, to name.
    """

    codes: dict[str, CodeTable]
    schools: dict[str, str]
    colleges: dict[tuple[str, str], str]
    aliases: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict[tuple[str, str], str])
    """The office's own aliases: by field and word, the meaning."""

    def own_alias(self, name: str, values: pd.Series) -> pd.Series:
        """Return a field's values with the office's own aliases replaced."""
        if not any(field == name for field, _ in self.aliases):
            return values
        return by_distinct(values, lambda value: self.aliases.get((name, value), value))

    def school(self, values: pd.Series, otherwise: str = "") -> pd.Series:
        """Return the school that each value means (name, its beginning or end, code, alias), else `otherwise` or it."""
        return by_distinct(values, lambda value: self._school(_bare(value)) or otherwise or value)

    def _school(self, word: str) -> str:
        if word in self.schools or len(word) < _LEAST or word in _KINDS:
            return self.schools.get(word, "")
        ends = {name for name in self.names if _bare(name).startswith(word) or _bare(name).endswith(word)}
        return ends.pop() if len(ends) == 1 else ""

    @property
    def names(self) -> set[str]:
        """The names of the cohort's schools."""
        return set(self.schools.values())

    @property
    def only_school(self) -> str:
        """The cohort's one school, "" if there are several."""
        return next(iter(self.names)) if len(self.names) == 1 else ""

    def college(self, schools: pd.Series, values: pd.Series) -> pd.Series:
        """Return the current names of the colleges in `schools`. Unknown ones are unchanged."""
        return text_by_rows(self._college, schools, values)

    def _college(self, school: str, value: str) -> str:
        return self.colleges.get((school, comparable(value)), value)

    def is_college(self, schools: pd.Series, values: pd.Series) -> pd.Series:
        """Return where `values` (current names) are colleges of `schools`."""
        names = {f"{school}\x1f{name}" for (school, _), name in self.colleges.items()}
        return among(schools + "\x1f" + values, names)


def vocabulary(cohort: Cohort, colleges: pd.DataFrame) -> Vocabulary:
    """Return the cohort's vocabulary. `colleges` has `school, college, aliases` (separated by ；)."""
    folder = cohort.path(cohort.rules.folder) if cohort.rules.folder else None
    schools = {
        _bare(name): school.name for school in cohort.schools for name in (school.code, *school.aliases, school.name)
    }
    names: dict[tuple[str, str], str] = {}
    for school, college, aliases in colleges[["school", "college", "aliases"]].itertuples(index=False):
        for alias in names_in_cell(aliases):
            names.setdefault((school, comparable(alias)), college)
    # a current name means itself, even if another college once had it
    names |= {
        (school, comparable(college)): college
        for school, college in colleges[["school", "college"]].itertuples(index=False)
    }
    return Vocabulary(load_codes(folder), schools, names, read_aliases(folder))
