"""pyarrow ships no types: its tables, columns and functions are taken as they come, here once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

Table = Any
Column = Any
compute: Any = import_module("pyarrow.compute")
