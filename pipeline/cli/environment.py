"""The office's own environment file: what a timer's bare environment lacks, the same for systemd, cron and Windows."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

_LINE = re.compile(r"\s*(MINGCE_[A-Z_]+)\s*=\s*(.*?)\s*")


def environment_file() -> Path:
    """Return where the file is: `~/.config/mingce/environment`."""
    return Path(os.path.expanduser("~/.config/mingce/environment"))  # noqa: PTH111  # nobody's home is no error


def add_environment(path: Path, environment: MutableMapping[str, str]) -> None:
    """Add the file's lines `MINGCE_NAME=value` (value in quotes or not) to `environment`; what stands there stays.

    A file that is not there or cannot be read adds nothing: what is lacking is told where it is needed.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for name, value in (found.groups() for line in lines if (found := _LINE.fullmatch(line))):
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        environment.setdefault(name, value[1:-1] if quoted else value)
