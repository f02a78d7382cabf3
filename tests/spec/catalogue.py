"""Great Expectations' own catalogue, expectation by expectation: what an office may write, and what is refused.

`python -m tests.spec.catalogue` writes the section of `docs/office-rules.md` between its two marks (or `make docs`);
tests hold that it is current, that each example names the rows that Great Expectations names by itself, and that what
is not here is refused.
"""

from pathlib import Path

from pipeline.check.stock import COMPARED_KINDS, REFUSED, expectation_type, judges_rows

PAGE = Path(__file__).parents[2] / "docs" / "office-rules.md"
BEGIN, END = "<!-- 期望目录：由 tests/spec/catalogue.py 生成 -->\n", "<!-- 期望目录完 -->\n"

EXAMPLES = {
    "expect_column_values_to_not_be_null": ("phone", {}),
    "expect_column_values_to_be_null": ("commissioning_unit", {}),
    "expect_column_values_to_be_in_set": ("study_years", {"value_set": [2, 3, 4, 5]}),
    "expect_column_values_to_not_be_in_set": ("political_status", {"value_set": ["群众"]}),
    "expect_column_values_to_match_regex": ("exam_number", {"regex": "^[0-9]{14}$"}),
    "expect_column_values_to_match_regex_list": ("student_number", {"regex_list": ["^13", "^12"]}),
    "expect_column_values_to_not_match_regex": ("home_address", {"regex": "^[0-9]+$"}),
    "expect_column_values_to_not_match_regex_list": ("name", {"regex_list": ["先生", "女士"]}),
    "expect_column_value_lengths_to_be_between": ("home_address", {"min_value": 6, "max_value": 60}),
    "expect_column_value_lengths_to_equal": ("exam_number", {"value": 14}),
    "expect_column_values_to_be_between": ("enrolment_month", {"min_value": "2013-01", "max_value": "2013-12"}),
    "expect_column_values_to_be_increasing": ("submitted_at", {}),
    "expect_column_values_to_be_decreasing": ("submitted_at", {}),
    "expect_column_value_z_scores_to_be_less_than": ("study_years", {"threshold": 3, "double_sided": True}),
    "expect_column_values_to_not_be_outliers": ("study_years", {"method": "iqr", "multiplier": 1.5}),
    "expect_column_values_to_be_unique": ("photo", {}),
    "expect_column_values_to_match_strftime_format": ("graduation_month", {"strftime_format": "%Y-%m"}),
    "expect_column_values_to_be_dateutil_parseable": ("graduation_month", {}),
    "expect_column_values_to_be_json_parseable": ("photo", {}),
    "expect_column_pair_values_to_be_equal": (
        "gender",
        {"column_A": "gender", "column_B": "registry_gender", "ignore_row_if": "either_value_is_missing"},
    ),
    "expect_column_pair_values_to_be_in_set": (
        "training_mode",
        {
            "column_A": "education_level",
            "column_B": "training_mode",
            "value_pairs_set": [["本科", "非定向"], ["专科", "非定向"]],
        },
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": (
        "graduation_month",
        {"column_A": "graduation_month", "column_B": "enrolment_month", "ignore_row_if": "either_value_is_missing"},
    ),
    "expect_compound_columns_to_be_unique": ("student_number", {"column_list": ["school", "student_number"]}),
    "expect_select_column_values_to_be_unique_within_record": (
        "family_phone",
        {"column_list": ["phone", "family_phone"]},
    ),
    "expect_multicolumn_values_to_be_equal": ("gender", {"column_list": ["gender", "registry_gender"]}),
    "expect_multicolumn_sum_to_equal": (
        "study_years",
        {"column_list": ["study_years", "registry_study_years"], "sum_total": 8},
    ),
}
"""Every expectation that an office may write, with the field and the settings of an example."""
_KINDS = {"number": "数字（学制）", "date": "日期（入学时间、毕业年份、提交时间）", "text": "加引号的文字"}


def catalogue():
    """Return the name of every expectation of Great Expectations, and whether it judges row by row."""
    import great_expectations.expectations as gxe
    from great_expectations.expectations.expectation import Expectation

    kinds = [kind for kind in vars(gxe).values() if isinstance(kind, type) and issubclass(kind, Expectation)]
    return {kind.expectation_type: judges_rows(kind) for kind in kinds if kind.expectation_type}


def write_section():
    """Return the section of the page."""
    lines = ["| 期望 | 比的是 | 例子 |", "|---|---|---|"]
    for name, (field, kwargs) in EXAMPLES.items():
        by_size = "、".join(_KINDS[kind] for kind in COMPARED_KINDS[name]) if name in COMPARED_KINDS else "文字"
        told = "，".join(f"{key}: {value}" for key, value in kwargs.items()) or "没有设置"
        lines.append(f"| `{name}` | {by_size} | `{field}`：`{told}` |")
    others = [name for name, row_wise in catalogue().items() if not row_wise]
    lines += ["", "下面这些不能用，读规则文件时就会说明：", ""]
    lines += [f"- `{name}`：{why}" for name, why in REFUSED.items() if expectation_type(name)]
    lines.append(f"- 不逐行判断、说不出是哪一行的：{'、'.join(f'`{name}`' for name in sorted(others))}")
    return "\n".join(lines) + "\n"


def with_section(page):
    """Return the page with the section as it should be."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{write_section()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
