"""Hostile words for every option and argument of every command: taken or refused in words, and nothing is run.

The commands are found on the command line itself, so that a new one is swept without anybody thinking of it.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import app, main
from pipeline.cohort import load_cohort
from pipeline.errors import RefusedError
from pipeline.review.ledger import open_ledger
from tests.security.conftest import Season
from tests.security.hostile import PAYLOADS

FORGED = "10534/1305030101  张三  审核通过"
WORDS = [
    *(payload.replace("\0", "") for payload in PAYLOADS),  # no word of a command line holds NUL
    f"王\n{FORGED}", f"王\r{FORGED}", f"王\u2028{FORGED}", "\udcff\udcfe", "", " ", "\u3000",
    "-", "--by", "10534/", "/", "//",
    "[bold red]x[/] :bomb:", "{}", "{0.__class__}", "%s%d", "NaN", "0x10", "1e999", "9" * 4000, "١٢", "~", "~nobody/x",
    "s3://x/y", "file::memory:?cache=shared", "2016-13-45", "99999-01-01", "x" * 100_000,
]  # fmt: skip
CODES = {0, 2, 3, 4, 6}  # of the contract; 5 would be another run
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
ENGLISH = re.compile(r"(?:\b[A-Za-z][a-z']+ ){3,}[A-Za-z]+")
IDENTITY = re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")
TREE: Any = typer.main.get_command(app)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, sub in getattr(command, "commands", {}).items():
        yield from leaves(sub, (*path, name)) if hasattr(sub, "commands") else [(" ".join((*path, name)), sub)]


COMMANDS: dict[str, Any] = dict(leaves(TREE))


@dataclass
class Desk:
    """A copy of the season's cohort, where what is made may be made, and what a command said last."""

    cohort: Path
    folder: Path
    student: str
    capture: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        self._numbers = itertools.count()

    def new(self) -> str:
        """Return a place where nothing stands yet."""
        return str(self.folder / f"new-{next(self._numbers)}")

    def known(self, command: str) -> dict[str, list[str]]:
        """Return what a command needs to come as far as it can, by parameter."""
        cohort, registry = str(self.cohort), str(self.cohort / "registry" / "10534.csv")
        needed = {
            "cohort": [cohort],
            "path": [cohort],
            "by": ["王老师"],
            "why": ["核对"],
            "old": [registry],
            "new": [registry],
        }
        own: dict[str, dict[str, list[str]]] = {
            "demo": {"folder": [self.new()]},
            "init": {"folder": [self.new()]},
            "sign": {"words": ["10534/土木工程学院", cohort]},
            "accept": {"words": ["10534/土木工程学院", cohort]},
            "explain": {"number": [self.student]},
            "template": {"out": [self.new()]},
            "anonymise": {"out": [self.new()]},
            "backup": {"destination": [self.new()]},
            "handin": {"out": [self.new()]},
            "review withdraw": {"submission": ["S"]},
            "except add": {"student": [self.student], "rule": ["contact.phone"], "proof": ["其他"]},
            "except revoke": {"number": ["1"]},
        }  # fmt: skip
        if command in ("review approve", "review return", "review reopen"):
            needed["student"] = [self.student]
        return needed | {"words": [cohort]} | own.get(command, {})

    def line(self, command: str, tried: Any, word: str) -> list[str]:
        """Return a command line with a hostile word for the parameter `tried`, the others as they should be."""
        known = self.known(command)
        options, arguments = {"demo": ["--no-run"], "run": ["--no-notebooks"]}.get(command, []), []
        for param in COMMANDS[command].params:
            values = known.get(param.name, ["x"] if param.required else [])
            if param is tried:
                values = [self.placed(param, word), *(values[1:] if param.nargs == -1 else [])]
            if param.param_type_name == "option":
                options += [each for value in values for each in (param.opts[-1], value)]
            else:
                arguments += values
        return [*command.split(" "), *options, *arguments]

    def placed(self, param: Any, word: str) -> str:
        """Return the word, or where it names what a command may make: a place below this folder."""
        kind = getattr(getattr(param, "type_descriptor", None), "annotation", None)
        return str(self.folder / word.replace("/", "_")) if kind is Path else word

    def hear(self, words: list[str]) -> None:
        """Run a command line in this process; fail where it ends or speaks otherwise than the contract says."""
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = self.capture.readouterr()
        shown = [word[:60] for word in words]
        assert (left.value.code or 0) in CODES, (shown, err)
        for wrong in ("Traceback", "意外错误"):
            assert wrong not in out + err, (shown, err)
        for pattern, said in ((CONTROL, out + err), (ENGLISH, err), (IDENTITY, err)):
            assert not pattern.search(said), (shown, pattern.search(said))
        assert not [line for line in (out + err).splitlines() if line.startswith(FORGED)], (shown, out + err)
        assert len(err) < 20_000, (shown, len(err))


@pytest.fixture(scope="module")
def copied(season: Season, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    shutil.copytree(season.cohort, folder / "cohort", symlinks=True)
    return folder


@pytest.fixture
def desk(
    season: Season, copied: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    import pandas as pd

    roster = pd.read_parquet(season.run / "tables" / "roster.parquet")
    place = copied / "place"
    place.mkdir(exist_ok=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(copied / "home"))
    desk = Desk(copied / "cohort", place, f"10534/{roster['student_number'].iloc[1]}", capfd)
    yield desk
    assert {path.name for path in copied.iterdir()} <= {"cohort", "place", "home"}
    assert not list(copied.rglob("pwned*"))
    with open_ledger(load_cohort(desk.cohort)) as ledger:
        assert ledger.verify() == []


def tried(command: str) -> list[Any]:
    """Return the parameters of a command that take a word."""
    return [param for param in COMMANDS[command].params if not getattr(param, "is_flag", False)]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_hostile_word_for_every_parameter(command: str, desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """What takes seconds is left to the long form: the main job itself, and Great Expectations' pages."""

    def refuse(*_: object, **__: object) -> None:
        raise RefusedError("不在这里运行")

    monkeypatch.setattr("pipeline.run.run_cohort", refuse)
    monkeypatch.setattr("pipeline.check.data_docs.write_data_docs", refuse)
    before = itertools.takewhile(lambda name: name != command, COMMANDS)
    first = sum(len(tried(name)) for name in before)
    for at, param in enumerate(tried(command), first):  # in all of them together every word has its turn
        desk.hear(desk.line(command, param, WORDS[at % len(WORDS)]))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_hostile_word_for_every_parameter(command: str, desk: Desk):
    for param in tried(command):
        for word in WORDS:
            desk.hear(desk.line(command, param, word))
