"""What is printed, and what is taken from a command line: any terminal, any bytes."""

import os
import subprocess
import sys
import tomllib

import pytest

from pipeline.cli import main
from pipeline.cohort_text import quoted
from pipeline.errors import RefusedError, UsageError, one_line
from pipeline.office import commands
from pipeline.review.actions import Actor
from tests.deliver.runs import make_cohort
from tests.security.hostile import PAYLOADS


def test_others_words_begin_no_line_of_ours():
    assert one_line("误批\r\n10534/1  审核通过\u2028x") == "误批 10534/1  审核通过 x"


def test_a_message_keeps_to_its_lines_whatever_it_repeats():
    error = RefusedError("没有 a\n10534/1  审核通过", where="x" * 9_000, lines=["甲\r乙", "丙"], remedy="请更正")
    head, *lines = str(error).split("\n")
    assert head.startswith("x") and len(head) < 5_000
    assert lines == ["  甲 乙", "  丙。请更正"]
    assert str(RefusedError("没有 a\u2028b")) == "没有 a b"


@pytest.mark.parametrize("words", [{"by": "\udcff王"}, {"by": "王", "why": "\ud800"}])
def test_bytes_that_are_no_text_never_reach_the_ledger(words):
    with pytest.raises(UsageError, match="不是文字"):
        Actor(**words)


@pytest.mark.parametrize(
    "words", [["check", "长" * 400], ["review", "list", "长" * 400], ["check", "\udcff"], ["explain", "\udcff"]]
)
def test_a_name_that_no_file_can_have_is_a_wrong_word(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "错误：" in capsys.readouterr().err


@pytest.mark.parametrize("name", [" x ", "长" * 5000])
def test_results_go_to_a_folder_by_its_very_name(name, tmp_path):
    from pipeline.cli.common import with_reports

    assert with_reports(make_cohort(tmp_path), tmp_path / name).reports_folder == tmp_path / name / "2017届"


def test_a_terminal_that_lacks_a_character_gets_its_number():
    env = os.environ | {"PYTHONIOENCODING": "gb2312", "PYTHONUTF8": "0"}
    run = [
        sys.executable,
        "-c",
        "from pipeline.cli import app, main\napp.command('x')(lambda: print('䶮'))\nmain(['x'])",
    ]
    done = subprocess.run(run, capture_output=True, env=env, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, b"\\u4dae")


SAYS = "import sys\nfrom pipeline.cli import app, main\napp.command('x')(lambda: print({}, flush=True))\nmain(['x'])"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("words", ["'短'", "'长' * 100_000"])
def test_a_reader_that_has_gone_is_no_error(words, stream):
    """`mingce … | head`: what stands in Python's buffer then was told as an exception in English, with code 120."""
    read, write = os.pipe()
    os.close(read)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    out, err = (write if stream == name else subprocess.PIPE for name in ("stdout", "stderr"))
    code = SAYS.format(f"{words}, file=sys.{stream}")
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False, stdout=out, stderr=err)
    os.close(write)
    assert (done.returncode, done.stdout or b"", done.stderr or b"") == (0, b"", b"")


@pytest.mark.skipif(os.name != "posix", reason="a shell closes the streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_service_without_standard_streams_is_no_error(closed):
    code = SAYS.format("'短', file=sys.stderr")
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "" if "2>" in closed else "短\n")


@pytest.mark.parametrize("text", PAYLOADS)
def test_a_setting_that_is_written_anew_reads_back(text):
    """`init --like` and `anonymise` write names of the office's own into a new `cohort.toml`."""
    assert tomllib.loads(f"name = {quoted(text)}") == {"name": text}


def test_the_office_s_buttons_read_what_a_command_says_also_where_a_terminal_speaks_gbk(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "gbk")
    assert "不认识 nothing" in list(commands._run_mingce(["nothing"]))[-1][2]
