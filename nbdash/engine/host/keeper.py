"""The keeper of one run: starts it, signals it when told to, and leaves nothing of it alive but its checkpoint.

It speaks with the engine over its own socket.  To it come single bytes: ``i`` interrupt, ``k`` kill, ``s`` spare, and
four more with the process id of the checkpoint; the end of the stream means kill.  From it come the run's process id
and, when all is over, how it ended; then a checkpoint stays until the engine closes its end.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from .system import become_subreaper, close_other_fds, die_with_parent, fork_quietly, peak_of_children
from .tree import children_of, descendants_of, kill_all
from .wire import pack_frame


def keep_run(
    request: dict[str, Any],
    fds: list[int],
    *,
    execute: Callable[[dict[str, Any], list[int]], None],
    server: int,
) -> None:
    """Fork the run of ``request`` and see it through; ``fds`` are keeper, channel, stdout and stderr."""
    die_with_parent(server)
    become_subreaper()
    os.setsid()
    keeper = os.getpid()
    pid = fork_quietly()
    if pid == 0:
        try:
            die_with_parent(keeper)
            execute(request, fds[1:])
        finally:
            os._exit(70)
    close_other_fds({fds[0]})
    _Keeper(socket.socket(fileno=fds[0]), pid, bytes.fromhex(request["token"])).watch()
    os._exit(0)


class _Keeper:
    def __init__(self, engine: socket.socket, pid: int, token: bytes) -> None:
        self._engine = engine
        self._pid = pid
        self._token = token
        self._status: int | None = None
        self._spared: int | None = None

    def watch(self) -> None:
        """Until the run has ended and all it started is gone, its checkpoint too."""
        self._send({"pid": self._pid})
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._obey_until(lambda: self._status is not None, wake)
        if select.select([self._engine], [], [], 0)[0]:
            self._obey(self._engine.recv(1))  # to spare the checkpoint, most likely
        self._kill_everything()
        self._send({"status": self._status, "peak": peak_of_children()})
        self._obey_until(lambda: self._spared is None, wake)

    def _obey_until(self, is_over: Callable[[], bool], wake: int) -> None:
        while True:
            self._reap()
            if is_over():
                return
            watched: list[Any] = [self._engine, wake]
            ready = select.select(watched, [], [])[0]
            if wake in ready:
                os.read(wake, 4096)
            if self._engine in ready:
                self._obey(self._engine.recv(1))

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._engine.sendall(pack_frame(message, self._token))

    def _obey(self, command: bytes) -> None:
        if command == b"i":
            os.kill(self._pid, signal.SIGINT)
        elif command == b"s":
            pid = int.from_bytes(self._engine.recv(4), "big")
            self._spared = pid if pid in children_of(os.getpid()) else None
        else:
            self._spared = None
            self._kill_everything()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self._pid:
                    self._status = status
                elif pid == self._spared:
                    self._spared = None
                elif pid == 0:
                    return

    def _kill_everything(self) -> None:
        """Kill all descendants, over and over until there are none."""
        self._reap()
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)  # all at once: a fork bomb is faster than one by one
        while descendants := self._mortal():
            kill_all(descendants)
            self._reap()
            time.sleep(0.001)

    def _mortal(self) -> list[int]:
        """All descendants but the checkpoint and its own."""
        spared = set() if self._spared is None else {self._spared, *descendants_of(self._spared)}
        return [pid for pid in descendants_of(os.getpid()) if pid not in spared]
