"""The papermill engine `mingce`: papermill's own, with parameters checked before a kernel starts.

`papermill --engine mingce in.ipynb out.ipynb -p …` works for anyone, in a cold kernel; `notebook_timeout` are the
seconds for the whole notebook (0: unbound). A job of the prepared process has `forking` say how its own fork runs the
cells, and `recorded` how input and output are called in the record, where that differs from their paths.
"""

# ruff: noqa: ANN401 - the signatures are those of the classes overridden
from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from papermill.engines import Engine, NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from papermill.log import logger
from papermill.translators import PythonTranslator, Translator, papermill_translators

from pipeline.errors import UsageError
from pipeline.render import parameters
from pipeline.render.client import MingceClient

_SAVE_EVERY = 1.0
"""Papermill saves before and after each cell: 20 ms of validating and writing each. Once a second is as useful."""


class _Readable(PythonTranslator):
    """Parameters as Python in which Chinese stays Chinese (papermill: `\\u571f`): office staff open the cell."""

    @classmethod
    def translate_str(cls, val: str) -> str:
        """Return a text as a Python literal; what cannot be printed is escaped."""
        return repr(val)


class LeanManager(NotebookExecutionManager):
    """Papermill's record of an execution, saved at most once a second and at the end, and naming no folder."""

    dead = False
    _waits = False

    def notebook_start(self, **kwargs: Any) -> None:
        """Begin the record; only the files' names stay in it, since folders tell who ran it where."""
        recorded = self.nb.metadata.papermill
        for key in ("input_path", "output_path"):
            recorded[key] = Path(str(recorded[key])).name if recorded.get(key) else None
        super().notebook_start(**kwargs)

    def save(self, **kwargs: Any) -> None:
        """Save the notebook as it is now, unless it was saved within the last second and is still running."""
        self._waits = self.end_time is None and (self.now() - self.last_save_time).total_seconds() < _SAVE_EVERY
        if not self._waits:
            super().save(**kwargs)

    def catch_up(self) -> None:
        """Save what waits: the cell at hand takes its time, and what stood before it must not."""
        if self._waits:
            self._waits = False
            super().save()


class MingceEngine(Engine):
    """Runs a notebook; see the module's text for its keywords."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool = True,
        log_output: bool = False,
        autosave_cell_every: int = 30,
        recorded: tuple[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Check the parameters, then execute `nb` in place and return it.

        Raises:
            UsageError: an unknown or badly typed parameter; no kernel was started.
        """
        if recorded:
            nb.metadata.papermill |= dict(zip(("input_path", "output_path"), recorded, strict=True))
        given = _given(nb, papermill_translators.find_translator(kernel_name, cls.nb_language(nb)))
        where = Path(str(nb.metadata.papermill.get("input_path") or "")).name
        parameters.check(parameters.documented_in(nb), given, where=where)
        manager = LeanManager(nb, output_path, log_output, progress_bar, autosave_cell_every)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **kwargs)
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
        if manager.dead:
            _raise_dead(manager.nb, output_path)
        return manager.nb

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: LeanManager,
        kernel_name: str,
        *,
        forking: Mapping[str, Any] | None = None,
        starting: AbstractContextManager[Any] | None = None,
        notebook_timeout: float = 0,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: float = 60,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute the cells of `nb_man.nb`; errors, a timeout and the kernel's death are recorded in their cell."""
        options = {name: value for name, value in kwargs.items() if name != "input_path"}
        _check_options(options)
        options |= {"timeout": execution_timeout or options.get("timeout"), "startup_timeout": int(start_timeout)}
        options |= {"log_output": log_output, "stdout_file": stdout_file, "stderr_file": stderr_file}
        client = _client(forking)(nb_man, kernel_name=kernel_name, log=logger, **options)
        client.budget = notebook_timeout
        client.deadline = time.monotonic() + notebook_timeout if notebook_timeout else 0.0
        client.starting = starting
        for name, value in (forking or {}).items():
            setattr(client, name, value)
        client.execute()
        nb_man.dead = client.dead and not client.is_overdue()


def _given(nb: Any, translator: type[Translator]) -> dict[str, Any]:
    """Return the parameters of this call, and write the cell that papermill has injected for them readably.

    A notebook that was run before brings the parameters of that run, in its metadata and in a cell that a person may
    have edited since: they are not of this call, the cell stays as it stands, and the record no longer claims them.
    """
    given = dict(nb.metadata.papermill.get("parameters") or {})
    written = translator.codify(given, "Parameters")
    for cell in nb.cells:
        if given and "injected-parameters" in cell.metadata.get("tags", []) and cell.source == written:
            if translator is PythonTranslator:
                cell.source = _Readable.codify(given, "本次运行的参数")
            return given
    nb.metadata.papermill["parameters"] = {}
    return {}


def _client(forking: Mapping[str, Any] | None) -> type[MingceClient]:
    if forking is None:
        return MingceClient
    from pipeline.render.forked import ForkedClient  # on Linux alone

    return ForkedClient


def _check_options(options: Iterable[str]) -> None:
    """Refuse what neither papermill nor the notebook's client knows: a misspelt option would do nothing in silence.

    Raises:
        UsageError: names the options.
    """
    unknown = sorted(set(options) - set(MingceClient.class_trait_names()))
    if unknown:
        raise UsageError(
            f"引擎 mingce 没有选项 {'、'.join(unknown)}", remedy="可用 nbclient 的选项，如 allow_errors、timeout"
        )


def _raise_dead(nb: Any, output_path: str | None) -> None:
    """Mark the notebook as papermill does where a cell fails, then fail as it does where a kernel dies.

    Raises:
        DeadKernelError: always.
    """
    from papermill.execute import raise_for_execution_errors  # which imports the engines, this one too

    try:
        raise_for_execution_errors(nb, output_path)
    except PapermillExecutionError as error:
        raise DeadKernelError(error.evalue) from error
