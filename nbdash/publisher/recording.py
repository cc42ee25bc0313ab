"""What a run does, written to the store while it goes on."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from nbdash.config import Settings
from nbdash.engine.recorder import Recorder
from nbdash.errors import StoreError
from nbdash.model import CellEnded, CellKind, CellStarted, EngineEvent, EventKind, Output, Plan, Progress, Run
from nbdash.page.content import show_card
from nbdash.publisher.limits import settings_for
from nbdash.store import Steps, Store, StoredCard

#: At most so often is written: nobody sees the difference, and a commit costs more than a small cell.
INTERVAL_SECONDS = 0.05
#: Entries that may wait to be written; then the reading of the run's outputs waits too.
MOST_WAITING = 64


@dataclass(frozen=True)
class _Entry:
    """What happened at one moment."""

    events: Sequence[tuple[EventKind, Mapping[str, Any]]] = ()
    progress: Progress | None = None
    cards: Sequence[StoredCard] = ()
    blobs: Sequence[bytes] = field(default=(), repr=False)


class Recording:
    """Writes one run's progress and cards to the store while it executes.

    A thread writes, since a commit takes as long as a small cell: what happens during one is in the next.
    The ``with`` statement ends when all of it is in the store but for the ``last``, for whoever writes that the run
    has ended; it raises StoreError if that failed.
    """

    def __init__(self, store: Store, run: Run, plan: Plan, settings: Settings, *, lost: Callable[[], None]) -> None:
        self._store = store
        self._run = run
        self._plan = plan
        self._settings = settings_for(plan.notebook, settings)
        self._lost = lost
        self._cards = {card.index: (position, card) for position, card in enumerate(plan.cards)}
        self._running = [cell.index for cell in plan.cells if cell.runs]
        self._usual = store.cell_seconds(run.dashboard_id)
        self._shown: dict[int, list[Output]] = {}
        self._waiting: queue.Queue[_Entry | None] = queue.Queue(MOST_WAITING)
        self._failure: Exception | None = None
        self.last = Steps()
        self._thread = threading.Thread(target=self._write_all, name=f"nbdash-recording-{run.id}")

    def __enter__(self) -> Recording:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure
        if error is not None:
            with contextlib.suppress(StoreError):
                self._write(self.last)

    def start(self) -> None:
        """Record the cards that need no execution."""
        for index, (_, card) in self._cards.items():
            if card.kind is not CellKind.CODE:
                self._record(self._shown_as(index, self._plan.notebook.document["cells"][index]))

    def observe(self, event: EngineEvent, recorder: Recorder) -> None:
        """Record one engine event that viewers can see."""
        if isinstance(event, CellStarted):
            self._cell_started(event)
        elif isinstance(event, CellEnded):
            self._cell_ended(event, recorder)

    def complete(self, document: dict[str, Any]) -> None:
        """Record again the cards whose outputs a later cell has changed (``update_display``)."""
        for index, outputs in self._shown.items():
            cell = document["cells"][index]
            if cell["outputs"] != outputs:
                self._record(self._shown_as(index, cell))

    def _cell_started(self, event: CellStarted) -> None:
        title = self._plan.label_of(event.index)
        progress = Progress(
            cell=self._running.index(event.index) + 1,
            of=len(self._running),
            title=title,
            started_at=event.at,
            usual_seconds=self._usual.get(title),
        )
        data = {"cell": progress.cell, "of": progress.of, "title": title}
        self._record(_Entry([(EventKind.CELL_START, data)], progress))

    def _cell_ended(self, event: CellEnded, recorder: Recorder) -> None:
        data: dict[str, Any] = {
            "cell": self._running.index(event.index) + 1,
            "title": self._plan.label_of(event.index),
            "seconds": round(event.seconds, 3),
            "ok": event.error is None,
        }
        if event.index not in self._cards or event.error is not None:
            self._record(_Entry([(EventKind.CELL_END, data)]))
            return
        cell = recorder.cell(event.index)
        self._shown[event.index] = list(cell["outputs"])
        entry = self._shown_as(event.index, cell)
        data["card"] = entry.cards[0].shown.card.name
        output = {"cell": data["cell"], "card": data["card"]}
        self._record(replace(entry, events=[(EventKind.OUTPUT, output), (EventKind.CELL_END, data)]))

    def _shown_as(self, index: int, cell: dict[str, Any]) -> _Entry:
        """A card as it is to be shown, with what that needs."""
        position, card = self._cards[index]
        limits = self._settings
        # An error that did not end the cell: a kernel prints what goes wrong in drawing, and goes on.
        failed = any(output["output_type"] == "error" for output in cell.get("outputs", ()))
        pixels = limits.megapixels * 10**6
        shown, blobs = show_card(card, cell, failed=failed, max_figures=limits.figures, max_pixels=pixels)
        return _Entry(cards=[StoredCard(position=position, shown=shown)], blobs=list(blobs.values()))

    def _record(self, entry: _Entry) -> None:
        """Have it written soon. Raises what kept an earlier one from being written."""
        if self._failure is not None:
            raise self._failure
        self._waiting.put(entry)

    def _write_all(self) -> None:
        """Write what waits, all of it at once, until the end is among it."""
        is_over = False
        written = 0.0
        while not is_over:
            entries = self._take_until(written + INTERVAL_SECONDS)
            is_over = entries[-1] is None
            try:
                if self._failure is None:
                    steps = self._steps_of([entry for entry in entries if entry is not None])
                    if is_over:
                        self.last = steps
                    else:
                        self._write(steps)
            except Exception as error:  # told to whoever records next
                self._failure = error
            written = time.monotonic()

    def _take_until(self, deadline: float) -> list[_Entry | None]:
        """What has come by then, or by the end; at least one entry."""
        entries = [self._waiting.get()]
        with contextlib.suppress(queue.Empty):
            while entries[-1] is not None:
                entries.append(self._waiting.get(timeout=max(0.0, deadline - time.monotonic())))
        return entries

    def _steps_of(self, entries: Sequence[_Entry]) -> Steps:
        """All of it as one; the figures are in the store then."""
        for entry in entries:
            for data in entry.blobs:
                self._store.put_blob(data)
        return Steps(
            events=[event for entry in entries for event in entry.events],
            progress=next((entry.progress for entry in reversed(entries) if entry.progress), None),
            cards=[card for entry in entries for card in entry.cards],
        )

    def _write(self, steps: Steps) -> None:
        if not self._store.record(self._run, events=steps.events, progress=steps.progress, cards=steps.cards):
            self._lost()
