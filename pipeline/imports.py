"""Import a library without its expensive optional dependencies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from threading import get_ident
from types import ModuleType
from typing import cast

FORMATS = ("rfc3987_syntax", "rfc3986_validator", "isoduration", "uri_template", "webcolors")
"""Optional parts of jsonschema (where JupyterLab is installed): formats that no notebook and no suite names; the
grammar of URIs alone is compiled at its import for 1.3 s CPU."""

DEFERRED = ("scipy.stats", "altair", "jsonschema")
"""Modules that Great Expectations needs for two of its expectations only: their import takes 1.5 s CPU."""


class _LazyModule(ModuleType):
    """A stand-in for a module, which is imported at the first use of an attribute."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def lazily(*names: str) -> Generator[None]:
    """In the body, imports of `names` (none: of every module that is no package) bind a stand-in.

    It imports the module when an attribute is used. Modules that are already imported are plain.
    """
    finder = _LazyFinder(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in finder.created.items():
            package, _, child = name.rpartition(".")
            for namespace, key in ((sys.modules, name), (vars(sys.modules[package]) if package else {}, child)):
                if namespace.get(key) is module:
                    del namespace[key]


class _LazyFinder(Loader):
    """The import finder of `lazily`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.created: dict[str, ModuleType] = {}
        self._names = names
        self._thread = get_ident()  # what others import in the meantime is plain

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        wanted = get_ident() == self._thread and name not in self.created and (not self._names or name in self._names)
        found = PathFinder.find_spec(name, path) if wanted else None
        return ModuleSpec(name, self) if found and (self._names or not found.submodule_search_locations) else None

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = _LazyModule
        self.created[module.__name__] = module


def after_import(name: str, act: Callable[[], None]) -> None:
    """Call `act` now if a module is imported, else right after its import. A later call replaces an earlier one."""
    sys.meta_path[:] = [hook for hook in sys.meta_path if not (isinstance(hook, _ImportHook) and hook.name == name)]
    if name in sys.modules:
        act()
    else:
        sys.meta_path.insert(0, _ImportHook(name, act))


@dataclass
class _ImportHook:
    name: str
    act: Callable[[], None]

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_act(module: ModuleType) -> None:
                load(module)
                self.act()

            spec.loader.exec_module = load_and_act
        return spec


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
