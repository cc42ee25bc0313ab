"""A process that is forked again and again: a keeper per request, and below it the run."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from .keeper import keep_run
from .system import fork_quietly
from .tree import children_of, kill_all
from .wire import TOKEN_BYTES, FrameReader, pack_frame, receive_with_fds

#: Both ends know it: such a process's own socket is out of reach of runs.
TOKEN = b"\0" * TOKEN_BYTES


class ForkServer:
    """Serves the requests that come through ``control``; a fork's own process calls ``execute(request, fds)``."""

    def __init__(
        self, control: socket.socket, reader: FrameReader, execute: Callable[[dict[str, Any], list[int]], None]
    ) -> None:
        self._control = control
        self._reader = reader
        self._execute = execute
        self._keepers: set[int] = set()

    def serve(self, seconds: float | None = None) -> None:
        """Until the engine closes its end, for so long at most; return when all runs have ended, too."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        watched: list[Any] = [self._control, wake]
        until = None if seconds is None else time.monotonic() + seconds
        while until is None or time.monotonic() < until:
            ready = select.select(watched, [], [], until and max(0.0, until - time.monotonic()))[0]
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if self._control in ready:
                request, fds = receive_with_fds(self._control, self._reader)
                if request is None:
                    break
                self._fork_keeper(request, fds)
        self._control.close()
        # Each keeper sees its own end close and kills its run; it would die with this process, so wait for it.
        for pid in self._keepers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        kill_all(children_of(os.getpid()))

    def _fork_keeper(self, request: dict[str, Any], fds: list[int]) -> None:
        server = os.getpid()
        pid = fork_quietly()
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                self._control.close()
                keep_run(request, fds, execute=self._execute, server=server)
            finally:
                os._exit(1)
        self._keepers.add(pid)
        self._control.sendall(pack_frame({"keeper": pid}, TOKEN))
        for fd in fds:
            os.close(fd)

    def _reap(self) -> None:
        """Bury dead keepers; what one of them left behind has become a child of this process: kill it."""
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._keepers.discard(pid)
        kill_all([pid for pid in children_of(os.getpid()) if pid not in self._keepers])
