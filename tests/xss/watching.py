"""Opens pages in Chromium as a viewer would, and tells everything that should not have happened there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from playwright.sync_api import Error as PlaywrightError

from tests.xss.canary import Canary
from tests.xss.site import Site

HARNESS = (Path(__file__).parent / "harness.js").read_text(encoding="utf-8")
#: For what is sent after a page has come to rest.
SETTLE_MS = 150
#: Pages that are open together.
AT_ONCE = 10


@dataclass(kw_only=True)
class Watched:
    """Pages that were looked at."""

    ran: list[dict[str, Any]] = field(default_factory=list)  #: calls of X: where, and what they could
    troubles: list[str] = field(default_factory=list)

    @property
    def ran_in_frames(self) -> int:
        """Calls in sandboxed frames, where script runs by design."""
        return sum(not each["isTop"] for each in self.ran)


class Watcher:
    """Looks at pages, one after the other; ``is_own`` says that they are the product's, not the control's."""

    def __init__(self, context: BrowserContext, canary: Canary, site: Site) -> None:
        self._context = context
        self._canary = canary
        self._site = site
        context.add_init_script(HARNESS)

    def look(self, *addresses: str, connects: bool = False, waits: Callable[[Page], None] | None = None) -> Watched:
        """Opens the pages, lets their events happen, and tells what went wrong.

        ``connects``: a bare connection to the canary, without a byte on it, is no trouble.
        """
        watched = Watched()
        for first in range(0, len(addresses), AT_ONCE):
            self._look(addresses[first : first + AT_ONCE], watched, connects=connects, waits=waits)
        return watched

    def _look(
        self, addresses: Sequence[str], watched: Watched, *, connects: bool, waits: Callable[[Page], None] | None
    ) -> None:
        seen, posts, connections = len(self._canary.seen), self._posts, self._canary.connections
        pages = [self._opened(address, watched, waits) for address in addresses]
        with contextlib.suppress(PlaywrightError):
            pages[-1].wait_for_timeout(SETTLE_MS)
        watched.troubles += [f"canary: {each}" for each in self._canary.seen[seen:]]
        if not connects and self._canary.connections != connections:
            watched.troubles.append(f"canary: a connection, from one of {addresses}")
        watched.troubles += ["a run was started"] * (self._posts - posts)
        for page, address in zip(pages, addresses, strict=True):
            if page.url.partition("#")[0] != address:
                watched.troubles.append(f"went from {address} to {page.url}")
            page.close()

    def _opened(self, address: str, watched: Watched, waits: Callable[[Page], None] | None) -> Page:
        page = self._context.new_page()
        self._listen(page, watched)
        page.goto(address, wait_until="load")
        try:
            if waits:
                waits(page)
            watched.troubles += _provoked(page, address)
        except PlaywrightError as error:  # it has gone elsewhere, or crashed
            watched.troubles.append(f"{address}: {error}")
        return page

    @property
    def _posts(self) -> int:
        return sum(method == "POST" for method, _ in self._site.asked)

    def _listen(self, page: Page, watched: Watched) -> None:
        page.on("console", lambda line: self._hear(line, watched))
        page.on("popup", lambda other: watched.troubles.append(f"opened {other.url}"))
        page.on("download", lambda file: watched.troubles.append(f"downloaded {file.url}"))
        page.on("pageerror", lambda error: watched.troubles.extend(_own_error(error)))

        def on_dialog(dialog: Any) -> None:
            watched.troubles.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("dialog", on_dialog)

    def _hear(self, line: ConsoleMessage, watched: Watched) -> None:
        if not line.text.startswith("xss "):
            return
        told = json.loads(line.text.removeprefix("xss "))
        if told["kind"] == "leaked":
            watched.troubles.append(f"read {told['id']}: {told['value']}")
            return
        watched.ran.append(told)
        if told["isTop"] or told["reaches"] or told["origin"] != "null":
            watched.troubles.append(f"script ran: {told}")


def _provoked(page: Page, address: str) -> Sequence[str]:
    """What is wrong with the page's elements, after all its events."""
    if "/api/" in address or "/figures/" in address:  # the browser's own viewers
        return []
    if "/frames/" in address:
        page.evaluate("provoke()")
        return []
    unloaded: list[str] = page.evaluate("waitForFrames()")
    page.evaluate("provoke()")
    troubles: list[str] = page.evaluate("troubles()")
    return [*unloaded, *troubles]


def _own_error(error: Any) -> list[str]:
    """An error of the page's own script; those of payloads in frames are theirs."""
    return [f"script error: {error}"] if "/-/static/" in str(getattr(error, "stack", "")) else []
