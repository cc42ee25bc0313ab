"""A run's progress on standard error: a line per cell, the present one live where there is a terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nbdash.cli.plans import TITLE_COLUMNS, column
from nbdash.cli.terminal import width_of
from nbdash.engine.recorder import Recorder
from nbdash.errors import NbdashError
from nbdash.model import CellEnded, CellStarted, EngineEvent, EventKind, Output, Plan, Run, RunEvent
from nbdash.page.pictures import PictureError, check_picture, read_picture
from nbdash.publisher.publication import Publisher
from nbdash.service import follow_served

if TYPE_CHECKING:
    from nbdash.remote.server import RemoteServer

#: What a line holds beside its title: ``  1234.5 s  1600×1200`` and the last column, which stays free.
_OTHER_COLUMNS = 22
_LEAST_TITLE = 8
#: Seconds from which on it helps to know how long a cell usually takes.
_WORTH_SAYING = 1.0


class Size(NamedTuple):
    """Pixels of a picture."""

    width: int
    height: int


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

    def end(self, step: Step, seconds: float, *, ok: bool = True, pictures: Sequence[Size] = ()) -> None:
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
    store = publisher.store
    usual = store.cell_seconds(run.dashboard_id)
    with _closing_lines() as lines:
        steps = _Steps(lines)
        for event in follow_served(publisher, run, while_waiting=lines.tick):
            card = event.data.get("card")
            pictures = tuple(_pictures_of(publisher, run, card)) if event.kind is EventKind.CELL_END else ()
            steps.show(event, usual=usual.get(event.data.get("title", "")), pictures=pictures)
    return store.run(run.id)


def show_remote_run(server: RemoteServer, run_id: str) -> Mapping[str, Any]:
    """Follow a run on a server elsewhere to its end and return it as its API tells it."""
    with _closing_lines() as lines:
        steps = _Steps(lines)
        for event, run in server.follow(run_id, while_waiting=lines.tick):
            usual = (run["progress"] or {}).get("usual_seconds")
            steps.show(event, usual=usual, pictures=_sizes_of(run["figures"], event.data.get("card")))
    return server.run(run_id)


@contextmanager
def _closing_lines() -> Iterator[ProgressLines]:
    lines = ProgressLines()
    try:
        yield lines
    finally:
        lines.close()


class _Steps:
    """A run's events as lines."""

    def __init__(self, lines: ProgressLines) -> None:
        self._lines = lines
        self._of = 0  # only a cell's start tells it

    def show(self, event: RunEvent, *, usual: float | None, pictures: Sequence[Size]) -> None:
        data = event.data
        if event.kind is EventKind.CELL_START:
            self._of = data["of"]
            step = Step(cell=data["cell"], of=self._of, title=data["title"])
            self._lines.begin(step, at=event.at, usual=usual)
        elif event.kind is EventKind.CELL_END:
            step = Step(cell=data["cell"], of=self._of, title=data["title"])
            self._lines.end(step, data["seconds"], ok=data["ok"], pictures=pictures)


def _sizes_of(figures: Iterable[Mapping[str, Any]], card: str | None) -> list[Size]:
    """The sizes of a card's figures; further ones are named after it, with a number."""
    if card is None:
        return []
    name = re.compile(rf"{re.escape(card)}(-\d+)?")
    return [Size(figure["width"], figure["height"]) for figure in figures if name.fullmatch(figure["name"])]


def _pictures_of(publisher: Publisher, run: Run, card: str | None) -> Iterator[Size]:
    """The pictures of a card that the run has made."""
    shown = [shown for shown in publisher.store.cards(run.id) if shown.card.name == card] if card else []
    figures = [block.figure for each in shown for block in each.blocks if block.figure]
    with suppress(NbdashError, PictureError):  # the run may have been removed meanwhile
        for figure in figures:
            picture = check_picture(publisher.store.read_blob(figure.digest))
            yield Size(picture.width, picture.height)


def _pictures_in(outputs: Iterable[Output]) -> Iterator[Size]:
    """The pictures among a cell's outputs."""
    for output in outputs:
        data = output.get("data", {})
        encoded = data.get("image/png") or data.get("image/jpeg")
        if isinstance(encoded, str):
            with suppress(PictureError):
                picture = read_picture(encoded)
                yield Size(picture.width, picture.height)


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


def _picture_texts(pictures: Sequence[Size]) -> list[str]:
    sizes = ", ".join(f"{picture.width}×{picture.height}" for picture in pictures)
    return [sizes, f"{len(pictures)} figures"] if len(pictures) > 1 else [sizes]
