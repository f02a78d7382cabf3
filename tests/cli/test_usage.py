"""Wrong words on the command line are told in Chinese, with code 2."""

import re

import pytest

from pipeline.cli import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["backup"], "缺少 DEST"),
        (["sign"], "缺少 COLLEGE"),
        (["review", "approve", "--student"], "选项 --student 后面缺少内容"),
        (["run", "--colege", "土木工程学院"], "没有选项 --colege，是不是 --college"),
        (["run", "--jobs", "many"], "--jobs 的内容不对，应为 0 以上的整数"),
        (["run", "--jobs", "-1"], "--jobs 的内容不对，应为 0 以上的整数"),
        (["runn"], "不认识 runn"),
        (["init", "a", "b", "c"], "不认识 b"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words(words, told, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert told in said
    assert "--help" in said
    assert not re.search(r"Missing|Error|Usage|such", said)


@pytest.mark.parametrize("words", [["run"], ["demo"], ["review"], ["review", "approve"], []], ids=" ".join)
def test_help_is_chinese_throughout(words, capsys):
    with pytest.raises(SystemExit) as left:
        main([*words, "--help"])
    assert not left.value.code
    said = capsys.readouterr().out
    assert "写法：" in said and "选项" in said and "显示这段说明" in said
    assert "…" not in said  # 80 columns: what is long goes on in the next line
    assert not re.search(r"Usage|Options|Arguments|Commands|default|Show this", said)
