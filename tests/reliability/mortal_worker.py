"""A worker that kills itself, or one of the processes below it, when a run has come to a certain phase.

``mortal_worker.py DATA PHASE VICTIM`` performs one run.  The worker, its store and its engine are the real ones;
the phase is found at the seams between them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import event

from nbdash.config import load_settings
from nbdash.engine.base import Engine
from nbdash.engine.choose import make_engine
from nbdash.model import CellStarted, Emit, EngineEvent, Job, Outcome
from nbdash.store import open_store
from nbdash.worker import Worker

#: Below the worker, from the top.
DEPTHS = {"zygote": 1, "keeper": 2, "run": 3}
MID_CELL_SECONDS = 0.1


def main(data: Path, phase: str, victim: str) -> None:
    """Perform the oldest queued run, if it comes to that."""
    store = open_store(data)
    reaper = Reaper(phase, victim)
    _call_at(store, "claim_run", after=lambda: reaper.reach("claimed"))
    _call_at(store, "heartbeat", before=lambda: reaper.reach("before the first heartbeat"))
    _call_at(
        store,
        "finish_run",
        before=lambda: reaper.reach("result written"),
        after=lambda: reaper.reach("after commit"),
    )
    event.listen(DatabaseEngine, "commit", lambda _: reaper.reach("before commit", only_if="result written"))
    worker = Worker(store, load_settings(data), engine_for=lambda name: _Watched(make_engine(name), reaper))
    stop = threading.Event()
    _call_at(store, "finish_run", after=stop.set)
    worker.serve(stop)


class Reaper:
    """Knows which phases a run has been through, and kills when it comes to the one that was named."""

    def __init__(self, phase: str, victim: str) -> None:
        self._phase = phase
        self._victim = victim
        self._seen: set[str] = set()

    def reach(self, phase: str, *, only_if: str | None = None) -> None:
        """A run is at this phase."""
        if phase in self._seen or (only_if is not None and only_if not in self._seen):
            return
        self._seen.add(phase)
        if phase == self._phase:
            _kill(self._victim)


class _Watched:
    """An engine that tells of the phases between claim and result."""

    def __init__(self, engine: Engine, reaper: Reaper) -> None:
        self.name = engine.name
        self._engine = engine
        self._reaper = reaper

    def execute(self, job: Job, emit: Emit, cancel: threading.Event) -> Outcome:
        """As the engine's own."""
        cells = [cell.index for cell in job.cells]

        def tell(event: EngineEvent) -> None:
            if isinstance(event, CellStarted) and event.index == cells[0]:
                self._reaper.reach("spawned")
            emit(event)
            if isinstance(event, CellStarted) and event.index == cells[-2]:
                threading.Timer(MID_CELL_SECONDS, self._reaper.reach, ["mid-cell"]).start()

        return self._engine.execute(job, tell, cancel)

    def close(self) -> None:
        """As the engine's own."""
        self._engine.close()


def _kill(victim: str) -> None:
    found = [psutil.Process()]
    for _ in range(DEPTHS.get(victim, 0)):
        found = [child for process in found for child in process.children()]
    for process in found:
        os.kill(process.pid, signal.SIGKILL)


def _call_at(
    target: Any,
    name: str,
    *,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> None:
    """Have functions called around a method; ``after`` only where it did something."""
    method = getattr(target, name)

    def around(*arguments: Any, **named: Any) -> Any:
        before()
        result = method(*arguments, **named)
        if result:
            after()
        return result

    setattr(target, name, around)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
