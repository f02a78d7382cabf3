"""A college's final headcount: made when it is signed, kept beside `cohort.toml`, shown by every run from then on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.cohort import Cohort
from pipeline.colleges import College
from pipeline.errors import MingceError
from pipeline.render.headcount_pdf import write_headcount_pdf
from pipeline.render.headcount_xlsx import write_headcount_xlsx
from pipeline.render.printed_headcount import Headcount, headcount_lines, outside_in_words
from pipeline.review.review_snapshot import Desk, college_students
from pipeline.review.signed_set import code_of, signed_digest
from pipeline.tables import Frame
from pipeline.tabulate.headcount import make_headcount
from pipeline.whole import appearing, sha256_of

FILES = {"headcount.pdf": write_headcount_pdf, "headcount.xlsx": write_headcount_xlsx}


@dataclass(frozen=True)
class SignedFolder:
    """`<cohort>/signed/`: a folder for each code."""

    path: Path

    @staticmethod
    def of(cohort: Cohort) -> SignedFolder:
        """Return the cohort's."""
        return SignedFolder(cohort.folder / "signed")

    def keep(self, headcount: Headcount, known: Mapping[str, str]) -> dict[str, str]:
        """Make the final files and return their SHA-256; those that still are as `known` says stay."""
        folder = self.path / code_of(headcount.digest)
        return {name: self._kept(folder / name, headcount, known.get(name, "")) for name in FILES}

    def _kept(self, path: Path, headcount: Headcount, known: str) -> str:
        if known and path.is_file() and sha256_of(path) == known:
            return known
        with appearing(path) as draft:
            FILES[path.name](draft, headcount)
            draft.chmod(0o600)
        return sha256_of(path)

    def show(self, digest: str, name: str, sha256: str, place: Path) -> None:
        """Copy a final file to where a run shows it.

        Raises:
            MingceError: it is gone, or no more what was signed.
        """
        kept = self.path / code_of(digest) / name
        if not kept.is_file() or sha256_of(kept) != sha256:
            raise MingceError(
                "签字时保存的文件不见了，或被改动过", where=str(kept), remedy="请从备份找回；找不回来的，请学院重新签字"
            )
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(kept, place)


def final_headcount(
    desk: Desk, college: College, cohort: Cohort, certifications: Frame, outside: Frame, day: date
) -> Headcount:
    """Return the headcount that is signed now.

    Args:
        desk: the newest run's tables under the decisions of this moment.
        college: whose students are all approved.
        cohort: its name and last day.
        certifications: the run's.
        outside: the run's.
        day: the day that the data stand for.
    """
    rows = college_students(desk.people, college)
    own = certifications[certifications["submission_id"].isin(rows["submission_id"])]
    extras = desk.tables.extras
    claimed = rows.iloc[:0] if extras is None else _repeated(extras, college)
    return Headcount(
        cohort=cohort.name,
        school=college.school,
        college=college.name,
        as_of=day,
        lines=headcount_lines(make_headcount(rows, own, claimed)),
        digest=signed_digest(rows),
        office=cohort.office.name,
        outside=outside_in_words(_of(outside, college)),
    )


def _repeated(extras: Frame, college: College) -> Frame:
    """Return one row for each submission outside the roster, as `make_headcount` takes them."""
    own = _of(extras, college)
    return own.loc[own.index.repeat(own["extra"])].reset_index(drop=True)


def _of(rows: Frame, college: College) -> Frame:
    return rows[(rows["school"] == college.school) & (rows["college"] == college.name)]
