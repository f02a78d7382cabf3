"""Screenshots of what people see, made in headless Chromium with the bundled font; look at each one.

`python docs/pictures/make.py PAGE.html OUT.png [WIDTH] [HEIGHT] [--full] [--grey] [--print]`, or without arguments
every picture of this folder from an invented season; `make.py --student COHORT` the student's mail from a finished run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def use_bundled_font(folder: Path) -> None:
    """Let Chromium find Noto Sans SC: this machine may have no Chinese font, and pictures must not depend on one."""
    from pylopdf_fonts_zh_cn import sans_path

    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{Path(sans_path()).parent}</dir>"
        f"<dir>/usr/share/fonts</dir><cachedir>{folder}/cache</cachedir>"
        "<alias binding='same'><family>sans-serif</family><prefer><family>Noto Sans SC</family></prefer></alias>"
        "<alias binding='same'><family>system-ui</family><prefer><family>Noto Sans SC</family></prefer></alias>"
        "</fontconfig>",
        encoding="utf-8",
    )
    os.environ["FONTCONFIG_FILE"] = str(folder / "fonts.conf")


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a headless Chromium with a profile of its own and no network."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        use_bundled_font(Path(folder))
        with sync_playwright() as player:
            opened = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            try:
                yield opened
            finally:
                opened.close()


def open_file(opened: Browser, path: Path, width: int, height: int, scale: float = 1) -> Page:
    """Open a local page, offline, at `width` by `height`."""
    context = opened.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale, offline=True)
    page = context.new_page()
    page.goto(path.resolve().as_uri())
    return page


def shoot(
    path: Path,
    out: Path,
    width: int = 1280,
    height: int = 1000,
    *,
    full: bool = False,
    grey: bool = False,
    paper: bool = False,
    scale: float = 1,
    jump: str = "",
) -> None:
    """Write one screenshot of a local page."""
    with browser() as opened:
        page = open_file(opened, path, width, height, scale)
        if paper:
            page.emulate_media(media="print")
        if grey:
            page.evaluate("document.documentElement.style.filter='grayscale(1)'")
        if jump:
            page.evaluate(f"document.getElementById('{jump}').scrollIntoView()")
        page.screenshot(path=str(out), full_page=full)


@contextmanager
def jupyter(folder: Path) -> Iterator[str]:
    """Yield the address of a JupyterLab on loopback that shows `folder`; its settings are a throw-away folder's."""
    import secrets
    import socket
    import subprocess
    import time
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    settings = folder / ".jupyter"
    folder_of = settings / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    quiet = folder_of / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(settings),
        "JUPYTER_DATA_DIR": str(settings / "data"),
        "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
        "JUPYTER_TOKEN": token,
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        f"--notebook-dir={folder}",
        "--LabApp.news_url=",
        "--ServerApp.log_level=ERROR",
    ]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=1).close()
                break
            except OSError:
                time.sleep(0.5)
        yield f"{address}/lab/tree/NAME?token={token}&reset"
    finally:
        server.terminate()
        server.wait(20)


def shoot_lab(notebook: Path, out: Path, width: int = 1280, height: int = 1000) -> None:
    """Write a screenshot of an executed notebook in JupyterLab, untrusted as it is for staff who receive it."""
    import shutil

    with tempfile.TemporaryDirectory() as place:
        shutil.copy(notebook, place)
        with browser() as opened, jupyter(Path(place)) as address:
            page = opened.new_page(viewport={"width": width, "height": height})
            page.goto(address.replace("NAME", notebook.name), wait_until="domcontentloaded")
            page.wait_for_selector(".jp-OutputArea-output", timeout=120_000)
            page.wait_for_timeout(4_000)
            page.keyboard.press("Control+b")
            for dialog in page.locator(".jp-Dialog button:has-text('No'), .jp-Dialog .jp-mod-reject").all():
                dialog.click()
            page.wait_for_timeout(2_000)
            page.screenshot(path=str(out))


def every_picture() -> None:
    """Make an invented season, its pages and all pictures of this folder."""
    sys.path.insert(0, str(HERE.parent.parent / "tests" / "render"))
    from invented_run import make_season  # pyright: ignore[reportMissingImports]

    from pipeline import resources
    from pipeline.render.college import headcount_of, open_page
    from pipeline.render.headcount_files import write_headcount_pdf
    from pipeline.render.notebooks import NotebookJob, run_notebooks
    from pipeline.render.render_stage import write_index
    from pipeline.view.run_tables import load_run

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run = make_season(folder)
        mine = {"run": str(run), "college": "计算机科学与工程学院", "school": "10534"}
        jobs = [
            NotebookJob(
                resources.notebooks() / f"{name}.ipynb", folder / f"{name}.ipynb", folder / f"{name}.html", given
            )
            for name, given in (("college", mine), ("overview", {"run": str(run)}))
        ]
        failed = [result.error for result in run_notebooks(jobs) if not result.ok]
        if failed:
            raise SystemExit("\n".join(failed))
        shoot(folder / "college.html", HERE / "college-desktop.png", 1280, 1150)
        shoot(folder / "college.html", HERE / "college-phone.png", 375, 812, scale=2)
        shoot(folder / "college.html", HERE / "college-print.png", 794, 1123, paper=True)
        shoot(folder / "college.html", HERE / "college-grey.png", 1280, 1150, grey=True)
        shoot(folder / "overview.html", HERE / "overview.png", 1280, 1400)
        write_index(folder / "index.html", load_run(run))
        shoot(folder / "index.html", HERE / "index-phone.png", 390, 844, scale=2)
        write_headcount_pdf(folder / "headcount.pdf", headcount_of(open_page(**mine)))
        _pdf_picture(folder / "headcount.pdf", HERE / "headcount-pdf.png")
        shoot_lab(folder / "college.ipynb", HERE / "jupyterlab.png")
    for picture in HERE.glob("*.png"):
        _fewer_colours(picture)


def student_picture(cohort_folder: Path, out: Path) -> None:
    """Write a picture of the mail to one student of a finished cohort, such as the demo's (its people are invented)."""
    import pandas as pd

    from pipeline.cohort import load_cohort
    from pipeline.deliver.source import open_run, run_to_send
    from pipeline.deliver.student_mail import student_drafts

    cohort = load_cohort(cohort_folder)
    source = open_run(cohort, run_to_send(cohort))
    addresses = pd.DataFrame({"proved": "a@qq.com", "known": ""}, index=range(len(source.roster)))
    letters = (draft.build().html for draft in student_drafts(cohort, source, addresses))
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "mail.html"
        page.write_text(next(text for text in letters if "需要更正" in text), encoding="utf-8")
        shoot(page, out, 480, 420, scale=1.5)
    _fewer_colours(out)


def _pdf_picture(pdf: Path, out: Path) -> None:
    """Draw the first page of a PDF with poppler, where it is installed."""
    import shutil
    import subprocess

    if shutil.which("pdftoppm"):
        subprocess.run(["pdftoppm", "-r", "80", "-png", "-singlefile", str(pdf), str(out.with_suffix(""))], check=True)


def _fewer_colours(picture: Path) -> None:
    """Keep a picture small enough to live in the repository."""
    from PIL import Image

    Image.open(picture).convert("RGB").quantize(128).save(picture, optimize=True)


def main() -> None:
    """Take the screenshot that the arguments ask for, or all pictures."""
    if len(sys.argv) == 1:
        every_picture()
        return
    if sys.argv[1] == "--student":
        student_picture(Path(sys.argv[2]), HERE / "student-mail.png")
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("width", type=int, nargs="?", default=1280)
    parser.add_argument("height", type=int, nargs="?", default=1000)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--grey", action="store_true")
    parser.add_argument("--print", dest="paper", action="store_true")
    parser.add_argument("--jump", default="")
    parser.add_argument("--scale", type=float, default=1)
    given = parser.parse_args()
    shoot(
        given.page,
        given.out,
        given.width,
        given.height,
        full=given.full,
        grey=given.grey,
        paper=given.paper,
        jump=given.jump,
        scale=given.scale,
    )


if __name__ == "__main__":
    sys.exit(main())
