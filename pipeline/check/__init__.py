"""Check: judge every rule once, through Great Expectations. `suite` is public (docs/great-expectations.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.check.expectations import suite

__all__ = ["suite"]


def __getattr__(name: str) -> object:
    """Import `suite` on first use, because Great Expectations takes seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.check import expectations

    return getattr(expectations, name)
