"""`python -m tests.security.several`: command lines, each in a fork of this process, so that imports are paid once.

One JSON list of words a line comes in on standard input; one `[code, stdout, stderr]` a line goes out.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from pipeline import cli


def one(words: list[str]) -> tuple[int, str, str]:
    """Do what the command line `mingce words` does; return its exit code and what it wrote."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if not pid:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            _be(words)
        _, status = os.waitpid(pid, 0)
        for file in (out, err):
            file.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()


def _be(words: list[str]) -> None:
    """Be the command, to its end."""
    code = 0
    try:
        cli.main(words)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:  # noqa: BLE001  # a fork must not return into the loop
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Do every command line of standard input."""
    import tests.deliver.warm  # noqa: F401  # what many commands import
    from pipeline.check.validate import preload

    preload()
    for line in sys.stdin:
        print(json.dumps(one(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
