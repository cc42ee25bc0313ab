"""A process's descendants, from /proc: find, kill, and measure them."""

from __future__ import annotations

import contextlib
import os
import signal
import time

_CHILDREN_FILE = "/proc/thread-self/children"
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def children_of(pid: int) -> list[int]:
    """The process ids of ``pid``'s children; empty when it is gone."""
    children: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                children += map(int, file.read().split())
    except FileNotFoundError:
        return children if os.path.exists(_CHILDREN_FILE) else _scan(pid)
    except OSError:
        pass
    return children


def _scan(parent: int) -> list[int]:
    """As :func:`children_of`, for kernels without the ``children`` file."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                found.append(int(name))
    return found


def descendants_of(pid: int) -> list[int]:
    """The process ids of all descendants of ``pid``."""
    found = dict.fromkeys(children_of(pid))
    unseen = list(found)
    while unseen:
        new = [child for child in children_of(unseen.pop()) if child not in found]
        found.update(dict.fromkeys(new))
        unseen += new
    return list(found)


def kill_all(pids: list[int]) -> None:
    """SIGKILL each; those that are gone already do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_tree(pid: int) -> None:
    """Kill all descendants of ``pid``, as long as there are living ones, and then itself.

    In this order since what a dead process leaves behind moves to another parent, perhaps out of sight.
    """
    while living := [each for each in descendants_of(pid) if resident_bytes(each)]:
        kill_all(living)
        time.sleep(0.005)
    kill_all([pid])


def resident_bytes(pid: int) -> int:
    """The process's resident memory, shared pages included; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def private_bytes(pid: int) -> int:
    """The memory that the process shares with no other; 0 when it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Private_"))
    return 0


def proportional_bytes(pid: int) -> int:
    """As :func:`resident_bytes`, but of a page that n processes share only one n-th."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident_bytes(pid)
