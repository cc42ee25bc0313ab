"""A real server and a real browser: what the tests in this folder drive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import require
from tests.served import Served

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Not longer than a module: its driver keeps an event loop running in this thread."""
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that watches an empty folder."""
    folder = tmp_path_factory.mktemp("notebooks")
    server = Served(folder, tmp_path_factory.mktemp("data") / "nbdash")
    yield server
    server.stop()
