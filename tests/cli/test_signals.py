"""An interruption is never lost."""

import signal
import sys
import time

import pytest

from pipeline.__main__ import start
from pipeline.cli.terminal import repeat_interrupt


class Interrupted:
    def __del__(self):
        raise KeyboardInterrupt


@pytest.fixture
def in_the_background():
    """As a shell starts what ends in `&`: it does not hear SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


def test_an_interruption_that_python_lost_is_made_again(monkeypatch, in_the_background):
    monkeypatch.setattr(sys, "unraisablehook", repeat_interrupt)
    with pytest.raises(KeyboardInterrupt):
        Interrupted()
        time.sleep(10)


def test_an_interruption_while_the_command_is_imported_shows_no_traceback(monkeypatch):
    class Interrupting:
        @staticmethod
        def find_spec(name, *_):
            if name == "pipeline.cli":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "pipeline.cli", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting, *sys.meta_path])
    with pytest.raises(SystemExit) as left:
        start()
    assert left.value.code == 4
