"""Mapping of the upper system's columns to fields, codes, widths. Shipped ones: `expectations/handin/*.toml`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pipeline import fields, resources
from pipeline.cohort import message_of, read_toml
from pipeline.errors import ConfigurationError, UsageError

Format = Literal["xlsx", "csv", "dbf"]
DRAFT_COLUMN = "DRAFT"
DRAFT_WORDS = "草稿未签字"
_DBF_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,9}")


class HandinColumn(BaseModel, extra="forbid", frozen=True):
    """One column of the file. Exactly one of `field`, `source`, `region` and `constant` is its source."""

    name: str
    label: str = ""
    field: str = ""
    source: Literal["", "school_code"] = ""
    region: Literal["", "origin", "home"] = ""
    constant: str = ""
    codes: bool = False
    values: dict[str, str] = Field(default_factory=dict)
    unknown: Literal["refuse", "blank", "keep"] = "refuse"
    month: Literal["", "YYYYMM", "YYYY"] = ""
    type: Literal["C", "N"] = "C"
    width: Annotated[int, Field(ge=1, le=254)]
    decimals: Annotated[int, Field(ge=0, le=8)] = 0
    required: bool = False

    @model_validator(mode="after")
    def _check_source(self) -> HandinColumn:
        if sum(map(bool, (self.field, self.source, self.region, self.constant))) != 1:
            raise ValueError("field、source、region、constant 四者要写且只写一个")
        if self.field and self.field not in fields.fields():
            raise ValueError(f"没有字段 {self.field}，字段名见 expectations/fields.csv")
        if not _DBF_NAME.fullmatch(self.name):
            raise ValueError(f"列名 {self.name} 应为大写字母开头的字母、数字，最多 10 个")
        return self

    @property
    def heading(self) -> str:
        """The column's heading in xlsx."""
        return self.label or self.name


class Mapping(BaseModel, extra="forbid", frozen=True):
    """The file: columns in order, encoding, default format."""

    title: str
    format: Format = "dbf"
    encoding: Literal["gbk", "gb18030", "utf-8"] = "gbk"
    columns: Annotated[list[HandinColumn], Field(min_length=1)]
    substitutes: dict[str, str] = Field(default_factory=dict)
    """Characters and their spelling in the upper system, such as 䶮: (上龙下天)."""

    @model_validator(mode="after")
    def _check_names(self) -> Mapping:
        names = [column.name for column in self.columns]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates or DRAFT_COLUMN in names:
            raise ValueError(f"列名重复或不可用：{'、'.join(duplicates or [DRAFT_COLUMN])}")
        return self

    def drafted(self) -> Mapping:
        """Return the mapping with a last column that marks every row as draft."""
        column = HandinColumn(name=DRAFT_COLUMN, label="草稿", constant=DRAFT_WORDS, width=16)
        return self.model_copy(update={"columns": [*self.columns, column]})


def load_mapping(name: str, folder: Path) -> Mapping:
    """Return a shipped mapping by name, or one from a file (a relative path starts at `folder`).

    Raises:
        UsageError: there is no such mapping.
        ConfigurationError: lists every mistake of the file.
    """
    shipped = resources.expectations() / "handin"
    path = shipped / f"{name}.toml" if re.fullmatch(r"\w+", name) else folder / os.path.expanduser(name)  # noqa: PTH111
    try:
        data, _ = read_toml(path)
    except FileNotFoundError:
        available = "、".join(sorted(file.stem for file in shipped.glob("*.toml")))
        raise UsageError(
            f"没有上报格式 {name}", where="--mapping", remedy=f"可用：{available}，或一个 .toml 文件"
        ) from None
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError([_mistake_line(detail, data) for detail in error.errors()], where=str(path)) from None


def _mistake_line(detail: ErrorDetails, data: dict[str, object]) -> str:
    place, columns = detail["loc"], data.get("columns")
    where = str(place[0]) if place else ""
    if len(place) > 1 and isinstance(columns, list) and isinstance(place[1], int):
        column = columns[place[1]]  # pyright: ignore[reportUnknownVariableType]
        where = f"第 {place[1] + 1} 列 {column.get('name', '') if isinstance(column, dict) else ''}"
        where += "".join(f" {part}" for part in place[2:])
    return f"{where}：{message_of(detail)}"
