"""What a run read from its sources, and the fields they lack: reported once to the office, never to students."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline import fields
from pipeline.cohort import Cohort
from pipeline.cohort_sections import Source
from pipeline.collect.collected import Input, Note
from pipeline.collect.source_columns import SourceColumns, fields_read, numbers_asked, shortened
from pipeline.tables import Frame

Fields = frozenset[str]
_NAMED = 3  # worksheets in one message
_LISTED = 200  # unknown columns of a worksheet in the summary


@dataclass(frozen=True)
class Lacking:
    """The fields without a column: in all submission sources, by (file, worksheet), and by school name.

    `sheets` includes what all sources lack. A field that a source with `amends` has is lacking nowhere.
    """

    everywhere: Fields = frozenset()
    sheets: dict[tuple[str, str], Fields] = field(default_factory=dict[tuple[str, str], Fields])
    registries: dict[str, Fields] = field(default_factory=dict[str, Fields])


NOTHING = Lacking()


@dataclass(frozen=True)
class SourcesRead:
    """All that a run read: `skipped` rows, `unknown` columns of submissions, `unread` registries.

    `asked` are messages to the office about columns. `other_years` has, by school code, the registry's `rows` and how
    many end in each other year, if these are many.
    """

    inputs: list[Input]
    notes: list[Note]
    unread: dict[str, str]
    unknown: Frame
    skipped: Frame
    columns: tuple[SourceColumns, ...]
    lacking: Lacking
    asked: list[dict[str, str]]
    other_years: dict[str, dict[str, Any]]

    @property
    def incomplete(self) -> bool:
        """Whether something that should have been read was not."""
        return bool(self.unread) or any(note.level == "error" for note in self.notes)


def lacking_of(
    read: Sequence[tuple[Source, Sequence[SourceColumns]]],
    registries: Mapping[str, Sequence[SourceColumns]],
    *,
    photos: bool,
    alone: bool,
) -> Lacking:
    """Return the missing fields. Photos count only with `photos`, a school column unless the school is `alone`."""
    wanted = frozenset(fields.names()) - {"submitted_at"} - (set() if photos else {"photo"})
    mended = fields_read(each for source, has in read if source.amends for each in has)
    sheets = {
        (each.file, each.sheet): wanted - each.fields - mended - ({"school"} if alone or source.school else set())
        for source, has in read
        if not source.amends
        for each in has
        if not each.refused and not each.unused
    }
    return Lacking(
        everywhere=frozenset.intersection(*sheets.values()) if sheets else frozenset(),
        sheets={place: lost for place, lost in sheets.items() if lost},
        registries={
            school: lost
            for school, has in registries.items()
            if has and (lost := frozenset(fields.in_registry()) - fields_read(has) - {"school"})
        },
    )


def notes_of(
    cohort: Cohort,
    lacking: Lacking,
    submissions: Iterable[SourceColumns],
    registries: Mapping[str, Sequence[SourceColumns]],
) -> list[dict[str, str]]:
    """Return the office's messages about columns: `school` (its code; "" for all) and `message`."""
    told = [{"school": "", "message": line} for line in _of_submissions(lacking, submissions)]
    for school in cohort.schools:
        lost = lacking.registries.get(school.name, frozenset())
        if lost:
            message = f"{school.name}的学籍库没有{_named(lost)}：这些项目没有比对。请让教务处补上再导出"
            told.append({"school": school.code, "message": message})
        lines = _questions(registries.get(school.name, ()), lost, f"{school.name}的学籍库", "[schools.columns]")
        told += [{"school": school.code, "message": line} for line in lines]
    return told


def _of_submissions(lacking: Lacking, submissions: Iterable[SourceColumns]) -> list[str]:
    lines: list[str] = []
    read = [each for each in submissions if not each.refused]
    if lost := lacking.everywhere - {name for each in read for name in each.numbered}:
        lines.append(
            f"所有登记来源都没有{_named(lost)}：这些项目没有核对，也没有因此退回学生。"
            "若其实有，请用 mingce columns 写明是哪一列"
        )
    alike: defaultdict[Fields, list[str]] = defaultdict(list)
    for (file, sheet), lost in lacking.sheets.items():
        if some := lost - lacking.everywhere:
            alike[some].append(f"{file} {sheet}".strip())
    for lost, places in alike.items():
        more = f" 等 {len(places)} 张表" if len(places) > _NAMED else ""
        lines.append(f"{'、'.join(places[:_NAMED])}{more}没有{_named(lost)}：这里的学生没有核对这些项目")
    return lines + numbers_asked(read) + _questions(read, None, "登记表", "[submissions.columns]")


def _questions(sources: Iterable[SourceColumns], lost: Fields | None, whose: str, table: str) -> list[str]:
    asked: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for source in sources:
        for column in source.questions:
            if lost is None or column.likely in lost:
                asked[column.heading, column.likely].append(source.place)
    return [
        f"{whose}的列名“{shortened(heading)}”像是“{fields.label(name)}”，没有采用（{places[0]}"
        f"{f' 等 {len(places)} 张表' if len(places) > 1 else ''}）。如果是，请在 {table} 里写"
        f' {name} = "{shortened(heading)}"，或运行 mingce columns'
        for (heading, name), places in asked.items()
    ]


def _named(lost: Fields) -> str:
    labels = [fields.label(name) for name in fields.names() if name in lost]
    return f"“{'”“'.join(labels)}”{'这' + str(len(labels)) + '列' if len(labels) > 1 else '这一列'}"


def as_summary(sources: Iterable[SourceColumns]) -> list[dict[str, Any]]:
    """Return the worksheets' columns for `summary.json`."""
    return [
        {
            "file": each.file,
            "sheet": each.sheet,
            "row": each.row,
            "exports": list(each.exports),
            "refused": each.refused,
            "read": {c.field: {"heading": shortened(c.heading), "right": c.right} for c in each.columns if c.field},
            "unknown": [
                {"heading": shortened(column.heading), "likely": column.likely}
                for column in each.columns
                if not column.field
            ][:_LISTED],
        }
        for each in sources
    ]
