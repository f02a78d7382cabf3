"""The practice cohort that the wheel carries: invented once, without labels, with small pictures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from PIL import Image

from pipeline import practice
from tests.invented.generate import Order, write_cohort
from tests.invented.kinds import KINDS

PLACE = Path(practice.__file__).parent / "cohort"
SEED = 2027
_HEAD = "# 练习用的届别：人都是虚构的（mingce demo）\n\n"
_QUALITY = 20


def write_practice(folder: Path, seed: int = SEED) -> Path:
    """Write the practice cohort into `folder` and return it."""
    KINDS["practice"] = _kind()
    order = Order(120, 2, seed, kind="practice", photos=True, decisions=True)
    write_cohort(folder, order)
    _leave_one(folder)
    for label in folder.glob("truth*"):
        label.unlink()
    for path in (folder / "photos").iterdir():
        _shrink(path)
    settings = folder / "cohort.toml"
    settings.write_text(_HEAD + settings.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def _kind():
    """The class of 2027, registering: the day it is made for lies inside the window, after the last submission."""
    usual, made_for = KINDS["2017"], practice.MADE_FOR
    last = made_for - timedelta(days=1)
    opens, closes, due = (day.replace(year=2026) for day in (usual.opens, usual.closes, usual.college_due))
    return replace(
        usual, name="练习", year=2027, month="2027-06", opens=opens, closes=closes, college_due=due, as_of=last
    )


def _leave_one(folder: Path) -> None:
    """Take back the decision on whom a classmate's row claims: the walk of docs/office.md looks at him first."""
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as labels:
        claimed = {
            row["submitted_student_number"] for row in csv.DictReader(labels) if row["rule"] == "student_number.unique"
        }
    decisions = folder / "decisions.csv"
    lines = decisions.read_text(encoding="utf-8").splitlines(keepends=True)
    decisions.write_text("".join(line for line in lines if line.split(",")[0] not in claimed), encoding="utf-8")


def _shrink(path: Path) -> None:
    """Store a picture in fewer bytes; one that cannot be read stays as it is."""
    try:
        picture = Image.open(io.BytesIO(path.read_bytes()))
        picture.load()
    except OSError:
        return
    if picture.format == "JPEG":
        picture.save(path, "JPEG", quality=_QUALITY, optimize=True)
