"""The processes of one data directory: the web server, the worker beside it, and finding them again.

``serve`` runs the web server in this process and keeps one worker process alive.  The worker reads its
standard input only to notice its end: when this process dies, however it dies, the worker goes too.
What runs is written to ``server.json``; the lock beside it says whether that is still true.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import filelock
import psutil

import nbdash
from nbdash.config import Settings
from nbdash.engine.processes import RUN_MARK
from nbdash.errors import ConflictError, ServerError, ServerUnreachableError
from nbdash.model import Run, RunEvent
from nbdash.network import bracketed, local_host, shared_url
from nbdash.ports import claimed_port
from nbdash.publisher.following import follow
from nbdash.publisher.publication import Publisher
from nbdash.store import open_store
from nbdash.store.folder import prepare_folder

log = logging.getLogger(__name__)

INFO_NAME = "server.json"
LOCK_NAME = "server.lock"
LOG_NAME = "server.log"
#: Whoever looks whether a server runs may hold its lock for a moment.
LOCK_SECONDS = 0.5
START_SECONDS = 30.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class ServerInfo:
    """A running server, as ``server.json`` tells it."""

    url: str  #: where this machine reaches it
    pid: int
    #: When the process began, in seconds since the epoch: a recycled pid does not match it.
    created: float
    data_dir: str
    version: str
    #: Where others reach it; None: nowhere but on this machine.
    shared_url: str | None = None


def serve(settings: Settings, folders: Sequence[Path] = (), *, on_ready: Callable[[ServerInfo], None]) -> None:
    """Serve until interrupted.

    Raises ConflictError if a server runs for this data directory already, StoreError if it cannot be used.
    """
    from nbdash.web.server import run_web  # what only asks after a server does not wait for Flask

    prepare_folder(settings.data)
    with sole_server(settings.data):
        (settings.data / INFO_NAME).unlink(missing_ok=True)  # of a server that was killed
        with open_store(settings.data) as store:
            store.refuse_damage()  # what is damaged is told here, not by the processes below
        with claimed_port(settings.host, settings.port) as port:
            settings = replace(settings, port=port)
            keeper = WorkerKeeper(settings, folders)
            keeper.start()
            try:
                run_web(settings, on_ready=lambda: on_ready(_announce(settings)))
            finally:
                (settings.data / INFO_NAME).unlink(missing_ok=True)
                keeper.stop()


@contextmanager
def sole_server(data: Path) -> Iterator[None]:
    """Nobody else serves this data directory meanwhile. Raises ConflictError if a server runs for it already."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = filelock.FileLock(data / LOCK_NAME)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except filelock.Timeout:
        raise ConflictError(_already_running(data)) from None
    with lock:
        yield


def find_server(data: Path) -> ServerInfo | None:
    """The server that runs for this data directory, if one does."""
    try:
        info = ServerInfo(**json.loads((data / INFO_NAME).read_text(encoding="utf-8")))
        process = psutil.Process(info.pid)
        is_same = abs(process.create_time() - info.created) < 1
        # A clock that is put right moves the times at which processes seem to have begun.
        return info if is_same or _is_locked(data) else None
    except (OSError, ValueError, TypeError, psutil.Error):
        return None


def _is_locked(data: Path) -> bool:
    try:
        with filelock.FileLock(data / LOCK_NAME, timeout=0):
            return False
    except filelock.Timeout:
        return True


def check_place(settings: Settings) -> None:
    """See that there can be a server.

    Raises StoreError for a data directory that cannot be used, and ConflictError in a cell that nbdash executes:
    what it publishes or reruns there would wait for itself.
    """
    if RUN_MARK in os.environ:
        raise ConflictError("A notebook that nbdash executes cannot publish or rerun: do it outside of the notebook.")
    if find_server(settings.data) is None:
        open_store(settings.data).close()


def ensure_server(settings: Settings) -> ServerInfo:
    """The running server, or a new one started in the background.

    Raises ServerUnreachableError, with the end of its log, if it does not come up; and as :func:`check_place`.
    """
    check_place(settings)
    info = find_server(settings.data)
    if info is not None:
        return info
    process = _start_in_background(settings)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        info = find_server(settings.data)
        if info is not None and is_healthy(info):
            return info
        if process.poll() is not None and find_server(settings.data) is None:
            break
        time.sleep(0.05)
    process.terminate()  # what is too late is not left behind
    raise ServerUnreachableError(
        f"The server did not start: {_last_line(settings.data / LOG_NAME)} (its log is {settings.data / LOG_NAME})."
    )


def follow_served(
    publisher: Publisher, run: Run, *, while_waiting: Callable[[], None] = lambda: None
) -> Iterator[RunEvent]:
    """A run's events to its end. Raises ServerUnreachableError if the server ends before the run does.

    ``while_waiting`` is called again and again while nothing comes.
    """

    def wait() -> None:
        if find_server(publisher.settings.data) is None:
            raise ServerUnreachableError(
                f"The server has ended, and run {run.id[:4]} waits: 'nbdash serve' goes on with it."
            )
        while_waiting()

    return follow(publisher.store, run.id, while_waiting=wait)


def stop_server(data: Path) -> ServerInfo | None:
    """Stop the running server and its worker; None if none runs. Raises ServerError if it stays."""
    info = find_server(data)
    if info is None:
        return None
    process = psutil.Process(info.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        raise ServerError(f"The server (process {info.pid}) does not stop: end it by hand.") from None
    return info


def is_healthy(info: ServerInfo) -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{info.url}-/health", timeout=5) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class WorkerKeeper:
    """Keeps one worker process alive beside the web server."""

    def __init__(self, settings: Settings, folders: Sequence[Path]) -> None:
        watch = [argument for folder in folders for argument in ("--watch", str(folder))]
        command = [sys.executable, "-m", "nbdash", "worker", "--attached", "--data", str(settings.data)]
        self._command = [*command, *watch]
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="nbdash-worker-keeper", daemon=True)

    def start(self) -> None:
        """Start the worker, and again whenever it ends by itself."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker; runs under way go back to the queue."""
        self._stopping.set()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._thread.join(STOP_SECONDS)

    def _keep(self) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                # A session of its own: Ctrl-C reaches this process alone, which then ends the worker in order.
                self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)
                self._process.wait()
            except OSError as error:  # no process or file is to be had, which passes
                log.error("The worker cannot be started (%s); it is tried again.", error)
            pause = 0.5 if time.monotonic() - began > 10 else min(pause * 2, 10.0)
            self._stopping.wait(pause)


def _announce(settings: Settings) -> ServerInfo:
    host = bracketed(local_host(settings.host))
    info = ServerInfo(
        url=f"http://{host}:{settings.port}{settings.base_url}/",
        shared_url=shared_url(settings),
        pid=os.getpid(),
        created=psutil.Process().create_time(),
        data_dir=str(settings.data),
        version=nbdash.__version__,
    )
    path = settings.data / INFO_NAME
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(asdict(info)), encoding="utf-8")
    draft.replace(path)
    return info


def _start_in_background(settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nbdash", "serve", "--data", str(settings.data)]
    command += ["--host", settings.host, "--port", str(settings.port)]
    with (settings.data / LOG_NAME).open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=settings.data,
            start_new_session=True,
        )


def _already_running(data: Path) -> str:
    info = find_server(data)
    where = f"at {info.url}" if info else "and is just starting"
    return f"A server for {data} runs already {where}: use it, or stop it with 'nbdash stop'."


def _last_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return "it left no log"
