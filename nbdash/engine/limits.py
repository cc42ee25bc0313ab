"""How much memory all processes of a forked run use, and how many there are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil

from nbdash.engine.host.tree import descendants_of, proportional_bytes, resident_bytes
from nbdash.model import Limits

#: How often memory is looked at.
_SAMPLE_SECONDS = 0.1
_BURIAL_SECONDS = 3.0
#: Up to how many processes are worth an exact figure.
_MAX_MEASURED = 16


class MemoryWatch:
    """Memory of all descendants of a keeper; what they share with the zygote is counted once."""

    def __init__(
        self, keeper: int, *, limits: Limits, shared: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``shared``: the zygote's own resident memory, in bytes."""
        self.peak = 0
        self.processes = 0
        self._keeper = keeper
        self._limit = limits.memory_bytes
        self._most_processes = limits.processes
        self._shared = shared
        self._clock = clock
        self._next = 0.0
        self._seen: dict[int, psutil.Process] = {}

    @property
    def is_exceeded(self) -> bool:
        """Whether the last look found more memory, or more processes, than allowed."""
        return self.peak > self._limit or self.has_too_many_processes

    @property
    def has_too_many_processes(self) -> bool:
        """Whether the run multiplies without end."""
        return self.processes > self._most_processes

    def look(self) -> None:
        """Measure, if it is time to; the more a look costs, the rarer it is."""
        began = self._clock()
        if began < self._next:
            return
        self._measure()
        now = self._clock()
        self._next = now + max(_SAMPLE_SECONDS, 5 * (now - began))

    def _measure(self) -> None:
        """The exact figure is dear, and waits for processes that fork: only where it decides."""
        pids = descendants_of(self._keeper)
        self.processes = len(pids)
        self._remember(pids)
        resident = [resident_bytes(pid) for pid in pids]
        used = self._shared + sum(max(0, size - self._shared) for size in resident)
        if sum(resident) > self._limit and len(pids) <= _MAX_MEASURED:
            used = max(used, sum(map(proportional_bytes, pids)))
        self.peak = max(self.peak, used)

    def _remember(self, pids: list[int]) -> None:
        for pid in pids[: self._most_processes]:
            if pid not in self._seen:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._seen[pid] = psutil.Process(pid)

    def kill_survivors(self) -> None:
        """Kill what was seen and lives; for when the run has killed those whose work this is."""
        survivors = [process for process in self._seen.values() if process.is_running()]
        for process in survivors:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(survivors, timeout=_BURIAL_SECONDS)
