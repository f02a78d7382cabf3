"""A notebook is given what it documents, of the type it says, or nothing runs."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pipeline.errors import UsageError
from pipeline.render.parameters import check_parameters, documented_parameters, refuse_parameters

SOURCE = """run: str = ""  # 运行文件夹
school: str = "10534"  # 学校代码
college = ""  # 院系
limit: int = 5
share: float = 0.5
names: list = []
masked: bool = True
as_of = None"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "in.ipynb"
    cell = new_code_cell(SOURCE, metadata={"tags": ["parameters"]})
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": spec}), path)
    return path


def test_the_documented_parameters_are_read(notebook: Path):
    known = documented_parameters(notebook)
    assert list(known) == ["run", "school", "college", "limit", "share", "names", "masked", "as_of"]
    assert known["school"] == ("str",)
    assert (known["college"], known["as_of"]) == (("str",), ())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"school": "10534", "college": "土木", "limit": 3, "share": 1, "names": ["a"], "masked": False}, ""),
        ({"as_of": "2016-10-31"}, ""),
        ({"school": 10534}, "参数 school 应为文字，给的是整数（papermill 命令行请用 -r 代替 -p）"),
        ({"college": 1.5}, "参数 college 应为文字"),
        ({"limit": "5"}, "参数 limit 应为整数，给的是文字"),
        ({"limit": True}, "参数 limit 应为整数，给的是True 或 False"),
        ({"masked": 1}, "参数 masked 应为True 或 False，给的是整数"),
        ({"names": "a"}, "参数 names 应为列表"),
        ({"colege": "土木", "limit": "x"}, "没有参数 colege；参数 limit"),
    ],
)
def test_unknown_and_badly_typed_ones_are_refused_together(notebook: Path, given: dict[str, Any], said: str):
    if not said:
        refuse_parameters(documented_parameters(notebook), given, where="in.ipynb")
        return
    with pytest.raises(UsageError) as refused:
        refuse_parameters(documented_parameters(notebook), given, where="in.ipynb")
    assert said in str(refused.value)
    assert "土木" not in str(refused.value)


@pytest.mark.parametrize(
    ("injected", "said"),
    [
        ("school = '0534'", ""),
        ("school = 534", "参数 school 应为文字"),
        ("colege = '土木'", "没有参数 colege"),
    ],
)
def test_the_first_cell_checks_under_plain_papermill(injected: str, said: str):
    cells = ["school: str = '10534'\nlimit: int = 5", f"# Parameters\n{injected}", "check_parameters()"]
    namespace: dict[str, Any] = {"check_parameters": check_parameters, "In": ["", *cells], "_i": ""}
    exec(cells[0], namespace)
    exec(injected, namespace)
    if said:
        with pytest.raises(UsageError, match=said):
            exec("check_parameters(school=school, limit=limit)", namespace)
    else:
        exec("check_parameters(school=school, limit=limit)", namespace)


def test_what_a_notebook_assigned_before_is_no_parameter_at_its_second_run():
    """Run All twice: the names of later cells stand in the namespace when the first cell checks again."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    cells = [
        "school: str = '10534'",
        "from pipeline.render.parameters import check_parameters\ncheck_parameters(school=school)",
        "people = [1, 2]\nanswer = 42",
    ]
    for cell in (*cells, *cells):
        result = shell.run_cell(cell, store_history=True)
        assert result.success, result.error_in_exec
    assert not shell.run_cell("school: str = '1'\nskool = '2'", store_history=True).error_in_exec
    wrong = shell.run_cell(cells[1], store_history=True).error_in_exec
    assert isinstance(wrong, UsageError) and "没有参数 skool" in str(wrong)
    for cell in cells:  # mended, it runs in the same kernel
        assert shell.run_cell(cell, store_history=True).success
