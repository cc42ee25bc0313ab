"""The application under Granian: threads and connections bounded, whoever is slow is let go."""

from __future__ import annotations

import http.client
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

from flask import Flask
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from nbdash.config import Settings
from nbdash.network import local_host
from nbdash.web import create_app

BACKLOG = 1024
HEADER_SECONDS = 10
#: A request line with all its headers; more is answered 431.
HEADER_BYTES = 64 * 1024
#: How long a stopping server waits for requests under way: longer ones only wait for events.
GRACE_SECONDS = 2
READY_SECONDS = 60.0


def run_web(settings: Settings, *, on_ready: Callable[[], None]) -> None:
    """Serve on ``settings.host`` and ``settings.port`` until SIGINT or SIGTERM; call from the main thread.

    ``on_ready`` is called, from another thread, once requests are answered.
    """
    # Granian would fork this process, which has threads: one time in five its child then hung on their locks.
    multiprocessing.set_start_method("spawn", force=True)
    server = Server(
        "nbdash.web",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=settings.threads,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES),
        log_level=LogLevels.error,
        workers_kill_timeout=GRACE_SECONDS,
    )
    threading.Thread(target=_announce, args=(settings, on_ready), name="nbdash-ready", daemon=True).start()
    server.serve(target_loader=partial(_load_app, settings), wrap_loader=False)


def _load_app(settings: Settings) -> Flask:
    """The application, in Granian's process for it, which is not to outlive the one that was started."""
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("nbdash").setLevel(logging.INFO)  # of libraries only what goes wrong
    threading.Thread(target=_end_with_parent, name="nbdash-parent-watch", daemon=True).start()
    return create_app(settings)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(1)


def _announce(settings: Settings, on_ready: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if _is_ready(settings):
            on_ready()
            return
        time.sleep(0.05)


def _is_ready(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(local_host(settings.host), settings.port, timeout=5)
    try:
        connection.request("GET", "/-/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
