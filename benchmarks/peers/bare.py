"""The server that nbdash uses, with a callable that returns the same bytes to everybody."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

PAGE = Path(sys.argv[1]).read_bytes()
HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Encoding", "gzip"),
    ("Content-Length", str(len(PAGE))),
]


def app(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The page."""
    start_response("200 OK", HEADERS)
    return (PAGE,)


if __name__ == "__main__":
    Server(
        "bare:app",
        port=int(sys.argv[2]),
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        blocking_threads=48,
        backpressure=4096,
        backlog=1024,
        runtime_blocking_threads=512,
    ).serve()
