"""Which row is the header, and what its labels mean."""

import pandas as pd
import pytest

from pipeline.collect.collected import Grid
from pipeline.collect.header import find_header
from pipeline.collect.headings import field_of_heading, joined_field
from pipeline.collect.rows import rows_of_grid
from pipeline.fields import fields, names

MEANS = [
    ("姓名", "name"), ("*姓名", "name"), (" 姓 名 ", "name"), ("身份证号码（必填）", "id_number"),
    ("1、学号", "student_number"), ("【必填】手机号码：", "phone"), ("生源地（省）", "origin_province"),
    ("生源地市(地区)", "origin_city"), ("学制（年）", "study_years"), ("ＱＱ号", "qq"), ("e-mail", "email"),
    ("定向委培单位", "commissioning_unit"), ("市（地区）", "home_city"), ("辅导员", ""), ("", ""), ("父亲电话", ""),
    ("生源地（县）（必填）", "origin_county"), ("生源地（市）\n(如实填写)*", "origin_city"),
    ("（4）学号", "student_number"), ("【12】班级", "class_name"), ("1、您的姓名：", "name"),
    ("Q3. 学号", "student_number"), ("2、请填写您的身份证号码____", "id_number"), ("提交答卷时间", "submitted_at"),
    ("联系电话（父亲）", ""), ("联系电话（家庭成员）", ""), ("学号（旧）", ""), ("专业（转专业前）", ""),
    ("姓名（家长）", ""), ("联系电话（本人）", "phone"), ("学号（新）", "student_number"),
    ("家庭联系电话（父母）", "family_phone"), ("家庭住址（户籍所在地）", "home_address"), ("家庭住址（原）", ""),
    ("手机（不要填家长的）", "phone"),
    ("2、您的学号是？", "student_number"), ("联系电话（公司人事）", ""),
    ("生源地省（高考前）", "origin_province"),
    ("身份證號碼（必填）", "id_number"), ("* 學 號", "student_number"), ("家庭聯繫電話", "family_phone"),
    ("輔導員電話", ""), ("聯繫電話（父親）", ""), ("e-mail 電子郵箱", ""), ("㙍姓", ""),
]  # fmt: skip


@pytest.mark.parametrize(("label", "field"), MEANS)
def test_label_means_field(label, field):
    assert field_of_heading(label) == field


JOINED = [
    ("生源地", "省", "origin_province"), ("生源地（高考前）", "市", "origin_city"),
    ("生源地信息", "区县", "origin_county"), ("家庭地址", "县（区）", "home_county"), ("父母所在地", "省", ""),
    ("县（区）", "岳麓区", ""),
]  # fmt: skip


@pytest.mark.parametrize(("upper", "lower", "field"), JOINED)
def test_label_in_two_rows_means_field(upper, lower, field):
    assert joined_field(upper, lower) == field


def test_every_label_of_the_field_table_means_its_field():
    assert {label: field_of_heading(label) for f in fields().values() for label in f.labels} == {
        label: f.name for f in fields().values() for label in f.labels
    }


def grid(*rows, **more):
    return Grid("a.xlsx", "一", [list(row) for row in rows], **more)


PERSON = ["张三丰", "430302199503141234", "1305030101"]


def test_title_rows_and_notes_stand_above():
    found = rows_of_grid(
        grid(["2017届毕业生信息表"], [], ["说明：请如实填写"], ["姓名", "身份证号码", "学号"], PERSON), names()
    )
    assert found.rows[["row", "name"]].values.tolist() == [[5, "张三丰"]]


@pytest.mark.parametrize("label", ["省", "市", "县（区）", "区县"])
@pytest.mark.parametrize("person", [PERSON, ["张三丰", "", ""]], ids=["numbers", "name alone"])
def test_the_first_person_is_no_second_row_of_a_header_below_a_title(label, person):
    found = find_header([["2017届毕业生信息表"] * 4, ["姓名", "身份证号码", "学号", label], [*person, "岳麓区"]])
    assert found is not None
    assert (found.top, found.bottom, len(found.columns)) == (1, 1, 4)


@pytest.mark.parametrize("merged", [[], [(0, 3, 0, 5), (0, 0, 1, 0), (0, 1, 1, 1), (0, 2, 1, 2), (0, 6, 0, 7)]])
def test_header_of_two_rows(merged):
    upper = ["姓名", "身份证号码", "学号", "生源地", "", "", "家庭所在地", ""]
    lower = ["", "", "", "省", "市", "县", "省", "市"]
    found = find_header(grid(upper, lower, merged=merged).values)
    assert found is not None
    assert found.columns == {
        "name": 0, "id_number": 1, "student_number": 2, "origin_province": 3, "origin_city": 4, "origin_county": 5,
        "home_province": 6, "home_city": 7,
    }  # fmt: skip


GROUPS = [("父亲信息", "联系电话"), ("紧急联系人", "手机"), ("辅导员", "手机号码"), ("就业单位", "详细地址"),
          ("高中阶段", "学制"), ("转专业前", "专业"), ("现居住地", "省")]  # fmt: skip


@pytest.mark.parametrize(("group", "label"), GROUPS)
@pytest.mark.parametrize("merged", [[], [(0, 0, 0, 2), (0, 3, 0, 4)]], ids=["csv", "merged"])
@pytest.mark.parametrize("title", [0, 1])
def test_what_stands_under_another_person_or_place_is_not_the_students(group, label, merged, title):
    rows = [["户籍信息", "", "", "", ""]] * title
    rows += [
        ["基本信息", "", "", group, ""],
        ["姓名", "身份证号码", "学号", label, "姓名"],
        [*PERSON, "别人的", "别人"],
    ]
    merged = [(top + title, left, bottom + title, right) for top, left, bottom, right in merged]
    found = rows_of_grid(grid(*rows, merged=merged), names())
    assert found.rows[["name", "id_number", "student_number"]].values.tolist() == [PERSON]
    assert found.columns[0].fields == {"name", "id_number", "student_number"}
    assert found.extras["value"].tolist() == ["别人的", "别人"]


def test_the_students_columns_may_stand_right_of_anothers():
    upper = ["父亲信息", "", "学生信息", "", "", ""]
    lower = ["姓名", "手机号码", "姓名", "身份证号码", "学号", "手机号码"]
    found = rows_of_grid(grid(upper, lower, ["张父", "139", *PERSON, "138"]), names())
    assert found.rows[["name", "phone"]].values.tolist() == [["张三丰", "138"]]


@pytest.mark.parametrize("over", ["户籍信息", "导师信息"])
def test_a_title_that_sounds_like_a_group_is_none(over):
    found = rows_of_grid(grid([over] * 4, ["姓名", "身份证号码", "学号", "手机"], [*PERSON, "138"]), names())
    assert found.rows[["name", "phone"]].values.tolist() == [["张三丰", "138"]]


@pytest.mark.parametrize(
    "second", [["学号", "手机", "家庭电话", "姓名", "身份证号码"], ["姓名", "身份证号码", "学号", "家庭电话", "手机"]]
)
def test_a_second_header_in_another_order_ends_the_table(second):
    head = ["姓名", "身份证号码", "学号", "手机", "家庭电话"]
    below = [[*PERSON, "138", "139"], [], second, ["1305030102", "138", "139", "李四", "430302199503141235"]]
    found = rows_of_grid(grid(head, *below), names())
    assert found.rows["name"].tolist() == ["张三丰"]
    assert found.skipped["row"].tolist() == [4, 5]
    assert [(note.level, note.row) for note in found.notes] == [("error", 4)]


RIGHT_ID = "110101199003077619"
"""Its check character is right."""
NEAR = [
    ("身分证号码", RIGHT_ID, "id_number", True),
    ("身分证号码", PERSON[1], "id_number", False),
    ("学院名称", "土木工程学院", "college", False),
    ("联系人电话", "13800010000", "phone", False),
    ("父亲身份证号", RIGHT_ID, "", False),
    ("证件", RIGHT_ID, "", False),
]


@pytest.mark.parametrize(("label", "value", "field", "taken"), NEAR)
def test_a_near_heading_is_a_question_unless_its_values_prove_it(label, value, field, taken):
    head = ["姓名", "学号", label]
    (has,) = rows_of_grid(grid(head, ["张三", "1305030101", value]), names()).columns
    assert (field in has.fields) == taken
    assert not taken or [c.basis for c in has.columns if c.field == field] == ["values"]
    if not taken and field:
        assert [(c.heading, c.likely) for c in has.questions] == [(label, field)]
    assert "school" not in has.fields


def test_a_better_reading_leaves_no_question():
    (has,) = rows_of_grid(
        grid(["姓名", "学号", "手机", "联系人电话"], ["张三", "1305030101", "138", "139"]), names()
    ).columns
    assert has.fields == {"name", "student_number", "phone"}
    assert not has.questions


def test_declared_goes_before_known():
    has = grid(["姓名", "学号", "手机", "联系人电话", "层次"], ["张三", "1305030101", "138", "139", "本科生"])
    declared = {"phone": "联系人电话", "education_level": "=本科", "college": "@sheet"}
    found = rows_of_grid(has, names(), declared)
    assert found.rows[["phone", "education_level", "college"]].values.tolist() == [["139", "本科", "一"]]


TITLES = [
    ("13土木1班", ["2017届名单"], "@sheet", "13土木1班"),
    ("班级：13土木1班", [], "@sheet", "13土木1班"),
    ("Sheet1", ["班级：13土木1班"], "@title", "13土木1班"),
    ("Sheet1", ["2017届信息表", "院系：土木学院　班级：13土木1班"], "@title", "13土木1班"),
    ("Sheet1", ["院系：土木学院  13土木1班"], "@title", "13土木1班"),
]


@pytest.mark.parametrize(("sheet", "titles", "declared", "value"), TITLES)
def test_a_class_may_stand_over_the_table(sheet, titles, declared, value):
    rows = [[title, "", "", ""] for title in titles] + [["姓名", "身份证号码", "学号", "手机"], [*PERSON, "138"]]
    found = rows_of_grid(Grid("a.xlsx", sheet, rows), names(), {"class_name": declared})
    assert found.rows["class_name"].tolist() == [value]


def test_notes_name_the_column_and_not_the_title():
    head = ["姓名", "身份证号码", "学号", "爱好", "手机", "个人联系电话"]
    merged = [(0, 0, 0, 5)]
    found = rows_of_grid(grid(["2017届信息表"], head, [*PERSON, "棋", "1", "2"], merged=merged), names())
    assert not [note for note in found.notes if "2017届" in note.message]
    assert {c.heading for c in found.columns[0].columns} == set(head)


@pytest.mark.parametrize("below", [["XM", "SFZH", "XH"], ["C(30)", "C(18)", "C(20)"], ["字符型", "字符型", "字符型"]])
def test_field_codes_and_types_are_no_people(below):
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号"], below, PERSON), names())
    assert (len(found.rows), found.skipped["row"].tolist()) == (1, [2])


JOINED = [
    ("生源地", "湖南省湘潭市雨湖区", {"origin_province", "origin_city", "origin_county"}),
    ("生源地", "湖南湘潭", {"origin_province", "origin_city"}),
    ("生源地", "湖南省", {"origin_province"}),
    ("家庭所在市", "湖南省湘潭市雨湖区", {"home_province", "home_city", "home_county"}),
]


@pytest.mark.parametrize(("label", "value", "known"), JOINED)
def test_one_column_may_hold_several_levels_of_a_place(label, value, known):
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号", label], [*PERSON, value]), names()).columns[0].fields
    assert {name for name in found if name.startswith(("origin", "home"))} == known


def test_the_header_once_more_by_other_names_is_no_person():
    found = rows_of_grid(grid(["NAME", "ID_NUMBER", "STUDENT_NUMBER"], ["姓名", "身份证号码", "学号"], PERSON), names())
    assert (len(found.rows), found.skipped["why"].tolist()) == (1, ["重复的表头"])


def test_pinyin_headings_of_a_known_export():
    found = rows_of_grid(
        grid(["XH", "XM", "SFZH", "FY", "XJZT"], [PERSON[2], *PERSON[:2], "土木学院", "在籍"]), names()
    )
    assert found.columns[0].fields == {"student_number", "name", "id_number", "college", "enrolment_status"}
    assert {c.basis for c in found.columns[0].columns if c.field} == {"export"}
    assert rows_of_grid(grid(["XM", "FY"], ["张三", "土木学院"]), names()).columns == ()


def test_hints_between_do_not_keep_values_from_proving():
    rows = [
        ["学号", "姓名", "身份证件号"],
        ["XH", "XM", "SFZJH"],
        ["C(20)", "C(60)", "C(18)"],
        ["必填", "必填", "18位"],
    ]
    found = rows_of_grid(grid(*rows, ["1305030101", "李四", RIGHT_ID]), names())
    assert found.rows["id_number"].tolist() == [RIGHT_ID]


LISTS = [[["性别", "民族", "学历"], ["男", "汉族", "本科"]], [["填写说明"], ["一、请如实填写"]]]


@pytest.mark.parametrize("rows", LISTS)
def test_a_sheet_without_people_is_an_info(rows):
    assert {note.level for note in rows_of_grid(grid(*rows), names()).notes} == {"info"}


def test_a_form_of_one_person_is_refused():
    form = [
        ["姓名", "张三", "学号", "1305030101", "身份证号", RIGHT_ID],
        ["性别", "男", "民族", "汉族", "政治面貌", "群众"],
    ]
    form.append(["院系", "土木学院", "班级", "13土木1班", "专业", "土木工程"])
    found = rows_of_grid(grid(*form), names())
    assert (len(found.rows), [note.level for note in found.notes]) == (0, ["error"])


def test_a_header_below_a_title_is_known_when_it_is_repeated():
    head = ["*姓名", "身份证号码", "*学号"]
    found = rows_of_grid(grid(["学院：土木学院"] * 3, head, PERSON, head), names())
    assert found.rows["name"].tolist() == ["张三丰"]
    assert found.skipped["why"].tolist() == ["重复的表头"]


def test_cells_merged_over_several_people_are_said():
    people = [[*PERSON, "土木学院"], ["李四", "430302199503141235", "1305030102", ""]]
    head = ["姓名", "身份证号码", "学号", "院系"]
    said = rows_of_grid(grid(["信息表"], head, *people, merged=[(0, 0, 0, 3), (2, 3, 3, 3)]), names()).notes
    assert [(note.level, note.row) for note in said] == [("warning", 3)]
    beside = rows_of_grid(grid(["信息表"], head, *people, ["备注"], merged=[(0, 0, 0, 3), (4, 0, 4, 3)]), names())
    assert not beside.notes


def test_a_heading_merged_over_two_columns_is_the_first_ones():
    rows = [
        ["姓名", "", "身份证号码", "学号"],
        ["张三丰", "", *PERSON[1:]],
        ["李四", "x", "430302199503141235", "1305030102"],
    ]
    found = rows_of_grid(grid(*rows, merged=[(0, 0, 0, 1)]), names())
    assert found.rows["name"].tolist() == ["张三丰", "李四"]
    assert found.extras[["row", "column", "value"]].to_numpy().tolist() == [[3, "B 列", "x"]]


def test_same_label_twice_names_both_columns():
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号", "姓名"], [*PERSON, "李四"]), names())
    assert len(found.rows) == 0
    assert "A 列 和 D 列" in found.notes[-1].message


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_blank_column_under_the_same_label_says_nothing(place):
    headings = ["姓名", "身份证号码", "学号"]
    rows = [[*row[:place], cell, *row[place:]] for row, cell in ((headings, "姓名"), (PERSON, ""))]
    found = rows_of_grid(grid(*rows), names())
    assert found.rows["name"].tolist() == [PERSON[0]]
    assert not found.notes


def test_two_names_of_one_field_keep_both():
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号", "手机", "个人联系电话"], [*PERSON, "1", "2"]), names())
    assert found.rows["phone"].tolist() == ["2"]
    assert found.extras[["column", "value"]].values.tolist() == [["手机", "1"]]


def test_a_sheet_of_lists_is_no_form_that_lacks_columns():
    lists = rows_of_grid(grid(["姓名", "学号", "性别"], ["", "", "男"], ["", "", "女"]), names())
    assert lists.columns[0].unused
    assert not rows_of_grid(grid(["姓名", "身份证号码", "学号"], PERSON), names()).columns[0].unused


def test_missing_key_column_is_said_and_where():
    found = rows_of_grid(grid(["标题"], ["姓名", "准考证", "性别"], ["张三", "1", "男"]), names())
    note = found.notes[-1]
    assert (note.level, note.sheet, note.row) == ("error", "一", 2)
    assert "身份证号码 或 学号" in note.message
    assert "姓名、准考证、性别" in note.message


def test_instructions_and_empty_sheets_are_said():
    assert rows_of_grid(grid(["填写说明"], ["一、请如实填写"]), names()).notes[0].level == "info"
    assert rows_of_grid(grid(), names()).notes[0].message == "空表，已跳过"
    fields = [
        ["字段", "要求", "示例"],
        ["姓名", "", PERSON[0]],
        ["身份证号码", "18 位", PERSON[1]],
        ["学号", "", PERSON[2]],
    ]
    assert [note.level for note in rows_of_grid(grid(*fields), names()).notes] == ["info"]
    assert rows_of_grid(grid(["项目", "内容"], *[row[::2] for row in fields[1:]]), names()).notes[0].level == "error"
    people = grid(*[PERSON] * 3)
    assert rows_of_grid(people, names()).notes[0].level == "error"
    wide = ["张三丰", "４３０３０２１９９５０３１４１２３４", "1305030101"]
    assert rows_of_grid(grid(*[wide] * 3), names()).notes[0].level == "error"


SKIPPED = [
    (["合计", "", "85"], "合计行"),
    (["总 计", "85人", ""], "合计行"),
    (["", "", "共 85 人"], "合计行"),
    (["示例：张三", "430302199503141234", "1305030101"], "示例行"),
    (["张*", "430302********1234", "13*****"], "示例行（姓名不全）"),
    (["姓名", "身份证号码", "学号"], "重复的表头"),
    (["填表人：王老师", "", ""], "表下备注"),
    (["制表人：王老师", "审核人：李老师", "2016年10月8日"], "表下备注"),
    (["班长签字：", "联系人：", "辅导员签字（盖章）"], "表下备注"),
    (["以下空白", "", ""], "表下备注"),
    (["", "  ", ""], "只有空格"),
    (["", "女", "17"], "没有姓名，号码也不像身份证号码和学号"),  # of a small table below
    (["", "1203", "2400"], "没有姓名，号码也不像身份证号码和学号"),
]


@pytest.mark.parametrize(("row", "why"), SKIPPED)
def test_rows_that_are_no_person_are_named(row, why):
    people = [PERSON] * 5
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号"], *people, row), names())
    doubted = found.rows[found.rows["why"] != ""]  # it gives a number: whoever knows the registry decides
    told = pd.concat([found.skipped, doubted])
    assert told[["row", "why"]].values.tolist() == [[7, why]]
    assert len(found.rows) - len(doubted) == 5


KEPT = [
    ["None", "430302199503141234", "1305030101"],
    ["NA", "", "1305030101"],
    ["真", "430302199503141234", ""],
    ["Infinity", "43030219950314123", "130503"],
    ["", "430302199503141234", "1305030101"],
    ["张三", "", ""],
    ["日期", "备注：号码待补", "1305030101"],
    ["null", "nan", "0"],
]


@pytest.mark.parametrize("row", KEPT)
def test_odd_people_stay(row):
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号"], *[PERSON] * 5, row), names())
    assert found.rows[["name", "id_number", "student_number"]].values.tolist()[-1] == row


def test_unknown_columns_are_kept_and_cells_without_label_too():
    found = rows_of_grid(grid(["姓名", "身份证号码", "学号", "爱好"], [*PERSON, "下棋", "多出来"]), names())
    assert found.extras[["row", "column", "value"]].values.tolist() == [[2, "爱好", "下棋"], [2, "E 列", "多出来"]]


def test_registry_columns_by_its_own_names():
    own = {"name": "XM", "id_number": "SFZJH", "student_number": "XH"}
    found = rows_of_grid(grid(["XH", "XM", "SFZJH"], ["1305030101", "张三", "430302199503141234"]), names(), own)
    assert found.rows[["name", "student_number"]].values.tolist() == [["张三", "1305030101"]]
