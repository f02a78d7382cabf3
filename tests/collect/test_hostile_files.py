"""Readers against files that mean harm: a reading or one Chinese line, soon, and nothing else happens."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import Content
from pipeline.collect.rows import rows_of_grid
from pipeline.errors import InputError
from pipeline.fields import names
from tests.collect.make_hostile import HEAD, HERE, ROW, files, xlsx

SECONDS = 12.0  # of the processor; the child that reads xls, xlsb and ods is given 9
MEMORY = 700 << 20


def cpu() -> float:
    """Return what this process and its children took of the processor: the clock would measure the machine's load."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def peak() -> int:
    """Return the most memory that this process ever had, in bytes; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def read(name: str, data: bytes) -> str:
    """Read a file to the end, as collect does; return all its text, or what it was refused for."""
    try:
        reading = read_table_file(Content(name, data, "0" * 64))
        parts = [rows_of_grid(grid, names()) for grid in reading.grids]
    except InputError as error:
        assert error.what
        return f"refused: {error}"
    return "\n".join(part.rows.to_csv() + part.extras.to_csv() for part in parts)


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.iterdir()))
def test_a_hostile_file_is_read_or_refused(name: str):
    data = (HERE / name).read_bytes()
    assert len(data) < 110_000, "the corpus stays tiny"
    started, had = cpu(), peak()
    said = read(name, data)
    assert cpu() - started < SECONDS
    assert peak() - had < MEMORY
    assert "root:" not in said
    assert "lollollol" not in said
    assert not Path("/tmp/mingce-pwned").exists()
    if name.startswith("good."):
        assert "43062419940318927X" in said


def test_the_corpus_is_what_its_script_makes():
    assert sorted(files()) == sorted(path.name for path in HERE.iterdir())


def _parquet() -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"姓名": ["张三"], "学号": ["1305030101"]}).to_parquet(out)
    return out.getvalue()


SEEDS = {
    "a.csv": (HEAD + ROW * 3).encode(),
    "b.csv": (HEAD + ROW * 3).encode("gb18030"),
    "c.csv": (HEAD + ROW * 3).encode("utf-16"),
    "d.parquet": _parquet(),
    "e.xlsx": (HERE / "good.xlsx").read_bytes(),
}
changes = st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=6), st.integers(0, 40)), min_size=1, max_size=6)


def _spoilt(data: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    for at, put, drop in edits:
        place = at % (len(data) + 1)
        data = data[:place] + put + data[place + drop :]
    return data


def _spoilt_inside(data: bytes, number: int, edits: list[tuple[int, bytes, int]]) -> bytes:
    """Spoil one part of an archive and pack it anew: a byte changed outside of it mostly fails a checksum only."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w") as made:
        chosen = given.namelist()[number % len(given.namelist())]
        for name in given.namelist():
            part = given.read(name)
            made.writestr(name, _spoilt(part, edits) if name == chosen else part)
    return out.getvalue()


def _fuzz_inside(name: str, number: int, edits: list[tuple[int, bytes, int]]) -> None:
    started = cpu()
    read(name, _spoilt_inside((HERE / name).read_bytes(), number, edits))
    assert cpu() - started < SECONDS


def _fuzz(name: str, edits: list[tuple[int, bytes, int]]) -> None:
    started = cpu()
    read(name, _spoilt(SEEDS[name], edits))
    assert cpu() - started < SECONDS


fuzzed = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
longer = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed
@given(st.sampled_from(sorted(SEEDS)), changes)
def test_spoilt_files(name: str, edits: list[tuple[int, bytes, int]]):
    _fuzz(name, edits)


inside = st.sampled_from(["good.xlsx", "odd-digits.xlsx", "pictures.xlsx", "good.xlsb"])


@settings(fuzzed, max_examples=6)  # each opens a child process, some until its limit of CPU seconds
@given(inside, st.integers(0, 9), changes)
def test_spoilt_parts(name: str, number: int, edits: list[tuple[int, bytes, int]]):
    _fuzz_inside(name, number, edits)


@fuzzed
@given(st.text(max_size=300))
@example("姓名,学号\n=1+1,\u2028\x00\r\r\n")
def test_any_text_is_a_table_or_refused(text: str):
    read("a.csv", text.encode("utf-8", errors="surrogatepass"))


@fuzzed
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes):
    read("a", data)


XML = st.text(alphabet=" <>/=\"'&;csvtrinlStrA1B2XFD9048576:-.eE姓名", max_size=120)


@fuzzed
@given(XML)
def test_any_worksheet_xml(text: str):
    from tests.collect.make_hostile import sheet

    read("a.xlsx", xlsx(sheet(text)))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@longer
@given(st.sampled_from(sorted(SEEDS)), changes)
def test_spoilt_files_for_long(name: str, edits: list[tuple[int, bytes, int]]):
    _fuzz(name, edits)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@longer
@given(inside, st.integers(0, 9), changes)
def test_spoilt_parts_for_long(name: str, number: int, edits: list[tuple[int, bytes, int]]):
    _fuzz_inside(name, number, edits)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@longer
@given(XML)
def test_any_worksheet_xml_for_long(text: str):
    from tests.collect.make_hostile import sheet

    read("a.xlsx", xlsx(sheet(text)))
