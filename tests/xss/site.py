"""A site full of hostile notebooks, served on loopback by the application itself."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from werkzeug.serving import WSGIRequestHandler, make_server

from nbdash.engine.memory import Scripted
from nbdash.jupyter.exporter import NbdashExporter
from nbdash.model import CellJob, OutputAdded, Run
from nbdash.publisher.publication import PublishOptions
from nbdash.watch import Watcher
from tests.web.web_site import Server, make_server_at
from tests.xss.hostile import (
    FRAMED,
    OTHER_TYPES,
    PLACES,
    Hostile,
    Made,
    bundle,
    make_hostile,
    moved,
    named,
    parametrised,
    unreadable,
)
from tests.xss.payloads import Payload


class Site:
    """The server with its dashboards; ``asked`` are the requests it got, as method and path."""

    def __init__(self, folder: Path, payloads: Sequence[Payload], *, is_full: bool) -> None:
        self.folder = folder
        self._is_full = is_full
        self.payloads = payloads
        self.asked: list[tuple[str, str]] = []
        self.server: Server = make_server_at(folder / "data", keep=10_000, reruns_per_minute=10_000)
        self._script: dict[str, Scripted] = {}
        self._gate: threading.Event | None = None
        self._mark: str | None = None
        self.server.engine.script = self._scripted
        self._http = make_server("127.0.0.1", 0, self._wsgi, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._http.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        """End the threads."""
        self._http.shutdown()
        self._thread.join(10)
        self._http.server_close()
        self.server.store.close()

    # --- what is published ---

    def publish(self, hostile: Hostile, slug: str, *, name: str | None = None, runs: bool = True) -> None:
        """Publishes a notebook and performs its first run."""
        self._script |= hostile.script
        path = self.folder / f"{name or slug}.ipynb"
        path.write_text(json.dumps(hostile.document), encoding="utf-8")
        publication = self.server.publisher.publish(path, PublishOptions(slug=slug, listed=True))
        assert publication.run is not None
        if runs:
            self.server.perform()
        else:
            self.server.publisher.cancel(publication.run.id)

    def publish_places(self) -> None:
        """A dashboard per place, and one with types of output that nbdash does not know."""
        for name, place in PLACES.items():
            self.publish(make_hostile(name, place, self.payloads_in(name)), name)
        text = next(each.text for each in self.payloads if each.text.startswith("<script>"))
        types = [Payload(id, mime) for id, mime in enumerate(OTHER_TYPES)]
        self.publish(make_hostile("types", lambda mime: Made(outputs=[bundle({mime.text: text})]), types), "types")

    def publish_named(self, payloads: Iterable[Payload], *, runs: bool) -> None:
        """A dashboard per payload, in whose file name, title and error it is."""
        for payload in payloads:
            self.publish(named(payload), f"named-{payload.id}", name=file_name(payload), runs=runs)

    def publish_parameters(self, values: Iterable[Payload]) -> None:
        """A dashboard with the payloads as defaults, and a run with each of the ``values``."""
        self.publish(parametrised(self.payloads), "parameters")
        for payload in values:
            self.server.publisher.submit("parameters", {"text": payload.text})
            self.server.perform()

    def leave_hints(self) -> None:
        """Files that are no notebooks, named after payloads."""
        folder = self.folder / "broken"
        folder.mkdir()
        for payload in self.payloads:
            for number, content in enumerate(unreadable(payload)):
                path = folder / f"{file_name(payload)}{number}.ipynb"
                path.write_text(content, encoding="utf-8")
        Watcher(self.server.publisher, [folder]).scan()

    def export(self, hostile: Hostile, name: str) -> Path:
        """The notebook as ``jupyter nbconvert --to nbdash`` writes it."""
        notebook = nbformat.from_dict(hostile.document)
        page, _ = NbdashExporter().from_notebook_node(notebook, {"metadata": {"name": name}})
        path = self.folder / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        return path

    # --- what is asked about ---

    def payloads_in(self, place: str) -> Sequence[Payload]:
        """Those that a place has: unless all is looked at, fewer where each has a frame of its own."""
        return self.payloads if self._is_full or place not in FRAMED else self.payloads[::4]

    def run_of(self, slug: str) -> Run:
        """The last run."""
        return self.server.store.runs(self.server.store.dashboard(slug).id, limit=1)[0]

    def frames_of(self, slug: str) -> Iterator[str]:
        """The addresses of a dashboard's frames."""
        run = self.run_of(slug)
        for card in self.server.store.cards(run.id):
            yield from (f"/d/{slug}/runs/{run.id}/frames/{each.digest}" for each in card.blocks if each.digest)

    @contextlib.contextmanager
    def rerunning(self, slug: str, mark: str | None = None) -> Iterator[threading.Event]:
        """A run that waits, at its first cell or at that with ``mark``, until the event is set."""
        gate = threading.Event()
        self._gate, self._mark = gate, mark
        self.server.publisher.submit(slug)
        thread = threading.Thread(target=self.server.perform)
        thread.start()
        try:
            yield gate
        finally:
            gate.set()
            thread.join(60)
            self._gate = None

    def _scripted(self, cell: CellJob) -> Scripted:
        mark = cell.source.splitlines()[-1] if cell.source else ""
        known = self._script.get(mark, Scripted())
        outputs = [moved(each, cell.index) if isinstance(each, OutputAdded) else each for each in known.outputs]
        return Scripted(outputs=outputs, error=known.error, gate=self._gate if self._mark in (None, mark) else None)

    def _wsgi(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        return self.server.app(environ, start_response)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Silent."""


def file_name(payload: Payload) -> str:
    """The payload as the file system takes it."""
    return payload.text.replace("/", "\\").replace("\0", "")[:60] + f" {payload.id}"
