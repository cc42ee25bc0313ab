"""A run's progress on standard error: a line per cell, the present one live where there is a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from nbdash.cli.plans import TITLE_COLUMNS, column
from nbdash.cli.terminal import width_of
from nbdash.engine.recorder import Recorder
from nbdash.errors import NbdashError
from nbdash.model import CellEnded, CellStarted, EngineEvent, EventKind, Output, Plan, Run, RunEvent
from nbdash.page.pictures import Picture, PictureError, check_picture, read_picture
from nbdash.publisher.publication import Publisher
from nbdash.service import follow_served

#: What a line holds beside its title: ``  1234.5 s  1600×1200`` and the last column, which stays free.
_OTHER_COLUMNS = 22
_LEAST_TITLE = 8
#: Seconds from which on it helps to know how long a cell usually takes.
_WORTH_SAYING = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Which of the running cells: ``cell`` of ``of``, from 1."""

    cell: int
    of: int
    title: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Present:
    """The cell that runs now."""

    step: Step
    at: datetime  #: when it began
    usual: float | None  #: seconds it took last time


class ProgressLines:
    """Writes ``[2/3] Forecast   2.1 s  1600×900`` per cell."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._present: _Present | None = None
        self._drawn = ""  # the live line as it stands

    def begin(self, step: Step, *, at: datetime, usual: float | None = None) -> None:
        """A cell began; ``usual`` is how many seconds it took last time."""
        self._present = _Present(step=step, at=at, usual=usual)
        self.tick()

    def tick(self) -> None:
        """Time has passed: on a terminal, the present cell's line counts its seconds."""
        if not self._is_live or self._present is None:
            return
        seconds = int((datetime.now(UTC) - self._present.at).total_seconds())
        line = _line(self._present.step, f"{seconds} s" if seconds > 0 else "…", _usual_texts(self._present.usual))
        if line != self._drawn:
            self._draw(line, nl=False)

    def end(self, step: Step, seconds: float, *, ok: bool = True, pictures: Sequence[Picture] = ()) -> None:
        """A cell is through."""
        self._present = None
        line = _line(step, f"{seconds:.1f} s", _picture_texts(pictures) if ok else [])
        self._draw(line if ok else f"{line}  failed", nl=True)

    def close(self) -> None:
        """Nothing more comes: what is said next begins on a line of its own."""
        if self._drawn:
            click.echo(err=True)
        self._present, self._drawn = None, ""

    def _draw(self, line: str, *, nl: bool) -> None:
        """Write over the live line: with spaces, since click takes escape sequences away under NO_COLOR."""
        rest = " " * (width_of(self._drawn) - width_of(line))
        back = "\r" if self._drawn else ""
        click.echo(f"{back}{line}{rest}", err=True, nl=nl)
        self._drawn = "" if nl else line


class CellProgress:
    """The same lines for a run in this process: give :meth:`observe` to ``execute``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._running = [cell.index for cell in plan.cells if cell.runs]
        self._lines = ProgressLines()

    def observe(self, event: EngineEvent, recorder: Recorder) -> None:
        """Show where the run is."""
        if not isinstance(event, CellStarted | CellEnded):
            return
        step = Step(
            cell=self._running.index(event.index) + 1,
            of=len(self._running),
            title=self._plan.label_of(event.index),
        )
        if isinstance(event, CellStarted):
            self._lines.begin(step, at=event.at)
        else:
            pictures = tuple(_pictures_in(recorder.outputs(event.index)))
            self._lines.end(step, event.seconds, ok=event.error is None, pictures=pictures)

    def close(self) -> None:
        """The run is over, maybe within a cell."""
        self._lines.close()


def show_run(publisher: Publisher, run: Run) -> Run:
    """Follow a run to its end and return it.

    Raises ServerUnreachableError if the server ends before the run does.
    """
    with _closing_lines() as lines:
        events = follow_served(publisher, run, while_waiting=lines.tick)
        _show(lines, events, publisher, run)
    return publisher.store.run(run.id)


@contextmanager
def _closing_lines() -> Iterator[ProgressLines]:
    lines = ProgressLines()
    try:
        yield lines
    finally:
        lines.close()


def _show(lines: ProgressLines, events: Iterable[RunEvent], publisher: Publisher, run: Run) -> None:
    usual = publisher.store.cell_seconds(run.dashboard_id)
    of = 0
    for event in events:
        if event.kind not in (EventKind.CELL_START, EventKind.CELL_END):
            continue
        data = event.data
        of = data.get("of", of)
        step = Step(cell=data["cell"], of=of, title=data["title"])
        if event.kind is EventKind.CELL_START:
            lines.begin(step, at=event.at, usual=usual.get(step.title))
        else:
            pictures = tuple(_pictures_of(publisher, run, data.get("card")))
            lines.end(step, data["seconds"], ok=data["ok"], pictures=pictures)


def _pictures_of(publisher: Publisher, run: Run, card: str | None) -> Iterator[Picture]:
    """The pictures of a card that the run has made."""
    shown = [shown for shown in publisher.store.cards(run.id) if shown.card.name == card] if card else []
    figures = [block.figure for each in shown for block in each.blocks if block.figure]
    with suppress(NbdashError, PictureError):  # the run may have been removed meanwhile
        yield from (check_picture(publisher.store.read_blob(figure.digest)) for figure in figures)


def _pictures_in(outputs: Iterable[Output]) -> Iterator[Picture]:
    """The pictures among a cell's outputs."""
    for output in outputs:
        data = output.get("data", {})
        encoded = data.get("image/png") or data.get("image/jpeg")
        if isinstance(encoded, str):
            with suppress(PictureError):
                yield read_picture(encoded)


# --- the text of a line ---


def _line(step: Step, seconds: str, texts: Sequence[str]) -> str:
    """``  [2/3] Forecast   2.1 s  1600×900``: with the first of ``texts`` for which there is room."""
    columns = _columns()
    place = f"  [{step.cell}/{step.of}]".ljust(len(f"  [{step.of}/{step.of}]"))
    title = max(_LEAST_TITLE, min(TITLE_COLUMNS, columns - len(place) - _OTHER_COLUMNS))
    line = f"{place} {column(step.title, title)} {seconds:>8}"
    room = columns - 1 - width_of(line) - 2
    text = next((text for text in texts if len(text) <= room), "")
    return f"{line}  {text}".rstrip()


def _columns() -> int:
    """The columns of the terminal that standard error is (standard output may be a pipe), else 80."""
    try:
        own = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        own = 0
    return shutil.get_terminal_size().columns if "COLUMNS" in os.environ else own or 80


def _usual_texts(usual: float | None) -> list[str]:
    if usual is None or usual < _WORTH_SAYING:
        return []
    seconds = f"{usual:.1f} s" if usual < 10 else f"{usual:.0f} s"
    return [f"usually {seconds}", f"~{seconds}"]


def _picture_texts(pictures: Sequence[Picture]) -> list[str]:
    sizes = ", ".join(f"{picture.width}×{picture.height}" for picture in pictures)
    return [sizes, f"{len(pictures)} figures"] if len(pictures) > 1 else [sizes]
