"""How much memory all processes of a forked run use, and how many there are."""

from __future__ import annotations

import time
from collections.abc import Callable

from nbdash.engine.host.tree import descendants_of, proportional_bytes, resident_bytes

#: How often memory is looked at.
_SAMPLE_SECONDS = 0.1
#: More processes than any honest notebook starts: a fork bomb.
MAX_PROCESSES = 512


class MemoryWatch:
    """Memory of all descendants of a keeper; pages that a fork shares are counted once."""

    def __init__(self, keeper: int, limit: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.peak = 0
        self.processes = 0
        self._keeper = keeper
        self._limit = limit
        self._clock = clock
        self._next = 0.0
        self._highest = 0

    @property
    def is_exceeded(self) -> bool:
        """Whether the last look found more memory, or more processes, than allowed."""
        return self.peak > self._limit or self.has_too_many_processes

    @property
    def has_too_many_processes(self) -> bool:
        """Whether the run multiplies without end."""
        return self.processes > MAX_PROCESSES

    def look(self) -> None:
        """Measure, if it is time to; the more a look costs, the rarer it is."""
        began = self._clock()
        if began < self._next:
            return
        self._measure()
        now = self._clock()
        self._next = now + max(_SAMPLE_SECONDS, 5 * (now - began))

    def _measure(self) -> None:
        pids = descendants_of(self._keeper)
        self.processes = len(pids)
        if self.has_too_many_processes:
            return
        resident = sum(map(resident_bytes, pids))
        if resident > self._highest or resident > self._limit:  # the exact figure is dear
            self._highest = max(resident, self._highest)
            self.peak = max(self.peak, sum(map(proportional_bytes, pids)))
