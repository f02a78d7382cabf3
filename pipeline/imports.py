"""Import a library without its expensive optional dependencies."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import cast

FORMATS = ("rfc3987_syntax", "rfc3986_validator", "isoduration", "uri_template", "webcolors")
"""Optional parts of jsonschema (where JupyterLab is installed): formats that no notebook and no suite names; the
grammar of URIs alone is compiled at its import for 1.3 s CPU."""

STATISTICS = "scipy.stats"
"""Great Expectations imports it for one expectation that compares distributions: 1.3 s CPU."""


def when_asked(name: str) -> None:
    """Import a module lazily, at the first access to one of its attributes."""
    package, _, own = name.rpartition(".")
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is not None and spec.loader is not None:
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        if package:
            setattr(import_module(package), own, module)
        spec.loader.exec_module(module)


@contextmanager
def without(*names: str) -> Generator[None]:
    """In the body, make imports of `names` fail as if not installed. Modules already imported are kept."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden, cast(ModuleType, None)))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
