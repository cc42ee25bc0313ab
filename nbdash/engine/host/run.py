"""The run: the process in which a notebook's cells are executed, fresh from the zygote."""

from __future__ import annotations

import asyncio
import builtins
import faulthandler
import getpass
import os
import random
import signal
import socket
import sys
from inspect import signature
from time import perf_counter
from typing import Any

from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import InteractiveShell

from .drawing import Drawings
from .ending import finish_process
from .streams import Channel, OutStream, flush_all
from .system import close_other_fds, hide_fd, limit_process

#: What ipykernel tells of a cell, if this IPython takes it.
_ABOUT: dict[str, Any] = {"cell_meta": {}} if "cell_meta" in signature(InteractiveShell.run_cell).parameters else {}
_NO_STDIN = "{} was called, but this frontend does not support input requests."


def execute_run(request: dict[str, Any], fds: list[int], *, shell: Any) -> None:
    """Execute the request's cells; ``fds`` are channel, stdout and stderr.  Does not return."""
    os.setsid()
    channel, originals = _take_fds(fds, bytes.fromhex(request["token"]))
    _become_kernel(request)
    _reseed()
    shell.channel = channel
    shell.drawings = Drawings(shell, most=_most_drawers(request["drawers"]), reuses=request["reuses"])
    session = _Session(shell, channel, originals)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(session.execute(request["cells"]))
    finish_process()


def _most_drawers(wanted: int | None) -> int:
    return len(os.sched_getaffinity(0)) if wanted is None else wanted


def _take_fds(fds: list[int], token: bytes) -> tuple[Channel, tuple[Any, ...]]:
    """Put the standard streams onto the pipes, hide the other ends, close whatever else is open."""
    originals = (sys.__stdout__, sys.__stderr__)
    hidden = [hide_fd(fd) for fd in fds]
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (fds[1], 1), (fds[2], 2)):
        os.dup2(source, target, inheritable=True)
    close_other_fds(set(hidden))
    stdout, stderr = OutStream("stdout", hidden[1]), OutStream("stderr", hidden[2])
    sys.stdout, sys.stderr = stdout, stderr
    faulthandler.enable(file=2)
    return Channel(socket.socket(fileno=hidden[0]), token, (stdout, stderr)), originals


def _become_kernel(request: dict[str, Any]) -> None:
    """Directory, environment, arguments, limits and signals as a kernel's process has them."""
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    _add_folder()
    sys.argv = request["argv"]
    limit_process()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.breakpointhook = _pass_by  # as in a kernel to which no debugger is attached
    builtins.input = _refuse_input
    getpass.getpass = _refuse_getpass


def _add_folder() -> None:
    """Where IPython puts it for a kernel: behind the standard library, before what is installed."""
    names = [os.path.basename(entry) for entry in sys.path]
    place = next((i for i, name in enumerate(names) if name in ("site-packages", "dist-packages")), 0)
    sys.path.insert(place, "")


def _refuse_input(prompt: object = "") -> str:
    raise StdinNotImplementedError(_NO_STDIN.format("raw_input"))


def _pass_by(*_: object, **__: object) -> None:
    """``breakpoint()`` does not stop."""


def _refuse_getpass(prompt: str = "", stream: Any = None) -> str:
    raise StdinNotImplementedError(_NO_STDIN.format("getpass"))


def _reseed() -> None:
    """New random state for the generators that the zygote has loaded: a fork would repeat itself."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


class _Session:
    """Executes cells in order, as a kernel does whose client stops at the first error."""

    def __init__(self, shell: Any, channel: Channel, originals: tuple[Any, ...]) -> None:
        self._shell = shell
        self._channel = channel
        self._originals = originals
        self._pid = os.getpid()
        self._count = 0

    async def execute(self, cells: list[dict[str, Any]]) -> None:
        for cell in cells:
            self._channel.index = cell["index"]
            if not await self._execute_cell(cell):
                break
            await asyncio.sleep(0)  # a kernel's event loop runs between cells
        self._shell.drawings.wait()
        self._channel.send("done", exited=bool(self._shell.exit_now))

    async def _execute_cell(self, cell: dict[str, Any]) -> bool:
        """Whether the run goes on."""
        self._channel.send("start")
        if not cell["source"].strip():
            self._channel.send("end", seconds=0.0, execution_count=None, error=None)
            return True
        self._count += 1
        self._shell.begin_cell(cell["source"], cell["draws"])
        began = perf_counter()
        error = await self._run_source(cell["source"])
        seconds = perf_counter() - began
        if os.getpid() != self._pid:
            os._exit(0)  # a process that the cell forked and let go on
        flush_all(self._originals)
        self._channel.send("end", seconds=seconds, execution_count=self._count, error=error)
        return not self._shell.exit_now and (error is None or cell["may_raise"])

    async def _run_source(self, source: str) -> Any:
        """Run one cell; its error, if it has one."""
        shell = self._shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            result = await self._run_cell(source)
        except BaseException as raised:
            return shell.error_shown_for(raised)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if result.success and not shell.failed_in_displayhook:
            return None
        return shell.error_shown_for(result.error_before_exec or result.error_in_exec)

    async def _run_cell(self, source: str) -> Any:
        """As ipykernel: a cell with top-level ``await`` on the running loop, any other as a plain call."""
        shell = self._shell
        failure = None
        try:
            transformed = shell.transform_cell(source)
        except Exception:
            transformed, failure = source, sys.exc_info()
        how = {"transformed_cell": transformed, "preprocessing_exc_tuple": failure}
        if not shell.should_run_async(source, **how):
            return shell.run_cell(source, store_history=True, **_ABOUT)
        task = asyncio.ensure_future(shell.run_cell_async(source, store_history=True, **_ABOUT, **how))
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        result = None
        try:
            result = await task
        finally:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", result)
        return result
