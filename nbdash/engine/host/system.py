"""The few Linux calls that Python's standard library lacks, and forking without a warning."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import sys
import warnings
from collections.abc import Iterable
from typing import NoReturn

try:
    import fcntl
    import resource
except ImportError:  # Windows: importable, but nothing here is ever called
    pass

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Let every orphan among this process's descendants become its child instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, the process that forked it, ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def fork_quietly() -> int:
    """``os.fork`` without Python 3.12's warning: the other threads are idle ones of imported libraries.

    Past the functions that change filters, since those make Python forget which warnings it has shown.
    """
    warnings.filters.insert(0, ("ignore", None, DeprecationWarning, None, 0))  # type: ignore[attr-defined]
    try:
        return os.fork()
    finally:
        del warnings.filters[0]  # type: ignore[attr-defined]


def close_other_fds(keep: set[int]) -> None:
    """Close every file descriptor from 3 on but ``keep``."""
    _close(fd for fd in open_fds() - keep if fd > 2)


def leave() -> NoReturn:
    """End this process, its connections at once: the system closes them last, when all memory has been given back."""
    try:
        _close(open_fds())
    finally:
        os._exit(0)


def open_fds() -> set[int]:
    """The numbers of this process's file descriptors; that of the listing, which is closed again, is one of them."""
    return {int(name) for name in os.listdir("/proc/self/fd")}


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)


def hide_fd(fd: int) -> int:
    """A copy of ``fd`` with a number that nobody hits by chance or by closing the first few hundred."""
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536)
    lowest = limit // 2 + secrets.randbelow(max(1, limit // 2 - 8))
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)


def limit_process() -> None:
    """No core files, second place for the processor, first place when the machine runs out of memory.

    There is no limit of address space: browsers, JVMs and GPU libraries reserve far more than they use.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")


def peak_of_children() -> int:
    """The largest resident memory, in bytes, of any descendant that has ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
