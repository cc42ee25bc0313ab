"""Forking a process that is not the run's child: what a cell waits for are the children that it started itself."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from .system import fork_quietly, leave

#: ``clone`` by machine: its number, and where among its arguments the address of the thread's id stands.
_CLONE = {"x86_64": (56, 3), "aarch64": (220, 4)}
_CLONE_PARENT, _CLONE_CHILD_CLEARTID, _CLONE_CHILD_SETTID = 0x8000, 0x200000, 0x1000000
_PR_GET_TID_ADDRESS = 40


def fork_sibling(action: Callable[[int], None]) -> int | None:
    """Have a fork of this process perform ``action`` and end; a pipe that ends with it.  ``action`` gets its other end.

    None: it cannot be done unseen.  A thread that would not live on in the fork may hold a lock there; those of
    numerical libraries end before a fork by themselves.  And a handler of SIGCHLD would be called.
    """
    if signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL:
        return None
    over, is_alive = os.pipe()

    def act() -> None:
        os.close(over)
        action(is_alive)

    with _signals_held_back() as mask:
        is_forked = _fork_beside(act, mask)
    os.close(is_alive)
    if is_forked:
        return over
    os.close(over)
    return None


def _fork_beside(action: Callable[[], None], mask: set[Any]) -> bool:
    if _is_alone() and (pid := _clone_sibling()) is not None:
        if pid == 0:
            _perform(action, mask)
        return True
    return _fork_twice(action, mask)


def _is_alone() -> bool:
    """Whether this process has but one thread."""
    return len(os.listdir("/proc/self/task")) == 1


def _perform(action: Callable[[], None], mask: set[Any]) -> None:
    """What the new process does.  Does not return."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        action()
    finally:
        leave()


def _clone_sibling() -> int | None:
    """As ``os.fork``, but the parent is this process's own; None where that is not known to work.

    The C library's ``fork`` does two things more, which a process with one thread can do without: it has
    libraries end and start their threads, and holds locks that nobody else could hold.
    """
    number, place = _CLONE.get(platform.machine(), (None, 0))
    library, python = ctypes.PyDLL(None), ctypes.pythonapi
    thread_id = ctypes.c_void_p()
    if number is None or library.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(thread_id), 0, 0, 0) != 0:
        return None
    arguments = [ctypes.c_ulong(0)] * 5
    arguments[0] = ctypes.c_ulong(_CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | signal.SIGCHLD)
    arguments[place] = ctypes.c_ulong(thread_id.value or 0)
    library.syscall.restype = ctypes.c_long
    python.PyOS_BeforeFork()
    pid: int = library.syscall(ctypes.c_long(number), *arguments)
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    return pid if pid >= 0 else None


def _fork_twice(action: Callable[[], None], mask: set[Any]) -> bool:
    """Fork a process that forks and ends; whether it was done, which it is not if other threads live on here."""
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
    is_alone = _is_alone()
    if is_alone:
        os.write(go, b"g")
    os.close(go)
    os.waitpid(middle, 0)
    return is_alone


def _fork_on_word(waiting: int, action: Callable[[], None], mask: set[Any]) -> None:
    """The process in between: forks again when told to, and ends.  Does not return."""
    between = os.getpid()
    try:
        if os.read(waiting, 1) and fork_quietly() == 0:
            while os.getppid() == between:  # until it has ended, and this is a child of the run's keeper
                time.sleep(0.0005)
            os.close(waiting)
            _perform(action, mask)
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
