"""Normalise by the cohort's vocabulary: rows as typed become `submissions` and `changes`, a registry comparable."""

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
from pipeline.knowledge.regions import LEVELS, postcode_whole, split_regions
from pipeline.knowledge.text_columns import among, by_distinct, fits_pattern, joined_text, text_by_rows
from pipeline.normalise.text_repairs import comparable, names_in_cell, recipe, repair
from pipeline.tables import AS_GIVEN, CHANGES, POSITION, SUBMISSIONS, Frame

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

        def current(school: str, value: str) -> str:
            return self.colleges.get((school, comparable(value)), value)

        return text_by_rows(current, schools, values)

    def is_college(self, schools: pd.Series, values: pd.Series) -> pd.Series:
        """Return where `values` (current names) are colleges of `schools`."""
        names = {f"{school}\x1f{name}" for (school, _), name in self.colleges.items()}
        return among(schools + "\x1f" + values, names)


def vocabulary(cohort: Cohort, colleges: pd.DataFrame) -> Vocabulary:
    """Return the cohort's vocabulary. `colleges` has `school, college, aliases` (separated by ；)."""
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
    return Vocabulary(load_codes(cohort.rules_folder), schools, names, read_aliases(cohort.rules_folder))


_ONLY_SCHOOL, OTHER_SCHOOL = "只可能是这所学校", "不是本届的学校名，按唯一可能的学校读取"


def normalise(rows: Frame, words: Vocabulary, school: str = "") -> tuple[Frame, Frame]:
    """Return `submissions` (none superseded yet) and `changes`, which has the position `at` in `rows` too.

    `rows` are as given; `submission_id` is their digest (`distinct_ids`). `school` replaces a blank or unknown school.
    """
    kept, reasons = _repaired(rows, fields.names())
    _apply_vocabulary(kept, reasons, words, school)
    digests = row_digests(rows)
    submissions = pd.concat([rows[POSITION], kept], axis=1).assign(submission_id=digests, superseded_by="")
    changes = _changes(rows, kept, reasons, digests)
    return submissions[SUBMISSIONS], changes


def normalise_registry(rows: Frame, words: Vocabulary) -> Frame:
    """Return a registry's rows with normalised fields. `AS_GIVEN` holds the changed fields as given, or ""."""
    columns = fields.in_registry()
    kept, reasons = _repaired(rows, columns)
    _apply_vocabulary(kept, reasons, words)
    given = pd.Series("", index=rows.index, dtype="str")
    for column in columns:
        changed = kept[column] != rows[column]
        given[changed] = given[changed] + f"{column}\x1f" + rows[column][changed] + "\x1f"
    return rows.assign(**{column: kept[column] for column in columns}, **{AS_GIVEN: given})


def row_digests(rows: Frame) -> pd.Series:
    """Return each row's digest of every field as given (20 hex digits). Identical rows have the same digest."""
    return pd.Series([_digest(text) for text in joined_text(rows, fields.names())], index=rows.index, dtype="str")


def distinct_ids(digests: pd.Series) -> pd.Series:
    """Return ids for all digests of a school, as read. The last copy keeps its digest, and an approved row its id."""
    if digests.is_unique:
        return digests
    copies = digests.groupby(digests).cumcount(ascending=False)
    again = copies > 0
    pairs = zip(digests[again], copies[again], strict=True)
    told = pd.Series([_digest(f"{digest}\x1f{n}") for digest, n in pairs], index=digests.index[again], dtype="str")
    return digests.where(~again, told.reindex(digests.index).fillna("").astype("str"))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def _repaired(rows: Frame, columns: list[str]) -> tuple[Frame, dict[str, pd.Series]]:
    repaired = {name: _repaired_column(name, rows[name]) for name in columns}
    kept = pd.DataFrame({name: column for name, (column, _) in repaired.items()}, index=rows.index)
    return kept, {name: why for name, (_, why) in repaired.items()}


def _repaired_column(name: str, given: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Repair one column. Each distinct value that may need a repair is processed once."""
    column, why = given.copy(), pd.Series("", index=given.index, dtype="str")
    odd = np.flatnonzero(~fits_pattern(given, f"{recipe(name).plain}|"))
    if len(odd):
        asked = given.iloc[odd]
        found = {value: repair(name, value) for value in asked.unique()}
        column.iloc[odd] = asked.map({value: kept for value, (kept, _) in found.items()})
        why.iloc[odd] = asked.map({value: reason for value, (_, reason) in found.items()})
    return column, why


def _apply_vocabulary(kept: Frame, reasons: dict[str, pd.Series], words: Vocabulary, school: str = "") -> None:
    def put(name: str, column: pd.Series, why: str | pd.Series) -> None:
        changed = column != kept[name]
        if changed.any():
            told = why if isinstance(why, str) else why[changed]
            old = reasons[name][changed]
            reasons[name].loc[changed] = old.where(old == "", old + "；") + told
            kept[name] = column

    for name in map(str, kept):
        given = kept[name]
        answered = without_placeholders(name, given, words.codes.get(name))
        if answered is not given:
            put(name, answered, "“无”等占位文字视为空")
        if words.aliases:
            put(name, words.own_alias(name, answered), "按本校别名表")
    put("name", clean_name(kept["name"]), "统一姓名写法")
    put("school", words.school(kept["school"]), "统一为学校全称")
    put("school", words.school(kept["school"], school), kept["school"].map({"": _ONLY_SCHOOL}).fillna(OTHER_SCHOOL))
    put("college", words.college(kept["school"], kept["college"]), "统一为现用院系名称")
    for name, table in words.codes.items():
        if name in kept:
            put(name, table.canonical(kept[name]), "统一为规定名称")
    for side in ("origin", "home"):
        if f"{side}_province" in kept:
            split = split_regions(*(kept[f"{side}_{level}"] for level in LEVELS))
            for level in LEVELS:
                put(f"{side}_{level}", split[level], "统一为省、市、县三级的规范名称")
    if "postcode" in kept:
        put("postcode", postcode_whole(kept["postcode"], kept["home_province"]), "补回表格软件去掉的首位 0")


def _changes(rows: Frame, kept: Frame, reasons: dict[str, pd.Series], identifiers: pd.Series) -> Frame:
    parts: list[Frame] = []
    for name in kept.columns:
        changed = (kept[name] != rows[name]).to_numpy()
        if changed.any():
            told = {"given": rows[name], "kept": kept[name], "why": reasons[name], "submission_id": identifiers}
            part = pd.DataFrame({key: column[changed] for key, column in told.items()})
            parts.append(part.assign(field=name, at=np.flatnonzero(changed)))
    kinds = {**dict.fromkeys(CHANGES, "str"), "at": "int64"}
    table = pd.concat(parts or [pd.DataFrame(columns=pd.Index(list(kinds)))], ignore_index=True)
    return table[list(kinds)].astype(kinds)
