"""The sections of `cohort.toml` as typed settings. Unknown keys and unusable values are refused in Chinese."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pipeline import fields

DEFAULT_STUDENT_NUMBER = "[0-9A-Za-z]{4,15}"

Text = Annotated[str, Field(min_length=1, max_length=4096)]


def invalid(message: str) -> PydanticCustomError:
    """Return a validation error with a Chinese message."""
    return PydanticCustomError("advice", "{advice}", {"advice": message})


class Section(BaseModel):
    """A section of the file: immutable, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _usable(cls, value: object, info: ValidationInfo) -> object:
        problem = _unusable(value, cls.model_fields[str(info.field_name)].annotation)
        if problem:
            raise invalid(problem)
        return value


def _unusable(value: object, kind: object) -> str | None:
    """Return a Chinese message if `value` cannot be a `kind` (impossible path, `true` for a number), else None."""
    if isinstance(value, bool) and (kind is int or kind is float):
        return "应为数字，不是 true 或 false"
    for text in cast("list[object]", value) if isinstance(value, list) else [value]:
        if isinstance(text, str) and "\0" in text:
            return "含有看不见的 NUL 字符，请删去重写"
        if isinstance(text, str) and text.startswith("~"):
            try:
                Path(text).expanduser()
            except RuntimeError:
                return f"没有 {text.split('/')[0]} 这个账号的文件夹，请改写成完整路径"
    return None


def _declared(columns: dict[str, str]) -> dict[str, str]:
    """Return declared columns by field name. A value is a heading, "=本科" (a constant), "@sheet" or "@title"."""
    declared: dict[str, str] = {}
    for key, value in columns.items():
        name = fields.field_named(key)
        if not name:
            raise invalid(f"没有字段 {key}，请写字段名或它的中文名（见 fields.csv），如 college 或 院系")
        if name in declared:
            raise invalid(f"{fields.label(name)}（{name}）写了两次，请保留一个")
        if value.startswith("@") and value not in ("@sheet", "@title"):
            raise invalid(f"{key} 的值 {value} 不对：@ 后只能是 sheet（工作表名）或 title（表头上面的一行）")
        if not value.removeprefix("="):
            raise invalid(f"{key} 的值不能为空，请写列名，或 =固定的内容")
        declared[name] = value
    return declared


Declared = Annotated[dict[str, str], AfterValidator(_declared)]


class School(Section):
    """One school: code, name, path of its registry, and the column names of the registry."""

    code: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,20}$")]
    name: Text
    registry: Text
    aliases: list[Text] = Field(default_factory=list)
    """Other names of the school."""
    registrar: Annotated[str, Field(pattern=r"^([^@\s]+@[^@<>\s]+)?$", max_length=320)] = ""
    """The e-mail address that receives the list of errors in this school's registry."""
    columns: Declared = Field(default_factory=dict)


class Window(Section):
    """The dates of submission and hand-in, inclusive, in Asia/Shanghai."""

    opens: date
    closes: date
    college_due: date

    @model_validator(mode="after")
    def _in_order(self) -> Window:
        if not self.opens <= self.closes <= self.college_due:
            raise invalid("日期先后不对：应为 opens ≤ closes ≤ college_due，请核对三个日期")
        return self


class Source(Section):
    """A source of submissions (glob or `gsheet:<key>`). `college` is the college concerned if it is unreadable."""

    path: Text
    school: str | None = None
    college: str | None = None
    amends: bool = False
    columns: Declared = Field(default_factory=dict)


class Submissions(Section):
    """The sources of submissions, the meaning of their columns, and the photo folder."""

    sources: list[Source] = Field(alias="from", min_length=1)
    photos: str | None = None
    columns: Declared = Field(default_factory=dict)

    @field_validator("sources", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        listed = cast("list[object]", value if isinstance(value, list) else [value])
        return [{"path": source} if isinstance(source, str) else source for source in listed]

    @property
    def paths(self) -> list[str]:
        """The paths of the sources."""
        return [source.path for source in self.sources]

    def declared(self, source: Source) -> dict[str, str]:
        """Return a source's declared columns. Its own override the common ones."""
        return {**self.columns, **source.columns}


class PeopleSettings(Section):
    """The tables of colleges and counselors."""

    colleges: Text
    counselors: Text


class Reports(Section):
    """The results folder, and the folder of the office's own notebooks."""

    folder: Text = "reports"
    notebooks: str | None = None


class Office(Section):
    """The contact in every message, page and paper. `form` is where students submit and correct."""

    name: Text = "就业办"
    contact: str = ""
    phone: str = ""
    form: Annotated[str, Field(pattern=r"^(https?://\S+)?$", max_length=2000)] = ""


class Rules(Section):
    """The office's own expectations, code tables and messages, and rules silenced as known issues."""

    folder: str | None = None
    known_issues: dict[str, str] = Field(default_factory=dict)
    """Rule name to the reason why its findings are not counted for now."""


class Review(Section):
    """Decisions made outside the command line, and who may decide."""

    decisions: str | None = None
    reviewers: dict[Text, Text] = Field(default_factory=dict)
    """Account of this machine to the name that it may decide and sign in; empty: any name."""


class Standing(Section):
    """Weights of the colleges' standing."""

    first_pass: Annotated[float, Field(ge=0, le=1000)] = 0.5
    on_time: Annotated[float, Field(ge=0, le=1000)] = 0.3
    rework: Annotated[float, Field(ge=0, le=1000)] = 0.2

    @model_validator(mode="after")
    def _some_weight(self) -> Standing:
        if self.first_pass + self.on_time + self.rework <= 0:
            raise invalid("三个权重不能全为 0，请至少给一个大于 0 的数")
        return self


class Keep(Section):
    """Retention of personal data, in days."""

    inputs: Annotated[int, Field(ge=1, le=36_500)] = 400
    mail: Annotated[int, Field(ge=1, le=36_500)] = 90


class Google(Section):
    """Access to Google Sheets."""

    key_file: str = "~/.config/mingce/google.json"
    answers: str | None = None


class Mail(Section):
    """The mail server. Its password comes from MINGCE_MAIL_PASSWORD or the keyring, never from this file."""

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
            raise invalid('不加密（security = "none"）只允许用于本机，请改为 "starttls" 或 "tls"')
        return self


class LedgerSettings(Section):
    """The database of decisions."""

    url: Annotated[
        str, Field(pattern=r"^(sqlite(\+[a-z0-9]+)?:///[^:]|postgresql(\+[a-z0-9]+)?://.)", max_length=4096)
    ] = "sqlite:///ledger.sqlite"


class Scale(Section):
    """A Dask scheduler. Without one, processes of this machine are used."""

    scheduler: Annotated[str, Field(pattern=r"^([a-z]+://)?[^/@\s]+:[0-9]{1,5}$")] | None = None


class Handin(Section):
    """The file for the upper system: the name or path of a mapping, and a template workbook."""

    mapping: str = "national"
    template: str | None = None


class CohortSection(Section):
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
            position = getattr(error, "pos", None)
            where = f"（第 {position + 1} 个字符附近）" if isinstance(position, int) else ""
            raise invalid(f"样式写得不对{where}，请核对括号和次数") from None
        return value

    @model_validator(mode="after")
    def _month_of_year(self) -> CohortSection:
        if not self.undergraduate_month.startswith(f"{self.year}-"):
            raise invalid(f"undergraduate_month 应在 {self.year} 年内，例如 {self.year}-06")
        return self
