"""The engine's side of figures that are drawn beside their run: what comes from drawers, put where it belongs."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from nbdash.engine.frames import event_from_frame
from nbdash.engine.host.wire import FRAME_BYTES, FrameReader, WireError
from nbdash.engine.pictures import Pictures
from nbdash.model import Emit, EngineEvent, OutputAdded

_READ_BYTES = 1 << 20
#: As many drawers as cores there are at a time.
_MOST_DRAWINGS = 512
_FINGERPRINT = re.compile(r"[0-9a-f]{40}")


class Place:
    """A place in a run's events that is filled later."""

    def __init__(self) -> None:
        self.events: list[tuple[EngineEvent, str | None]] = []  #: each with a name if it is to come but once
        self.is_open = True
        self.is_remembered = False  #: whether what came here but once will not come again


class InOrder:
    """An ``emit`` that passes on the events in the notebook's order: what follows an open place waits."""

    def __init__(self, emit: Emit, told: set[str]) -> None:
        """``told``: the names of what is put out but once and has been, which grows."""
        self._emit = emit
        self._waiting: deque[Place | EngineEvent] = deque()
        self._into: Place | None = None
        self._once: str | None = None
        self._told = told

    def __call__(self, event: EngineEvent) -> None:
        """Take one event: of a place, while that is being filled, or what follows all so far."""
        if self._into is not None:
            self._into.events.append((event, self._once))
        elif self._waiting:
            self._waiting.append(event)
        else:
            self._emit(event)

    @property
    def is_waiting(self) -> bool:
        """Whether a place is open before something else."""
        return bool(self._waiting)

    def insert(self, place: Place) -> None:
        """What comes there comes here."""
        self._waiting.append(place)
        self._pass_on()

    @contextlib.contextmanager
    def filling(self, place: Place, once: str | None = None) -> Iterator[None]:
        """Events that are taken meanwhile belong there; those of one name come but once."""
        self._into, self._once = place, once
        try:
            yield
        finally:
            self._into = self._once = None

    def close(self, *places: Place) -> None:
        """Nothing more comes there; pass on what need not wait any longer."""
        for place in places:
            place.is_open = False
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if not isinstance(first, Place):
                self._emit(first)
            elif first.is_open:
                return
            else:
                self._empty(first)
            self._waiting.popleft()

    def _empty(self, place: Place) -> None:
        for event, once in place.events:
            if once not in self._told:
                self._emit(event)
        if place.is_remembered:
            self._told.update(once for _, once in place.events if once is not None)
        place.events.clear()


#: What is put into one place: outputs, and the name of what comes but once.
Piece = tuple[Place, OutputAdded, "str | None"]


class Drawing:
    """The connection to one drawer; a figure has a place for each part of its drawing."""

    def __init__(self, fd: int, *, index: int, token: bytes, pictures: Pictures | None) -> None:
        """Takes ``fd``; raises OSError if it is no socket."""
        self.index = index  #: of the figure's cell
        self.places = (Place(), Place())
        self.began = time.monotonic()  #: or has come to wait for its turn
        self.is_over = False  #: nothing more will come
        self.is_drawn = False  #: the drawer came to its end
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._frames = FrameReader(token)
        self._pictures = pictures
        self._fingerprint: str | None = None
        self._drawn: list[OutputAdded] = []

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    @property
    def held(self) -> int:
        """The bytes of a message that is not complete yet."""
        return self._frames.held

    def read(self) -> list[Piece]:
        """What has come; raises WireError."""
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.is_over = True
        return [piece for frame in self._frames.feed(data) if (piece := self._piece_from(frame)) is not None]

    def _piece_from(self, frame: dict[str, Any]) -> Piece | None:
        part, once = frame.get("part"), frame.get("once")
        if part not in (0, 1):
            raise WireError("a part that no drawing has")
        match frame.get("kind"):
            case "begun":
                self.began = time.monotonic()
                return None
            case "drawn":
                self._end(is_remembered=frame.get("is_remembered") is True)
                return None
            case "known":
                found = self._find(frame.get("fingerprint"))
                return None if found is None else (self.places[part], found, None)
        event = event_from_frame(frame)
        if not isinstance(event, OutputAdded) or event.index != self.index:
            raise WireError("a drawer's message about something else")
        self._drawn = [*self._drawn, event][:2]  # more than one are not kept
        return self.places[part], event, str(once) if once is not None else None

    def _find(self, fingerprint: Any) -> OutputAdded | None:
        """The picture of that figure, if there is one, which the drawer is told."""
        if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
            raise WireError("no fingerprint")
        found = None if self._pictures is None else self._pictures.find(fingerprint, self.index)
        self._fingerprint = None if found else fingerprint
        with contextlib.suppress(OSError):
            self._socket.send(b"y" if found else b"n")
        return found

    def _end(self, *, is_remembered: bool) -> None:
        self.is_drawn = True
        for place in self.places:
            place.is_remembered = is_remembered
        if (
            self._pictures
            and self._fingerprint
            and [each.output["output_type"] for each in self._drawn] == ["display_data"]
        ):
            self._pictures.keep(self._fingerprint, self._drawn[0])

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class Drawers:
    """All drawings of one run."""

    def __init__(self, order: InOrder, emit: Emit, *, token: bytes, pictures: Pictures | None) -> None:
        """What drawers send goes to ``emit``, which passes it on to ``order``."""
        self._order = order
        self._emit = emit
        self._token = token
        self._pictures = pictures
        self._drawings: dict[int, Drawing] = {}  # by their numbers

    @property
    def open(self) -> set[Drawing]:
        """Those from which something may come."""
        return {drawing for drawing in self._drawings.values() if not drawing.is_over}

    def take(self, frame: dict[str, Any], fds: deque[int]) -> None:
        """One of the two messages about a drawing: its connection is the first of ``fds``; here is a part's place.

        Raises WireError.
        """
        try:
            if frame["kind"] == "place":
                self._order.insert(self._drawings[frame["number"]].places[int(frame["part"])])
                return
            index, number = int(frame["index"]), int(frame["number"])
            if number in self._drawings or len(self.open) >= _MOST_DRAWINGS:
                raise WireError("more drawings than there can be")
            drawing = Drawing(fds[0], index=index, token=self._token, pictures=self._pictures)
            fds.popleft()
        except (KeyError, IndexError, TypeError, ValueError, OSError):
            raise WireError("a message about no drawing") from None
        self._drawings[number] = drawing

    def receive(self, drawing: Drawing) -> None:
        """Take in what has come from one. Raises WireError; nothing more comes from that one then."""
        try:
            for place, event, once in drawing.read():
                with self._order.filling(place, once):
                    self._emit(event)
            if sum(each.held for each in self.open) > FRAME_BYTES:
                raise WireError("unfinished messages from many drawers")
        except WireError:
            drawing.is_over = True
            raise
        finally:
            if drawing.is_over:
                drawing.close()

    def end(self, drawing: Drawing, finish: Callable[[int], None]) -> None:
        """Nothing more comes from it: ``finish`` its cell's outputs, and pass on what has waited."""
        drawing.is_over = True
        drawing.close()
        with self._order.filling(drawing.places[-1]):
            finish(drawing.index)
        self._order.close(*drawing.places)

    def since(self, moment: float) -> Drawing | None:
        """One that goes on for that long."""
        return next((each for each in self.open if each.began < moment), None)

    def close(self) -> None:
        """Listen no more."""
        for drawing in self._drawings.values():
            drawing.close()
