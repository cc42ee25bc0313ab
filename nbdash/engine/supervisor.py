"""The process between nbdash and a kernel: ``python -m nbdash.engine.supervisor COMMAND…``.

It adopts whatever the kernel's descendants leave behind, so that a daemon that detached itself is
still found below it; it kills all of that when the kernel ends or when nbdash dies; and it ends as the
kernel did, with the same exit code or signal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn

from nbdash.engine.processes import become_reaper, die_with_parent, kill_descendants


def supervise(command: list[str]) -> NoReturn:
    """Start the command, wait for it, leave nothing of it alive, end as it did."""
    become_reaper()
    die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.environ.get("JPY_PARENT_PID", "") != str(os.getppid()):  # jupyter_client's word for nbdash: it has died
        _end()
    status = _wait_for(_start(command))
    _clear()
    _end_as(os.waitstatus_to_exitcode(status))


def _start(command: list[str]) -> int:
    """Start it in its own process group: a cell that kills its group does not reach the supervisor."""
    environment = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}  # ipykernel ends when this one is gone
    return os.posix_spawnp(command[0], command, environment, setpgroup=0, setsigdef=(signal.SIGINT, signal.SIGTERM))


def _wait_for(pid: int) -> int:
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return status


def _clear() -> None:
    """Kill everything below, and bury it: nobody else might."""
    kill_descendants(os.getpid())
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _end(*_: object) -> NoReturn:
    _clear()
    os._exit(128 + signal.SIGTERM)


def _end_as(code: int) -> NoReturn:
    if code < 0:
        import resource  # not on Windows, where nothing is supervised

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if code not in (-signal.SIGKILL, -signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    supervise(sys.argv[1:])
