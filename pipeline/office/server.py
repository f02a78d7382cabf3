"""JupyterLab for the office: in Chinese, on 127.0.0.1, with a token, all its files in one private folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty
from threading import Thread
from typing import Any
from urllib.parse import quote

import nbformat
import requests
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from pipeline import resources
from pipeline.cohort import Cohort
from pipeline.errors import MingceError
from pipeline.render.fragments import render

Body = Mapping[str, str | Mapping[str, str]]
NOTEBOOK = "START.ipynb"
_WAIT = 180  # seconds for JupyterLab to answer, and for one cell
_PRIVATE = ".jupyter"
_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
    "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython",
}  # fmt: skip


@dataclass(frozen=True)
class JupyterServer:
    """A running JupyterLab with its port and token."""

    port: int
    token: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """The URL of the notebook, with the token."""
        return f"http://127.0.0.1:{self.port}/doc/tree/{quote(NOTEBOOK)}?token={self.token}"

    def request(self, method: str, path: str, body: Body | None = None) -> requests.Response:
        """Return the answer of the server's REST interface. Raises RequestException if there is none, or an error."""
        address = f"http://127.0.0.1:{self.port}/api/{path}"
        headers = {"Authorization": f"token {self.token}"}
        with requests.Session() as session:
            session.trust_env = False  # never use a proxy for 127.0.0.1
            answer = session.request(method, address, headers=headers, json=body, timeout=60)
        answer.raise_for_status()
        return answer


def prepare_folder(cohort: Cohort) -> Path:
    """Write `<cohort>/desk/` with the notebook and return it. A notebook that a person changed is renamed, not lost."""
    folder = cohort.folder / "desk"
    folder.mkdir(mode=0o700, exist_ok=True)
    notebook = nbformat.read(resources.notebooks() / NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata["jupyter"] = {"source_hidden": True}
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = f"# 参数\ncohort: str = {str(cohort.folder)!r}  # 届别文件夹"
    path, sources = folder / NOTEBOOK, folder / _PRIVATE / "sources.json"
    cells = [cell.source for cell in notebook.cells]
    if path.is_file() and not _is_unchanged(path, sources, cells):
        path.rename(folder / f"START-{time.strftime('%Y%m%d-%H%M%S')}.ipynb")
    private = folder / _PRIVATE
    shutil.rmtree(private / "runtime", ignore_errors=True)
    for name in (*_FOLDERS.values(), "config/labconfig", "config/custom"):
        (private / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    overrides = private / "config" / "labconfig" / "default_setting_overrides.json"
    settings = resources.report_table("desk")["jupyterlab"]
    overrides.write_text(json.dumps(settings["settings"]), encoding="utf-8")
    (private / "config" / "custom" / "custom.css").write_text(settings["css"], encoding="utf-8")
    sources.write_text(json.dumps(cells, ensure_ascii=False), encoding="utf-8")
    nbformat.write(notebook, path)
    return folder


def _is_unchanged(path: Path, sources: Path, written: list[str]) -> bool:
    try:
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells]
        return cells == written or cells == json.loads(sources.read_text(encoding="utf-8"))
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def serve_desk(folder: Path) -> Generator[JupyterServer]:
    """Run a JupyterLab of one folder. It ends with the block, and its kernels with it. Raises MingceError."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    token, private = secrets.token_urlsafe(24), folder / _PRIVATE
    args = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", "--LabApp.custom_css=True",
        "--LabApp.extension_manager=readonly", "--LabApp.news_url=",
        "--ServerApp.jpserver_extensions={'jupyter_lsp': False}",
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    environment |= {name: str(private / place) for name, place in _FOLDERS.items()}
    environment |= {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_TOKEN": token}  # the list of processes does not show it
    with (private / "jupyterlab.log").open("wb") as log:
        process = subprocess.Popen(args, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    server = JupyterServer(port, token, folder, process)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        _stop(server)


def _wait_until_ready(server: JupyterServer) -> None:
    end = time.monotonic() + _WAIT
    while time.monotonic() < end and server.process.poll() is None:
        try:
            server.request("GET", "status")
            return
        except requests.RequestException:
            time.sleep(0.1)
    log = server.folder / _PRIVATE / "jupyterlab.log"
    remedy = "没有安装 JupyterLab 时，请先安装：pip install jupyterlab jupyterlab-language-pack-zh-CN"
    raise MingceError("JupyterLab 没有启动", where=str(log), remedy=remedy)


def _stop(server: JupyterServer) -> None:
    try:
        for session in server.request("GET", "sessions").json():
            server.request("DELETE", f"sessions/{session['id']}")
        server.request("POST", "shutdown")
    except requests.RequestException:
        server.process.terminate()
    try:
        server.process.wait(20)
    except subprocess.TimeoutExpired:
        server.process.kill()


def run_notebook(server: JupyterServer) -> None:
    """Run all cells in the session's kernel, which every tab shares; save as trusted. Raises MingceError."""
    body = {"path": NOTEBOOK, "name": NOTEBOOK, "type": "notebook", "kernel": {"name": "python3"}}
    session = server.request("POST", "sessions", body).json()
    private = server.folder / _PRIVATE
    file = private / "runtime" / f"kernel-{session['kernel']['id']}.json"
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    path = server.folder / NOTEBOOK
    try:
        wait_for_kernel(client)
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                _run_cell(client, cell)
        nbformat.write(notebook, path)
    finally:
        client.stop_channels()
    # JupyterLab renders all outputs only of notebooks that are signed in its own store
    NotebookNotary(data_dir=str(private / "data")).sign(nbformat.read(path, as_version=4))


def wait_for_kernel(client: BlockingKernelClient) -> None:
    """Ask for the kernel's info until both channels answer. (`wait_for_ready` reports a slow kernel as dead.)

    Outputs that are published before this client has subscribed are lost, and a cell would wait for its end for ever.
    """
    end = time.monotonic() + _WAIT
    while time.monotonic() < end:
        try:
            client.kernel_info()
            client.get_shell_msg(timeout=2)
            client.get_iopub_msg(timeout=2)
        except (Empty, TimeoutError):
            continue
        return
    raise MingceError("内核没有启动", remedy="请再执行一次 mingce desk")


def _run_cell(client: BlockingKernelClient, cell: NotebookNode) -> None:
    cell.outputs = []

    def collect(message: dict[str, Any]) -> None:
        if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            cell.outputs.append(nbformat.v4.output_from_msg(message))

    reply = client.execute_interactive(cell.source, allow_stdin=False, timeout=_WAIT, output_hook=collect)
    cell.execution_count = reply["content"].get("execution_count")
    if reply["content"]["status"] == "error":
        error_text = str(reply["content"].get("evalue", ""))
        raise MingceError("打开办公台时出错", where=error_text[:200], remedy="请先执行 mingce doctor")


@dataclass
class WaitingPage:
    """The address of the waiting page, and of the `desk` that it redirects to; blank while the desk starts."""

    address: str
    desk: str = ""


@contextmanager
def waiting_page() -> Generator[WaitingPage]:
    """Serve the waiting page on 127.0.0.1 while the block runs, at a path that cannot be guessed."""
    path, started = f"/{secrets.token_urlsafe(24)}", time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != path:
                self.send_error(404)
                return
            page = render("page/waiting.html.j2", seconds=int(time.monotonic() - started)).encode()
            self.send_response(302 if waiting.desk else 200)
            if waiting.desk:
                self.send_header("Location", waiting.desk)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            """Write no log to the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        waiting = WaitingPage(f"http://127.0.0.1:{server.server_port}{path}")
        Thread(target=server.serve_forever, name="waiting page", daemon=True).start()
        try:
            yield waiting
        finally:
            server.shutdown()
