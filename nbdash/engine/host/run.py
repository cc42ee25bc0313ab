"""The run: the process in which a notebook's cells are executed, fresh from the zygote."""

from __future__ import annotations

import asyncio
import builtins
import faulthandler
import gc
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

from .checkpoint import Beginning, Terms, begin_loop, fork_checkpoint
from .drawing import Drawings
from .ending import finish_process
from .numbering import insert_cell
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
    shell.drawings = Drawings(shell, most=_most_drawers(request["drawers"]))
    _Session(shell, originals).execute(request["cells"], request["terms"] and Terms(**request["terms"]))
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

    def __init__(self, shell: Any, originals: tuple[Any, ...]) -> None:
        self._shell = shell
        self._originals = originals
        self._pid = os.getpid()
        self._count = 0
        self._keeps_history = True

    def execute(self, cells: list[dict[str, Any]], terms: Terms | None) -> None:
        """Execute them all; ``terms`` say where there is to be a checkpoint."""
        if terms is None:
            begin_loop().run_until_complete(self._execute_cells(cells))
            self._end()
            return
        unsure, beginning, began = None, Beginning(), perf_counter()
        if beginning.loop.run_until_complete(self._execute_cells(cells[: terms.cells])):
            if perf_counter() - began >= terms.least_seconds:
                unsure = fork_checkpoint(beginning, terms, self._shell, self.resume)
            beginning.loop.run_until_complete(self._execute_cells(cells[terms.cells :]))
        self._end()
        if unsure is not None:
            os.read(unsure, 1)

    def resume(self, request: dict[str, Any], fds: list[int]) -> None:
        """Go on in a run of its own: with its first cell as if that had been the ``number``-th."""
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        channel = self._shell.channel
        channel.begin_anew(fds, bytes.fromhex(request["token"]))
        close_other_fds(set(channel.fds))
        os.environ.update(request["environment"])
        self._shell.drawings.forget()
        self._pid = os.getpid()
        loop = begin_loop()
        loop.run_until_complete(self._catch_up(request["cells"][0], request["number"]))
        loop.run_until_complete(self._execute_cells(request["cells"][1:]))
        self._end()
        finish_process()

    async def _catch_up(self, cell: dict[str, Any], number: int) -> None:
        """Execute a cell that cannot fail as the ``number``-th."""
        insert_cell(self._shell, number, cell["source"])
        self._count, count = number - 1, self._count
        self._keeps_history = False
        await self._execute_cells([cell])
        self._keeps_history = True
        self._count = count + 1

    def _end(self) -> None:
        drawings = self._shell.drawings
        drawings.wait(most=1)
        if drawings.fds:  # else idle while the last figure is drawn
            with self._shell.channel.muted():
                gc.collect()  # as IPython does at the very end, when little is left to do then
        drawings.wait()
        self._shell.channel.send("done", exited=bool(self._shell.exit_now))

    async def _execute_cells(self, cells: list[dict[str, Any]]) -> bool:
        """Whether the run goes on."""
        for cell in cells:
            self._shell.channel.index = cell["index"]
            if not await self._execute_cell(cell):
                return False
            await asyncio.sleep(0)  # a kernel's event loop runs between cells
        return True

    async def _execute_cell(self, cell: dict[str, Any]) -> bool:
        """Whether the run goes on."""
        if not cell["source"].strip():
            self._shell.channel.send("start", execution_count=None)
            self._shell.channel.send("end", seconds=0.0, execution_count=None, error=None)
            return True
        self._count += 1
        self._shell.channel.send("start", execution_count=self._count)
        self._shell.begin_cell(cell)
        began = perf_counter()
        error = await self._run_source(cell["source"])
        seconds = perf_counter() - began
        if os.getpid() != self._pid:
            os._exit(0)  # a process that the cell forked and let go on
        flush_all(self._originals)
        self._shell.channel.send("end", seconds=seconds, execution_count=self._count, error=error)
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
            return shell.run_cell(source, store_history=self._keeps_history, **_ABOUT)
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
