"""The site, the canary and the browser: made once; and the sum of what was looked at."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import browser
from tests.xss.canary import Canary
from tests.xss.payloads import Payload, payloads_for
from tests.xss.site import Site
from tests.xss.watching import Watched, Watcher

__all__ = ["browser"]  # the fixture

_Each = TypeVar("_Each")
MEMORY = Path("/dev/shm")
#: Without ``-m xss``, where pages hold one payload each, every so many-th is looked at.
SAMPLE = 37

#: What is looked at by default: each payload in some places of an exported page.
QUICK = {f"test_exported[{place}]" for place in ("texts", "markdown", "html")}

#: Payloads looked at, by the kind of page and place; and calls in frames, where script runs by design.
TALLY: Counter[str] = Counter()
IN_FRAMES = "calls in frames"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Some of the suite runs by default."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.name in QUICK:
            item.add_marker(pytest.mark.quick)


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with Canary() as listening:
        yield listening


@pytest.fixture(scope="module")
def payloads(canary: Canary) -> list[Payload]:
    return payloads_for(canary.root)


@pytest.fixture(scope="module")
def site(payloads: list[Payload], is_full: bool) -> Iterator[Site]:
    """In memory, where there is such a folder: thousands of cells are recorded, each of them for good."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Site(Path(folder), payloads, is_full=is_full)
        with contextlib.closing(made):
            yield made


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    yield made
    made.close()


@pytest.fixture(scope="module")
def watcher(context: BrowserContext, canary: Canary, site: Site) -> Watcher:
    """A browser whose visitor is the author, with the author's cookie."""
    made = Watcher(context, canary, site)
    page = context.new_page()
    page.goto(f"{site.url}/-/author?token={site.server.token}")
    assert context.cookies()
    page.close()
    return made


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether everything is looked at, one by one: ``pytest -m xss``."""
    return bool(request.config.option.markexpr == "xss")


def sample_of(all_of: Sequence[_Each], is_full: bool) -> list[_Each]:
    """All, or every so many-th."""
    return list(all_of) if is_full else list(all_of[::SAMPLE])


def judge(watched: Watched, kind: str, payloads: int) -> None:
    """Nothing happened; counts the payloads that were on the page."""
    TALLY[kind] += payloads
    TALLY[IN_FRAMES] += watched.ran_in_frames
    assert watched.troubles == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TALLY:
        return
    terminalreporter.section("xss")
    total = sum(count for kind, count in TALLY.items() if kind != IN_FRAMES)
    for kind, count in TALLY.items():
        terminalreporter.line(f"{count:7,}  {kind}")
    terminalreporter.line(f"{total:7,}  payloads looked at on pages; executed there: 0, requests elsewhere: 0")
