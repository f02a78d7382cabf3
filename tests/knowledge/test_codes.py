"""Code tables: the built-in ones, and how an office's own replaces them."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import fields
from pipeline.errors import ConfigurationError
from pipeline.knowledge.codes import _is_placeholder, _placeholder_words, load_codes, without_placeholders
from pipeline.resources import expectation_rows

SPEC = Path(__file__).with_name("spec") / "codes.csv"


def cases():
    with SPEC.open(encoding="utf-8", newline="") as lines:
        return [pytest.param(row, id=f"{row['field']}-{row['answer']}") for row in csv.DictReader(lines)]


@pytest.mark.parametrize("case", cases())
def test_answers(case):
    table = load_codes()[case["field"]]
    answer = pd.Series([case["answer"]], dtype="str", index=[3])
    assert table.canonical(answer).to_dict() == {3: case["label"]}
    assert table.known(answer).to_dict() == {3: case["known"] == "yes"}
    assert table.known(table.canonical(answer)).to_dict() == {3: case["known"] == "yes"}


def test_every_coded_field_has_its_table():
    coded = {field.name for field in fields.fields().values() if field.type == "code"}
    assert coded <= set(load_codes())


def test_sizes_of_the_standards():
    sizes = {name: len(table.labels) for name, table in load_codes().items()}
    assert sizes["ethnicity"] == 58  # GB/T 3304: 56 and two others
    assert sizes["political_status"] == 13  # GB/T 4762
    assert sizes["hardship_category"] == 8
    assert sizes["major"] == 506  # catalogue of 2012


def test_every_row_says_where_it_comes_from():
    from pipeline import resources

    for path in (resources.expectations() / "codes").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as lines:
            assert all(row["source"] for row in csv.DictReader(lines)), path.name


def test_an_office_replaces_one_table(tmp_path):
    table = "code,label,aliases,source\n1,有,是|Y,学校\n2,没有,否,学校\n"
    (tmp_path / "teacher_training.csv").write_text(table, "utf-8-sig")
    tables = load_codes(tmp_path)
    assert tables["teacher_training"].labels == ("有", "没有")
    assert tables["teacher_training"].canonical(pd.Series(["是", "y", "否"], dtype="str")).tolist() == [
        "有",
        "有",
        "没有",
    ]
    assert tables["gender"].labels == ("男", "女")
    assert load_codes()["teacher_training"].labels == ("是", "否")


def test_a_folder_of_its_own_for_code_tables(tmp_path):
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes" / "gender.csv").write_text(
        "code,label,aliases,source\n1,男,,校\n2,女,,校\n3,其他,,校\n", "utf-8"
    )
    (tmp_path / "notes.csv").write_text("什么,都有\n", "utf-8")
    assert load_codes(tmp_path)["gender"].labels == ("男", "女", "其他")


def test_no_folder_is_the_built_in_tables(tmp_path):
    assert load_codes(tmp_path / "none") == load_codes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("label\n", "没有内容"),
        ("名称,别名\n汉族,汉\n", "第 1 行：缺少 label 列"),
        ("code,label,aliases,source\n1,,汉,x\n", "第 2 行：label 为空"),
        ("code,label,aliases,source\n1,汉族,汉,x\n2,回族,汉,x\n", "第 3 行：“汉”已是“汉族”"),
        ("code,label,aliases,source\n1,汉族,,x\n2,汉族,,x\n", "第 3 行：“汉族”出现了两次"),
        ("code,label,aliases,source\n1,汉族,汉,x,y\n", "第 2 行：比表头多出一列"),
    ],
)
def test_a_bad_table_says_file_and_line(tmp_path, content, said):
    (tmp_path / "ethnicity.csv").write_text(content, "utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_codes(tmp_path)
    assert "ethnicity.csv" in str(error.value)
    assert said in str(error.value)


def test_a_table_in_another_encoding(tmp_path):
    (tmp_path / "ethnicity.csv").write_bytes("code,label\n1,汉族\n".encode("gbk"))
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_codes(tmp_path)


TWICE = [
    ("political_status", "03共青团员", "共青团员"), ("political_status", "3-共青团员", "共青团员"),
    ("political_status", "01共青团员", "01共青团员"), ("education_level", "31-本科", "本科"),
    ("education_level", "本科（31）", "本科"), ("education_level", "11本科", "11本科"), ("gender", "1.男", "男"),
    ("gender", "1.女", "1.女"),
    ("teacher_training", "2|非师范生", "否"),
    ("hardship_category", "0 非困难生", "非困难生"),
    ("ethnicity", "01汉族", "汉族"), ("foreign_language", "英语(English)", "英语"),
    ("foreign_language", "英语(日语)", "英语(日语)"), ("gender", "3.男孩子", "3.男孩子"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "given", "kept"), TWICE)
def test_code_and_label_are_read_where_they_agree(field, given, kept):
    assert load_codes()[field].canonical(pd.Series([given])).tolist() == [kept]


def test_a_table_of_no_field_and_two_of_one_are_told(tmp_path):
    (tmp_path / "codes").mkdir()
    for name in ("codes/ethnicities.csv", "codes/gender.csv", "gender.csv"):
        (tmp_path / name).write_text("code,label\n1,男\n2,女\n", "utf-8")
    with pytest.raises(ConfigurationError) as error:
        load_codes(tmp_path)
    assert "没有字段 ethnicities" in str(error.value)
    assert "gender 有两张代码表" in str(error.value)


MARKS = st.sampled_from(
    ["", "（", "）", "(", ")", "“", "。", ".", "!", " ", "\u3000", "-", "×", "Ｎ", "ａ", "²", "锡", "7", "\n"]
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(expectation_rows("placeholders.csv")), MARKS, MARKS, st.booleans(), st.booleans())
def test_the_quick_look_passes_over_no_placeholder(
    row: dict[str, str], before: str, after: str, upper: bool, wide: bool
):
    word = row["word"].upper() if upper else row["word"]
    word = "".join(chr(ord(char) + 0xFEE0) if wide and "!" <= char <= "~" else char for char in word)
    name = row["field"] or "home_address"
    value = f"{before}{word}{after}"
    kept = without_placeholders(name, pd.Series([value], dtype="str"), None)
    assert kept.tolist() == [
        "" if _is_placeholder(value, _placeholder_words()[""] | _placeholder_words().get(name, set())) else value
    ]
