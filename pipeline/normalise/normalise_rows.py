"""Normalise: rows as typed become `submissions` and `changes`; a registry becomes comparable rows."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from pipeline import fields
from pipeline.knowledge.codes import without_placeholders
from pipeline.knowledge.names import clean_name
from pipeline.knowledge.regions import LEVELS, Regions, postcode_whole
from pipeline.knowledge.text_columns import joined_text
from pipeline.normalise.text_repairs import recipe, repair
from pipeline.normalise.vocabulary import Vocabulary
from pipeline.tables import AS_GIVEN, CHANGES, POSITION, SUBMISSIONS, Frame

_ONLY_SCHOOL, OTHER_SCHOOL = "只可能是这所学校", "不是本届的学校名，按唯一可能的学校读取"


def normalise(rows: Frame, words: Vocabulary, regions: Regions, school: str = "") -> tuple[Frame, Frame]:
    """Return `submissions` (none superseded yet) and `changes`, which has the position `at` in `rows` too.

    `rows` are as given; `submission_id` is their digest (`distinct_ids`). `school` replaces a blank or unknown school.
    """
    kept, reasons = _repaired(rows, fields.names())
    _apply_vocabulary(kept, reasons, words, regions, school)
    digests = row_digests(rows)
    submissions = pd.concat([rows[POSITION], kept], axis=1).assign(submission_id=digests, superseded_by="")
    changes = _changes(rows, kept, reasons, digests)
    return submissions[SUBMISSIONS], changes


def normalise_registry(rows: Frame, words: Vocabulary, regions: Regions) -> Frame:
    """Return a registry's rows with normalised fields. `AS_GIVEN` holds the changed fields as given, or ""."""
    columns = fields.in_registry()
    kept, reasons = _repaired(rows, columns)
    _apply_vocabulary(kept, reasons, words, regions)
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
    odd = ~given.str.fullmatch(recipe(name).plain) & (given != "")
    if odd.any():
        found = {value: repair(name, value) for value in given[odd].unique()}
        column[odd] = given[odd].map({value: kept for value, (kept, _) in found.items()})
        why[odd] = given[odd].map({value: reason for value, (_, reason) in found.items()})
    return column, why


def _apply_vocabulary(
    kept: Frame, reasons: dict[str, pd.Series], words: Vocabulary, regions: Regions, school: str = ""
) -> None:
    def put(name: str, column: pd.Series, why: str | pd.Series) -> None:
        changed = column != kept[name]
        if changed.any():
            told = why if isinstance(why, str) else why[changed]
            old = reasons[name][changed]
            reasons[name][changed] = old.where(old == "", old + "；") + told
            kept[name] = column

    for name in map(str, kept):
        put(name, without_placeholders(name, kept[name], words.codes.get(name)), "“无”等占位文字视为空")
        put(name, words.own_alias(name, kept[name]), "按本校别名表")
    put("name", clean_name(kept["name"]), "统一姓名写法")
    put("school", words.school(kept["school"]), "统一为学校全称")
    put("school", words.school(kept["school"], school), kept["school"].map({"": _ONLY_SCHOOL}).fillna(OTHER_SCHOOL))
    put("college", words.college(kept["school"], kept["college"]), "统一为现用院系名称")
    for name, table in words.codes.items():
        if name in kept:
            put(name, table.canonical(kept[name]), "统一为规定名称")
    for side in ("origin", "home"):
        if f"{side}_province" in kept:
            split = regions.split(*(kept[f"{side}_{level}"] for level in LEVELS))
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
