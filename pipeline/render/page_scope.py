"""What a page is about: the students of a college, or of a counselor's classes, gathered once.

Opening it readies the notebook: our font and colours, frames as our tables, slips told in Chinese, and a mark, an
output that says, to people and to the page's guard, which college of which run is open.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from linecache import getline
from traceback import extract_tb
from types import TracebackType
from typing import Any

from pipeline.errors import SLIPS, InputError, one_line, slip_of
from pipeline.render.figures import settings
from pipeline.render.frames import as_bundle
from pipeline.render.pieces import token
from pipeline.render.printed_headcount import Headcount, headcount_lines, outside_in_words
from pipeline.tables import Frame, empty
from pipeline.view.people import Extra, People, college_extras, count_extras
from pipeline.view.run_tables import Run, load_run
from pipeline.view.signature import DONE, SETTLE, SignatureState, SigningStep, signature_of


@dataclass(frozen=True, kw_only=True)
class Scope(People):
    """The students of a college, or of one counselor's classes in it."""

    run: Run
    school: str
    college: str
    counselor: str = ""

    @property
    def school_name(self) -> str:
        """The school's name."""
        return self.run.school_name(self.school)

    @cached_property
    def submissions(self) -> Frame:
        """With which phone the students submitted."""
        ids = [submission for submission in self.roster["submission_id"] if submission]
        return self.run.rows_in("submissions", "submission_id", ids, ["submission_id", "phone"], self.school_name)

    @cached_property
    def listed_extras(self) -> list[Extra]:
        """The submissions outside the roster that claim the college, or one of the counselor's classes."""
        return _listed(self.run, self.school_name, self.college, set(self.roster["class_name"]), self.counselor)

    @property
    def step(self) -> SigningStep:
        """Where the college stands; a counselor, who signs nothing, is done once nobody is left."""
        if self.counselor:
            return SETTLE if self.extras else DONE
        return self.signature.step(self.left, self.extras)

    @cached_property
    def signature(self) -> SignatureState:
        """The college's signature."""
        rows = self.run.rows("colleges", school=self.school_name, college=self.college)
        return SignatureState() if rows.empty else signature_of(self.run, rows.iloc[0].to_dict())

    @property
    def token(self) -> str:
        """The token that the page carries."""
        return token(self.run.run_id, self.school, self.college)


def _listed(run: Run, school: str, college: str, classes: set[str], counselor: str) -> list[Extra]:
    found = college_extras(run, school, college)
    return [each for each in found if not counselor or each.class_name in classes]


def open_page(run: str, college: str, school: str) -> Scope:
    """Gather the students of one college.

    Args:
        run: path of the run folder.
        college: the college's name.
        school: the school's code.

    Raises:
        InputError: no such run, school or college; or the college has no students.
    """
    opened = load_run(run)
    name = opened.school_name(school)
    roster = opened.rows("roster", school=name, college=college)
    if roster.empty:
        raise InputError(f"{name}没有院系“{college}”的学生", remedy="请核对院系名称，或查看 overview.html 中的院系")
    page = Scope(
        roster=roster,
        findings=opened.rows("findings", school=name, college=college),
        course_rows=opened.rows("course", school=name, college=college),
        as_of=opened.as_of,
        window=opened.window,
        extras=count_extras(opened, school=name, college=college).total(),
        run=opened,
        school=school,
        college=college,
    )
    ready_notebook(Mark(page.token, f"已打开 {college}（{name}，{opened.cohort}，数据截至 {opened.as_of}）"))
    return page


def of_classes(page: Scope, classes: set[str], counselor: str) -> Scope:
    """Return the part of a college that is one counselor's: the students of these classes."""
    own = {
        name: frame[frame["class_name"].isin(list(classes))].reset_index(drop=True)
        for name, frame in (("roster", page.roster), ("findings", page.findings), ("course_rows", page.course_rows))
    }
    extras = len(_listed(page.run, page.school_name, page.college, classes, counselor))
    return replace(page, **own, extras=extras, counselor=counselor)


def headcount_of(page: Scope) -> Headcount:
    """Return the college's headcount as it is printed and signed."""
    run = page.run
    school = page.school_name
    table = run.rows("headcount", school=school, college=page.college)
    signature = page.signature
    outside = run.rows("outside", school=school, college=page.college) if run.has("outside") else empty("outside")
    return Headcount(
        cohort=run.cohort,
        school=school,
        college=page.college,
        as_of=run.as_of,
        lines=headcount_lines(table),
        digest=str(run.state(page.school, page.college).get("digest", "")),
        office=str(run.summary["cohort"].get("office", "")),
        outside=outside_in_words(outside),
        signed_on=signature.signed.isoformat() if signature.signed and signature.stands else "",
    )


@dataclass(frozen=True)
class Mark:
    """Which college of which run has been opened; a line in the notebook, a token on the page."""

    token: str
    told: str

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/plain": self.told}, {"mingce": {"opened": self.token}}


def ready_notebook(mark: Mark | None = None) -> None:
    """Make the notebook at hand ready for a page, and show its mark; outside a notebook do nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return
    import matplotlib as mpl
    import pandas as pd

    shell.set_custom_exc(tuple(SLIPS), _tell_slip)
    mpl.rcParams.update(settings())
    for kind in (pd.DataFrame, pd.Series):
        shell.display_formatter.mimebundle_formatter.for_type(kind, as_bundle)
    if mark is not None:
        from IPython.display import display

        display(mark)


def _tell_slip(
    shell: Any,  # noqa: ANN401 - IPython's own
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> None:
    """Show a slip in a cell as a calm box: which line, what Python says, what to do; in place of its traceback."""
    own = [frame for frame in extract_tb(trace) if "ipykernel_" in frame.filename or frame.filename.startswith("<ipy")]
    place = [f"第 {at.lineno} 行：{getline(at.filename, at.lineno or 0).strip()}" for at in own[:1]]
    body = [*place, f"Python 的原话：{kind.__name__}: {one_line(str(error))}", f"怎么办：{slip_of(kind)}。"]
    body.append("改好后，按菜单 运行 → 运行全部单元格。")
    shell._showtraceback(kind, error, ["┌─ 这个单元格没有做成", *(f"│ {line}" for line in body), "└─"])
