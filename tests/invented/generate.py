"""Writes a whole invented cohort, school by school, so that memory stays that of one school.

The same arguments give the same bytes. Labels stand beside the cohort: `truth.csv` (one row a submission, with the
planted rule and the identity's cause), `truth_missing.csv`, `truth_headcount.csv`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from pipeline import fields
from tests.invented import classes, decisions, forms, kinds, people, photos, plant, write
from tests.invented.arrow import Table
from tests.invented.arrow import compute as pc
from tests.invented.kinds import Kind
from tests.invented.people import Numbering
from tests.invented.plant import Planted, Rates

Progress = Callable[[int, int], None]

_PART = 100_000  # students in one Parquet part


@dataclass(frozen=True)
class Order:
    """What to invent."""

    students: int = 600
    schools: int = 2
    seed: int = 2017
    form: str = "xlsx"
    faults: float = 0.2
    kind: str = "2017"
    identity_only: bool = False
    """Faulty identities alone, by the shares of the matching bench."""
    photos: bool = False
    repeated_numbers: bool = False
    """Student numbers begin anew in each school: the same number stands in several."""
    decisions: bool = False
    """Approvals and returns of a season under way, and one college where all is in order."""


@dataclass
class _Sinks:
    truth: write.CsvSink | write.ParquetSink
    missing: write.CsvSink
    heads: write.CsvSink
    colleges: write.CsvSink
    counselors: write.CsvSink

    def close(self) -> None:
        for sink in (self.truth, self.missing, self.heads, self.colleges, self.counselors):
            sink.close()


def write_cohort(folder: Path, order: Order, progress: Progress = lambda done, of: None) -> Path:
    """Write the cohort that `order` describes into `folder`; return the folder."""
    _clear(folder)
    kind = kinds.of_schools(kinds.KINDS[order.kind], order.schools)
    sizes = classes.split_students(kind.schools, order.students)
    random = Random(order.seed)
    plan = plant.Plan(random, identity=order.identity_only, photos=order.photos)
    sinks = _sinks(folder, order)
    submitted = _Submissions(folder, order, kind)
    kept: list[Planted] = []
    first = 0
    for at, size in enumerate(sizes):
        planted = _school(kind, order, at, first, size, plan)
        first += size
        _write_school(folder, order, planted, sinks)
        submitted.add(planted)
        if order.photos or order.decisions:
            kept.append(planted)
        progress(first, order.students)
    submitted.close()
    sinks.close()
    _write_rest(folder, order, kind, kept)
    return folder


def _clear(folder: Path) -> None:
    """Remove the inputs of an earlier demo; its reports and decisions stay."""
    for name in ("registry", "submissions", "photos"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("truth.csv", "truth.parquet", "schools.csv", "decisions.csv"):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def _school(kind: Kind, order: Order, at: int, first: int, size: int, plan: plant.Plan) -> Planted:
    rng = np.random.default_rng([order.seed, at])
    layout = classes.plan_classes(kind.schools[at], kind, size, rng)
    numbering = Numbering(first, order.seed, 25 if order.identity_only else 200, order.repeated_numbers)
    school = people.make_school(kind.schools[at], kind, layout, numbering, rng)
    answers = forms.make_forms(school, kind, rng)
    finished = kind.schools[at].colleges[1].name if order.decisions and at == 0 else ""
    rates = Rates(order.faults, finished=finished)
    if order.photos:
        answers = photos.name_files(answers, school, rng)
    return plant.plant(school, answers, kind, rates, plan, rng)


def _sinks(folder: Path, order: Order) -> _Sinks:
    truth = write.ParquetSink if order.form == "parquet" else write.CsvSink
    name = "truth.parquet" if order.form == "parquet" else "truth.csv"
    missing = write.CsvSink(
        folder / "truth_missing.csv", ["student_number", "name", "college"]
    )  # a demo is known by it
    return _Sinks(
        truth(folder / name, plant.TRUTH),
        missing,
        write.CsvSink(folder / "truth_headcount.csv", ["school", "college", "education_level", "major", "女", "男"]),
        write.CsvSink(folder / "colleges.csv", ["学校名称", "院系", "别名", "副书记", "邮箱"]),
        write.CsvSink(folder / "counselors.csv", ["学校名称", "院系", "班级", "姓名", "邮箱"]),
    )


class _Submissions:
    """The submitted rows, gathered for a workbook or streamed into files."""

    def __init__(self, folder: Path, order: Order, kind: Kind) -> None:
        self._folder, self._order, self._kind = folder / "submissions", order, kind
        self._sheets: list[tuple[str, Table]] = []
        self._numeric: dict[str, str] = {}
        self._part: write.ParquetSink | None = None
        self._in_part, self._parts = 0, 0

    def add(self, planted: Planted) -> None:
        """Take one school's submissions."""
        form = self._order.form
        if form == "parquet":
            self._stream(planted.submissions)
        elif form == "csv":
            table = planted.submissions.take(pc.sort_indices(planted.submissions["submitted_at"]))
            sink = write.CsvSink(
                self._folder / f"{planted.school.plan.code}.csv", list(write.labelled(table).column_names)
            )
            sink.add(write.labelled(table))
            sink.close()
        else:
            self._sheets += write.sheets(planted.submissions, planted.colleges)
            self._numeric |= planted.numeric_ids

    def _stream(self, submissions: Table) -> None:
        if self._part is None:
            self._parts += 1
            labels = [fields.label(name) for name in fields.names()]
            self._part = write.ParquetSink(self._folder / f"part-{self._parts:04d}.parquet", labels)
        self._part.add(write.labelled(submissions))
        self._in_part += submissions.num_rows
        if self._in_part >= _PART:
            self._part.close()
            self._part, self._in_part = None, 0

    def close(self) -> None:
        """Write what was gathered."""
        if self._part is not None:
            self._part.close()
        if self._order.form == "xlsx":
            on = datetime.combine(self._kind.as_of, time(9))
            write.write_workbook(self._folder / "submissions.xlsx", self._sheets, self._numeric, on)
        elif self._order.form == "ods":
            write.write_ods(self._folder / "submissions.ods", self._sheets)


def _write_school(folder: Path, order: Order, planted: Planted, sinks: _Sinks) -> None:
    suffix = "parquet" if order.form == "parquet" else "csv"
    write.write_registry(folder / "registry" / f"{planted.school.plan.code}.{suffix}", planted.registry)
    sinks.truth.add(planted.truth)
    sinks.missing.add(planted.missing)
    sinks.heads.add(_headcount(planted.registry))
    colleges, counselors = _people(planted)
    sinks.colleges.add(colleges)
    sinks.counselors.add(counselors)


def _headcount(registry: Table) -> Table:
    keys = ["school", "college", "education_level", "major"]
    sides = {label: pc.cast(pc.equal(registry["gender"], label), pa.int64()) for label in ("女", "男")}
    table = registry.select(keys).append_column("女", sides["女"]).append_column("男", sides["男"])
    counted = table.group_by(keys).aggregate([("女", "sum"), ("男", "sum")])
    return counted.select([*keys, "女_sum", "男_sum"]).rename_columns([*keys, "女", "男"])


_SURNAMES = "陈刘周谢彭曾邓罗"


def _people(planted: Planted) -> tuple[Table, Table]:
    """Return the colleges with their vice secretaries and the classes with their counselors, all invented."""
    school = planted.school
    used = list(dict.fromkeys(plan.college for plan in school.classes))
    code = school.plan.code
    colleges = [
        [school.plan.name, c.name, c.alias, f"{_SURNAMES[n % 8]}书记", f"college{code}-{n}@example.edu.cn"]
        for n, c in enumerate(used)
    ]
    counselors: list[list[str]] = []
    for n, plan in enumerate(school.classes):
        number = used.index(plan.college) * 10 + n % 3
        mail = f"counselor{code}-{number}@example.edu.cn"
        name = f"{_SURNAMES[number % 8]}辅导员{number}"
        counselors.append([school.plan.name, plan.college.name, plan.name, name, mail])
    return (
        _rows(colleges, ["学校名称", "院系", "别名", "副书记", "邮箱"]),
        _rows(counselors, ["学校名称", "院系", "班级", "姓名", "邮箱"]),
    )


def _rows(rows: list[list[str]], columns: list[str]) -> Table:
    return pa.table([pa.array([row[at] for row in rows], pa.string()) for at in range(len(columns))], names=columns)


def _write_rest(folder: Path, order: Order, kind: Kind, kept: list[Planted]) -> None:
    suffix = "parquet" if order.form == "parquet" else "csv"
    many = len(kind.schools) > 5
    if many:
        lines = ["code,name,registry", *(f"{s.code},{s.name},registry/{s.code}.{suffix}" for s in kind.schools)]
        (folder / "schools.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if order.photos:
        photos.draw_photos(folder / "photos", kept, order.seed)
    if order.decisions:
        decisions.write_decisions(folder / "decisions.csv", kept, order.seed)
    text = write.cohort_file(
        kind,
        source="submissions/*",
        registry=f"registry/{{code}}.{suffix}",
        photos=order.photos,
        decisions=order.decisions,
        table=many,
    )
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
