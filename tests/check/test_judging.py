"""Great Expectations judges: one file, since its import takes many seconds in each process."""

import json
import re
import socket
import tempfile
from importlib.metadata import version
from urllib.parse import unquote

import pandas as pd
import pytest

from pipeline.check import validate as judging
from pipeline.check.condition import unknown_names
from pipeline.check.data_docs import FILE, slim_results, write_data_docs
from pipeline.check.findings import findings_of
from pipeline.check.logic import LOGIC
from pipeline.check.rule import Rule
from pipeline.check.suites import built_in_rules, office_rules
from pipeline.errors import ConfigurationError
from pipeline.tables import SEVERITIES
from tests.check import whole
from tests.conftest import ROOT
from tests.spec.judge import facts

pytestmark = pytest.mark.slow
OFFICE = ROOT / "tests" / "check" / "office"


@pytest.fixture(scope="module")
def known():
    return facts()


@pytest.fixture(scope="module")
def table(known):
    """Rows with every fault of the spec tables, blanks and odd types of text among them."""
    return whole.table_of_all_cases(known)


def test_no_temporary_folder_is_made(monkeypatch):
    """A kill would leave it behind."""

    def mkdtemp(*_: object, **__: object):
        raise AssertionError("a folder in the system's place for temporary files")

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    judging.preload()


def rules_of_rows():
    return [rule for rule in built_in_rules() if rule.table == "submissions"]


@pytest.fixture(scope="module")
def judged(table, known):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _refuse)
        patch.setattr(socket.socket, "connect_ex", _refuse)
        patch.setattr(socket, "getaddrinfo", _refuse)
        patch.setattr(socket, "create_connection", _refuse)
        TRIED.clear()
        verdicts, results = judging.validate_rules(table, rules_of_rows(), known, "submissions")
    return {verdict.rule.name: verdict for verdict in verdicts}, results


TRIED = []


def _refuse(*arguments, **_):
    TRIED.append(arguments[1:])
    raise OSError("no network in this test")


def test_no_socket_is_opened_during_a_validation(judged):
    assert judged
    assert not TRIED


def test_great_expectations_says_what_the_plain_functions_say(judged, table, known):
    verdicts, _ = judged
    assert list(verdicts) == [rule.name for rule in rules_of_rows()]
    for rule in rules_of_rows():
        plain = LOGIC[rule.expectation](table, known, rule.field).rows.to_numpy(dtype=bool).nonzero()[0]
        assert verdicts[rule.name].rows.tolist() == plain.tolist(), rule.name


def test_results_carry_severity_and_every_failing_row(judged):
    _, results = judged
    for result in results["submissions"].results:
        assert result.expectation_config.severity.value in SEVERITIES
        if "unexpected_index_list" in result.result:
            assert len(result.result["unexpected_index_list"]) == result.result["unexpected_count"]


def _stock(name, expectation, **kwargs):
    return Rule(name, "office", expectation, "", "critical", "student", "x", stock=True, kwargs=kwargs)


def twins(known):
    """Return our rules of the three kinds and some with logic, each with the stock expectation that says the same."""
    pairs = []
    for rule in rules_of_rows():
        column = rule.field
        if rule.expectation == "expect_field_given":
            pairs.append((rule.name, _stock(rule.name, "expect_column_values_to_not_be_null", column=column)))
        elif rule.expectation == "expect_field_in_codes":
            codes = known.words.codes[column]
            labels = [*codes.labels, "研究生"]
            pairs.append(
                (rule.name, _stock(rule.name, "expect_column_values_to_be_in_set", column=column, value_set=labels))
            )
    regexes = {
        "qq.format": ("qq", "^[1-9][0-9]{4,10}$"),
        "postcode.format": ("postcode", "^[0-9]{6}$"),
        "phone.format": ("phone", "^1[3-9][0-9]{9}$"),
        "graduation_month.format": ("graduation_month", "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$"),
        "enrolment_month.format": ("enrolment_month", "^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$"),
        "student_number.format": ("student_number", "^[0-9A-Za-z]{4,15}$"),
    }
    for name, (column, regex) in regexes.items():
        pairs.append((name, _stock(name, "expect_column_values_to_match_regex", column=column, regex=regex)))
    for name in ("gender", "exam_number", "education_level", "study_years", "graduation_month"):
        equal = _stock(
            f"{name}.registry",
            "expect_column_pair_values_to_be_equal",
            column_A=name,
            column_B=f"registry_{name}",
            ignore_row_if="either_value_is_missing",
        )
        pairs.append((f"{name}.registry", equal))
    return pairs


def test_our_types_say_what_stock_expectations_say(judged, table, known):
    ours, _ = judged
    pairs = twins(known)
    verdicts, _ = judging.validate_rules(table, [rule for _, rule in pairs], known, "stock")
    assert len(verdicts) > 40
    failing = 0
    for verdict in verdicts:
        assert not verdict.could_not_run, verdict
        assert verdict.rows.tolist() == ours[verdict.rule.name].rows.tolist(), verdict.rule.name
        failing += len(verdict.rows)
    assert failing > 40


def test_a_rule_that_raises_could_not_run_and_leaves_the_others_standing(table, known, monkeypatch):
    from pipeline.check.expectations import TYPES

    def broken(self, table):
        raise ZeroDivisionError("430302199503141041")

    monkeypatch.setattr(TYPES["expect_email_format"], "broken", broken)
    verdicts, _ = judging.validate_rules(table, rules_of_rows(), known, "submissions")
    failed = [verdict for verdict in verdicts if verdict.could_not_run]
    assert [verdict.rule.name for verdict in failed] == ["email.format"]
    assert failed[0].could_not_run == "ZeroDivisionError"
    assert not len(failed[0].rows)
    assert sum(len(verdict.rows) > 0 for verdict in verdicts) > 60


def test_no_list_of_rows_is_ever_capped(table, known):
    many = pd.concat([table.head(1).assign(qq="x")] * 1_000, ignore_index=True)
    rules = [rule for rule in rules_of_rows() if rule.name == "qq.format"]
    office = _stock("office.qq", "expect_column_values_to_match_regex", column="qq", regex="^[0-9]+$")
    verdicts, _ = judging.validate_rules(many, [*rules, office], known, "submissions")
    assert [len(verdict.rows) for verdict in verdicts] == [1_000, 1_000]
    assert len(findings_of(many, verdicts)) == 2_000


def test_an_offices_rules_give_findings_with_rows_like_ours(table, known):
    rules = office_rules(OFFICE)[len(built_in_rules()) :]
    verdicts, _ = judging.validate_rules(table, rules, known, "submissions")
    assert not [verdict for verdict in verdicts if verdict.could_not_run]
    found = findings_of(table, verdicts)
    hunan = table[(table["origin_province"] == "湖南省") & (table["exam_number"] != "")]
    wrong = hunan[~hunan["exam_number"].str.fullmatch("[0-9]{2}43[0-9]{10}")]
    told = found[found["rule"] == "office.hunan_exam_number"]
    assert len(wrong)
    assert set(told["submission_id"]) == set(wrong["submission_id"])
    assert set(told["field"]) == {"exam_number"}
    assert told["given"].tolist() == wrong["exam_number"].tolist()
    assert set(told["message"]) == {"湖南生源的考生号应以 1343 开头，请对照准考证核对"}
    assert (table["exam_number"] == "").any()  # blank cells are no fault of a pattern


MISTAKES = """page: office
rules:
  - rule: office.one
    expectation: expect_column_values_to_match_regexp
    field: qq
    severity: info
    actor: student
    message: x
  - rule: office.two
    expectation: expect_column_values_to_match_regex
    field: qq
    severity: info
    actor: student
    message: x
    kwargs: {regex: "[", regexp: a, mostly: 3, row_condition: home == "湖南省"}
  - rule: office.three
    expectation: expect_column_values_to_be_in_set
    severity: info
    actor: student
    message: x
    kwargs: {column: tel, value_set: [1]}
  - rule: office.four
    expectation: expect_table_row_count_to_equal
    severity: info
    actor: student
    message: x
    kwargs: {value: 3}
  - rule: office.five
    expect: field_in_code
    field: major
    severity: info
    actor: student
    message: x
  - rule: qq.format
    expect: qq_format
    field: qq
    severity: info
    actor: student
    message: x
  - rule: office.six
    expect: field_in_codes
    field: college
    severity: loud
    actor: student
    mesage: x
"""


def test_mistakes_are_told_all_at_once_with_file_and_line(tmp_path):
    (tmp_path / "a.yml").write_text(MISTAKES, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        office_rules(tmp_path)
    told = caught.value.mistakes
    assert all(line.startswith("a.yml 第 ") for line in told)
    assert [line for line in told if "第 40 行" in line]
    fixed = MISTAKES[: MISTAKES.index("  - rule: office.six")]
    (tmp_path / "a.yml").write_text(fixed, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        office_rules(tmp_path)
    told = "\n".join(caught.value.mistakes)
    for part in (
        "a.yml 第 3 行：Great Expectations 没有期望 expect_column_values_to_match_regexp",
        "a.yml 第 9 行：“[”这个样式写得不对",
        "a.yml 第 9 行：row_condition 里没有字段 home",
        "a.yml 第 9 行：kwargs 的 regexp：这个期望没有这一项",
        "a.yml 第 9 行：kwargs 的 mostly：数值太大",
        "a.yml 第 16 行：没有字段 tel",
        "a.yml 第 22 行：expect_table_row_count_to_equal 不逐行判断",
        "a.yml 第 28 行：没有 expect: field_in_code",
        "a.yml 第 34 行：规则名 qq.format 重复",
    ):
        assert part in told, told
    assert "Error" not in told


def test_findings_of_a_rule_name_what_it_says_itself():
    rule = Rule("a.b", "x", "expect_x", "qq", "info", "student", "m")
    frame = pd.DataFrame({"submission_id": ["s"], "qq": ["1"]}).assign(
        **{f"reported_{name}": ["t"] for name in ("school", "college", "class_name", "student_number")}
    )
    found = findings_of(frame, [judging.RuleVerdict(rule, pd.Series([0]).to_numpy(), {"expected": ["2"]})])
    assert found[["field", "given", "expected"]].to_numpy().tolist() == [["qq", "1", "2"]]


def test_data_docs_have_the_rules_and_no_value_of_anybody(judged, table, tmp_path):
    _, results = judged
    run = tmp_path / "20261101-000000-abcd"
    run.mkdir()
    (run / FILE).write_text(json.dumps(slim_results(results), ensure_ascii=False), encoding="utf-8")
    index = write_data_docs(run, tmp_path / "docs")
    pages = pages_of(tmp_path / "docs")
    assert index == tmp_path / "docs" / "index.html"
    own = {name.rpartition("/")[2] for name in pages if name.startswith(f"great-expectations-{run.name}/")}
    assert own == {"index.html", "submissions.html"}
    office = pages["index.html"]
    assert re.search(r"email.format</td><td>电子邮箱</td><td>按邮箱的书写规则寄不到.*?</td>\s*<td>必须更正", office)
    failing = len(judged[0]["email.format"].rows)
    assert f"<td>{len(table)}</td><td>{failing}</td><td>电子邮箱格式不正确" in office.replace("\n", "")
    drawn = "".join(page for name, page in pages.items() if "/validations/" in name)
    assert "email.format 电子邮箱格式不正确" in drawn
    assert "按邮箱的书写规则寄不到" in pages[f"great-expectations-{run.name}/expectations/submissions.html"]
    assert version("great-expectations") in drawn
    everything = "\n".join([*pages.values(), (run / FILE).read_text(encoding="utf-8")])
    assert "unexpected_index_list" not in everything
    for column in ("id_number", "name", "student_number", "phone", "home_address", "submission_id"):
        least = 6 if column in ("id_number", "student_number", "phone") else 2  # "12" stands in any page
        values = {value for value in table[column] if len(value) >= least}
        told = [value for value in values if value in everything.replace("0731-58290000", "")]  # a message's example
        assert not told, (column, told)
    assert not re.search(r"""(?:src|href|action)\s*=\s*["'](?:https?:)?//""", everything)
    for dead in ("<script", "<button", "<img", "<link", "onclick", "newsletter", "Traceback", 'data-toggle="collapse"'):
        assert dead not in everything, dead
    links = [(at, href) for at, page in pages.items() for href in re.findall(r'href="([^"#?]+)', page)]
    assert links
    for at, href in links:
        assert (tmp_path / "docs" / at).parent.joinpath(unquote(href)).resolve().is_file(), (at, href)


def pages_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}


@pytest.mark.parametrize("end", ["2400", "9999", "0000", "1e99", "abcd"])
def test_data_docs_take_any_name_that_a_run_can_have(judged, tmp_path, end):
    run = tmp_path / f"20261101-000000-{end}"
    run.mkdir()
    (run / FILE).write_text(json.dumps(slim_results(judged[1]), ensure_ascii=False), encoding="utf-8")
    docs = tmp_path / "docs ${HOME_OF_NOBODY} $x"  # Great Expectations replaces variables in its settings
    write_data_docs(run, docs)
    drawn = [page for name, page in pages_of(docs).items() if "/validations/" in name]
    assert len(drawn) == 1
    assert run.name in drawn[0]


HOSTILE = {
    "a tag": "page: !!python/object/apply:os.system ['touch pwned']\nrules: []\n",
    "a tag within a rule": "page: a\nrules:\n  - !!python/object/apply:os.system ['touch pwned']\n",
    "no such day": "page: 2016-99-99\nrules: []\n",
    "brackets": "a: " + "[" * 20_000,
    "itself": "page: a\nrules: &a\n  - *a\n",
    "aliases": "a0: &a0 [x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    + "page: *a9\n",
    "lists": "page: a\nrules:\n  - {rule: [a], field: [name], severity: [info], actor: {a: 1}, message: [x]}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_told_in_words(tmp_path, name):
    (tmp_path / "a.yml").write_text(HOSTILE[name], encoding="utf-8")
    with pytest.raises(ConfigurationError):
        office_rules(tmp_path)


CONDITIONS = {
    'home_province == "湖南省" and not (name.str.len() > 3)': [],
    'name.isin(["a", "b"]) | ~(row < 5)': [],
    'home == "湖南省"': ["home"],
    '@pd.io.common.os.system("touch pwned") == 0': None,
    '__import__("os").system("touch pwned")': None,
    "name.__class__.__mro__": None,
    'name.map("a")': None,
    "name.str.len.__self__": None,
    "(name\n== @pd.x())": None,
    "[name for name in row]": None,
}


@pytest.mark.parametrize(("condition", "unknown"), CONDITIONS.items())
def test_a_condition_compares_fields_and_runs_nothing(condition, unknown):
    assert unknown_names(condition, ["name", "home_province", "row"]) == unknown


def test_no_other_reader_of_conditions(tmp_path):
    text = MISTAKES.replace('home == "湖南省"', "'@pd.io.common.os.getcwd() == 1', condition_parser: python")
    (tmp_path / "a.yml").write_text(text[: text.index("  - rule: office.six")], encoding="utf-8")
    with pytest.raises(ConfigurationError, match="condition_parser 只能是 pandas"):
        office_rules(tmp_path)
