"""`purge --close` of a cohort that has seen every command: nobody's name, number or address is left in any byte."""

import io
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.command import run
from tests.conftest import Ran

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_picture")]
PERSONAL = [
    "name", "id_number", "exam_number", "phone", "family_phone", "email", "qq", "home_address", "photo",
]  # fmt: skip
REASON = "金丝雀的原因"


@pytest.fixture
def lived(invented_run: Ran, tmp_path: Path) -> Path:
    """A copy of the invented cohort after one of each command that writes something down."""
    cohort = shutil.copytree(invented_run.cohort, tmp_path / "2017")
    with (cohort / "cohort.toml").open("a", encoding="utf-8") as file:
        file.write('\n[office]\nname = "就业处"\ncontact = "江老师"\nphone = "58291319"\n')
    roster = pd.read_parquet(_run(cohort) / "tables" / "roster.parquet")
    by = ("--by", "王老师")
    both = (*by, "--why", REASON)
    college = f"10534/{roster[roster['school'] == '湖南科技大学']['college'].iloc[0]}"
    for words in (
        ("review", "approve", cohort, "--student", _one(roster, "awaiting"), *both),
        ("review", "return", cohort, "--student", _one(roster, "correct"), *both),
        ("scope", "out", cohort, "--student", _one(roster, "missing"), "--reason", "休学", "--proof", "其他", *both),
        ("review", "sheet", cohort, "--college", college, "--out", cohort / "submissions" / "审核.xlsx"),
        ("papers", cohort, "--full", *by),
        ("send", cohort),
        ("handin", cohort, "--draft"),
        ("backup", cohort / "copies", cohort, *by),
    ):
        assert run(*words) in (0, 4), words
    return cohort


def _run(cohort: Path) -> Path:
    return next((cohort / "reports" / "2017届" / "runs").glob("[!.]*"))


def _one(roster: pd.DataFrame, status: str) -> str:
    row = roster[(roster["status"] == status) & (roster["school"] == "湖南科技大学")].iloc[0]
    return f"10534/{row['student_number']}"


def canaries(cohort: Path) -> set[str]:
    """What is personal of anybody in the registries and submissions; two-character names stand in ordinary words."""
    tables = (pd.read_parquet(_run(cohort) / "tables" / f"{name}.parquet") for name in ("submissions", "registry"))
    values = {value for table in tables for name in PERSONAL if name in table for value in table[name]}
    return {value for value in values if len(value) > (2 if re.fullmatch(r"[\u4e00-\u9fff]+", value) else 6)} | {REASON}


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file as they stand, and unpacked: members of archives, streams of PDFs, pages of Parquet."""
    data = path.read_bytes()
    yield str(path).encode() + data
    if data.startswith(b"PAR1"):
        yield pd.read_parquet(path).to_csv().encode()
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            for name in book.namelist():
                yield name.encode() + book.read(name)
    for start in re.finditer(rb"stream\r?\n|\x1f\x8b\x08", data):
        unpacking = zlib.decompressobj(47)
        try:
            yield unpacking.decompress(data[start.end() if start[0].startswith(b"s") else start.start() :])
        except zlib.error:
            continue
    if data[:1] in b"{[" and b"\\u" in data:
        yield json.dumps(_loaded(data), ensure_ascii=False).encode()


def _loaded(data: bytes) -> Any:
    """The JSON of a file: one value, or one a line."""
    try:
        return json.loads(data)
    except json.JSONDecodeError:
        return [json.loads(line) for line in data.splitlines()]


def any_of(words: list[bytes]) -> bytes:
    """A pattern of some of many words: those that begin alike are tried together, or a megabyte takes seconds."""
    tails: dict[bytes, list[bytes]] = {}
    for word in words:
        tails.setdefault(word[:3], []).append(word[3:])
    return b"|".join(
        re.escape(head) + (b"(?:" + any_of(rest) + b")" if all(rest) else b"") for head, rest in tails.items()
    )


def holding(folder: Path, marks: set[str]) -> set[str]:
    """The files with one of the marks in them, or in their names."""
    pattern = re.compile(any_of([mark.encode() for mark in marks]))
    files = (path for path in folder.rglob("*") if path.is_file())
    hits = ((path.relative_to(folder), pattern.search(data)) for path in files for data in contents(path))
    return {f"{path}: {hit[0].decode()}" for path, hit in hits if hit}


def kinds_of_files_holding(folder: Path, marks: set[str]) -> set[str]:
    """The endings of files with one of the marks in them; of each ending no more are read than it takes to find one."""
    pattern = re.compile(any_of([mark.encode() for mark in marks]))
    found: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in found and any(map(pattern.search, contents(path))):
            found.add(path.suffix)
    return found


def test_nothing_of_anybody_is_left(lived: Path, capsys: pytest.CaptureFixture[str]):
    marks = canaries(lived)
    kinds = kinds_of_files_holding(lived, marks)
    assert len(marks) > 1000 and kinds >= {"", ".csv", ".parquet", ".xlsx", ".html", ".ipynb", ".sqlite"}, kinds
    capsys.readouterr()
    assert run("purge", lived, "--close", "--by", "王老师", "--why", "毕业生已离校") == 0
    told = "".join(capsys.readouterr())
    left = holding(lived, marks)
    assert not [*lived.rglob("*.eml"), *lived.rglob("*.pdf")]  # their letters are packed: none may stay (nobody signed)
    assert {one for one in left if not one.startswith("truth")} == set()
    assert all(name in told for name in ("truth.csv", "truth_missing.csv"))  # none of ours: named
