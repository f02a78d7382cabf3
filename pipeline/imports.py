"""Import a library without its expensive optional dependencies."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

GRAMMARS = "rfc3987_syntax"
"""An optional part of jsonschema (where JupyterLab is installed): compiles the grammar of URIs at its import, 1.3 s
CPU, for a format that no notebook and no suite names."""


@contextmanager
def without(*names: str) -> Generator[None]:
    """Import in the body as if the modules `names` were not installed; those already imported stay."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden, cast(ModuleType, None)))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
