"""Read access to a run folder for pages, mail and printed forms: summary, tables, previous run."""

# pyarrow ships no types:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from filecmp import cmp
from functools import cached_property, lru_cache, reduce
from operator import and_
from pathlib import Path
from typing import Any

from pyarrow import dataset

from pipeline.cohort import distinct_name
from pipeline.cohort_sections import Window
from pipeline.errors import InputError
from pipeline.fields import rule_subject
from pipeline.run_folder import full_runs, read_summary
from pipeline.tables import ROW_GROUPS, Frame, read_table, table_file

_MAX_LISTED_SCHOOLS = 5  # the most schools whose colleges one overview lists
_SCHOOLS_PER_LINE = 4  # schools named in one line
_SCHOOLS_IN_REMEDY = 40  # schools named in an error's remedy


@dataclass(frozen=True)
class Run:
    """A run folder. Each call reads only the requested rows of a table."""

    path: Path
    summary: dict[str, Any]

    @property
    def as_of(self) -> date:
        """The date of the run's data."""
        return date.fromisoformat(self.summary["as_of"])

    @property
    def run_id(self) -> str:
        """The run's id."""
        return str(self.summary.get("run_id") or self.path.name)

    @property
    def cohort(self) -> str:
        """The cohort's name, such as 2017届."""
        return str(self.summary["cohort"]["name"])

    @property
    def office(self) -> dict[str, str]:
        """Contact of the office: `name`, `contact`, `phone`, `form`. Unknown ones are blank."""
        settings: dict[str, Any] = self.summary["cohort"]
        contact = {"name": settings.get("office"), **(settings.get("asked") or {})}
        return {key: str(contact.get(key) or "") for key in ("name", "contact", "phone", "form")}

    @cached_property
    def schools(self) -> dict[str, str]:
        """School code to name."""
        return {school["code"]: school["name"] for school in self.summary["cohort"]["schools"]}

    @cached_property
    def window(self) -> Window:
        """The dates of submission and hand-in."""
        return Window.model_validate(self.summary["cohort"]["window"])

    @property
    def many_schools(self) -> bool:
        """Whether the overview lists schools instead of colleges (more than five schools)."""
        return len(self.schools) > _MAX_LISTED_SCHOOLS

    @property
    def schools_in_words(self) -> str:
        """The names of the schools, or their number."""
        return f"{len(self.schools)} 所学校" if self.many_schools else "、".join(self.schools.values())

    def school_name(self, code: str) -> str:
        """Return the name of a school. Raises InputError if the run has no school with this code."""
        if code not in self.schools:
            known = list(self.schools)
            listed = f"{'、'.join(known[:_SCHOOLS_IN_REMEDY])}{' 等' if len(known) > _SCHOOLS_IN_REMEDY else ''}"
            raise InputError(f"这次运行里没有学校 {code}", remedy=f"可选：{listed}")
        return self.schools[code]

    def code_of(self, school: str) -> str:
        """Return a school's code, or the name itself when the run does not list it."""
        return self._codes.get(school, school)

    @cached_property
    def _codes(self) -> dict[str, str]:
        return {name: code for code, name in self.schools.items()}

    def has_pages(self, code: str) -> bool:
        """Return whether the run makes pages for this school (`mingce run --pages`)."""
        requested = self.summary.get("pages", "all")
        return requested == "all" or code in requested

    @cached_property
    def statuses(self) -> dict[str, dict[str, int]]:
        """Students per status of each `school code/college`."""
        states = self.summary.get("colleges_state") or {}
        return {key: state["statuses"] for key, state in states.items() if "statuses" in state}

    def table(self, name: str, columns: list[str] | None = None) -> Frame:
        """Return a whole table of the run."""
        return read_table(self.path, name, columns)

    def of_school(self, name: str, code: str, columns: list[str] | None = None) -> Frame:
        """Return the rows of one school (code; blank: all) in table `name`."""
        if not code:
            return self.table(name, columns)
        return self.rows(name, columns=columns, school=self.school_name(code))

    def rows(self, name: str, *, columns: list[str] | None = None, **equal: str) -> Frame:
        """Return the rows of table `name` with these column values. Raises InputError without that table."""
        where = tuple((column, (value,)) for column, value in equal.items())
        return self._read(name, where, columns, equal.get("school"), cached="college" in equal)

    def rows_in(self, name: str, column: str, values: list[str], columns: list[str], school: str) -> Frame:
        """Return one school's rows of table `name` whose `column` is one of `values`. `school` is a name."""
        return self._read(name, ((column, tuple(values)),), columns, school, cached=True)

    def statuses_of(self, code: str) -> dict[str, dict[str, int]]:
        """Return students per status of each of a school's colleges."""
        return self._by_school.get(code, {})

    @cached_property
    def _by_school(self) -> dict[str, dict[str, dict[str, int]]]:
        found: dict[str, dict[str, dict[str, int]]] = {}
        for key, statuses in self.statuses.items():
            code, _, college = key.partition("/")
            found.setdefault(code, {})[college] = statuses
        return found

    def batches(self, name: str, schools: Iterable[str] = (), columns: list[str] | None = None) -> Iterable[Frame]:
        """Yield table `name` in batches of some ten thousand rows. `schools` are names; none: all."""
        data = dataset.dataset(self.file(name))
        wanted = list(schools)
        only = dataset.field("school").isin(wanted) if wanted else None
        # read ahead by one batch: each batch that is read and not yet consumed is kept in memory
        for batch in data.to_batches(columns=columns, filter=only, batch_readahead=1, fragment_readahead=1):
            yield batch.to_pandas()

    def head(self, name: str, rows: int) -> Frame:
        """Return the first rows of table `name` without reading the others."""
        return dataset.dataset(self.file(name)).head(rows).to_pandas()

    def count(self, name: str) -> int:
        """Return the number of rows of table `name` without reading them."""
        return dataset.dataset(self.file(name)).count_rows()

    def has(self, name: str) -> bool:
        """Return whether the run holds table `name`."""
        return self.file(name).is_file()

    def same_table(self, name: str, other: Run) -> bool:
        """Return whether both runs hold table `name`, byte by byte the same."""
        return self.has(name) and other.has(name) and cmp(self.file(name), other.file(name), shallow=False)

    def file(self, name: str) -> Path:
        """Return the file of table `name`."""
        return self.path / "tables" / f"{name}.parquet"

    def _read(self, name: str, where: _Where, columns: list[str] | None, school: str | None, *, cached: bool) -> Frame:
        file = table_file(self.path, name)
        read = _rows if cached else _rows.__wrapped__
        found = read(file, file.stat().st_mtime_ns, where, tuple(columns) if columns else None, school)
        return found.copy(deep=False)  # copy-on-write: changes do not reach the cached frame

    def state(self, school: str, college: str) -> dict[str, Any]:
        """Return one college's entry in the summary (`colleges_state`), or an empty dictionary."""
        return dict(self.summary.get("colleges_state", {}).get(f"{school}/{college}") or {})

    def not_checked(self, school: str = "") -> list[str]:
        """Return Chinese lines that name the rules which were not checked and why, of one school or all."""
        reasons: dict[tuple[str, str], list[str]] = {}
        for item in self.summary.get("not_checked", []):
            where = str(item.get("school") or "")
            if not school or where in ("", school):
                subjects = reasons.setdefault((str(item["reason"]), "" if school else where), [])
                subjects.append(rule_subject(str(item["rule"])))
        by_rules: dict[tuple[str, str], list[str]] = {}  # many schools lack the same for the same reason
        for (reason, where), rules in reasons.items():
            by_rules.setdefault((reason, "、".join(dict.fromkeys(rules))), []).append(where)
        lines: list[str] = []
        for (reason, rules), places in by_rules.items():
            schools = [*filter(None, places)]
            more = f" 等 {len(schools)} 所学校" if len(schools) > _SCHOOLS_PER_LINE else ""
            named = "、".join(schools[: _SCHOOLS_PER_LINE - 1] if more else schools)
            lines.append(f"未能核验{f'（{named}{more}）' if schools else ''}：{reason}。没有核对的是：{rules}。")
        return lines

    @cached_property
    def previous(self) -> Run | None:
        """The newest earlier complete run of all colleges that has a roster (`purge` deletes rosters)."""
        runs = (path for path in self.path.parent.glob("[!.]*") if path.name < self.run_id)
        for earlier in (Run(path, summary) for path, summary in full_runs(runs)):
            facts = earlier.summary
            complete = not facts.get("partial") and facts.get("command", "run") == "run"
            if complete and str(facts.get("as_of", "")) <= self.as_of.isoformat() and earlier.has("roster"):
                return earlier
        return None

    @property
    def title(self) -> str:
        """The run in Chinese, with date and start time because two runs may share a date."""
        started, day = str(self.summary.get("started_at", ""))[:16].replace("T", " "), self.as_of.isoformat()
        return f"{started or day} 的结果" if day in started or not started else f"{day} 的结果（{started} 运行）"


_Where = tuple[tuple[str, tuple[str, ...]], ...]
"""Columns, and which values of each."""


@lru_cache(16)  # a page reads some tables of its college twice, and so does the next page of that college
def _rows(file: Path, _changed: int, where: _Where, columns: tuple[str, ...] | None, school: str | None) -> Frame:
    """Return the rows of a table that have these values."""
    (fragment,) = dataset.dataset(file).get_fragments()
    row_groups = (fragment.metadata.metadata or {}).get(ROW_GROUPS.encode())
    if row_groups is not None and school is not None:
        fragment = fragment.subset(row_group_ids=json.loads(row_groups).get(school, []))
    # an empty set of values has no type, so `isin` would fail
    tests = (dataset.field(name).isin(allowed) if allowed else dataset.scalar(False) for name, allowed in where)
    return fragment.to_table(columns=columns and list(columns), filter=reduce(and_, tests)).to_pandas()


def load_run(run: Path | str) -> Run:
    """Open a run folder. Raises InputError if it is none, or its summary cannot be read."""
    path = Path(run).resolve()
    summary = read_summary(path)
    if summary is None:
        raise InputError("这里没有一次完整的运行", where=str(path), remedy="请给出 reports/…/runs/ 下的文件夹")
    return Run(path, summary)


def college_folder(school: str, college: str) -> str:
    """Return a college's folder in `site/`, a name that is valid on every system and unique."""
    return distinct_name(f"{school}-{college}")


def school_page(code: str) -> str:
    """Return the file name of a school's page in `site/`."""
    return f"school-{code}.html"


def token(run_id: str, school: str, college: str) -> str:
    """Return the token that identifies one college of one run on its page."""
    return hashlib.sha256(f"{run_id}/{school}/{college}".encode()).hexdigest()[:12]
