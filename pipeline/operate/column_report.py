"""How each column of each source is read, with masked values, and proposals for missing fields (`mingce columns`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.collect.collected import Grid, Reading
from pipeline.collect.header import texts_above
from pipeline.collect.rows import REGISTRY, SUBMISSION, Needs, rows_of_grid, values_below
from pipeline.collect.school_tables import read_people, read_sources
from pipeline.collect.source_columns import SourceColumn, SourceColumns, are_id_numbers, fields_read, labelled
from pipeline.collect.submissions import read_unit, submission_units
from pipeline.errors import InputError
from pipeline.logs import mask
from pipeline.normalise.text_repairs import comparable, names_in_cell

_SHOWN = 3  # so many values of a column are shown
_PROVED = 0.9  # share of a column's values that the registry must have
_PLACES = ("college", "class_name", "major")  # fields that a worksheet's name or title may give
_BY_VALUES = ("student_number", "exam_number", "name", *_PLACES)  # fields that the registry's values can prove
_Part = tuple[Grid, SourceColumns]  # a worksheet with people, and its columns


@dataclass(frozen=True)
class SheetReport:
    """One worksheet with people. `whose` is the school's code for a registry, "" for submissions.

    `columns`: each with its first values, masked.
    """

    whose: str
    has: SourceColumns
    columns: list[tuple[SourceColumn, tuple[str, ...]]]


@dataclass(frozen=True)
class Proposal:
    """A proposed line of `cohort.toml`: `field` is `text` (a heading, "@sheet", "@title"). `proved`: values agree."""

    whose: str
    field: str
    text: str
    proved: bool

    def question(self, cohort: Cohort) -> str:
        """Return the Chinese question to the office. Yes writes the proposal."""
        why = "（内容与学籍相符）" if self.proved else ""
        return f"{whose_name(cohort, self.whose)}：“{place_name(self.text)}”{why}读作“{fields.label(self.field)}”吗？"


@dataclass(frozen=True)
class Looked:
    """The result of `look_at_columns`. `missing` lists fields by `whose`, `registries` what was read by school code."""

    sheets: list[SheetReport]
    proposals: list[Proposal]
    missing: dict[str, list[str]]
    unread: list[str]
    registries: dict[str, list[Reading]]

    def lines(self, cohort: Cohort) -> list[str]:
        """Return in Chinese what could not be read and which fields are missing."""
        lacking = ((whose_name(cohort, whose), map(fields.label, lost)) for whose, lost in self.missing.items())
        unread = [f"未能读取：{line}" for line in self.unread]
        return [*unread, *(f"{whose}缺少：{'、'.join(labels)}" for whose, labels in lacking)]


def whose_name(cohort: Cohort, code: str) -> str:
    """Return the Chinese name of a school's registry, or of the submissions for ""."""
    school = cohort.school_of_code(code)
    return f"{school.name}的学籍库" if school else "登记表"


def place_name(text: str) -> str:
    """Return a proposal's text in Chinese."""
    return {"@sheet": "工作表名", "@title": "表头上面的一行"}.get(text, text)


def answers_of(accepted: Iterable[Proposal]) -> dict[str, dict[str, str]]:
    """Return accepted proposals for `save_columns`. The first for each field counts."""
    answers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for each in accepted:
        answers[each.whose].setdefault(each.field, each.text)
    return dict(answers)


def look_at_columns(cohort: Cohort) -> Looked:
    """Read every source and return how its columns are read. Raises InputError for an unreadable source or table."""
    unread: list[str] = []
    colleges, counselors = read_people(cohort)
    named = {comparable(name) for cell in (*colleges["college"], *colleges["aliases"]) for name in names_in_cell(cell)}
    classes = set(map(comparable, counselors["class_name"])) - {""}
    known: defaultdict[str, set[str]] = defaultdict(set, {"college": named, "class_name": classes})
    sheets: list[SheetReport] = []
    proposals: list[Proposal] = []
    registries: dict[str, list[Reading]] = {}
    for school in cohort.schools:
        try:
            registries[school.code] = read_sources(school.registry, cohort.folder, None)
        except InputError as error:
            unread.append(f"{school.name}的学籍库：{error}")
        parts = list(_parts(registries.get(school.code, []), fields.in_registry(), school.columns, REGISTRY))
        sheets += [_sheet(school.code, *part) for part in parts]
        proposals += _proposals(school.code, parts, known, set(chain(*REGISTRY)) | set(fields.in_registry()))
        for grid, has in parts:
            for column in has.columns:
                if column.field in _BY_VALUES:
                    known[column.field] |= set(map(comparable, values_below(grid, has, column.at)))
    parts = list(_submissions(cohort, unread))
    sheets += [_sheet("", *part) for part in parts]
    proposals += _proposals("", parts, known, set(fields.names()))
    return Looked(sheets, proposals, _missing(cohort, sheets), unread, registries)


def _submissions(cohort: Cohort, unread: list[str]) -> Iterator[_Part]:
    for unit in submission_units(cohort):
        reading = read_unit(unit, cohort, None)
        unread += [str(note) for note in reading.notes if note.level == "error"]
        needs = () if unit.source.amends else SUBMISSION
        yield from _parts([reading], fields.names(), cohort.submissions.declared(unit.source), needs)


def _parts(
    readings: Iterable[Reading], wanted: Sequence[str], declared: Mapping[str, str], needs: Needs
) -> Iterator[_Part]:
    for grid in (grid for reading in readings for grid in reading.grids):
        yield from ((grid, has) for has in rows_of_grid(grid, wanted, declared, needs).columns)


def _sheet(whose: str, grid: Grid, has: SourceColumns) -> SheetReport:
    shown: list[tuple[SourceColumn, tuple[str, ...]]] = []
    for column in has.columns:
        field = fields.fields().get(column.field or column.likely)
        open_ = field is not None and field.sensitive == "no" and field.name not in ("name", "student_number")
        values = values_below(grid, has, column.at)[:_SHOWN]
        shown.append((column, tuple(mask(value) if open_ else _hidden(value) for value in values)))
    return SheetReport(whose, has, shown)


def _hidden(value: str) -> str:
    """Return a person's value as what shows its kind only: 张*三, 430***********1234, 130***01."""
    if len(value) <= 1:
        return value
    front, back = (3, 4 if len(value) > 12 else 2) if len(value) > 6 else (1, 0 if len(value) == 2 else 1)
    return value[:front] + "*" * (len(value) - front - back) + (value[-back:] if back else "")


def _proposals(whose: str, parts: Sequence[_Part], known: Mapping[str, set[str]], wanted: set[str]) -> list[Proposal]:
    lost = [name for name in fields.names() if name in wanted - fields_read([has for _, has in parts])]
    found: dict[tuple[str, str], Proposal] = {}
    for grid, has in parts:
        for column in (column for column in has.columns if not column.field):
            for name, proved in _may_be(column, values_below(grid, has, column.at), known, lost):
                found.setdefault((name, column.heading), Proposal(whose, name, column.heading, proved))
        for name in (name for name in _PLACES if name in lost):
            for text, told in (("@sheet", [grid.sheet]), ("@title", texts_above(grid.values, has.row - 1))):
                if comparable(labelled(name, told)) in known[name] - {""}:
                    found.setdefault((name, text), Proposal(whose, name, text, proved=True))
    return sorted(found.values(), key=lambda each: (lost.index(each.field), not each.proved))


def _may_be(
    column: SourceColumn, values: Sequence[str], known: Mapping[str, set[str]], lost: Sequence[str]
) -> Iterator[tuple[str, bool]]:
    import pandas as pd

    read = list(map(comparable, values))
    least = max(_PROVED * len(read), 1)
    proved = [name for name in _BY_VALUES if name in lost and sum(text in known[name] for text in read) >= least]
    if "id_number" in lost and are_id_numbers(pd.Series(values, dtype="str")):
        proved.append("id_number")
    for name in proved:
        yield name, len(proved) == 1 or name == column.likely
    if column.likely in lost and column.likely not in proved:
        yield column.likely, False


def _missing(cohort: Cohort, sheets: Sequence[SheetReport]) -> dict[str, list[str]]:
    photo = set() if cohort.photos_folder else {"photo"}
    missing: dict[str, list[str]] = {}
    for whose in ("", *(school.code for school in cohort.schools)):
        own = [sheet.has.fields for sheet in sheets if sheet.whose == whose]  # of those that are refused, too
        wanted = set(fields.in_registry()) - {"school"} if whose else set(fields.names()) - {"school"} - photo
        lost = [name for name in fields.names() if name in wanted.difference(*own)]
        if own and lost:
            missing[whose] = lost
    return missing
