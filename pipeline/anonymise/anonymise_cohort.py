"""A disguised copy of a cohort for a bug report: the same faults, other people, drawn pictures.

Unknown columns, mail and Google settings, the ledger, reports and last year's folder are left out.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import fields
from pipeline.anonymise.disguise import Disguise, PictureNames, draw_pictures
from pipeline.cohort import Cohort
from pipeline.cohort_text import toml_lines
from pipeline.collect.collected import Collected, combine
from pipeline.collect.inputs import is_gsheet
from pipeline.collect.school_tables import COLLEGES, COUNSELORS, read_people, read_registry
from pipeline.collect.skipping import with_people
from pipeline.collect.source_columns import fields_read
from pipeline.collect.submissions import collect_unit, refuse_unread, submission_units
from pipeline.errors import InputError
from pipeline.knowledge.text_columns import by_distinct
from pipeline.review.decision_rows import COLUMNS, OPINIONS, read_decision_rows
from pipeline.workbook_writer import new_workbook

Sheet = Any  # XlsxWriter ships no types

_NUMBERS = ("student_number", "exam_number", "qq", "phone", "family_phone")
_KEYS = ("student_number", "exam_number", "id_number")
_PERSONAL = (*_NUMBERS, "id_number", "name", "email", "home_address", "photo", "submitted_at")
_STRUCTURE = ("school", "college", "class_name", "major")
_IDENTIFYING_DIGITS = 6  # a number with at least so many digits identifies a person
_DRAWS = 13


@dataclass(frozen=True)
class Sources:
    """The tables of a cohort. A registry that cannot be read is left out."""

    submissions: Collected
    registries: list[Collected]
    colleges: pd.DataFrame
    counselors: pd.DataFrame


def anonymise_cohort(cohort: Cohort, out: Path) -> None:
    """Write the disguised cohort into `out`. Raises InputError if no submission or table of people can be read."""
    sources = _read(cohort)
    disguise = _choose_disguise(sources)
    _add_known(sources, disguise)
    rows = sources.submissions.rows
    names = PictureNames(rows, disguise)
    new = _disguise_rows(rows, disguise, sources)
    for registry in sources.registries:
        _write_registry(out, registry.rows, fields_read(registry.columns), disguise)
    new["photo"] = [names.name(name) for name in rows["photo"]]
    _write_submissions(out, new, rows, sources)
    _write_people(out, sources)
    if cohort.photos_folder is not None:
        draw_pictures(cohort.photos_folder, out / "photos", names)
    if cohort.rules_folder:
        shutil.copytree(cohort.rules_folder, out / "rules", dirs_exist_ok=True)
    decided = _write_decisions(cohort, out / "decisions.csv", disguise)
    (out / "cohort.toml").write_text(_settings(cohort, decisions=decided), encoding="utf-8")


def _read(cohort: Cohort) -> Sources:
    colleges, counselors = read_people(cohort)
    submissions = combine([collect_unit(unit, cohort, None) for unit in submission_units(cohort)])
    refuse_unread(submissions.columns, submissions.notes)
    submissions = with_people(submissions, (submissions.rows["why"] == "").to_numpy())
    registries: list[Collected] = []
    for school in cohort.schools:
        with suppress(InputError):
            registries.append(read_registry(school, cohort, None))
    return Sources(submissions, registries, colleges, counselors)


def _choose_disguise(sources: Sources) -> Disguise:
    """Draw disguises until no new number is a real one; after `_DRAWS` draws, return the best."""
    values = {field: set(_values(sources, field)) - {""} for field in (*_NUMBERS, "id_number")}
    real = {text for texts in values.values() for text in texts if sum(map(str.isdigit, text)) >= _IDENTIFYING_DIGITS}

    def draws() -> Iterator[tuple[int, Disguise]]:
        for _ in range(_DRAWS):
            disguise = Disguise(secrets.randbits(64))
            new = {disguise.id_number(number) for number in values["id_number"]}
            new |= {disguise.number(field, number) for field in _NUMBERS for number in values[field]}
            yield len(new & real), disguise
            if not new & real:
                return

    return min(draws(), key=itemgetter(0))[1]


def _values(sources: Sources, field: str) -> Iterator[str]:
    for rows in [*(registry.rows for registry in sources.registries), sources.submissions.rows]:
        yield from rows[field].str.strip() if field in rows else ()


def _add_known(sources: Sources, disguise: Disguise) -> None:
    """Disguise the registry's names first, because the disguise of a submitted name derives from the registry's."""
    people = {str(name) for registry in sources.registries for name in registry.rows["name"]}
    typed = {str(name).strip() for name in sources.submissions.rows["name"].unique()}
    numbers = (number for field in (*_NUMBERS, "id_number") for number in _values(sources, field))
    disguise.add_known({name.strip() for name in people}, numbers, typed)
    for name in sorted(people):
        disguise.name(name)


def _disguise_rows(rows: pd.DataFrame, disguise: Disguise, sources: Sources) -> pd.DataFrame:
    new = rows.copy()
    for field in _NUMBERS:
        if field in rows:
            new[field] = by_distinct(rows[field], lambda value, field=field: disguise.number(field, value))
    new["id_number"] = by_distinct(rows["id_number"], lambda value: _id_number(value, disguise))
    if "email" in rows:
        new["email"] = by_distinct(rows["email"], disguise.email)
        new["home_address"] = by_distinct(rows["home_address"], disguise.address)
    bases = {
        (field, number): name
        for registry in sources.registries
        for field in _KEYS
        for number, name in zip(registry.rows[field], registry.rows["name"], strict=True)
        if number
    }
    keys = zip(*(rows[field].str.strip() for field in _KEYS), strict=True)
    owners = [next((bases[key] for key in zip(_KEYS, numbers, strict=True) if key in bases), "") for numbers in keys]
    new["name"] = [disguise.name(name, base.strip()) for name, base in zip(rows["name"], owners, strict=True)]
    for field in fields.names():
        if field in new and field not in _PERSONAL:
            # a class may look like a person's name: the registry's own values stay
            columns = [registry.rows[field] for registry in sources.registries if field in _STRUCTURE]
            known = {str(name) for column in columns for name in column}
            new[field] = by_distinct(
                new[field], lambda text, known=known: text if text in known else disguise.text(text)
            )
    return new.astype({name: "str" for name in fields.names() if name in new})


def _id_number(value: str, disguise: Disguise) -> str:
    head, mark, power = value.partition("E+")
    if not mark or power != "17":
        return disguise.id_number(value)
    fifteen = disguise.prefix(head.replace(".", "").ljust(15, "0"))
    return f"{fifteen[0]}.{fifteen[1:].rstrip('0')}E+17"


def _write_registry(out: Path, rows: pd.DataFrame, columns: frozenset[str], disguise: Disguise) -> None:
    new = rows.assign(
        id_number=by_distinct(rows["id_number"], lambda value: _id_number(value, disguise)),
        student_number=by_distinct(rows["student_number"], lambda value: disguise.number("student_number", value)),
        exam_number=by_distinct(rows["exam_number"], lambda value: disguise.number("exam_number", value)),
        name=by_distinct(rows["name"], disguise.name),
        commissioning_unit=by_distinct(rows["commissioning_unit"], disguise.text),
    )
    names = [field for field in fields.in_registry() if field in columns]
    (out / "registry").mkdir(exist_ok=True)
    for code, school_rows in new.groupby("school_code", sort=False):
        table = school_rows[names].rename(columns={field: fields.label(field) for field in names})
        table.to_csv(out / "registry" / f"{code}.csv", index=False, lineterminator="\n")


def _write_submissions(out: Path, new: pd.DataFrame, old: pd.DataFrame, sources: Sources) -> None:
    submitted = fields_read(sources.submissions.columns)
    names = [field for field in fields.names() if field in submitted]
    cells = sources.submissions.cells
    kinds = {(index, field): (kind, raw) for index, field, kind, raw in cells.itertuples(index=False)}
    (out / "submissions").mkdir(exist_ok=True)
    with new_workbook(out / "submissions" / "submissions.xlsx") as book:
        dated = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for number, (_, sheet_rows) in enumerate(new.groupby(["file", "sheet"], sort=False), 1):
            sheet = book.add_worksheet(f"登记表{number}")
            for column, field in enumerate(names):
                sheet.write_string(0, column, fields.label(field))
                for row, (index, value) in enumerate(zip(sheet_rows.index, sheet_rows[field], strict=True), 1):
                    kind, raw = kinds.get((index, field), ("", ""))
                    _write_cell(sheet, row, column, value, kind, raw if value == old.at[index, field] else "", dated)


def _write_cell(sheet: Sheet, row: int, column: int, value: str, kind: str, raw: str, dated: Sheet) -> None:
    with suppress(ValueError):
        if kind == "number":
            sheet.write_number(row, column, float(raw or value))
            return
        if kind == "date":
            sheet.write_datetime(row, column, datetime.fromisoformat(value), dated)
            return
    if kind == "boolean" and value.lower() in ("true", "false"):
        sheet.write_boolean(row, column, value.lower() == "true")
    elif value:
        sheet.write_string(row, column, value)


def _write_people(out: Path, sources: Sources) -> None:
    for name, table, labels, forms in (
        ("colleges", sources.colleges, COLLEGES, {"secretary": "书记{}", "email": "college{}@example.edu.cn"}),
        ("counselors", sources.counselors, COUNSELORS, {"name": "辅导员{}", "email": "counselor{}@example.edu.cn"}),
    ):
        new = table.assign(**{column: _number_values(table[column], form) for column, form in forms.items()})
        new.rename(columns=labels).to_csv(out / f"{name}.csv", index=False, lineterminator="\n")


def _number_values(column: pd.Series, form: str) -> pd.Series:
    order = {value: form.format(number) for number, value in enumerate(filter(None, column.unique()), 1)}
    return column.map(lambda value: order.get(value, ""))


def _write_decisions(cohort: Cohort, out: Path, disguise: Disguise) -> bool:
    rows = None if is_gsheet(cohort.review.decisions) else read_decision_rows(cohort)[0]
    if rows is None or rows.empty:
        return False
    halves = rows["学号"].astype("str").str.rpartition("/")  # the value may be school/number
    numbers = [disguise.number("student_number", number) for number in halves[2]]
    new = rows.assign(
        学号=halves[0] + halves[1] + pd.Series(numbers, index=rows.index, dtype="str"),
        意见=rows["意见"].where(rows["意见"].isin(["", *OPINIONS]), "看不懂的意见"),
        审核人=_number_values(rows["审核人"], "审核员{}"),
        说明=rows["说明"].where(rows["说明"] == "", "说明从略"),
    )
    new[COLUMNS].to_csv(out, index=False, lineterminator="\n")
    return True


def _settings(cohort: Cohort, *, decisions: bool) -> str:
    photos = {"photos": "photos"} if cohort.photos_folder else {}
    sections: list[tuple[str, dict[str, object]]] = [
        ("[cohort]", cohort.cohort.model_dump(include={"name", "year", "undergraduate_month", "student_number"})),
        ("[window]", cohort.window.model_dump()),
        *(
            ("[[schools]]", {"code": s.code, "name": s.name, "registry": f"registry/{s.code}.csv"})
            for s in cohort.schools
        ),
        ("[submissions]", {"from": "submissions/*", **photos}),
        ("[people]", {"colleges": "colleges.csv", "counselors": "counselors.csv"}),
        *([("[rules]", {"folder": "rules"})] if cohort.rules.folder else []),
        *([("[review]", {"decisions": "decisions.csv"})] if decisions else []),
    ]
    return "\n".join(line for head, values in sections for line in (head, *toml_lines(values), ""))
