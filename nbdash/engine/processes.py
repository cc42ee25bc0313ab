"""A run's process tree: what memory it holds, and how it ends with nothing left alive."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Callable, Sequence

import psutil

#: The variable that tells a cell, and all that it starts, of which run they are.
RUN_MARK = "NBDASH_RUN_ID"
#: And of which attempt at it: another worker's may be under way while the processes of a lost one are killed.
ATTEMPT_MARK = "NBDASH_ATTEMPT_ID"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILL_ROUNDS = 200
_ROUND_SECONDS = 0.02


def processes_of(pid: int, *, itself: bool = False) -> list[psutil.Process]:
    """Every living process below ``pid`` (and ``itself``), zombies left out; empty if it is gone."""
    try:
        root = psutil.Process(pid)
        processes = [root] * itself + root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in processes if _is_alive(process)]


def kill_descendants(pid: int) -> None:
    """Kill everything below ``pid``, and what is started meanwhile, until nothing is left."""
    _kill_all(lambda: processes_of(pid))


def kill_marked(variable: str, value: str) -> None:
    """Kill every process whose environment has this value: daemons keep that, whoever their parent is."""
    _kill_all(lambda: [process for process in psutil.process_iter() if _is_marked(process, variable, value)])


def _kill_all(find: Callable[[], list[psutil.Process]]) -> None:
    killed: set[psutil.Process] = set()  # one that is about to end has no environment, and no mark, any more
    for _ in range(_KILL_ROUNDS):
        living = {*find(), *filter(_is_alive, killed)}
        if not living:
            return
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.kill()
        killed = living
        time.sleep(_ROUND_SECONDS)


def _is_marked(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return _is_alive(process) and process.environ().get(variable) == value
    except (psutil.Error, OSError):  # somebody else's
        return False


def memory_of(processes: Sequence[psutil.Process], limit: int) -> int:
    """Resident bytes of the processes together.

    The plain sum counts what forked processes share once for each of them; only a sum beyond
    ``limit`` is worth the exact reading, in which shared pages count once.
    """
    resident = sum(_resident(process) for process in processes)
    if resident <= limit or len(processes) == 1:
        return resident
    return sum(_proportional(process) for process in processes)


def become_reaper() -> None:
    """Have orphaned descendants become children of this process (Linux): a daemon cannot escape."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signum: int) -> None:
    """Get ``signum`` when the thread that started this process ends (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signum)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _proportional(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    return 0
