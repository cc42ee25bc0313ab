"""A real server and a real browser: what the tests in this folder drive."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import require

CHROMIUM = Path("/usr/bin/chromium")
#: No sandbox since CI is root; no traffic of the browser's own.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        require("browser", why=f"there is no {CHROMIUM}")
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own; the test fails if the page's script did."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_one(url: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not troubles


class Served:
    """A server of a folder, for one test module."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        self.log = data.with_suffix(".log")
        command = [sys.executable, "-m", "nbdash", "serve", str(folder), "--data", str(data), "--port", "8790"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        self.url = self._url()

    def _url(self) -> str:
        for _ in range(600):
            if (info := self.data / "server.json").exists():
                return str(json.loads(info.read_text())["url"])
            assert self._process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        """End the server as Ctrl-C would."""
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that watches an empty folder."""
    folder = tmp_path_factory.mktemp("notebooks")
    server = Served(folder, tmp_path_factory.mktemp("data") / "nbdash")
    yield server
    server.stop()
