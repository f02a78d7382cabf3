"""DBF tables as they are written today: Chinese text and names, numbers, dates, memos, deleted records."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dbf
import pytest
from dbf.tables import code_pages

from pipeline.collect.collected import Reading
from pipeline.collect.formats import read_table_file
from pipeline.collect.inputs import read_content
from pipeline.errors import InputError

FIELDS = "XM C(12); XH C(12); KSH N(18,0); XZ N(3,1); CSRQ D; ZX L; BZ M"
PEOPLE = [
    ("欧阳震华", "1305030101", 411201199503141234, 2.5, dt.date(1995, 3, 14), True, "转专业，见文件"),
    ("王𠮷", "0042", None, 4, None, None, ""),
]


def written(folder: Path, mark: int, encoding: str, name: str = "学籍.dbf") -> Path:
    """Write PEOPLE in this encoding under any language driver, which need not be the encoding's."""
    path = folder / "a.dbf"
    kept = code_pages.get(0x7A)
    code_pages[0x7A] = (encoding, encoding)
    try:
        with dbf.Table(str(path), FIELDS, codepage=encoding) as table:
            for person in PEOPLE:
                table.append(person)
    finally:
        code_pages[0x7A] = kept
    data = bytearray(path.read_bytes())
    data = data.replace(b"411201199503141248", b"411201199503141234")  # the library writes a float's digits
    data[29] = mark
    path.unlink()
    (folder / name).write_bytes(bytes(data))
    memo = folder / "a.dbt"
    memo.rename(folder / f"{Path(name).stem}.DBT")
    return folder / name


def read(path: Path) -> Reading:
    return read_table_file(read_content(path, path.parent))


@pytest.mark.parametrize(("mark", "encoding"), [(0x7A, "gb18030"), (0x4D, "gb18030"), (0, "gb18030"), (3, "gb18030"),
                                                (0, "utf-8")])  # fmt: skip
def test_a_table_is_read_as_it_was_typed(tmp_path, mark, encoding):
    reading = read(written(tmp_path, mark, encoding))
    head, first, second = reading.grids[0].values
    assert head == ["XM", "XH", "KSH", "XZ", "CSRQ", "ZX", "BZ"]
    assert first == ["欧阳震华", "1305030101", "411201199503141234", "2.5", "1995-03-14", "TRUE", "转专业，见文件"]
    assert (second[:2], second[2:]) == (["王𠮷", "0042"], ["", "4"])
    kinds = {(cell.row, cell.column): cell.kind for cell in reading.grids[0].cells}
    assert kinds[1, 2] == "number" and kinds[1, 4] == "date"


def test_memos_that_are_not_there_and_deleted_records_are_told(tmp_path):
    path = written(tmp_path, 0x7A, "gb18030")
    (tmp_path / "学籍.DBT").unlink()
    data = bytearray(path.read_bytes())
    data[int.from_bytes(data[8:10], "little")] = 0x2A
    path.write_bytes(bytes(data))
    grid = read(path).grids[0]
    assert [row[0] for row in grid.values] == ["XM", "王𠮷"]
    assert [(note.level, "备注" in note.message, "删除" in note.message) for note in grid.notes] == [
        ("info", False, True), ("warning", True, False),
    ]  # fmt: skip


def test_fields_may_have_chinese_names_and_the_same_one_twice(tmp_path):
    path = written(tmp_path, 0, "gb18030")
    data = bytearray(path.read_bytes())
    for at, name in ((32, "姓名"), (64, "学号"), (96, "学号")):
        data[at : at + 11] = name.encode("gb18030").ljust(11, b"\0")
    path.write_bytes(bytes(data))
    assert read(path).grids[0].values[0][:3] == ["姓名", "学号", "学号"]


def test_a_damaged_table_is_refused_in_words(tmp_path):
    path = written(tmp_path, 0, "gb18030")
    data = bytearray(path.read_bytes())
    data[32 + 11] = ord("?")
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="读不出"):
        read(path)


def test_the_case_of_a_registry_is_read(shared):
    values = read(shared / "cases" / "files" / "registry.dbf").grids[0].values
    assert values[1][:4] == ["", "湖南科技大学", "13610100000000", "许强云"]
    assert len(values) == 9
