"""The application under Granian: threads and connections bounded, whoever is slow is let go."""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import psutil
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from nbdash.config import Settings
from nbdash.errors import ServerError
from nbdash.network import local_host
from nbdash.web import create_app
from nbdash.web.echo import Echo
from nbdash.web.logs import write_log

BACKLOG = 1024
#: Connections at a time, if so many files may be open: those that say nothing are let go after HEADER_SECONDS,
#: and until then must not keep others out.
CONNECTIONS = 4096
HEADER_SECONDS = 10
#: A request line with all its headers; more is answered 431.
HEADER_BYTES = 64 * 1024
#: How long a stopping server waits for requests under way: longer ones only wait for events.
GRACE_SECONDS = 2
#: Files that the process has open before anybody asks for anything, and some to spare.
RESERVED_FILES = 24
#: The database, its journal and a blob.
FILES_PER_THREAD = 3
MOST_FILES = 65536
HAS_LIMITS = hasattr(psutil.Process, "rlimit")  # Linux, and some BSDs
READY_SECONDS = 60.0


def run_web(settings: Settings, *, on_ready: Callable[[], None]) -> None:
    """Serve on ``settings.host`` and ``settings.port`` until SIGINT or SIGTERM; call from the main thread.

    ``on_ready`` is called, from another thread, once requests are answered.
    The process that answers them is replaced when it dies; raises ServerError when that does not help.
    """
    # Granian would fork this process, which has threads: one time in five its child then hung on their locks.
    multiprocessing.set_start_method("spawn", force=True)
    threads, connections = bounds(settings.threads, files_allowed())
    server = Server(
        "nbdash.web",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=threads,
        backlog=BACKLOG,
        backpressure=connections,
        runtime_blocking_threads=BACKLOG // 2,  # else half as many as connections
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES),
        log_level=LogLevels.error,
        workers_kill_timeout=GRACE_SECONDS,
        respawn_failed_workers=True,
    )
    threading.Thread(target=_announce, args=(settings, on_ready), name="nbdash-ready", daemon=True).start()
    try:
        server.serve(target_loader=partial(_load_app, settings), wrap_loader=False)
    except SystemExit:  # Granian's way of saying that a process ended again as soon as it was replaced
        raise ServerError("The process that answers requests keeps dying: what it said last is above.") from None


def bounds(threads: int, files: int) -> tuple[int, int]:
    """The threads and the connections, of those wanted, that can be had with so many open files."""
    files = max(0, files - RESERVED_FILES)
    threads = max(1, min(threads, files // (FILES_PER_THREAD + 1)))
    return threads, max(threads, min(CONNECTIONS, files - FILES_PER_THREAD * threads))


def files_allowed() -> int:
    """How many files a process may have open once it has asked for as many as it can have."""
    if not HAS_LIMITS:
        return MOST_FILES
    _, hard = psutil.Process().rlimit(psutil.RLIMIT_NOFILE)
    return MOST_FILES if hard == psutil.RLIM_INFINITY else min(hard, MOST_FILES)


def _ask_for_files() -> None:
    """Each connection is one, and the usual limit is less than the connections that are waited for."""
    if HAS_LIMITS:
        process = psutil.Process()
        _, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, psutil.Error):
            process.rlimit(psutil.RLIMIT_NOFILE, (files_allowed(), hard))


def _load_app(settings: Settings) -> Echo:
    """The application, in Granian's process for it, which is not to outlive the one that was started."""
    write_log()
    threading.Thread(target=_end_with_parent, name="nbdash-parent-watch", daemon=True).start()
    _ask_for_files()
    return Echo(create_app(settings))


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
