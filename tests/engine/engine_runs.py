"""Running a few cells with an engine, for the tests of this folder and of the conformance suite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbdash.engine.base import Engine
from nbdash.engine.recorder import Recorder
from nbdash.model import CellEnded, CellJob, CellStarted, EngineEvent, Job, Limits, Outcome, Output


@dataclass
class Result:
    """What came of a run."""

    outcome: Outcome
    events: list[EngineEvent]
    recorder: Recorder = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        return self.recorder.document()

    def outputs(self, index: int) -> list[Output]:
        return self.recorder.outputs(index)

    def text(self, index: int, name: str = "stdout") -> str:
        return "".join(o["text"] for o in self.outputs(index) if o.get("name") == name)

    def started(self) -> list[int]:
        return [event.index for event in self.events if isinstance(event, CellStarted)]

    def ended(self) -> dict[int, CellEnded]:
        return {event.index: event for event in self.events if isinstance(event, CellEnded)}


def cell(source: str, index: int = 0, **options: bool) -> CellJob:
    return CellJob(index=index, source=source, title=f"cell {index + 1}", **options)


def make_job(*cells: str | CellJob, folder: Path, **options: Any) -> Job:
    """A job of these cells; a string is a cell's source. What is no field of Job is one of Limits."""
    numbered = tuple(
        cell(each, index)
        if isinstance(each, str)
        else cell(each.source, index, may_raise=each.may_raise, draws=each.draws)
        for index, each in enumerate(cells)
    )
    about = {name: options.pop(name) for name in list(options) if name in Job.__slots__}
    limits = Limits(**{"run_seconds": 60.0, **options})
    return Job(run_id="test", cells=numbered, folder=folder, limits=limits, **about)


def run_job(
    engine: Engine,
    job: Job,
    *,
    cancel: threading.Event | None = None,
    watch: Callable[[EngineEvent], None] | None = None,
) -> Result:
    """Execute a job; ``watch`` sees each event as it comes, from the engine's thread."""
    cells = [{"cell_type": "code", "id": f"c{c.index}", "metadata": {}, "source": c.source} for c in job.cells]
    recorder = Recorder({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    events: list[EngineEvent] = []

    def emit(event: EngineEvent) -> None:
        events.append(event)
        recorder.feed(event)
        if watch is not None:
            watch(event)

    outcome = engine.execute(job, emit, cancel or threading.Event())
    return Result(outcome, events, recorder)
