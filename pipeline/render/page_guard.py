"""The guard that holds a page to its college, and the page that stands where one could not be made."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from pipeline import resources
from pipeline.errors import MingceError
from pipeline.render.college import SECTIONS
from pipeline.render.pieces import render, token
from pipeline.view.run import Run

_STROKES = 5  # an empty frame of a picture has fewer paths


class PageError(MingceError):
    """A page did not come out as it must: it is replaced by one that says so."""


@dataclass(frozen=True)
class Expected:
    """What a page must hold: its sections, its token, and no student number outside `numbers`."""

    sections: tuple[str, ...]
    token: str
    numbers: frozenset[str]


def expected_of_college(run: Run, school: str, college: str) -> Expected:
    """Return what the dashboard of one college must hold.

    Args:
        run: the run.
        school: the school's code.
        college: the college's name.
    """
    roster = run.rows("roster", columns=["student_number"], school=run.school_name(school), college=college)
    return Expected(SECTIONS, token(run.run_id, school, college), frozenset(roster["student_number"]))


class _Reader(HTMLParser):
    """Gathers tokens, student numbers, sections and rows of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: set[str] = set()
        self.numbers: set[str] = set()
        self.strokes: dict[str, int] = {}
        self.rows = 0
        self._section = ""
        self._pictures: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("name") == "data-college":
            self.tokens.add(given.get("content", ""))
        if "data-college" in given:
            self.tokens.add(given["data-college"])
        if "data-s" in given:
            self.numbers.add(given["data-s"])
        if tag == "section":
            self._section = given.get("id", "")
            self.strokes[self._section] = 0
        if tag == "svg":
            self._pictures.add(self._section)
        self.strokes[self._section] = self.strokes.get(self._section, 0) + (tag == "path")
        self.rows += tag == "tr"

    @property
    def empty_pictures(self) -> list[str]:
        """Sections whose picture has nothing drawn in it."""
        return sorted(name for name in self._pictures if self.strokes.get(name, 0) < _STROKES)


def students_on(html: str) -> set[str]:
    """Return the student numbers of the people that stand on a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.numbers


def check_page(html: str, expected: Expected) -> None:
    """Hold a page to its college.

    Raises:
        PageError: a section is missing, a picture is empty, there are no rows, the token is another one, or a
            student of another college stands on it.
    """
    reader = _Reader()
    reader.feed(html)
    if reader.tokens != {expected.token}:
        raise PageError("页面的院系标记不对，已停止发布")
    if not reader.numbers <= expected.numbers:
        raise PageError("页面里有别的院系的学生，已停止发布")
    missing = [name for name in expected.sections if name not in reader.strokes]
    if missing:
        raise PageError(f"页面缺少 {len(missing)} 节（{'、'.join(missing)}）")
    if ("trend" in expected.sections and "trend" not in reader.strokes) or reader.empty_pictures:
        raise PageError(f"页面的图是空白的（{'、'.join(reader.empty_pictures)}）")
    if not reader.rows:
        raise PageError("页面里没有任何数据行")


def guard_college_page(path: Path, run: Run, school: str, college: str) -> str:
    """Check the dashboard in file `path`; where it fails, put a page that says so in its place.

    Returns:
        What is wrong, in Chinese; empty where the page stands.
    """
    try:
        check_page(path.read_text(encoding="utf-8"), expected_of_college(run, school, college))
    except (PageError, OSError, UnicodeDecodeError) as error:
        reason = error.what if isinstance(error, PageError) else "页面没有生成"
        write_failure(path, college, reason)
        return reason
    return ""


def write_failure(path: Path, title: str, reason: str, remedy: str = "") -> None:
    """Write the page that stands where one could not be made: which, why, what to do."""
    css = (resources.templates() / "page" / "page.css").read_text(encoding="utf-8")
    html = render("page/failure.html.j2", title=title, reason=reason, remedy=remedy, css=css)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8", newline="\n")
