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
from pydantic_core import ErrorDetails

from pipeline import cohort_sections as sections
from pipeline.errors import ConfigurationError, reason_of
from pipeline.resources import report_table

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
            raise sections.invalid("至少要有一所学校，请加一段 [[schools]]")
        for what, values in (("code", [s.code for s in value]), ("name", [s.name for s in value])):
            duplicates = sorted(item for item, times in Counter(values).items() if times > 1)
            if duplicates:
                raise sections.invalid(f"学校的 {what} 重复：{'、'.join(duplicates)}，请保留一所")
        return value

    @model_validator(mode="after")
    def _schools_of_sources(self) -> Cohort:
        codes = {school.code for school in self.schools}
        unknown = [source.school for source in self.submissions.sources if source.school and source.school not in codes]
        if unknown:
            raise sections.invalid(
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
        data, text = read_toml(file)
    except FileNotFoundError:
        raise ConfigurationError(
            [f"没有 {FILE_NAME}：请用 mingce init 新建，或指明届别文件夹"], where=str(file)
        ) from None
    except ConfigurationError:
        if file.suffix == ".toml":
            raise
        raise ConfigurationError([f"不是 {FILE_NAME}：请写届别文件夹，或其中的 {FILE_NAME}"], where=str(file)) from None
    mistakes: list[str] = []
    if data.pop("folder", None) is not None:  # `folder` is set by the reader, not by the file
        mistakes.append(f"第 {_line_of(['folder'], text)} 行 folder：没有这个设置项，请删去")
    data["schools"] = _schools(data, file.parent, mistakes)
    try:
        cohort = Cohort.model_validate({"folder": file.parent.resolve(), **data})
    except ValidationError as error:
        mistakes += [_mistake_of(detail, text) for detail in error.errors()]
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


_RESERVED_PAGES = re.compile(r"(index|dashboard|school-.*)$", re.IGNORECASE)
"""Names of the program's own pages. A notebook must not have one of them."""


def _missing_files(cohort: Cohort) -> list[str]:
    """Return a Chinese line per missing file or folder. Collect reports submissions and registries."""
    paths = {"[people] colleges": cohort.people.colleges, "[people] counselors": cohort.people.counselors}
    lines = [
        f"{key}：没有文件 {value}，请放入届别文件夹或改正路径"
        for key, value in paths.items()
        if not os.path.isfile(cohort.path(value))  # noqa: PTH113  # as above
    ]
    previous = cohort.cohort.previous
    if previous and not os.path.isfile(cohort.path(previous) / FILE_NAME):  # noqa: PTH113
        lines.append(f"[cohort] previous：{previous} 不是一届的文件夹（里面没有 {FILE_NAME}），请改正或删去这一行")
    if cohort.rules.folder and not os.path.isdir(cohort.path(cohort.rules.folder)):  # noqa: PTH112
        lines.append(f"[rules] folder：没有文件夹 {cohort.rules.folder}，请新建或删去这一行")
    notebooks = cohort.notebooks_folder
    if notebooks and not os.path.isdir(notebooks):  # noqa: PTH112
        lines.append(f"[reports] notebooks：没有文件夹 {cohort.reports.notebooks}，请新建或删去这一行")
    elif notebooks:
        reserved = [path.name for path in notebooks.glob("*.ipynb") if _RESERVED_PAGES.match(path.stem)]
        lines += [f"[reports] notebooks：{name} 的名字已被本程序的网页占用，请改名" for name in sorted(reserved)]
    return lines


def read_toml(file: Path) -> tuple[dict[str, Any], str]:
    """Return a settings file's data and text. Raises ConfigurationError, but FileNotFoundError where there is none."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        return tomllib.loads(text), text
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        mistake = f"第 {line} 行有不是 UTF-8 编码的字：请用记事本或 WPS 打开，另存为 UTF-8 文本"
    except OSError as error:
        mistake = f"读不出文件（{reason_of(error)}）：请核对路径和权限"
    except (ValueError, RecursionError) as error:
        mistake = _unparsable(error)
    raise ConfigurationError([mistake], where=str(file))


def _unparsable(error: ValueError | RecursionError) -> str:
    """Return a Chinese line for invalid TOML, with the position and the likely cause."""
    if not isinstance(error, tomllib.TOMLDecodeError):  # brackets in brackets, or a number of thousands of digits
        return "不是正确的 TOML：括号套得太深，或数字太长，请改正"
    message = str(error)
    place = re.search(r"\(at line ([0-9]+), column ([0-9]+)\)", message)
    where = f"第 {place[1]} 行第 {place[2]} 个字符附近" if place else "文件末尾"
    if any(word in message for word in ("twice", "overwrite", "already")):
        return f"不是正确的 TOML：{where}，同一个键或段写了两次，请保留一个"
    return f"不是正确的 TOML：{where}，请核对该行的引号（中文的键也要加引号）、等号和括号"


def _mistake_of(detail: ErrorDetails, text: str) -> str:
    """Return one mistake as a Chinese line with line number, key and remedy."""
    keys = [str(part) for part in detail["loc"]]
    line = _line_of(keys, text)
    return f"{f'第 {line} 行 ' if line else ''}{'.'.join(keys)}：{message_of(detail)}"


def message_of(detail: ErrorDetails) -> str:
    """Return the Chinese message of one mistake. The package's own validators already use Chinese."""
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "advice":
        return detail["msg"]
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        return f"只能是 {context.get('expected', '')}，请改正".replace(" or ", " 或 ")
    if kind == "string_pattern_mismatch":
        return "格式不对，请照注释中的例子填写"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"数值超出范围（应{'不小于' if 'ge' in context else '不大于'} {context.get('ge', context.get('le'))}）"
    return report_table("words")["mistakes"].get(kind, "值不正确，请改正")


def _line_of(keys: list[str], text: str) -> int:
    """Return the 1-based line of the last key or of its section, or 0. `schools`, 1 is the second `[[schools]]`."""
    names = [key for key in keys if not key.isdigit()]
    wanted = int(keys[1]) if len(keys) > 1 and keys[1].isdigit() else 0
    key = re.compile(rf"\s*\"?{re.escape(names[-1] if names else '')}\"?\s*=")
    section, index, found = "", -1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[+)([^\]]+)\]+", line)
        if header:
            section = header[2].strip()
            is_array = header[1] == "[["
            index += is_array and bool(names) and section == names[0]
            if not names or section not in (names[0], ".".join(names[:-1])) or (is_array and index != wanted):
                section = section if names and not is_array and section.startswith(f"{names[0]}.") else ""
                continue
            found = found or number
            if len(names) == 1:
                return number
        elif len(names) > 1 and section and index in (-1, wanted) and key.match(line):
            return number
    return found
