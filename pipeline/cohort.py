"""The cohort file `cohort.toml` as typed settings. All mistakes are reported in one error."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline import cohort_sections as sections
from pipeline.cohort_mistakes import line_of, mistake_of, undecodable, unparsable
from pipeline.errors import ConfigurationError, reason_of

FILE_NAME = "cohort.toml"


class Cohort(sections.Section):
    """A graduating class: the folder of `cohort.toml` and the file's settings."""

    folder: Path
    cohort: sections.CohortSection
    window: sections.Window
    schools: tuple[sections.School, ...]
    submissions: sections.Submissions
    people: sections.PeopleSettings
    reports: sections.Reports = sections.Reports()
    office: sections.Office = Field(default_factory=sections.Office)
    rules: sections.Rules = sections.Rules()
    review: sections.Review = sections.Review()
    standing: sections.Standing = sections.Standing()
    keep: sections.Keep = sections.Keep()
    google: sections.Google = sections.Google()
    mail: sections.Mail | None = None
    ledger: sections.LedgerSettings = sections.LedgerSettings()
    scale: sections.Scale = sections.Scale()
    handin: sections.Handin = sections.Handin()

    @field_validator("schools")
    @classmethod
    def _distinct(cls, value: tuple[sections.School, ...]) -> tuple[sections.School, ...]:
        if not value:
            raise sections.advice("至少要有一所学校，请加一段 [[schools]]")
        for what, given in (("code", [s.code for s in value]), ("name", [s.name for s in value])):
            twice = sorted(item for item, times in Counter(given).items() if times > 1)
            if twice:
                raise sections.advice(f"学校的 {what} 重复：{'、'.join(twice)}，请保留一所")
        return value

    @model_validator(mode="after")
    def _schools_of_sources(self) -> Cohort:
        codes = {school.code for school in self.schools}
        unknown = [source.school for source in self.submissions.sources if source.school and source.school not in codes]
        if unknown:
            raise sections.advice(
                f"[submissions] from 的 school 没有这个学校代码：{'、'.join(unknown)}，请写 [[schools]] 里的 code"
            )
        return self

    @property
    def name(self) -> str:
        """The cohort's name, such as 2017届."""
        return self.cohort.name

    @property
    def year(self) -> int:
        """The year of graduation."""
        return self.cohort.year

    def path(self, relative: str) -> Path:
        """Return a path of the file as absolute, relative to the cohort folder."""
        return self.folder / Path(relative).expanduser()

    @property
    def reports_folder(self) -> Path:
        """`<reports.folder>/<cohort name>`, which holds runs, inputs, outbox and latest.txt."""
        return self.path(self.reports.folder) / safe_name(self.name)

    @property
    def notebooks_folder(self) -> Path | None:
        """The folder of the office's own notebooks, or None."""
        return self.path(self.reports.notebooks) if self.reports.notebooks else None

    @property
    def photos_folder(self) -> Path | None:
        """The photo folder, or None if the cohort collects no photos."""
        return self.path(self.submissions.photos) if self.submissions.photos else None

    @property
    def rules_folder(self) -> Path | None:
        """The folder of the office's own rules, or None."""
        return self.path(self.rules.folder) if self.rules.folder else None

    @property
    def school_names(self) -> dict[str, str]:
        """The name of each school by its code."""
        return {school.code: school.name for school in self.schools}

    def school_of_code(self, code: str) -> sections.School | None:
        """Return the school with this code, or None."""
        return next((school for school in self.schools if school.code == code), None)

    def code_of(self, school_name: str) -> str:
        """Return the code of a school's name, or a blank."""
        return next((school.code for school in self.schools if school.name == school_name), "")


_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """Return `text` as one valid path segment on Linux, macOS and Windows (at most 80 characters, 200 bytes)."""
    clean = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]', "_", text)
    clean = clean.strip(" .")[:80].encode(errors="ignore")[:200].decode(errors="ignore").rstrip(" .") or "_"
    return f"_{clean}" if _RESERVED.match(clean) else clean


def distinct_name(text: str) -> str:
    """Return `safe_name`, with a digest if it changed the text, so that two texts never share a name."""
    safe = safe_name(text)
    return safe if safe == text else f"{safe}-{sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def load_cohort(path: Path) -> Cohort:
    """Read `cohort.toml`, given the file or its folder. Raises ConfigurationError with all mistakes."""
    if re.search("[\ud800-\udfff]", str(path.absolute())):  # undecodable bytes
        raise ConfigurationError(["文件夹名里有不是文字的字节：请给文件夹改名"], where=str(path))
    file = path / FILE_NAME if os.path.isdir(path) else path  # noqa: PTH112  # False for a name that is too long, where pathlib raises
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            [f"没有 {FILE_NAME}：请用 mingce init 新建，或指明届别文件夹"], where=str(file)
        ) from None
    except OSError as error:
        raise ConfigurationError([f"读不出文件（{reason_of(error)}）：请核对路径和权限"], where=str(file)) from None
    except UnicodeDecodeError as error:
        other = f"不是 {FILE_NAME}：请写届别文件夹，或其中的 {FILE_NAME}"
        raise ConfigurationError([undecodable(error) if file.suffix == ".toml" else other], where=str(file)) from None
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([unparsable(error)], where=str(file)) from None
    mistakes: list[str] = []
    if data.pop("folder", None) is not None:  # `folder` is set by the reader, not by the file
        mistakes.append(f"第 {line_of(['folder'], text)} 行 folder：没有这个设置项，请删去")
    data["schools"] = _schools(data, file.parent, mistakes)
    try:
        cohort = Cohort.model_validate({"folder": file.parent.resolve(), **data})
    except ValidationError as error:
        mistakes += [mistake_of(detail, text) for detail in error.errors()]
        raise ConfigurationError(mistakes, where=str(file)) from None
    mistakes += _missing_files(cohort)
    if mistakes:
        raise ConfigurationError(mistakes, where=str(file))
    return cohort


def _schools(data: dict[str, Any], folder: Path, mistakes: list[str]) -> object:
    """Return the schools, from `[[schools]]` or from the CSV that `[cohort] schools` names."""
    section = data.get("cohort")
    table = section.get("schools") if isinstance(section, dict) else None
    if not isinstance(table, str):
        return data.get("schools", [])
    try:
        with (folder / table).open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error):
        mistakes.append(f"[cohort] schools：读不出学校表 {table}，请核对路径，存为 UTF-8 的 CSV")
        return [{"code": "0", "name": "0", "registry": "0"}]
    return [{key: row.get(key) or "" for key in ("code", "name", "registry")} for row in rows]


_TAKEN = re.compile(r"(index|dashboard|school-.*)$", re.IGNORECASE)
"""Pages of ours that no notebook is named after."""


def _missing_files(cohort: Cohort) -> list[str]:
    """Return a Chinese line per missing file or folder. Collect reports submissions and registries."""
    named = {"[people] colleges": cohort.people.colleges, "[people] counselors": cohort.people.counselors}
    lines = [
        f"{key}：没有文件 {value}，请放入届别文件夹或改正路径"
        for key, value in named.items()
        if not os.path.isfile(cohort.path(value))  # noqa: PTH113  # as above
    ]
    previous = cohort.cohort.previous
    if previous and not os.path.isfile(cohort.path(previous) / FILE_NAME):  # noqa: PTH113
        lines.append(f"[cohort] previous：{previous} 不是一届的文件夹（里面没有 {FILE_NAME}），请改正或删去这一行")
    if cohort.rules.folder and not os.path.isdir(cohort.path(cohort.rules.folder)):  # noqa: PTH112
        lines.append(f"[rules] folder：没有文件夹 {cohort.rules.folder}，请新建或删去这一行")
    own = cohort.notebooks_folder
    if own and not os.path.isdir(own):  # noqa: PTH112
        lines.append(f"[reports] notebooks：没有文件夹 {cohort.reports.notebooks}，请新建或删去这一行")
    elif own:
        taken = [path.name for path in own.glob("*.ipynb") if _TAKEN.match(path.stem)]
        lines += [f"[reports] notebooks：{name} 的名字已被本程序的网页占用，请改名" for name in sorted(taken)]
    return lines
