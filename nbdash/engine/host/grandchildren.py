"""Forking a process that is not the run's child: what a cell waits for are the children that it started itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from .system import fork_quietly


def fork_grandchild(action: Callable[[int], None]) -> int | None:
    """Have a fork of this process perform ``action`` and end; a pipe that ends with it.  ``action`` gets its other end.

    None: it cannot be done unseen.  A thread that would not live on in the fork may hold a lock there; those of
    numerical libraries end before a fork by themselves.  And a handler of SIGCHLD would be called.
    """
    if signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL:
        return None
    over, is_alive = os.pipe()
    with _signals_held_back() as mask:
        is_forked = _fork_twice(lambda: action(is_alive), mask)
    os.close(is_alive)
    if is_forked:
        return over
    os.close(over)
    return None


def _fork_twice(action: Callable[[], None], mask: set[Any]) -> bool:
    """Whether it was done; not if other threads live on in this process."""
    waiting, go = os.pipe()
    try:
        middle = fork_quietly()
    except OSError:
        os.close(waiting)
        os.close(go)
        return False
    if middle == 0:
        os.close(go)
        _fork_on_word(waiting, action, mask)
    os.close(waiting)
    is_alone = len(os.listdir("/proc/self/task")) == 1
    if is_alone:
        os.write(go, b"g")
    os.close(go)
    os.waitpid(middle, 0)
    return is_alone


def _fork_on_word(waiting: int, action: Callable[[], None], mask: set[Any]) -> None:
    """The process in between: forks again when told to, and ends.  Does not return."""
    try:
        if os.read(waiting, 1) and fork_quietly() == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            action()
    finally:
        os._exit(0)


@contextlib.contextmanager
def _signals_held_back() -> Iterator[set[Any]]:
    """An interrupt comes afterwards, the end of a child that nobody knows of never."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGCHLD})
    try:
        yield mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
