"""The zygote: imports what notebooks need, then forks a keeper per run and does nothing else.

It never computes: a library whose threads were used before a fork can hang after it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import site
import socket
import sys
from functools import partial

from .fingerprint import take_snapshot
from .forkserver import TOKEN, ForkServer
from .run import execute_run
from .shell import make_shell
from .system import become_subreaper
from .warming import close_fonts, draw_once, warm_cells
from .wire import FrameReader, pack_frame, receive_with_fds


def main(fd: int) -> None:
    """Serve fork requests on the socket ``fd`` until the engine closes its end."""
    control = socket.socket(fileno=fd)
    reader = FrameReader(TOKEN)
    hello, _ = receive_with_fds(control, reader)
    if hello is None:
        return
    become_subreaper()
    shell = make_shell()  # before Matplotlib, which reads the back end's name from the environment
    warm_cells(shell)
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
    ForkServer(control, reader, partial(execute_run, shell=shell)).serve()


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
