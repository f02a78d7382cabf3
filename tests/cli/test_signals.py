"""An interruption is never lost."""

import sys
import time

import pytest

from pipeline.cli.signals import interrupt_again


class Interrupted:
    def __del__(self):
        raise KeyboardInterrupt


def test_an_interruption_that_python_lost_is_made_again(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", interrupt_again)
    with pytest.raises(KeyboardInterrupt):
        Interrupted()
        time.sleep(10)
