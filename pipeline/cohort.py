"""The cohort file, `cohort.toml`, read into typed settings; all mistakes are reported at once."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pipeline import fields
from pipeline.cohort_mistakes import line_of, mistake_of, undecodable, unparsable, unusable
from pipeline.errors import ConfigurationError, reason_of

FILE_NAME = "cohort.toml"
DEFAULT_STUDENT_NUMBER = "[0-9A-Za-z]{4,15}"

Text = Annotated[str, Field(min_length=1, max_length=4096)]


def _advice(message: str) -> PydanticCustomError:
    return PydanticCustomError("advice", "{advice}", {"advice": message})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _usable(cls, value: object, info: ValidationInfo) -> object:
        told = unusable(value, cls.model_fields[str(info.field_name)].annotation)
        if told:
            raise _advice(told)
        return value


def _declared(given: dict[str, str]) -> dict[str, str]:
    """Return declared columns by field name; Chinese labels of fields are keys too.

    A value is the sheet's own heading, "=本科" for a constant, "@sheet" or "@title".
    """
    declared: dict[str, str] = {}
    for key, value in given.items():
        name = fields.named(key)
        if not name:
            raise _advice(f"没有字段 {key}，请写字段名或它的中文名（见 fields.csv），如 college 或 院系")
        if name in declared:
            raise _advice(f"{fields.label(name)}（{name}）写了两次，请保留一个")
        if value.startswith("@") and value not in ("@sheet", "@title"):
            raise _advice(f"{key} 的值 {value} 不对：@ 后只能是 sheet（工作表名）或 title（表头上面的一行）")
        if not value.removeprefix("="):
            raise _advice(f"{key} 的值不能为空，请写列名，或 =固定的内容")
        declared[name] = value
    return declared


Declared = Annotated[dict[str, str], AfterValidator(_declared)]


class School(_Section):
    """One school: its code and name, where its registry is, and what the registry calls the fields."""

    code: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,20}$")]
    name: Text
    registry: Text
    aliases: list[Text] = Field(default_factory=list)
    """What else it is called."""
    registrar: Annotated[str, Field(pattern=r"^([^@\s]+@[^@<>\s]+)?$", max_length=320)] = ""
    """Who gets the list of errors in this school's registry."""
    columns: Declared = Field(default_factory=dict)


class Window(_Section):
    """When students submit and when colleges hand in; dates inclusive, Asia/Shanghai."""

    opens: date
    closes: date
    college_due: date

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if not self.opens <= self.closes <= self.college_due:
            raise _advice("日期先后不对：应为 opens ≤ closes ≤ college_due，请核对三个日期")
        return self


class Source(_Section):
    """Where submitted rows come from: a glob of files or `gsheet:<key>`, and what holds for all rows of it.

    `school` is a school's code; `college` tells whose rows these are where they cannot be read; the rows of one that
    `amends` never stand alone; `columns` goes before that of all submissions.
    """

    path: Text
    school: str | None = None
    college: str | None = None
    amends: bool = False
    columns: Declared = Field(default_factory=dict)


class Submissions(_Section):
    """Where the submitted rows come from, what their columns mean, and the photo folder if there is one."""

    sources: list[Source] = Field(alias="from", min_length=1)
    photos: str | None = None
    columns: Declared = Field(default_factory=dict)

    @field_validator("sources", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        listed = cast("list[object]", value if isinstance(value, list) else [value])
        return [{"path": each} if isinstance(each, str) else each for each in listed]

    @property
    def paths(self) -> list[str]:
        """Where the sources are."""
        return [source.path for source in self.sources]

    def declared(self, source: Source) -> dict[str, str]:
        """Return what the columns of one source mean: its own settings go before those of all."""
        return {**self.columns, **source.columns}


class People(_Section):
    """Who is responsible: the tables of colleges and of counselors."""

    colleges: Text
    counselors: Text


class Reports(_Section):
    """Where results go, and the office's own notebooks beside ours."""

    folder: Text = "reports"
    notebooks: str | None = None


class Office(_Section):
    """Who is asked: stands in every message, page and paper. `form` is where students submit and correct."""

    name: Text = "就业办"
    contact: str = ""
    phone: str = ""
    form: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=2000)] = ""


class Rules(_Section):
    """The office's own expectations, code tables and messages; rules silenced as known issues."""

    folder: str | None = None
    known_issues: dict[str, str] = Field(default_factory=dict)
    """Rule name to the reason why its findings are not counted for now."""


class Review(_Section):
    """Where decisions made outside the command line stand."""

    decisions: str | None = None
    reviewers: dict[Text, Text] = Field(default_factory=dict)
    """Account of this machine to the name that it may decide and sign in; empty: any name."""


class Standing(_Section):
    """Weights of the colleges' standing."""

    first_pass: Annotated[float, Field(ge=0, le=1000)] = 0.5
    on_time: Annotated[float, Field(ge=0, le=1000)] = 0.3
    rework: Annotated[float, Field(ge=0, le=1000)] = 0.2

    @model_validator(mode="after")
    def _some_weight(self) -> Standing:
        if self.first_pass + self.on_time + self.rework <= 0:
            raise _advice("三个权重不能全为 0，请至少给一个大于 0 的数")
        return self


class Keep(_Section):
    """How long personal data are kept, in days."""

    inputs: Annotated[int, Field(ge=1, le=36_500)] = 400
    mail: Annotated[int, Field(ge=1, le=36_500)] = 90


class Google(_Section):
    """Access to Google Sheets."""

    key_file: str = "~/.config/mingce/google.json"
    answers: str | None = None


class Mail(_Section):
    """The mail server; its password comes from MINGCE_MAIL_PASSWORD or the keyring, never from this file."""

    server: Text
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    sender: Annotated[str, Field(pattern=r"^[^@]*[^@<>\s]+@[^@<>\s]+>?$", max_length=320)]
    per_minute: Annotated[int, Field(ge=1)] = 30
    students: bool = False

    @model_validator(mode="after")
    def _plain_only_on_loopback(self) -> Mail:
        if self.security == "none" and self.server not in ("localhost", "127.0.0.1", "::1"):
            raise _advice('不加密（security = "none"）只允许用于本机，请改为 "starttls" 或 "tls"')
        return self


class Ledger(_Section):
    """Where decisions are kept."""

    url: Annotated[
        str, Field(pattern=r"^(sqlite(\+[a-z0-9]+)?:///[^:]|postgresql(\+[a-z0-9]+)?://.)", max_length=4096)
    ] = "sqlite:///ledger.sqlite"


class Scale(_Section):
    """A Dask scheduler; without one this machine's processes do the work."""

    scheduler: Annotated[str, Field(pattern=r"^([a-z]+://)?[^/@\s]+:[0-9]{1,5}$")] | None = None


class Handin(_Section):
    """The file for the upper system: a ready mapping's name or a mapping file, and a template workbook."""

    mapping: str = "national"
    template: str | None = None


class CohortSection(_Section):
    """The class itself."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    year: Annotated[int, Field(ge=1980, le=2100)]
    undergraduate_month: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    student_number: str = DEFAULT_STUDENT_NUMBER
    previous: str | None = None
    schools: str | None = None

    @field_validator("student_number")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except (re.error, OverflowError, RecursionError) as error:
            at = getattr(error, "pos", None)
            where = f"（第 {at + 1} 个字符附近）" if isinstance(at, int) else ""
            raise _advice(f"不是正确的正则表达式{where}，请核对括号和次数") from None
        return value

    @model_validator(mode="after")
    def _month_of_year(self) -> CohortSection:
        if not self.undergraduate_month.startswith(f"{self.year}-"):
            raise _advice(f"undergraduate_month 应在 {self.year} 年内，例如 {self.year}-06")
        return self


class Cohort(_Section):
    """A graduating class: the folder that holds `cohort.toml` and all that the file says."""

    folder: Path
    cohort: CohortSection
    window: Window
    schools: tuple[School, ...]
    submissions: Submissions
    people: People
    reports: Reports = Reports()
    office: Office = Field(default_factory=Office)
    rules: Rules = Rules()
    review: Review = Review()
    standing: Standing = Standing()
    keep: Keep = Keep()
    google: Google = Google()
    mail: Mail | None = None
    ledger: Ledger = Ledger()
    scale: Scale = Scale()
    handin: Handin = Handin()

    @field_validator("schools")
    @classmethod
    def _distinct(cls, value: tuple[School, ...]) -> tuple[School, ...]:
        if not value:
            raise _advice("至少要有一所学校，请加一段 [[schools]]")
        for what, given in (("code", [s.code for s in value]), ("name", [s.name for s in value])):
            twice = sorted(item for item, times in Counter(given).items() if times > 1)
            if twice:
                raise _advice(f"学校的 {what} 重复：{'、'.join(twice)}，请保留一所")
        return value

    @model_validator(mode="after")
    def _schools_of_sources(self) -> Cohort:
        codes = {school.code for school in self.schools}
        unknown = [source.school for source in self.submissions.sources if source.school and source.school not in codes]
        if unknown:
            raise _advice(
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
        """Return a path of the file as an absolute one: relative ones start at the cohort folder."""
        return self.folder / Path(relative).expanduser()

    @property
    def reports_folder(self) -> Path:
        """`<reports.folder>/<cohort name>`: runs, inputs, outbox, latest.txt."""
        return self.path(self.reports.folder) / safe_name(self.name)

    @property
    def notebooks_folder(self) -> Path | None:
        """The folder of the office's own notebooks, or None where it has none."""
        return self.path(self.reports.notebooks) if self.reports.notebooks else None

    @property
    def photos_folder(self) -> Path | None:
        """The photo folder, or None where the cohort collects no photos."""
        return self.path(self.submissions.photos) if self.submissions.photos else None

    def school_of_code(self, code: str) -> School | None:
        """Return the school with this code, or None."""
        return next((school for school in self.schools if school.code == code), None)

    def code_of(self, school_name: str) -> str:
        """Return the code of a school's name, or the empty string."""
        return next((school.code for school in self.schools if school.name == school_name), "")


_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """Return `text` as one harmless path segment on Linux, macOS and Windows (at most 80 characters, 200 bytes)."""
    clean = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]', "_", text)
    clean = clean.strip(" .")[:80].encode(errors="ignore")[:200].decode(errors="ignore").rstrip(" .") or "_"
    return f"_{clean}" if _RESERVED.match(clean) else clean


def unmistakable(text: str) -> str:
    """Return `safe_name` of a text, with a digest where it had to be changed: two texts never share a name."""
    safe = safe_name(text)
    return safe if safe == text else f"{safe}-{sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"


def load_cohort(path: Path) -> Cohort:
    """Read `cohort.toml` (or the one in the folder `path`) into settings.

    Raises:
        ConfigurationError: every mistake of the file at once, each with its line of advice.
    """
    if re.search("[\ud800-\udfff]", str(path.absolute())):  # bytes that are no text
        raise ConfigurationError(["文件夹名里有不是文字的字节：请给文件夹改名"], where=str(path))
    file = path / FILE_NAME if os.path.isdir(path) else path  # noqa: PTH112  # too long a name is none, and no error
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            [f"没有 {FILE_NAME}：请用 mingce init 新建，或指明届别文件夹"], where=str(file)
        ) from None
    except OSError as error:
        raise ConfigurationError([f"读不出文件（{reason_of(error)}）：请核对路径和权限"], where=str(file)) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError([undecodable(error)], where=str(file)) from None
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([unparsable(error)], where=str(file)) from None
    mistakes: list[str] = []
    if data.pop("folder", None) is not None:  # a setting of ours: where the file stands, nothing that it may say
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
    """Return the schools, from `[[schools]]` or from the table that `[cohort] schools` names."""
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
    """Return a line for each table of people that is not there (submissions and registries are collect's to report)."""
    named = {"[people] colleges": cohort.people.colleges, "[people] counselors": cohort.people.counselors}
    lines = [
        f"{key}：没有文件 {value}，请放入届别文件夹或改正路径"
        for key, value in named.items()
        if not os.path.isfile(cohort.path(value))  # noqa: PTH113  # a name too long is none, and no error
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
