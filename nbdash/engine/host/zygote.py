"""The zygote: imports what notebooks need, then forks a keeper per run and does nothing else.

It never computes: a library whose threads were used before a fork can hang after it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import site
import socket
import sys
from typing import Any

from .fingerprint import take_snapshot
from .keeper import keep_run
from .shell import make_shell
from .system import become_subreaper, fork_quietly
from .tree import children_of, kill_all
from .warming import close_fonts, draw_once
from .wire import TOKEN_BYTES, FrameReader, pack_frame, receive_with_fds

#: Both ends know it: the zygote's own socket is out of reach of runs.
TOKEN = b"\0" * TOKEN_BYTES


def main(fd: int) -> None:
    """Serve fork requests on the socket ``fd`` until the engine closes its end."""
    control = socket.socket(fileno=fd)
    reader = FrameReader(TOKEN)
    hello, _ = receive_with_fds(control, reader)
    if hello is None:
        return
    become_subreaper()
    shell = make_shell()  # before Matplotlib, which reads the back end's name from the environment
    with shell.builtin_trap:  # as in a cell: pandas asks get_ipython(), once, whether it is in a terminal
        failed = _preload(hello["preload"])
    if hello["preload"]:
        with contextlib.suppress(Exception):
            draw_once()
            take_snapshot()
        with contextlib.suppress(Exception):
            close_fonts()
    gc.collect()
    gc.freeze()
    control.sendall(pack_frame({"ready": os.getpid(), "failed": failed, "folders": _folders()}, TOKEN))
    _Zygote(control, reader, shell).serve()


def _preload(names: list[str]) -> list[str]:
    """Import each; the names that could not be, which is for the notebook to find out."""
    failed = []
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException:
            failed.append(name)
    return failed


def _folders() -> list[str]:
    """Where installing, updating or removing a package changes something: its own folder, and where packages are."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    packages = {*site.getsitepackages(), site.getusersitepackages()} & set(sys.path)
    return sorted(packages | {os.path.dirname(file) for file in files if file})


class _Zygote:
    def __init__(self, control: socket.socket, reader: FrameReader, shell: Any) -> None:
        self._control = control
        self._reader = reader
        self._shell = shell
        self._keepers: set[int] = set()

    def serve(self) -> None:
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        watched: list[Any] = [self._control, wake]
        while True:
            ready = select.select(watched, [], [])[0]
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if self._control in ready:
                request, fds = receive_with_fds(self._control, self._reader)
                if request is None:
                    break
                self._fork_keeper(request, fds)
        # Each keeper sees its own end close and kills its run; it would die with the zygote, so wait for it.
        for pid in self._keepers:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        kill_all(children_of(os.getpid()))

    def _fork_keeper(self, request: dict[str, Any], fds: list[int]) -> None:
        zygote = os.getpid()
        pid = fork_quietly()
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                self._control.close()
                keep_run(request, fds, shell=self._shell, zygote=zygote)
            finally:
                os._exit(1)
        self._keepers.add(pid)
        self._control.sendall(pack_frame({"keeper": pid}, TOKEN))
        for fd in fds:
            os.close(fd)

    def _reap(self) -> None:
        """Bury dead keepers; what one of them left behind has become a child of the zygote: kill it."""
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._keepers.discard(pid)
        kill_all([pid for pid in children_of(os.getpid()) if pid not in self._keepers])
