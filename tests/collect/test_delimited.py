"""CSV and TSV in every state that people send."""

import pytest

from pipeline.collect.delimited import decode, guess_delimiter
from pipeline.errors import InputError

HEAD = "姓名,身份证号码,学号,家庭地址"
LINE = "张䶮,430302199503141234,1305030101,桃园路"

ENCODINGS = [
    ("utf-8", b"", "UTF-8"), ("utf-8", b"\xef\xbb\xbf", "BOM"), ("gb18030", b"", "GB18030"),
    ("utf-16-le", b"\xff\xfe", "UTF-16-LE"), ("utf-16-be", b"\xfe\xff", "UTF-16-BE"),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "mark", "said"), ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encoding_ladder(tmp_path, read, rows_of, encoding, mark, said, end):
    path = tmp_path / "a.csv"
    path.write_bytes(mark + end.join([HEAD, LINE, ""]).encode(encoding))
    assert rows_of(path).rows[["row", "name", "home_address"]].values.tolist() == [[2, "张䶮", "桃园路"]]
    assert said in read(path).inputs[0].detail


def test_a_few_broken_bytes_stop_nothing(tmp_path, read, rows_of):
    path = tmp_path / "a.csv"
    lines = [HEAD, *[LINE] * 200]
    path.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe," + LINE.split(",", 1)[1].encode())
    found = rows_of(path)
    assert len(found.rows) == 201
    assert any("认不出" in note.message for note in found.notes)


def test_bytes_of_no_encoding_are_refused():
    with pytest.raises(InputError, match="编码"):
        decode(bytes(range(128, 256)) * 50, "a.csv")


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "，"])
def test_delimiter(delimiter):
    assert guess_delimiter("\n".join([HEAD, LINE]).replace(",", delimiter)) == delimiter


def test_separator_line_of_excel(tmp_path, rows_of):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\n" + f"{HEAD}\n{LINE}\n".replace(",", ";"), "utf-8")
    assert rows_of(path).rows["row"].tolist() == [2]


def test_quotes_with_newlines_and_blank_lines_keep_the_spreadsheets_rows(tmp_path, rows_of):
    path = tmp_path / "a.csv"
    path.write_text(f'{HEAD}\n张三,430302199503141234,1,"一""行\n二行"\n\n{LINE}\n', "utf-8")
    found = rows_of(path).rows
    assert found["row"].tolist() == [2, 4]
    assert found["home_address"].tolist()[0] == '一"行\n二行'


def test_a_stray_quote_swallows_nobody(tmp_path, rows_of):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEAD, LINE, '"' + LINE, LINE, LINE, LINE]), "utf-8")
    found = rows_of(path)
    assert len(found.rows) == 5
    assert any("引号" in note.message for note in found.notes)


def test_ragged_rows_and_nul_bytes(tmp_path, rows_of):
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEAD}\n张三,430302199503141234\n{LINE},多,余\n王\0五,1,2,3\n".encode())
    found = rows_of(path)
    assert found.rows["name"].tolist() == ["张三", "张䶮", "王五"]
    assert found.extras[["row", "column", "value"]].values.tolist() == [[3, "E 列", "多"], [3, "F 列", "余"]]
    assert {note.row for note in found.notes} >= {3, 4}


def test_forced_text_is_the_text(tmp_path, rows_of):
    path = tmp_path / "a.csv"
    path.write_text(f'{HEAD}\n张三,="430302199503141234",="013",x\n', "utf-8")
    found = rows_of(path)
    assert found.rows[["id_number", "student_number"]].values.tolist() == [["430302199503141234", "013"]]
    assert set(found.cells["kind"]) == {"formula"}


BIG = [
    ("utf-8", ""), ("gb18030", ""), ("utf-8", "只有一格\n"), ("utf-8", '李四,430302199503141234,3,"一\n二"\n'),
    ("utf-8", '李四,="430302199503141234",3,四\n'), ("utf-8", '李四,="430302199503141234",3,"一\n",="二"\n'),
]  # fmt: skip


@pytest.mark.parametrize(("encoding", "last"), BIG)
def test_big_files_are_read_the_same(tmp_path, rows_of, encoding, last):
    """The columnar way and the patient way agree on rows and positions."""
    count = 90_000
    text = f"{HEAD}\n" + "".join(f"张三,430302199503141234,{n},桃园路{n}\n" for n in range(count)) + last
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    found = rows_of(path)
    rows = found.rows
    assert rows["student_number"].head(count).tolist() == [str(n) for n in range(count)]
    assert rows["row"].head(count).tolist() == list(range(2, count + 2))
    assert len(rows) + len(found.skipped) == count + bool(last)
    if last.startswith("李四"):
        assert rows.iloc[-1][["id_number", "row"]].tolist() == ["430302199503141234", count + 2]
        assert len(found.cells) == ('="4' in last)


def test_forced_text_in_the_first_rows_of_a_big_file(tmp_path, rows_of):
    path = tmp_path / "a.csv"
    line = '张三,="430302199503141234",{},桃园路\n'
    path.write_text(f"{HEAD}\n" + "".join(map(line.format, range(120_000))), "utf-8")
    found = rows_of(path)
    assert set(found.rows["id_number"]) == {"430302199503141234"}
    assert len(found.rows) == len(found.cells) == 120_000
