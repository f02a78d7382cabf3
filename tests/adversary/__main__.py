"""`python -m tests.adversary FOLDER [KIND...]` writes and checks whole cohorts of a kind and prints what is off."""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import sys
from pathlib import Path

from tests.adversary import KINDS, bench, cases
from tests.command import run

AS_OF = "2016-11-01"


def checked(folder: Path, wanted: list[bench.Case], seed: int) -> bench.Score:
    """Write a cohort of the cases, check it and return its score."""
    shutil.rmtree(folder, ignore_errors=True)
    cohort = bench.write(folder, wanted, seed)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = run("check", folder, "--as-of", AS_OF)
    assert code == 0, code
    return bench.score(cohort, Path(said.getvalue().strip().splitlines()[-1]))


def main() -> None:
    """Run the kinds that were asked for, all where none was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kinds", nargs="*", default=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for kind in args.kinds:
        wanted = cases(kind)
        score = checked(args.folder / f"{kind}-{args.seed}", wanted, args.seed)
        off = [*score.off, f"{kind}: {len(score.off)} of {len(wanted)} off, lost {score.lost}", str(score.shares())]
        sys.stdout.write("\n".join(off) + "\n")


if __name__ == "__main__":
    main()
