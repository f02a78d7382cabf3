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
from pipeline.collect.rows import REGISTRY, SUBMISSION, RequiredFields, rows_of_grid, values_below
from pipeline.collect.school_tables import read_people, read_sources
from pipeline.collect.source_columns import SourceColumn, SourceColumns, are_id_numbers, fields_read, labelled
from pipeline.collect.submissions import read_unit, submission_units
from pipeline.errors import InputError
from pipeline.logs import mask
from pipeline.normalise.text_repairs import comparable, names_in_cell

_MAX_VALUES = 3  # so many values of a column are shown
_MIN_PROVED = 0.9  # share of a column's values that the registry must have
_PLACES = ("college", "class_name", "major")  # fields that a worksheet's name or title may give
_BY_VALUES = ("student_number", "exam_number", "name", *_PLACES)  # fields that the registry's values can prove
_Part = tuple[Grid, SourceColumns]  # a worksheet with people, and its columns


@dataclass(frozen=True)
class SheetReport:
    """One worksheet with people. `school` is its code for a registry, "" for submissions. Values are masked."""

    school: str
    header: SourceColumns
    columns: list[tuple[SourceColumn, tuple[str, ...]]]


@dataclass(frozen=True)
class Proposal:
    """A proposed line of `cohort.toml`: `field` is `text` (a heading, "@sheet", "@title"). `proved`: values agree."""

    school: str
    field: str
    text: str
    proved: bool

    def question(self, cohort: Cohort) -> str:
        """Return the Chinese question to the office. Yes writes the proposal."""
        why = "（内容与学籍相符）" if self.proved else ""
        return f"{source_name(cohort, self.school)}：“{place_name(self.text)}”{why}读作“{fields.label(self.field)}”吗？"


@dataclass(frozen=True)
class ColumnReport:
    """The result of `report_columns`. By school code: `missing` fields ("": submissions), `registries` as read."""

    sheets: list[SheetReport]
    proposals: list[Proposal]
    missing: dict[str, list[str]]
    unread: list[str]
    registries: dict[str, Reading]

    def lines(self, cohort: Cohort) -> list[str]:
        """Return in Chinese what could not be read and which fields are missing."""
        lacking = ((source_name(cohort, code), map(fields.label, lost)) for code, lost in self.missing.items())
        unread = [f"未能读取：{line}" for line in self.unread]
        return [*unread, *(f"{code}缺少：{'、'.join(labels)}" for code, labels in lacking)]


def source_name(cohort: Cohort, code: str) -> str:
    """Return the Chinese name of a school's registry, or of the submissions for ""."""
    school = cohort.school_of_code(code)
    return f"{school.name}的学籍库" if school else "登记表"


def place_name(text: str) -> str:
    """Return a proposal's text in Chinese."""
    return {"@sheet": "工作表名", "@title": "表头上面的一行"}.get(text, text)


def answers_of(accepted: Iterable[Proposal]) -> dict[str, dict[str, str]]:
    """Return accepted proposals for `save_columns`. The first for each field counts."""
    answers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for proposal in accepted:
        answers[proposal.school].setdefault(proposal.field, proposal.text)
    return dict(answers)


def report_columns(cohort: Cohort) -> ColumnReport:
    """Read every source and return how its columns are read. Raises InputError for an unreadable source or table."""
    unread: list[str] = []
    colleges, counselors = read_people(cohort)
    named = {comparable(name) for cell in (*colleges["college"], *colleges["aliases"]) for name in names_in_cell(cell)}
    classes = set(map(comparable, counselors["class_name"])) - {""}
    known: defaultdict[str, set[str]] = defaultdict(set, {"college": named, "class_name": classes})
    sheets: list[SheetReport] = []
    proposals: list[Proposal] = []
    registries: dict[str, Reading] = {}
    for school in cohort.schools:
        try:
            registries[school.code] = read_sources(school.registry, cohort.folder, None)
        except InputError as error:
            unread.append(f"{school.name}的学籍库：{error}")
        parts = list(_parts(registries.get(school.code), fields.in_registry(), school.columns, REGISTRY))
        sheets += [_sheet(school.code, *part) for part in parts]
        proposals += _proposals(school.code, parts, known, set(chain(*REGISTRY)) | set(fields.in_registry()))
        for grid, header in parts:
            for column in header.columns:
                if column.field in _BY_VALUES:
                    known[column.field] |= set(map(comparable, values_below(grid, header, column.index)))
    parts = list(_submissions(cohort, unread))
    sheets += [_sheet("", *part) for part in parts]
    proposals += _proposals("", parts, known, set(fields.names()))
    return ColumnReport(sheets, proposals, _missing(cohort, sheets), unread, registries)


def _submissions(cohort: Cohort, unread: list[str]) -> Iterator[_Part]:
    for unit in submission_units(cohort):
        reading = read_unit(unit, cohort, None)
        unread += [str(note) for note in reading.notes if note.level == "error"]
        needs = () if unit.source.amends else SUBMISSION
        yield from _parts(reading, fields.names(), cohort.submissions.declared(unit.source), needs)


def _parts(
    reading: Reading | None, wanted: Sequence[str], declared: Mapping[str, str], needs: RequiredFields
) -> Iterator[_Part]:
    for grid in reading.grids if reading else ():
        yield from ((grid, header) for header in rows_of_grid(grid, wanted, declared, needs).columns)


def _sheet(code: str, grid: Grid, header: SourceColumns) -> SheetReport:
    samples: list[tuple[SourceColumn, tuple[str, ...]]] = []
    for column in header.columns:
        field = fields.fields().get(column.field or column.likely)
        is_public = field is not None and field.sensitive == "no" and field.name not in ("name", "student_number")
        values = values_below(grid, header, column.index)[:_MAX_VALUES]
        samples.append((column, tuple(mask(value) if is_public else _masked(value) for value in values)))
    return SheetReport(code, header, samples)


def _masked(value: str) -> str:
    """Return a person's value masked, so that only its kind is recognisable: 张*三, 430***********1234, 130***01."""
    if len(value) <= 1:
        return value
    front, back = (3, 4 if len(value) > 12 else 2) if len(value) > 6 else (1, 0 if len(value) == 2 else 1)
    return value[:front] + "*" * (len(value) - front - back) + (value[-back:] if back else "")


def _proposals(code: str, parts: Sequence[_Part], known: Mapping[str, set[str]], wanted: set[str]) -> list[Proposal]:
    missing = [name for name in fields.names() if name in wanted - fields_read([header for _, header in parts])]
    proposals: dict[tuple[str, str], Proposal] = {}
    for grid, header in parts:
        for column in (column for column in header.columns if not column.field):
            for name, proved in _candidates(column, values_below(grid, header, column.index), known, missing):
                proposals.setdefault((name, column.heading), Proposal(code, name, column.heading, proved))
        for name in (name for name in _PLACES if name in missing):
            for text, texts in (("@sheet", [grid.sheet]), ("@title", texts_above(grid.values, header.row - 1))):
                if comparable(labelled(name, texts)) in known[name] - {""}:
                    proposals.setdefault((name, text), Proposal(code, name, text, proved=True))
    return sorted(proposals.values(), key=lambda proposal: (missing.index(proposal.field), not proposal.proved))


def _candidates(
    column: SourceColumn, values: Sequence[str], known: Mapping[str, set[str]], missing: Sequence[str]
) -> Iterator[tuple[str, bool]]:
    import pandas as pd

    read = list(map(comparable, values))
    minimum = max(_MIN_PROVED * len(read), 1)
    proved = [name for name in _BY_VALUES if name in missing and sum(text in known[name] for text in read) >= minimum]
    if "id_number" in missing and are_id_numbers(pd.Series(values, dtype="str")):
        proved.append("id_number")
    for name in proved:
        yield name, len(proved) == 1 or name == column.likely
    if column.likely in missing and column.likely not in proved:
        yield column.likely, False


def _missing(cohort: Cohort, sheets: Sequence[SheetReport]) -> dict[str, list[str]]:
    photo = set() if cohort.photos_folder else {"photo"}
    missing: dict[str, list[str]] = {}
    for code in ("", *(school.code for school in cohort.schools)):
        read = [sheet.header.fields for sheet in sheets if sheet.school == code]  # of those that are refused, too
        wanted = set(fields.in_registry()) - {"school"} if code else set(fields.names()) - {"school"} - photo
        names = [name for name in fields.names() if name in wanted.difference(*read)]
        if read and names:
            missing[code] = names
    return missing
