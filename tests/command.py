"""A command line in this process, as a person types it."""

import os

from pipeline.cli import main


def run(*words: object) -> int:
    """Run `mingce words` and return its exit code; the command's umask ends with it."""
    before = os.umask(0o077)
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        os.umask(before)
    return 0
