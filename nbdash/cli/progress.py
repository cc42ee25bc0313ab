"""A run's progress on standard error: a line per cell, the present one live where there is a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable

import click

from nbdash.cli.plans import TITLE_COLUMNS, column
from nbdash.engine.recorder import Recorder
from nbdash.model import CellEnded, CellStarted, EngineEvent, EventKind, Plan, Run, RunEvent
from nbdash.publisher.publication import Publisher
from nbdash.service import follow_served

#: What the rest of a line takes: ``  [12/34]  `` and ``  123.4 s  failed``.
_OTHER_COLUMNS = 28


class ProgressLines:
    """Writes ``[2/3] Forecast   2.1 s`` per cell."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()
        self._title_columns = max(8, min(TITLE_COLUMNS, shutil.get_terminal_size().columns - _OTHER_COLUMNS))

    def begin(self, cell: int, of: int, title: str) -> None:
        """A cell began."""
        if self._is_live:
            click.echo(f"\r\033[K{_place(cell, of)} {self._column(title)} …", err=True, nl=False)

    def end(self, cell: int, of: int, title: str, seconds: float, *, ok: bool = True) -> None:
        """A cell is through."""
        start = "\r\033[K" if self._is_live else ""
        mark = "" if ok else "  failed"
        click.echo(f"{start}{_place(cell, of)} {self._column(title)} {seconds:7.1f} s{mark}", err=True)

    def _column(self, title: str) -> str:
        return column(title, self._title_columns)


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


def show_run(publisher: Publisher, run: Run) -> Run:
    """Follow a run to its end and return it.

    Raises ServerUnreachableError if the server ends before the run does.
    """
    _show(follow_served(publisher, run))
    return publisher.store.run(run.id)


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
