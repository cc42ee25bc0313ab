"""A server that nothing of nbdash's may ever reach: it notes every request, every connection, every datagram."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

#: What it answers, so that whatever is loaded from it goes on to act.
_ANSWERS = {
    ".js": ("text/javascript", "X('remote script')"),
    ".css": ("text/css", "body { background: url(remote-style) }"),
    ".svg": ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' onload='X(\"remote picture\")'/>"),
}
_PAGE = ("text/html", "<!doctype html><title>canary</title><script>window.X && X('remote page')</script>")


class Canary:
    """The server, in threads of its own.

    ``seen`` is all that reached it; ``connections`` counts those on which nothing may have come.
    """

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.connections = 0
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.canary = self
        self.port = int(self._http.server_address[1])
        self.root = f"http://127.0.0.1:{self.port}"
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=self._http.serve_forever), threading.Thread(target=self._hear)]

    def __enter__(self) -> Canary:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        with contextlib.suppress(OSError):
            self._udp.sendto(b"", ("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(10)
        self._udp.close()

    def _hear(self) -> None:
        while data := self._udp.recv(2048):
            self.seen.append(f"a datagram of {len(data)} bytes")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    canary: Canary

    def process_request(self, request: Any, client_address: Any) -> None:
        self.canary.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """What is no HTTP has been noted as bytes."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def handle(self) -> None:
        first = self.connection.recv(1, socket.MSG_PEEK)
        if first and not first.isalpha():
            self.server.canary.seen.append("bytes that are no HTTP")
        elif first:
            super().handle()

    def do_GET(self) -> None:
        self.server.canary.seen.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        mime, body = _ANSWERS.get(path[path.rfind(".") :], _PAGE)
        self.send_response(200)
        self.send_header("Content-Type", mime)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_PUT = do_HEAD = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""
