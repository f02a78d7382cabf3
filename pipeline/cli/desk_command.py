"""`mingce desk`: the office's notebook in JupyterLab, ready to use."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import CohortPath


def register(app: typer.Typer) -> None:
    """Add `desk` to the command line."""

    @app.command(help="打开办公台：在浏览器里运行、查找、审核、寄送（只在这台电脑上，按 Ctrl+C 结束）")
    def desk(  # pyright: ignore[reportUnusedFunction]
        cohort: CohortPath = Path(),
        no_browser: Annotated[bool, typer.Option("--no-browser", help="不打开浏览器，只显示地址")] = False,
    ) -> None:
        import webbrowser

        from pipeline.cohort import load_cohort
        from pipeline.office.server import prepare_folder, run_notebook, serve_desk
        from pipeline.office.waiting import waiting_page

        folder = prepare_folder(load_cohort(cohort))
        print("正在打开办公台，大约半分钟……", file=sys.stderr)
        with waiting_page() as waiting, ExitStack() as stack:
            shown = not no_browser and webbrowser.open(waiting.address)
            server = stack.enter_context(serve_desk(folder))
            run_notebook(server)
            waiting.over(server.address)
            print(server.address, flush=True)
            if not (shown or no_browser):
                print("没有找到浏览器，请把上面的地址复制到浏览器里打开", file=sys.stderr)
            print("办公台已打开。用完以后在这里按 Ctrl+C 结束。", file=sys.stderr)
            with suppress(KeyboardInterrupt):
                server.process.wait()
