"""Normalise rows by the cohort's vocabulary: submitted rows to `submissions` and `changes`, and registry rows."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.knowledge.codes import CodeTable, load_codes, read_aliases, without_placeholders
from pipeline.knowledge.names import clean_name
from pipeline.knowledge.regions import LEVELS, restore_postcode, split_regions
from pipeline.knowledge.text_columns import by_distinct, fits_pattern, is_in, joined_text, text_by_rows
from pipeline.normalise.text_repairs import comparable, names_in_cell, recipe, repair
from pipeline.tables import AS_GIVEN, CHANGES, POSITION, SUBMISSIONS, Frame

_SCHOOL_WORDS = frozenset({"大学", "学院", "学校", "分校", "校区", "本部", "university", "college"})
_MIN_ABBREVIATION = 2  # characters that may abbreviate a school's name


def _key(school: str) -> str:
    """Return the lookup key of a school's name: 湖南科技大学（潇湘学院） and 湖南科技大学潇湘学院 have the same."""
    return re.sub(r"[()·\-]", "", comparable(school))


@dataclass(frozen=True)
class Vocabulary:
    """The meanings of submitted answers.

    `codes`: code tables by field. `schools`: comparable name or code to name. `colleges`: (school, comparable name,
    also a former one) to name.
    """

    codes: dict[str, CodeTable]
    schools: dict[str, str]
    colleges: dict[tuple[str, str], str]
    aliases: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict[tuple[str, str], str])
    """The office's aliases: (field, word) to meaning."""

    def office_alias(self, name: str, values: pd.Series) -> pd.Series:
        """Return a field's values with the office's aliases replaced."""
        if not any(field == name for field, _ in self.aliases):
            return values
        return by_distinct(values, lambda value: self.aliases.get((name, value), value))

    def school(self, values: pd.Series, default: str = "") -> pd.Series:
        """Return the school that each value means (name, part of a name, code, alias), else `default` or the value."""
        return by_distinct(values, lambda value: self._school(_key(value)) or default or value)

    def _school(self, word: str) -> str:
        if word in self.schools or len(word) < _MIN_ABBREVIATION or word in _SCHOOL_WORDS:
            return self.schools.get(word, "")
        matches = {name for name in self.names if _key(name).startswith(word) or _key(name).endswith(word)}
        return matches.pop() if len(matches) == 1 else ""

    @property
    def names(self) -> set[str]:
        """The names of the cohort's schools."""
        return set(self.schools.values())

    @property
    def only_school(self) -> str:
        """The cohort's school, or "" if there are several."""
        return next(iter(self.names)) if len(self.names) == 1 else ""

    def college(self, schools: pd.Series, values: pd.Series) -> pd.Series:
        """Return the current names of the colleges in `schools`. Unknown ones are unchanged."""

        def current(school: str, value: str) -> str:
            return self.colleges.get((school, comparable(value)), value)

        return text_by_rows(current, schools, values)

    def is_college(self, schools: pd.Series, values: pd.Series) -> pd.Series:
        """Return a mask of `values` (current names) that are colleges of `schools`."""
        names = {f"{school}\x1f{name}" for (school, _), name in self.colleges.items()}
        return is_in(schools + "\x1f" + values, names)


def vocabulary(cohort: Cohort, colleges: pd.DataFrame) -> Vocabulary:
    """Return the cohort's vocabulary. `colleges` has `school, college, aliases` (separated by ；)."""
    names: dict[tuple[str, str], str] = {}
    for school, college, aliases in colleges[["school", "college", "aliases"]].itertuples(index=False):
        for alias in names_in_cell(aliases):
            names.setdefault((school, comparable(alias)), college)
    # a current name takes precedence over another college's former name
    names |= {
        (school, comparable(college)): college
        for school, college in colleges[["school", "college"]].itertuples(index=False)
    }
    return Vocabulary(load_codes(cohort.rules_folder), school_words(cohort), names, read_aliases(cohort.rules_folder))


def school_words(cohort: Cohort) -> dict[str, str]:
    """Return the name of each school by what it is called: comparable code, aliases and name."""
    called = ((school, (school.code, *school.aliases, school.name)) for school in cohort.schools)
    return {_key(word): school.name for school, words in called for word in words}


_ONLY_SCHOOL, OTHER_SCHOOL = "只可能是这所学校", "不是本届的学校名，按唯一可能的学校读取"


def normalise(rows: Frame, words: Vocabulary, school: str = "") -> tuple[Frame, Frame]:
    """Return `submissions` (none superseded yet) and `changes`, which also has `at`, the position in `rows`.

    `rows` are as submitted. `submission_id` is their digest (`distinct_ids`). `school` replaces a blank or unknown one.
    """
    normalised, reasons = _repair_columns(rows, fields.names())
    _apply_vocabulary(normalised, reasons, words, school)
    digests = row_digests(rows)
    submissions = pd.concat([rows[POSITION], normalised], axis=1).assign(submission_id=digests, superseded_by="")
    changes = _changes(rows, normalised, reasons, digests)
    return submissions[SUBMISSIONS], changes


def normalise_registry(rows: Frame, words: Vocabulary) -> Frame:
    """Return a registry's rows with normalised fields. `AS_GIVEN` has the original values of changed fields, or ""."""
    columns = fields.in_registry()
    normalised, reasons = _repair_columns(rows, columns)
    _apply_vocabulary(normalised, reasons, words)
    originals = pd.Series("", index=rows.index, dtype="str")
    for column in columns:
        changed = normalised[column] != rows[column]
        originals[changed] = originals[changed] + f"{column}\x1f" + rows[column][changed] + "\x1f"
    return rows.assign(**{column: normalised[column] for column in columns}, **{AS_GIVEN: originals})


def row_digests(rows: Frame) -> pd.Series:
    """Return the digest of each row's original fields (20 hex digits). Identical rows have the same digest."""
    return pd.Series([_digest(text) for text in joined_text(rows, fields.names())], index=rows.index, dtype="str")


def distinct_ids(digests: pd.Series) -> pd.Series:
    """Return unique ids for a school's digests. The last copy has the digest itself, so that approvals stay valid."""
    if digests.is_unique:
        return digests
    copies = digests.groupby(digests).cumcount(ascending=False)
    repeated = copies > 0
    pairs = zip(digests[repeated], copies[repeated], strict=True)
    ids = pd.Series([_digest(f"{digest}\x1f{n}") for digest, n in pairs], index=digests.index[repeated], dtype="str")
    return digests.where(~repeated, ids.reindex(digests.index).fillna("").astype("str"))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _repair_columns(rows: Frame, columns: list[str]) -> tuple[Frame, dict[str, pd.Series]]:
    repaired = {name: _repair_column(name, rows[name]) for name in columns}
    values = pd.DataFrame({name: column for name, (column, _) in repaired.items()}, index=rows.index)
    return values, {name: why for name, (_, why) in repaired.items()}


def _repair_column(name: str, values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the repaired column and the reasons. Each distinct value is repaired once."""
    column, why = values.copy(), pd.Series("", index=values.index, dtype="str")
    unusual = np.flatnonzero(~fits_pattern(values, f"{recipe(name).plain}|"))
    if len(unusual):
        to_repair = values.iloc[unusual]
        repairs = {value: repair(name, value) for value in to_repair.unique()}
        column.iloc[unusual] = to_repair.map({value: repaired for value, (repaired, _) in repairs.items()})
        why.iloc[unusual] = to_repair.map({value: reason for value, (_, reason) in repairs.items()})
    return column, why


def _apply_vocabulary(rows: Frame, reasons: dict[str, pd.Series], words: Vocabulary, school: str = "") -> None:
    def replace(name: str, column: pd.Series, why: str | pd.Series) -> None:
        changed = column != rows[name]
        if changed.any():
            added = why if isinstance(why, str) else why[changed]
            old = reasons[name][changed]
            reasons[name].loc[changed] = old.where(old == "", old + "；") + added
            rows[name] = column

    for name in map(str, rows):
        values = rows[name]
        non_blank = without_placeholders(name, values, words.codes.get(name))
        if non_blank is not values:
            replace(name, non_blank, "“无”等占位文字视为空")
        if words.aliases:
            replace(name, words.office_alias(name, non_blank), "按本校别名表")
    replace("name", clean_name(rows["name"]), "统一姓名写法")
    replace("school", words.school(rows["school"]), "统一为学校全称")
    replace("school", words.school(rows["school"], school), rows["school"].map({"": _ONLY_SCHOOL}).fillna(OTHER_SCHOOL))
    replace("college", words.college(rows["school"], rows["college"]), "统一为现用院系名称")
    for name, table in words.codes.items():
        if name in rows:
            replace(name, table.canonical(rows[name]), "统一为规定名称")
    for side in ("origin", "home"):
        if f"{side}_province" in rows:
            split = split_regions(*(rows[f"{side}_{level}"] for level in LEVELS))
            for level in LEVELS:
                replace(f"{side}_{level}", split[level], "统一为省、市、县三级的规范名称")
    if "postcode" in rows:
        replace("postcode", restore_postcode(rows["postcode"], rows["home_province"]), "补回表格软件去掉的首位 0")


def _changes(rows: Frame, repaired: Frame, reasons: dict[str, pd.Series], identifiers: pd.Series) -> Frame:
    parts: list[Frame] = []
    for name in repaired.columns:
        changed = (repaired[name] != rows[name]).to_numpy()
        if changed.any():
            columns = {"given": rows[name], "kept": repaired[name], "why": reasons[name], "submission_id": identifiers}
            part = pd.DataFrame({key: column[changed] for key, column in columns.items()})
            parts.append(part.assign(field=name, at=np.flatnonzero(changed)))
    kinds = {**dict.fromkeys(CHANGES, "str"), "at": "int64"}
    table = pd.concat(parts or [pd.DataFrame(columns=pd.Index(list(kinds)))], ignore_index=True)
    return table[list(kinds)].astype(kinds)
