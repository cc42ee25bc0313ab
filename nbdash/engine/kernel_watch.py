"""What ends a kernel's run from outside: cancel, time, memory, or its own death."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic

import psutil

from nbdash.engine.failures import (
    cell_timed_out,
    memory_exceeded,
    process_ended,
    run_cancelled,
    run_timed_out,
    too_many_processes,
)
from nbdash.engine.kernel_process import SUPERVISED, KernelProcess
from nbdash.engine.processes import memory_of, processes_of
from nbdash.model import CellJob, Failure, Limits

_POLL_SECONDS = 0.05
_SURVIVORS_SECONDS = 5.0


class Watch:
    """Looks at one kernel several times a second; ``peak`` is the most memory it saw, in bytes."""

    def __init__(self, process: KernelProcess, limits: Limits, is_stopped: Callable[[], bool]) -> None:
        self._process = process
        self._limits = limits
        self._is_stopped = is_stopped
        self._seen: set[psutil.Process] = set()
        self._cell: CellJob | None = None
        self._run_began = self._cell_began = monotonic()
        self.peak = 0

    def enter(self, cell: CellJob) -> None:
        """A cell begins."""
        self._cell, self._cell_began = cell, monotonic()

    async def wait(self) -> Failure:
        """Return when something ends the run."""
        while True:
            failure = self._look()
            if failure is not None:
                return failure
            await asyncio.sleep(_POLL_SECONDS)

    def kill_survivors(self) -> None:
        """Kill what outlived the kernel's supervisor, which only a cell that killed the supervisor leaves."""
        survivors = [process for process in self._seen if process.is_running()]
        for process in survivors:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(survivors, timeout=_SURVIVORS_SECONDS)

    def _look(self) -> Failure | None:
        if self._is_stopped():
            return run_cancelled(self._cell)
        code = self._process.exit_code()
        if code is not None and self._cell is not None:  # a kernel that ends before has not started at all
            return process_ended(self._cell, code, self._process.last_words())
        return self._look_at_clock() or self._look_at_processes()

    def _look_at_clock(self) -> Failure | None:
        now, limits = monotonic(), self._limits
        if now - self._run_began > limits.run_seconds:
            return run_timed_out(self._cell, limits.run_seconds)
        if self._cell and limits.cell_seconds and now - self._cell_began > limits.cell_seconds:
            return cell_timed_out(self._cell, limits.cell_seconds)
        return None

    def _look_at_processes(self) -> Failure | None:
        if self._process.pid is None:
            return None
        processes = processes_of(self._process.pid, itself=not SUPERVISED)
        self._seen.update(processes)
        if len(processes) > self._limits.processes:
            return too_many_processes(self._cell, self._limits.processes)
        used, limit = memory_of(processes, self._limits.memory_bytes), self._limits.memory_bytes
        self.peak = max(self.peak, used)
        return memory_exceeded(self._cell, limit, used) if used > limit else None
