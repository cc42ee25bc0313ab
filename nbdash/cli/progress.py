"""A run's progress on standard error: a line per cell, the present one live where there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import click

from nbdash.engine.recorder import Recorder
from nbdash.model import CellEnded, CellStarted, EngineEvent, EventKind, Plan, Run, RunEvent, RunState
from nbdash.publisher.following import follow
from nbdash.store import Store

TITLE_COLUMNS = 32


class ProgressLines:
    """Writes ``[2/3] Forecast   2.1 s`` per cell."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()

    def begin(self, cell: int, of: int, title: str) -> None:
        """A cell began."""
        if self._is_live:
            click.echo(f"\r\033[K{_place(cell, of)} {_column(title)} …", err=True, nl=False)

    def end(self, cell: int, of: int, title: str, seconds: float, *, ok: bool = True) -> None:
        """A cell is through."""
        start = "\r\033[K" if self._is_live else ""
        mark = "" if ok else "  failed"
        click.echo(f"{start}{_place(cell, of)} {_column(title)} {seconds:7.1f} s{mark}", err=True)


class CellProgress:
    """The same lines for a run in this process: give :meth:`observe` to ``execute``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._running = [cell.index for cell in plan.cells if cell.runs]
        self._lines = ProgressLines()

    def observe(self, event: EngineEvent, _: Recorder) -> None:
        """Show where the run is."""
        if not isinstance(event, CellStarted | CellEnded):
            return
        cell = self._running.index(event.index) + 1
        title = self._plan.label_of(event.index)
        if isinstance(event, CellStarted):
            self._lines.begin(cell, len(self._running), title)
        else:
            ok = event.error is None
            self._lines.end(cell, len(self._running), title, event.seconds, ok=ok)


def show_run(store: Store, run: Run, *, on_interrupt: Callable[[], object] | None = None) -> Run:
    """Follow a run to its end and return it; Ctrl-C calls ``on_interrupt`` before it goes on its way."""
    try:
        _show(follow(store, run.id))
    except KeyboardInterrupt:
        if on_interrupt is not None:
            on_interrupt()
        raise
    return store.run(run.id)


def failure_of(run: Run) -> str:
    """Why a run did not succeed, for its author; empty if it did."""
    if run.state is RunState.SUCCEEDED:
        return ""
    if run.error is None:
        return f"the run was {run.state}"
    return run.error.message


def _show(events: Iterable[RunEvent]) -> None:
    lines = ProgressLines()
    total = 0
    for event in events:
        data = event.data
        if event.kind is EventKind.CELL_START:
            total = data["of"]
            lines.begin(data["cell"], total, data["title"])
        elif event.kind is EventKind.CELL_END:
            lines.end(data["cell"], total, data["title"], data["seconds"], ok=data["ok"])


def _place(cell: int, of: int) -> str:
    return f"  [{cell}/{of}]".ljust(10)


def _column(title: str) -> str:
    text = title if len(title) <= TITLE_COLUMNS else title[: TITLE_COLUMNS - 1] + "…"
    return text.ljust(TITLE_COLUMNS)
