"""`python -m tests.invented FOLDER …` writes an invented cohort; `--practice` writes the one that the wheel carries."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from tests.invented import practice
from tests.invented.generate import Order, write_cohort
from tests.invented.kinds import KINDS


def _told(done: int, of: int) -> None:
    print(f"{done:,} of {of:,} students", file=sys.stderr)


def main() -> None:
    """Write the cohort that the arguments describe."""
    parser = argparse.ArgumentParser(prog="tests.invented", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=practice.PLACE)
    parser.add_argument("--practice", action="store_true", help="the practice cohort of `mingce demo`")
    parser.add_argument("--students", type=int, default=600)
    parser.add_argument("--schools", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--format", choices=("xlsx", "csv", "parquet", "ods"), default="xlsx")
    parser.add_argument("--faults", type=float, default=0.2)
    parser.add_argument("--kind", choices=KINDS, default="2017")
    parser.add_argument("--identity-faults", action="store_true", help="faulty identities only")
    parser.add_argument("--photos", action="store_true")
    parser.add_argument("--decisions", action="store_true")
    given = parser.parse_args()
    if given.practice:
        shutil.rmtree(given.folder, ignore_errors=True)
        practice.write_practice(given.folder)
        return
    order = Order(
        given.students, given.schools, given.seed, given.format, given.faults, given.kind, given.identity_faults,
        photos=given.photos, decisions=given.decisions,
    )  # fmt: skip
    write_cohort(given.folder, order, _told)


if __name__ == "__main__":
    main()
