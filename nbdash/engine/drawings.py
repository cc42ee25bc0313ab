"""The engine's side of figures that are drawn beside their run: what comes from drawers, put where it belongs."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator

from nbdash.engine.frames import event_from_frame
from nbdash.engine.host.wire import FrameReader, WireError
from nbdash.model import Emit, EngineEvent, OutputAdded

_READ_BYTES = 1 << 20


class Place:
    """A place in a run's events that is filled later."""

    def __init__(self) -> None:
        self.events: list[EngineEvent] = []
        self.is_open = True


class InOrder:
    """An ``emit`` that passes on the events in the notebook's order: what follows an open place waits."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._waiting: deque[Place | EngineEvent] = deque()
        self._into: Place | None = None

    def __call__(self, event: EngineEvent) -> None:
        """Take one event: of a place, while that is being filled, or what follows all so far."""
        if self._into is not None:
            self._into.events.append(event)
        elif self._waiting:
            self._waiting.append(event)
        else:
            self._emit(event)

    def open_place(self) -> Place:
        """Leave a place here."""
        place = Place()
        self._waiting.append(place)
        return place

    @contextlib.contextmanager
    def filling(self, place: Place) -> Iterator[None]:
        """Events that are taken meanwhile belong there."""
        self._into = place
        try:
            yield
        finally:
            self._into = None

    def close_place(self, place: Place) -> None:
        """Nothing more comes there; pass on what need not wait any longer."""
        place.is_open = False
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, Place) and first.is_open:
                return
            self._waiting.popleft()
            for event in first.events if isinstance(first, Place) else [first]:
                self._emit(event)


class Drawing:
    """The connection to one drawer."""

    def __init__(self, fd: int, *, index: int, place: Place, token: bytes) -> None:
        self.index = index  #: of the figure's cell
        self.place = place
        self.began = time.monotonic()
        self.is_over = False  #: nothing more will come
        self.is_drawn = False  #: the drawer came to its end
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._frames = FrameReader(token)

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def read(self) -> list[OutputAdded]:
        """The outputs that have come; raises WireError."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.is_over = True
        return [event for frame in self._frames.feed(data) if (event := self._event_from(frame)) is not None]

    def _event_from(self, frame: dict[str, object]) -> OutputAdded | None:
        if frame.get("kind") == "drawn":
            self.is_drawn = True
            return None
        event = event_from_frame(frame)
        if not isinstance(event, OutputAdded) or event.index != self.index:
            raise WireError("a drawer's message about something else")
        return event

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
