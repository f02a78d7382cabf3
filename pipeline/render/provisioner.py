"""A kernel manager whose kernels are forked by the prepared process.

Jupyter's own classes do the rest, so whatever speaks to a kernel (nbclient, widgets, interrupt) works.
"""

# ruff: noqa: ANN401 - the signatures are those of the classes overridden
from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Any as AnyTrait
from traitlets import Int, Type

from pipeline.render.starter import Child, Prepared

_PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")


class ForkedProvisioner(KernelProvisionerBase):
    """Launches a kernel by asking the prepared process for a fork; signals and exit status go the same way."""

    prepared: Prepared
    memory: int = 0
    child: Child | None = None

    @property
    def has_process(self) -> bool:
        """Return whether a kernel process is held."""
        return self.child is not None

    async def poll(self) -> int | None:
        """Return None while the kernel lives, else its exit status."""
        return 0 if self.child is None else self.child.poll()

    async def wait(self) -> int | None:
        """Wait for the kernel's end and let go of it."""
        while (status := await self.poll()) is None:
            await asyncio.sleep(0.005)
        if self.child is not None:
            self.child.close()
            self.child = None
        return status

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel and what it started."""
        if self.child is not None:
            self.child.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel and what it started."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel to end."""
        await self.send_signal(signal.SIGTERM)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel that runs with the arguments, environment and folder a cold one would get."""
        manager = self.parent
        assert isinstance(manager, ForkedKernelManager)
        request = {
            "kind": "kernel",
            "connection_file": manager.connection_file,
            "arguments": cmd,
            "cwd": kwargs.get("cwd") or os.getcwd(),  # noqa: PTH109 - a folder's name is sent, no path is worked on
            "env": dict(kwargs["env"]),
            "memory": self.memory,
        }
        self.child = self.prepared.child(request)
        return self.connection_info

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the sockets (files in the private folder, so no port can collide) and write the connection file."""
        manager = self.parent
        assert isinstance(manager, ForkedKernelManager)
        manager.use_sockets()
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        arguments = ["-f", str(manager.connection_file), *kwargs.pop("extra_arguments", [])]
        return await super().pre_launch(cmd=arguments, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of the kernel; one that still lives is killed."""
        if self.child is not None:
            self.child.close()
            self.child = None


class ReadyClient(AsyncKernelClient):
    """Waits for a new kernel by its own idle message, where Jupyter's waits until nothing has come for 0.2 s."""

    async def _async_wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (60 if timeout is None else timeout)
        while True:
            request = self.kernel_info()
            if await self._both_answer(request):
                return
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")

    # jupyter_client binds the public name to its own private one when the class is made
    wait_for_ready = _async_wait_for_ready  # pyright: ignore[reportAssignmentType]

    async def _both_answer(self, request: str) -> bool:
        """Return whether the reply came on the shell channel and then the idle state on iopub."""
        try:
            while True:
                reply = await self.shell_channel.get_msg(timeout=1)
                if reply["parent_header"].get("msg_id") == request:
                    break
            while True:
                state = await self.iopub_channel.get_msg(timeout=0.2)
                if (
                    state["parent_header"].get("msg_id") == request
                    and state["content"].get("execution_state") == "idle"
                ):
                    return True
        except Empty:
            return False


class ForkedKernelManager(AsyncKernelManager):
    """Manages a kernel forked by `prepared`, bound to `memory` bytes (0: no bound)."""

    prepared = AnyTrait()
    memory = Int(0)
    client_factory = Type(klass="jupyter_client.KernelClient", default_value=ReadyClient)

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        if self.provisioner is None:
            self.kernel_id = self.kernel_id or str(uuid.uuid4())
            self.provisioner = ForkedProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
            self.provisioner.prepared = self.prepared
            self.provisioner.memory = self.memory
        return await super()._async_pre_start_kernel(**kw)

    pre_start_kernel = _async_pre_start_kernel  # pyright: ignore[reportAssignmentType]

    async def _async_interrupt_kernel(self) -> None:
        """Interrupt the kernel, but not on the way to its shutdown: it is idle then.

        Jupyter's manager does, and a kernel still answering its last request prints an error of KeyboardInterrupt.
        """
        if not self.shutting_down:
            await super()._async_interrupt_kernel()

    interrupt_kernel = _async_interrupt_kernel  # pyright: ignore[reportAssignmentType]

    async def _async_finish_shutdown(
        self, waittime: float | None = None, pollinterval: float = 0.005, restart: bool = False
    ) -> None:
        await super()._async_finish_shutdown(waittime, pollinterval, restart)

    finish_shutdown = _async_finish_shutdown  # pyright: ignore[reportAssignmentType]

    def use_sockets(self) -> None:
        """Use Unix sockets in the prepared process's private folder: nobody else on this machine can connect."""
        base = self.prepared.folder / uuid.uuid4().hex[:8]
        self.transport = "ipc"
        self.ip = str(base)
        self.connection_file = f"{base}.json"
        for number, name in enumerate(_PORTS, 1):
            setattr(self, name, number)
