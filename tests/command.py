"""A command line in this process, as a person types it."""

from pipeline.cli import main


def run(*words: object) -> int:
    """Run `mingce words` and return its exit code."""
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0
