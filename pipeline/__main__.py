"""`mingce`, which is `python -m pipeline` too."""

import sys


def start() -> None:
    """Run the command line. Ctrl-C while it is still being imported ends without a traceback."""
    try:
        from pipeline.cli import main
    except KeyboardInterrupt:
        sys.exit(4)
    main()


if __name__ == "__main__":
    start()
