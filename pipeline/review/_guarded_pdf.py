"""The child process that reads a PDF's keywords: anybody may hand one in, and a PDF may be made to loop or to grow.

Run as a script by `signed_file.py`: it imports nothing of the package, takes the PDF from standard input, and writes
its keywords to standard output. Whatever goes wrong here ends this process alone.
"""

from __future__ import annotations

import contextlib
import io
import sys

_MEMORY = 700 << 20
_CPU_SECONDS = 15


def limit() -> None:
    """Bound this process."""
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit alone
        return
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ValueError):  # macOS takes none
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _main() -> None:
    data = sys.stdin.buffer.read()
    limit()
    from pypdf import PdfReader

    keywords = (PdfReader(io.BytesIO(data)).metadata or {}).get("/Keywords", "")
    sys.stdout.buffer.write(str(keywords)[:10_000].encode("utf-8", errors="replace"))


if __name__ == "__main__":
    _main()
