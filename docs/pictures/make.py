"""Screenshots of what people see, made in headless Chromium with the bundled font; look at each one.

`python docs/pictures/make.py PAGE.html OUT.png [WIDTH] [HEIGHT] [--full] [--grey] [--print]`, or without arguments
every picture of this folder from an invented season (`make pictures`).
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
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def use_bundled_font(folder: Path) -> None:
    """Let Chromium find Noto Sans SC: this machine may have no Chinese font, and pictures must not depend on one."""
    from pylopdf_fonts_zh_cn import sans_path

    (folder / "fonts.conf").write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{Path(sans_path()).parent}</dir>'
        f"<dir>/usr/share/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>",
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


def shoot(path: Path, out: Path, width: int = 1280, height: int = 1000, *, full: bool = False, grey: bool = False,
          paper: bool = False, scale: float = 1, jump: str = "") -> None:  # fmt: skip
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


def main() -> None:
    """Take the screenshot that the arguments ask for."""
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
    shoot(given.page, given.out, given.width, given.height, full=given.full, grey=given.grey, paper=given.paper,
          jump=given.jump, scale=given.scale)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
