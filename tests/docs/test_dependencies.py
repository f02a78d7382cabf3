"""docs/dependencies.md names every direct dependency, as the lock has it."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_direct_dependency_stands_in_the_table_with_its_locked_release():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=\[,]", each)[0].lower() for each in declared}
    rows = re.findall(r"^\| ([a-z0-9-]+) \| [^|]+ \| ([0-9][0-9a-z.]*) \|", _text("docs/dependencies.md"), re.M)
    assert {name for name, _ in rows} == names
    locked = dict(re.findall(r"^([a-z0-9-]+)==([0-9][0-9a-z.]*)", _text("requirements.lock"), re.M))
    assert [(name, version, locked[name]) for name, version in rows if locked[name] != version] == []


def _text(name):
    return (ROOT / name).read_text(encoding="utf-8")
