"""An engine without processes, for tests of what stands above the engine: it plays a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from nbdash.model import (
    Cause,
    CellEnded,
    CellError,
    CellJob,
    CellStarted,
    DisplayUpdated,
    Emit,
    Failure,
    Job,
    Outcome,
    Output,
    OutputAdded,
    OutputCleared,
)

#: What a scripted cell emits besides nbformat outputs.
ScriptedEvent = OutputAdded | OutputCleared | DisplayUpdated
_POLL_SECONDS = 0.005


@dataclass(frozen=True, kw_only=True)
class Scripted:
    """What one cell does: wait for ``gate``, put out ``outputs``, then fail or not."""

    outputs: Sequence[Output | ScriptedEvent] = ()
    error: CellError | None = None  #: the cell raises this; its ``error`` output is added
    failure: Failure | None = None  #: the run ends here, as in a crash
    gate: threading.Event | None = None  #: the cell waits until a test sets it
    seconds: float = 0.0  #: the duration that is told


#: A cell's source to what it does.
Script = Mapping[str, Scripted] | Callable[[CellJob], Scripted]


class MemoryEngine:
    """Plays ``script``: a mapping of cell source, or a function of the cell; other cells do nothing.

    ``jobs`` has every job that was executed, in order of its start.  A cancel is seen while a cell
    waits at its gate, and between cells.
    """

    name = "memory"

    def __init__(self, script: Script | None = None) -> None:
        self.script: Script = script or {}
        self.jobs: list[Job] = []
        self.closed = False

    def execute(self, job: Job, emit: Emit, cancel: threading.Event) -> Outcome:
        """Emit what the script says for each cell; stop at the first failure, as every engine does."""
        self.jobs.append(job)
        deadline = monotonic() + job.limits.run_seconds
        for number, cell in enumerate(job.cells, start=1):
            emit(CellStarted(index=cell.index, at=datetime.now(UTC), execution_count=number))
            failure = self._play(cell, number, emit, _Stop(cancel, deadline))
            if failure is not None:
                return Outcome(failure=failure, engine=self.name)
        return Outcome(engine=self.name)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _play(self, cell: CellJob, number: int, emit: Emit, stop: _Stop) -> Failure | None:
        scripted = self._scripted(cell)
        cause = stop.wait_for(scripted.gate)
        if cause is not None:
            return Failure(cause=cause, message=f"Stopped in {cell.title}.", index=cell.index, title=cell.title)
        for output in scripted.outputs:
            emit(OutputAdded(index=cell.index, output=output) if isinstance(output, dict) else output)
        if scripted.failure is not None:
            return scripted.failure
        self._end(cell, number, scripted, emit)
        return None if cell.may_raise else _failure_of(cell, scripted.error)

    def _scripted(self, cell: CellJob) -> Scripted:
        if callable(self.script):
            return self.script(cell)
        return self.script.get(cell.source, Scripted())

    def _end(self, cell: CellJob, number: int, scripted: Scripted, emit: Emit) -> None:
        if scripted.error is not None:
            emit(OutputAdded(index=cell.index, output=_error_output(scripted.error)))
        emit(
            CellEnded(
                index=cell.index,
                at=datetime.now(UTC),
                seconds=scripted.seconds,
                execution_count=number,
                error=scripted.error,
            )
        )


@dataclass(frozen=True)
class _Stop:
    """What ends a run from outside."""

    cancel: threading.Event
    deadline: float

    def wait_for(self, gate: threading.Event | None) -> Cause | None:
        while True:
            if self.cancel.is_set():
                return Cause.CANCELLED
            if gate is None or gate.wait(_POLL_SECONDS):
                return None
            if monotonic() > self.deadline:
                return Cause.TIMEOUT


def _failure_of(cell: CellJob, error: CellError | None) -> Failure | None:
    if error is None:
        return None
    return Failure(
        cause=Cause.ERROR,
        message=f"{cell.title} raised {error.ename}: {error.evalue}",
        index=cell.index,
        title=cell.title,
        error=error,
    )


def _error_output(error: CellError) -> Output:
    return {
        "output_type": "error",
        "ename": error.ename,
        "evalue": error.evalue,
        "traceback": list(error.traceback),
    }


class MemoryPictures:
    """A store of pictures that forgets with its process, and counts what was found."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}  #: by dashboard and fingerprint
        self.found = 0
        self.distrusted: set[str] = set()

    def find(self, dashboard: str, fingerprint: str) -> bytes | None:
        """As :meth:`nbdash.engine.pictures.PictureStore.find`."""
        data = self.kept.get((dashboard, fingerprint))
        self.found += data is not None
        return data

    def keep(self, dashboard: str, fingerprint: str, data: bytes) -> None:
        """As :meth:`nbdash.engine.pictures.PictureStore.keep`."""
        self.kept[dashboard, fingerprint] = data

    def distrust(self, dashboard: str) -> None:
        """Note whose pictures were wrong."""
        self.distrusted.add(dashboard)
