"""Helpers of the web tests: an application on a real store, and a worker whose engine plays a script."""

from __future__ import annotations

import base64
import json
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from nbdash.config import Settings
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.model import CellError, Run
from nbdash.publisher.publication import Publisher, PublishOptions
from nbdash.publisher.sharing import Sharing
from nbdash.store import Store, open_store
from nbdash.store.token import author_token
from nbdash.web import create_app
from nbdash.web.site import EXTENSION, Site
from nbdash.worker import Worker

PARAMETERS = 'region = "north"\nyear = 2024'
SALES = "draw_sales()"
TABLE = "show_table()"
CHART = "show_chart()"
SECRET = "hunter2"


def make_png(width: int = 4, height: int = 3, grey: int = 128) -> bytes:
    """A valid PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + bytes([grey]) * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def display(data: Mapping[str, Any]) -> dict[str, Any]:
    """An nbformat output."""
    return {"output_type": "display_data", "data": dict(data), "metadata": {}}


def figure_output(grey: int = 128) -> dict[str, Any]:
    """A figure as a kernel sends it."""
    return display({"image/png": base64.b64encode(make_png(grey=grey)).decode(), "text/plain": "<Figure>"})


SCRIPT = {
    SALES: Scripted(outputs=[figure_output()], seconds=0.25),
    TABLE: Scripted(outputs=[display({"text/html": "<table><tr><td>7</td></tr></table>", "text/plain": "7"})]),
    CHART: Scripted(outputs=[display({"text/html": "<div id=c></div><script>draw()</script>", "text/plain": "chart"})]),
}
FAILING = {SALES: Scripted(error=CellError(ename="ValueError", evalue=SECRET, traceback=(f"ValueError: {SECRET}",)))}


def notebook_text(title: str = "Sales") -> str:
    """A notebook with a parameters cell and three cards: a figure, a table, a chart that needs script."""

    def cell(index: int, source: str, *tags: str) -> dict[str, Any]:
        return {
            "cell_type": "code",
            "id": f"c{index}",
            "source": source,
            "metadata": {"tags": list(tags), "nbdash": {"label": f"card-{index}"}},
            "outputs": [],
            "execution_count": None,
        }

    cells = [cell(0, PARAMETERS, "parameters")]
    cells += [cell(n, source, "dash") for n, source in enumerate([SALES, TABLE, CHART], start=1)]
    metadata = {"title": title, "kernelspec": {"name": "python3", "display_name": "P", "language": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


@dataclass
class Server:
    """An application, and what a test does beside it."""

    app: Flask
    store: Store
    settings: Settings
    engine: MemoryEngine
    publisher: Publisher
    worker: Worker
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def client(self) -> FlaskClient:
        """A client without cookies."""
        return self.app.test_client(use_cookies=False)

    @property
    def current(self) -> Run:
        """The run of ``sales`` that viewers see."""
        run = self.store.current_run(self.store.dashboard("sales").id)
        assert run is not None
        return run

    @property
    def site(self) -> Site:
        """The parts of the application."""
        site: Site = self.app.extensions[EXTENSION]
        return site

    @property
    def token(self) -> str:
        """The author's token."""
        return author_token(self.settings.data)

    def share(self, slug: str = "sales", **options: Any) -> str:
        """The secret of a new share link."""
        sharing = Sharing(self.store, self.token)
        return sharing.secret(sharing.share(slug, **options))

    def publish(self, slug: str = "sales", *, title: str = "Sales", listed: bool = True) -> Run:
        """Publishes a notebook; its first run is queued."""
        path = self.settings.data.parent / f"{slug}.ipynb"
        path.write_text(notebook_text(title), encoding="utf-8")
        publication = self.publisher.publish(path, PublishOptions(slug=slug, listed=listed))
        assert publication.run is not None
        return publication.run

    def perform(self) -> Run:
        """Performs the oldest queued run."""
        run = self.store.claim_run("test")
        assert run is not None
        self.worker.perform(run)
        return self.store.run(run.id)

    def perform_beside(self) -> threading.Thread:
        """The same in a thread, for runs that wait at a gate."""
        thread = threading.Thread(target=self.perform)
        self.threads.append(thread)
        thread.start()
        return thread


MakeServer = Callable[..., Server]


def wait_until(look: Callable[[], Any]) -> Any:
    """What ``look`` returns, once that is something."""
    for _ in range(2000):
        if found := look():
            return found
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def make_server_at(data: Path, **settings_values: Any) -> Server:
    """An application on a data directory of its own."""
    settings = Settings(data=data, **settings_values)
    store = open_store(settings.data)
    engine = MemoryEngine(SCRIPT)
    return Server(
        app=create_app(settings, store=store),
        store=store,
        settings=settings,
        engine=engine,
        publisher=Publisher(store, settings),
        worker=Worker(store, settings, engine_for=lambda _name: engine),
    )
