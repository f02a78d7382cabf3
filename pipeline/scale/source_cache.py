"""What an earlier run read of a source, taken over where its bytes and all else that decides the reading are equal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pipeline.atomic_files import link_or_copy
from pipeline.cache import Cache, digest_of, settings_digest
from pipeline.cohort import Cohort
from pipeline.collect.collected import Input
from pipeline.collect.formats import memo_of
from pipeline.collect.inputs import keep_bytes, read_content
from pipeline.errors import InputError
from pipeline.run_folder import RunFolder
from pipeline.scale.spool import Spool


@dataclass(frozen=True)
class SourceCache:
    """The readings of this run, in its folder `read`, and those of earlier runs (`kept`).

    A reading is the `files` of the spool that a task wrote of one source; the last of them names it. Its key covers the
    source's bytes, the settings, the code, and `about`: whatever else the reading depends on.
    """

    cohort: Cohort
    folder: RunFolder
    spool: Spool
    kept: Cache
    keys: list[str] = field(default_factory=list[str])
    _asked: dict[str, tuple[object, str]] = field(default_factory=dict[str, tuple[object, str]])

    def reuse(
        self,
        files: Sequence[str],
        about: object,
        paths: Sequence[Path],
        refused: Set[str] = frozenset(),
        more: str = "",
    ) -> bool:
        """Lay an earlier run's reading of `paths` into the spool. Return whether there is one.

        Files with a SHA-256 in `refused` are left to their reader. `more` is what some of the readings depend on too.
        """
        inputs = self._inputs_of(paths, refused)
        key = self._key(about, inputs) if inputs else ""
        self._asked[files[-1]] = about, key
        found = next((each for each in (key, digest_of(key, more)) if key and self.kept.reuse(each)), "")
        if found:
            for place, name in zip(self._places(found, files), files, strict=True):
                link_or_copy(place, self.spool.folder / name)
            self.keys.append(found)
        return bool(found)

    def store(self, files: Sequence[str], inputs: Iterable[Input], more: str = "") -> None:
        """Store a reading for the next run, if its `inputs` are what they were when `take` looked."""
        about, key = self._asked[files[-1]]
        if key == self._key(about, inputs):
            key = digest_of(key, more) if more else key
            places = self._places(key, files)
            for place, name in zip(places, files, strict=True):
                link_or_copy(self.spool.folder / name, place)
            self.kept.record(places, key)
            self.keys.append(key)

    def carry_over(self, keys: Iterable[str]) -> None:
        """Take over readings that this run does not look at, for the next one."""
        self.keys.extend(key for key in keys if self.kept.reuse(key))

    @cached_property
    def _settings(self) -> str:
        return settings_digest(self.cohort)

    def _key(self, about: object, inputs: Iterable[Input]) -> str:
        return digest_of("source", self._settings, repr(about), *(f"{one.name}:{one.sha256}" for one in inputs))

    def _inputs_of(self, paths: Sequence[Path], refused: Set[str]) -> list[Input]:
        """Return the files, and store their bytes as a reader does; none if one needs its reader."""
        inputs: list[Input] = []
        for path in paths:
            try:
                content = read_content(path, self.cohort.folder)
            except InputError:
                return []
            if content.sha256 in refused or memo_of(path):
                return []
            keep_bytes(content, self.folder.inputs)
            inputs.append(Input(content.name, content.sha256, len(content.data), ""))
        return inputs

    def _places(self, key: str, files: Sequence[str]) -> list[Path]:
        return [self.folder.path / "read" / f"{key}-{at}" for at in range(len(files))]
