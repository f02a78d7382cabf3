"""The desk's other commands: each is one of the command line's, with options that it has."""

from typing import Any

import pytest
import typer

from pipeline.cli import app
from pipeline.office.commands import _MORE


@pytest.mark.parametrize("label", _MORE)
def test_a_command_of_the_desk_is_one_of_the_command_line(label: str):
    words, needs = _MORE[label]["words"], _MORE[label]["needs"]
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options
    assert ("number" in needs) == ("NUMBER" in words)
    assert {f"--{need}" for need in needs if need in ("by", "why")} <= options
