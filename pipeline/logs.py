"""Masking of personal numbers, and JSON-lines logs with a fixed list of fields, masked as they may quote a cell."""

from __future__ import annotations

import json
import logging
import re
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = "mingce"
_ID = re.compile(r"[0-9A-Za-z]{15,18}")
_PHONE = re.compile(r"1[0-9]{10}")
# The fields that a log line may have: student numbers, but no names and no addresses.
FIELDS = (
    "run", "stage", "school", "college", "recipient", "seconds", "rows", "count", "attempt", "code", "outcome",
    "student_number", "file", "rule", "peak_mb",
)  # fmt: skip

_PRIVATE = (
    (re.compile(r"(?<![0-9A-Za-z])([0-9]{3})[0-9]{8,14}([0-9]{3}[0-9Xx])(?![0-9A-Za-z])"), r"\1***\2"),
    (re.compile(r"(?<![0-9])(1[3-9][0-9])[0-9]{4}([0-9]{4})(?![0-9])"), r"\1****\2"),
)
# The possessive `++` prevents quadratic backtracking on a long word without @.
_ADDRESS = re.compile(r"[0-9A-Za-z._%+-]++(@[0-9A-Za-z.-]+)?")


def mask(text: str) -> str:
    """Return `text` with ID numbers (15 and 18 characters), mobile numbers and e-mail addresses masked."""
    for pattern, replacement in _PRIVATE:
        text = pattern.sub(replacement, text)
    return _ADDRESS.sub(lambda found: f"***{found[1]}" if found[1] else found[0], text)


def mask_id(number: str) -> str:
    """Return an ID number as 430***********1234. Other values keep the first and last character only."""
    if _ID.fullmatch(number):
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    return _ends(number)


def mask_phone(number: str) -> str:
    """Return a mobile number as 138****5678. Other values keep the first and last character only."""
    return f"{number[:3]}****{number[-4:]}" if _PHONE.fullmatch(number) else _ends(number)


def _ends(text: str) -> str:
    return f"{text[0]}****{text[-1]}" if len(text) > 4 else "*" * len(text)


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time (UTC), level, logger, message, allowed fields, error class."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        for field in FIELDS:
            value = record.__dict__.get(field)
            if value is not None:
                line[field] = mask(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__  # its message may quote a cell
        return json.dumps(line, ensure_ascii=False, default=lambda value: type(value).__name__)


def silence_libraries() -> None:
    """Hide warnings and logs of libraries: they are English and may quote a cell. `-W` and PYTHONWARNINGS win."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())  # without a handler Python prints them


@contextmanager
def log_to(path: Path) -> Generator[logging.Logger]:
    """Append the `mingce` log to `path` (mode 0600) while the block runs."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(ROOT)
    previous = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # standard error is for users
    try:
        yield logger
    finally:
        logger.setLevel(previous[0])
        logger.propagate = previous[1]
        logger.removeHandler(handler)
        handler.close()


def log(name: str) -> logging.Logger:
    """Return the logger of one part, such as `log("deliver")`. `extra=` takes the names in `FIELDS`."""
    return logging.getLogger(f"{ROOT}.{name}")
