"""What a run read from its sources, and the fields that they lack. The office gets each message once, students none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.cohort_sections import Source
from pipeline.collect.collected import Input, Note
from pipeline.collect.source_columns import SourceColumns, fields_read, number_questions, shortened
from pipeline.tables import Frame

Fields = frozenset[str]
_MAX_SHEETS = 3  # worksheets in one message
_MAX_UNKNOWN = 200  # unknown columns of a worksheet in the summary


@dataclass(frozen=True)
class MissingFields:
    """The fields without a column: in all submission sources, by (file, worksheet), and by school name.

    `sheets` includes what all sources lack. A field of a source with `amends` is missing nowhere.
    """

    everywhere: Fields = frozenset()
    sheets: dict[tuple[str, str], Fields] = field(default_factory=dict[tuple[str, str], Fields])
    registries: dict[str, Fields] = field(default_factory=dict[str, Fields])


NONE_MISSING = MissingFields()


@dataclass(frozen=True)
class SourcesRead:
    """All that a run read: `skipped` rows, `unknown` columns of submissions, `unread` registries.

    `questions` are messages to the office about columns. `other_years` has, by school code, the number of registry rows
    and how many of them end in each other year, if over a tenth do.
    """

    inputs: list[Input]
    notes: list[Note]
    unread: dict[str, str]
    unknown: Frame
    skipped: Frame
    columns: tuple[SourceColumns, ...]
    missing: MissingFields
    questions: list[dict[str, str]]
    other_years: dict[str, dict[str, Any]]

    @property
    def incomplete(self) -> bool:
        """Whether something that should have been read was not."""
        return bool(self.unread) or any(note.level == "error" for note in self.notes)


def missing_fields(
    sources: Sequence[tuple[Source, Sequence[SourceColumns]]],
    registries: Mapping[str, Sequence[SourceColumns]],
    *,
    photos: bool,
    alone: bool,
) -> MissingFields:
    """Return the missing fields. A photo is wanted only with `photos`, a school only if the cohort has several."""
    wanted = frozenset(fields.names()) - {"submitted_at"} - (set() if photos else {"photo"})
    amended = fields_read(each for source, has in sources if source.amends for each in has)
    sheets = {
        (each.file, each.sheet): wanted - each.fields - amended - ({"school"} if alone or source.school else set())
        for source, has in sources
        if not source.amends
        for each in has
        if not each.refused and not each.unused
    }
    return MissingFields(
        everywhere=frozenset.intersection(*sheets.values()) if sheets else frozenset(),
        sheets={place: lost for place, lost in sheets.items() if lost},
        registries={
            school: lost
            for school, has in registries.items()
            if has and (lost := frozenset(fields.in_registry()) - fields_read(has) - {"school"})
        },
    )


def column_questions(
    cohort: Cohort,
    missing: MissingFields,
    submissions: Iterable[SourceColumns],
    registries: Mapping[str, Sequence[SourceColumns]],
) -> list[dict[str, str]]:
    """Return the office's messages about columns: `school` (its code; "" for all) and `message`."""
    messages = [{"school": "", "message": line} for line in _submission_lines(missing, submissions)]
    for school in cohort.schools:
        lost = missing.registries.get(school.name, frozenset())
        if lost:
            message = f"{school.name}的学籍库没有{_quoted_labels(lost)}：这些项目没有比对。请让教务处补上再导出"
            messages.append({"school": school.code, "message": message})
        lines = _heading_questions(registries.get(school.name, ()), lost, f"{school.name}的学籍库", "[schools.columns]")
        messages += [{"school": school.code, "message": line} for line in lines]
    return messages


def _submission_lines(missing: MissingFields, submissions: Iterable[SourceColumns]) -> list[str]:
    lines: list[str] = []
    read = [each for each in submissions if not each.refused]
    if lost := missing.everywhere - {name for each in read for name in each.numbered}:
        lines.append(
            f"所有登记来源都没有{_quoted_labels(lost)}：这些项目没有核对，也没有因此退回学生。"
            "若其实有，请用 mingce columns 写明是哪一列"
        )
    places_of: defaultdict[Fields, list[str]] = defaultdict(list)
    for (file, sheet), lost in missing.sheets.items():
        if specific := lost - missing.everywhere:
            places_of[specific].append(f"{file} {sheet}".strip())
    for lost, places in places_of.items():
        more = f" 等 {len(places)} 张表" if len(places) > _MAX_SHEETS else ""
        lines.append(f"{'、'.join(places[:_MAX_SHEETS])}{more}没有{_quoted_labels(lost)}：这里的学生没有核对这些项目")
    return lines + number_questions(read) + _heading_questions(read, None, "登记表", "[submissions.columns]")


def _heading_questions(sources: Iterable[SourceColumns], lost: Fields | None, owner: str, table: str) -> list[str]:
    places_of: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for source in sources:
        for column in source.questions:
            if lost is None or column.likely in lost:
                places_of[column.heading, column.likely].append(source.place)
    return [
        f"{owner}的列名“{shortened(heading)}”像是“{fields.label(name)}”，没有采用（{places[0]}"
        f"{f' 等 {len(places)} 张表' if len(places) > 1 else ''}）。如果是，请在 {table} 里写"
        f' {name} = "{shortened(heading)}"，或运行 mingce columns'
        for (heading, name), places in places_of.items()
    ]


def _quoted_labels(lost: Fields) -> str:
    labels = [fields.label(name) for name in fields.names() if name in lost]
    return f"“{'”“'.join(labels)}”{'这' + str(len(labels)) + '列' if len(labels) > 1 else '这一列'}"


def as_summary(sources: Iterable[SourceColumns]) -> list[dict[str, Any]]:
    """Return the worksheets' columns for `summary.json`."""
    return [
        {
            "file": source.file,
            "sheet": source.sheet,
            "row": source.row,
            "exports": list(source.exports),
            "refused": source.refused,
            "read": {c.field: {"heading": shortened(c.heading), "right": c.basis} for c in source.columns if c.field},
            "unknown": [
                {"heading": shortened(column.heading), "likely": column.likely}
                for column in source.columns
                if not column.field
            ][:_MAX_UNKNOWN],
        }
        for source in sources
    ]
