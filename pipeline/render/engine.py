"""The papermill engine `mingce`: papermill's own, with parameters checked before a kernel starts.

`papermill --engine mingce in.ipynb out.ipynb -p …` uses a new kernel. `notebook_timeout` is in seconds for the whole
notebook (0: none). A job passes the `client` that runs the cells, and `recorded`, the paths in the metadata; with it
papermill does not raise on a dead kernel.
"""

# ruff: noqa: ANN401 - the signatures are those of the classes overridden
from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import nbformat
import zmq
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager
from papermill.exceptions import PapermillExecutionError
from papermill.log import logger
from papermill.translators import PythonTranslator, Translator, papermill_translators
from traitlets import Any as AnyTrait
from traitlets import Float

from pipeline.errors import UsageError
from pipeline.render import parameters

TIMEOUT, DIED = "NotebookTimeout", "KernelDied"
"""The `ename` of the errors that this client records itself."""


class _ReadableTranslator(PythonTranslator):
    r"""Parameters as Python with unescaped Chinese (papermill: `\u571f`), because office staff open the cell."""

    @classmethod
    def translate_str(cls, val: str) -> str:
        return repr(val)


class MingceClient(PapermillNotebookClient):
    """nbclient with a time limit for the whole notebook. If the kernel dies, the running cell gets an error output."""

    budget = Float(0.0)
    """Seconds for the whole notebook (0: unbound)."""
    start_lock = AnyTrait(nullcontext())
    """Held until a cold kernel is ready, because two that start at once may pick the same ports."""
    deadline: float = 0.0

    def execute(self, **kwargs: Any) -> Any:
        """Execute every cell until one fails, then shut the kernel down."""
        if self.budget:
            self.deadline = time.monotonic() + self.budget
            self.timeout_func = self._remaining_seconds
        with suppress(DeadKernelError):  # its cell has the error
            super().execute(cleanup_kc=True, **kwargs)
        return self.nb

    def start_new_kernel(self, **kwargs: Any) -> None:
        """Start a kernel. Its TCP sockets are encrypted if possible, because any account of the machine can connect."""
        manager: Any = self.km
        if zmq.has("curve"):
            manager.transport_encryption = "auto"
        if manager.ipykernel:  # `run: str = ""` alone in a cell would be the magic %run
            self.extra_arguments = [*self.extra_arguments, "--InteractiveShell.automagic=False"]
        with self.start_lock:
            super().start_new_kernel(**kwargs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.start_new_kernel_client()

    async def async_execute_cell(self, cell: Any, cell_index: int, *args: Any, **kwargs: Any) -> Any:
        """Execute a cell. At the notebook's deadline its kernel is killed."""
        with self.recording_failure(cell):
            try:
                return await super().async_execute_cell(cell, cell_index, *args, **kwargs)
            except CellTimeoutError as error:
                if not self._is_overdue() or self.km is None or self.km.provisioner is None:
                    raise
                await self.km.provisioner.kill()
                raise DeadKernelError from error

    execute_cell = run_sync(async_execute_cell)

    def output(self, outs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Record an output. Parts of one stream are joined, because their boundaries depend on timing."""
        count = len(outs)
        out = super().output(outs, *args, **kwargs)
        if out is not None and 0 < count < len(outs):
            previous, last = outs[-2:]
            if last.output_type == "stream" == previous.output_type and last.name == previous.name:
                previous.text += outs.pop().text
        return out

    @contextmanager
    def recording_failure(self, cell: Any) -> Generator[None]:
        """Record a timeout or dead kernel in the body as the cell's first output, which papermill reads first.

        Raises CellExecutionError: the notebook cannot continue.
        """
        try:
            yield
        except (DeadKernelError, CellExecutionError) as error:
            if self._is_overdue():
                name, text = TIMEOUT, f"整个 notebook 超过 {self.budget:g} 秒，已停止"
            elif isinstance(error, DeadKernelError):
                name, text = DIED, "内核中途退出：可能是内存不够或程序崩溃"
            else:
                raise
            output = nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])
            cell.outputs.insert(0, output)
            raise CellExecutionError(f"{name}: {text}", name, text) from None

    def _remaining_seconds(self, _cell: object) -> Any:
        return max(self.deadline - time.monotonic(), 0.01)

    def _is_overdue(self) -> bool:
        return bool(self.deadline) and time.monotonic() >= self.deadline


class MingceEngine(Engine):
    """Runs a notebook. The module docstring explains the keywords."""

    @classmethod
    def execute_notebook(
        cls, nb: Any, kernel_name: str, output_path: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Check the parameters, then execute `nb` in place and return it.

        Raises:
            UsageError: an unknown or badly typed parameter; no kernel was started.
            DeadKernelError: the kernel died.
        """
        from papermill.execute import raise_for_execution_errors  # which imports the engines, this one too

        recorded: dict[str, str] = kwargs.pop("recorded", {})
        nb.metadata.papermill |= recorded
        values = _take_parameters(nb, papermill_translators.find_translator(kernel_name, cls.nb_language(nb)))
        where = Path(str(nb.metadata.papermill.get("input_path") or "")).name
        parameters.refuse_parameters(parameters.documented_parameters(nb), values, where=where)
        executed = super().execute_notebook(nb, kernel_name, output_path, *args, **kwargs)
        try:
            if not recorded:
                raise_for_execution_errors(executed, output_path)
        except PapermillExecutionError as error:
            if error.ename == DIED:
                raise DeadKernelError(error.evalue) from error
            raise
        return executed

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        client: Callable[..., MingceClient] = MingceClient,
        notebook_timeout: float = 0,
        start_timeout: float = 60,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Execute the cells of `nb_man.nb`. Errors, timeouts and dead kernels are recorded in their cell.

        Raises UsageError for an option that neither papermill nor the client knows: it would have no effect.
        """
        options = {name: value for name, value in kwargs.items() if name != "input_path"}
        if unknown := sorted(set(options) - set(MingceClient.class_trait_names())):
            remedy = "可用 nbclient 的选项，如 allow_errors、timeout"
            raise UsageError(f"引擎 mingce 没有选项 {'、'.join(unknown)}", remedy=remedy)
        options |= {"timeout": execution_timeout or options.get("timeout"), "startup_timeout": int(start_timeout)}
        client(nb_man, kernel_name=kernel_name, log=logger, budget=notebook_timeout, **options).execute()


# the entry point is this module, because papermill loads it while this module's first import imports papermill
execute_notebook = MingceEngine.execute_notebook
nb_kernel_name, nb_language = MingceEngine.nb_kernel_name, MingceEngine.nb_language


def _take_parameters(nb: Any, translator: type[Translator]) -> dict[str, Any]:
    """Return this call's parameters and write their cell with unescaped Chinese. An earlier run's are deleted."""
    parameters_ = dict(nb.metadata.papermill.get("parameters") or {})
    source = translator.codify(parameters_, "Parameters")
    for cell in nb.cells:
        if parameters_ and "injected-parameters" in cell.metadata.get("tags", []) and cell.source == source:
            if translator is PythonTranslator:
                cell.source = _ReadableTranslator.codify(parameters_, "本次运行的参数")
            return parameters_
    nb.metadata.papermill["parameters"] = {}
    return {}
