"""A checkpoint: a fork of the run, made between two cells, that waits to be forked by runs that go on from there.

Such a run must not differ from one that executed the cells before it once more.  So there is no checkpoint when the
process has got what a fork lacks or shares: threads, children, open files, shared memory, an event loop in use, timers;
when cells have changed files or started programs; or when copying its memory would cost more than it saves.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .effects import Effects
from .forkserver import TOKEN, ForkServer
from .siblings import fork_sibling
from .system import become_subreaper, close_other_fds, die_with_parent, hide_fd, open_fds
from .tree import children_of, private_bytes
from .wire import FrameReader, pack_frame, receive_with_fds


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Where there is to be a checkpoint, and when not."""

    cells: int  #: how many come before it
    least_seconds: float  #: that the cells before it took
    most_bytes: int  #: of memory that is not shared
    age: float  #: for how many seconds it waits


class Beginning:
    """What the process had before its first cell, for comparison."""

    def __init__(self) -> None:
        self.loop = begin_loop()
        self.loop.run_until_complete(asyncio.sleep(0))  # makes what a loop has once it has run
        self._holders = self._count_holders()
        self._files = _open_files()
        self._effects = Effects()

    def allows_checkpoint(self, most_bytes: int) -> bool:
        """Whether a fork would be as good as this process."""
        return not (
            self._effects.end()
            or asyncio.all_tasks(self.loop)
            or self._count_holders() > self._holders
            or any(signal.getitimer(timer)[0] for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL))
            or children_of(os.getpid())
            or private_bytes(os.getpid()) > most_bytes
        )

    def _count_holders(self) -> int:
        """How many hold the loop: callbacks that wait in it do, tasks, and whatever a cell made for it."""
        return sys.getrefcount(self.loop)

    def has_no_others(self, others: set[int]) -> bool:
        """Whether the process has the open files that it had, and those ``others``, and shares no memory."""
        files = {fd: name for fd, name in _open_files().items() if fd not in others}
        return files == self._files and not _shares_memory()


def begin_loop() -> asyncio.AbstractEventLoop:
    """A new event loop, for all of this thread."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def fork_checkpoint(
    beginning: Beginning, terms: Terms, shell: Any, resume: Callable[[dict[str, Any], list[int]], None]
) -> int | None:
    """Make one, if that is possible; a pipe that ends when the engine has taken charge of it, or will not.

    In each run that is forked from it, ``resume(request, fds)`` is called.
    """
    if not (beginning.allows_checkpoint(terms.most_bytes) and _treats_all_cells_alike(shell)):
        return None
    mine, theirs = socket.socketpair()
    keeper, random_state = os.getppid(), random.getstate()

    def go_on(request: dict[str, Any], fds: list[int]) -> None:
        random.setstate(random_state)  # Python seeds it anew in each fork
        resume(request, fds)

    def wait(is_unsure: int) -> None:
        others = {theirs.fileno(), mine.fileno(), is_unsure, *shell.drawings.fds}
        if beginning.has_no_others(others):
            die_with_parent(keeper)
            _serve(theirs, is_unsure, shell.channel, ForkServer(theirs, FrameReader(TOKEN), go_on), terms.age)

    with mine, theirs:
        if (unsure := fork_sibling(wait)) is None:
            return None
        shell.channel.send_with(mine, "checkpoint")
    hidden = hide_fd(unsure)
    os.close(unsure)
    return hidden


def _serve(control: socket.socket, is_unsure: int, channel: Any, server: ForkServer, age: float) -> None:
    os.setsid()
    become_subreaper()
    channel.lead_nowhere()
    close_other_fds({control.fileno(), is_unsure, *channel.fds})
    control.sendall(pack_frame({"ready": os.getpid()}, TOKEN))
    is_kept, _ = receive_with_fds(control, FrameReader(TOKEN))
    os.close(is_unsure)
    if is_kept is not None:
        server.serve(age)


def _treats_all_cells_alike(shell: Any) -> bool:
    """Whether nothing is called around a cell, or changes it, but for IPython's and Matplotlib's own functions."""
    hooks = [hook for hooks in shell.events.callbacks.values() for hook in hooks]
    own = {"IPython", "matplotlib", "matplotlib_inline", __name__.partition(".")[0]}
    is_usual = all((getattr(hook, "__module__", None) or "").partition(".")[0] in own for hook in hooks)
    return is_usual and not shell.ast_transformers and not shell.input_transformers_post


def _open_files() -> dict[int, str]:
    """By their numbers."""
    found = {}
    for fd in open_fds():
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:  # the listing's own, which is closed by now
            continue
    return found


def _shares_memory() -> bool:
    """Whether what this process writes there, others would see."""
    with open("/proc/self/maps") as file:
        return any(line.split(maxsplit=2)[1].startswith("rw") and line.split(maxsplit=2)[1][3] == "s" for line in file)
