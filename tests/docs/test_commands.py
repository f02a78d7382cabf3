"""The documents say what the command line does: every command is there, none is invented, and the walks work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline.cli import app
from pipeline.errors import MingceError

from .pages import PAGES, ROOT, commands, console

TREE: Any = typer.main.get_command(app)
WORDS_OF_SIGN = {"verify", "revoke"}  # first words of `mingce sign`, as the contract has them


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, sub in getattr(command, "commands", {}).items():
        if hasattr(sub, "commands"):
            yield from leaves(sub, (*path, name))
        else:
            yield (*path, name)


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, and the words after its name."""
    command = TREE
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_in_a_page_exists_with_its_options(page: Path):
    for text in commands(page):
        words = [word for word in shlex.split(text)[1:] if word != "…"]
        command, rest = resolve(words)
        assert command is not TREE or not rest or rest[0].startswith("-"), text
        options = {
            "--help",
            "--debug",
            *(one for param in command.params for one in (*param.opts, *param.secondary_opts)),
        }
        used = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert used <= options, f"{text}: {sorted(used - options)}"


def test_every_command_is_documented():
    written = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = [" ".join(path) for path in leaves(TREE) if f"mingce {' '.join(path)}" not in written]
    assert missing == []


@pytest.mark.parametrize("path", sorted(leaves(TREE)), ids=" ".join)
def test_every_command_says_in_chinese_what_it_does(path: tuple[str, ...]):
    command, _ = resolve(list(path))
    assert re.search("[一-鿿]", command.help or ""), path
    for param in command.params:
        assert getattr(param, "help", None), f"{' '.join(path)}: {param.name}"


def test_every_link_leads_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_index_leads_to_every_page():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    pages -= {"README.md"}
    assert sorted(page for page in pages if f"({page})" not in index) == []


@pytest.mark.slow
def test_the_office_can_walk_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """Every console block of these pages, one after another in one folder, shows what the page shows."""
    monkeypatch.chdir(tmp_path)
    submission = ""
    for page in ("docs/office.md", "docs/handin.md", "docs/another-cohort.md"):
        for step in console(page):
            words = step.words[1:]
            words = [word.replace("提交编号", submission) for word in words]  # the reader puts in what is shown
            words += ["--no-notebooks"] if words[0] == "run" else []  # pages are tests/end_to_end's
            said = _said(words, capfd)
            if found := re.search(r"^提交 ([0-9a-f]{20}).*没有计在其名下", said, re.MULTILINE):
                submission = found[1]
            for line in step.shown:
                assert line in said, f"{page}: {' '.join(step.words)} did not show {line}\n{said}"


def _said(words: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command in this process and return what it wrote; it must succeed."""
    capfd.readouterr()
    try:
        code = app(args=words, standalone_mode=False)
    except MingceError as error:
        pytest.fail(f"{' '.join(words)}: {error}")
    out, err = capfd.readouterr()
    assert not code, f"{' '.join(words)}: {code}\n{out}{err}"
    return out + err
