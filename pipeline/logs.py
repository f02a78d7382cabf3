"""Personal numbers masked, and logs as JSON lines: what happened, when and how long it took; never who.

Only fields of a fixed list are written, and personal numbers are masked even there: a traceback may carry a cell.
"""

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
# What a log line may say beside its message. Student numbers at most; no names, no addresses.
FIELDS = (
    "run", "stage", "school", "college", "recipient", "seconds", "rows", "count", "attempt", "code", "outcome",
    "student_number", "file", "rule", "peak_mb",
)  # fmt: skip

_PRIVATE = (
    (re.compile(r"(?<![0-9A-Za-z])([0-9]{3})[0-9]{8,14}([0-9]{3}[0-9Xx])(?![0-9A-Za-z])"), r"\1***\2"),
    (re.compile(r"(?<![0-9])(1[3-9][0-9])[0-9]{4}([0-9]{4})(?![0-9])"), r"\1****\2"),
)
# The words before an @ are taken with it or alone, each once: a search that begins anew at every letter of one without
# end takes for ever.
_ADDRESS = re.compile(r"[0-9A-Za-z._%+-]++(@[0-9A-Za-z.-]+)?")


def mask(text: str) -> str:
    """Return `text` with ID numbers (15 and 18 characters), mobile numbers and e-mail addresses masked."""
    for pattern, kept in _PRIVATE:
        text = pattern.sub(kept, text)
    return _ADDRESS.sub(lambda found: f"***{found[1]}" if found[1] else found[0], text)


def mask_id(number: str) -> str:
    """Return an ID number as 430***********1234; what has no such form shows its first and last character only."""
    if _ID.fullmatch(number):
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    return _ends(number)


def mask_phone(number: str) -> str:
    """Return a mobile number as 138****5678; a landline or odd value shows its first and last character only."""
    return f"{number[:3]}****{number[-4:]}" if _PHONE.fullmatch(number) else _ends(number)


def _ends(text: str) -> str:
    return f"{text[0]}****{text[-1]}" if len(text) > 4 else "*" * len(text)


class JsonLines(logging.Formatter):
    """Writes one JSON object a line: time (UTC), level, logger, message, the allowed fields, an error's class."""

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
            line["error"] = record.exc_info[0].__name__  # its text may hold a cell
        return json.dumps(line, ensure_ascii=False, default=lambda value: type(value).__name__)


def hush_libraries() -> None:
    """Keep warnings and log lines of libraries off standard error: they are English, and may repeat a cell.

    What Python was told of warnings (`-W`, PYTHONWARNINGS) stays.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())  # without any, Python itself prints them


@contextmanager
def log_to(path: Path, level: int = logging.INFO) -> Generator[logging.Logger]:
    """Append what is logged under `mingce` to `path` (mode 0600) while the block runs."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(JsonLines())
    logger = logging.getLogger(ROOT)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False  # standard error belongs to what people read
    try:
        yield logger
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]
        logger.removeHandler(handler)
        handler.close()


def log(name: str) -> logging.Logger:
    """Return the logger of one part, such as `log("deliver")`; use `extra=` with names of `FIELDS`."""
    return logging.getLogger(f"{ROOT}.{name}")
