"""Check: judge every rule once, through Great Expectations.

`from pipeline.check import suite` gives anybody our suites for a project of their own (docs/great-expectations.md); it
imports Great Expectations and registers the types, which `pipeline.check` alone does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.check.expectations import suite

__all__ = ["suite"]


def __getattr__(name: str) -> object:
    """Import what anybody's own project asks for when it asks."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.check import expectations

    return getattr(expectations, name)
