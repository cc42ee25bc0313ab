"""Checkpoints of runs, kept for those that differ from them only in the values of parameters.

Such a run starts where a run without parameters stood when it had executed the *prefix*: the cells that do the same
whatever the parameters' values are.  What these put out is told once more.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from nbdash.engine.host import tree
from nbdash.engine.host.wire import WireError
from nbdash.engine.zygotes import Forked, ForkLink, Zygote
from nbdash.model import CellEnded, CellJob, CellStarted, Emit, EngineEvent, Job, OutputAdded

#: What a checkpoint has begun to say, it says by then.
_READY_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class CheckpointRules:
    """What checkpoints there are."""

    most: int = 4  #: of one engine
    most_bytes: int = 1024**3  #: of memory, all together
    most_private_bytes: int = 256 * 1024**2  #: of a run, whose copying on writing would cost more than it saves
    least_seconds: float = 0.2  #: that a run saves
    age: float = 600.0  #: in seconds


def prefix_of(job: Job) -> tuple[CellJob, ...]:
    """The cells that do the same whatever the parameters' values are."""
    return tuple(cell for cell in job.cells if not cell.is_injected)[: job.prefix]


def place_of_parameters(job: Job) -> int | None:
    """Where the injected cell stands, if it may be executed after the prefix instead; None: it may not."""
    places = [place for place, cell in enumerate(job.cells) if cell.is_injected]
    return places[0] if len(places) == 1 and places[0] <= job.prefix else None


@dataclass(frozen=True, kw_only=True)
class Past:
    """What the prefix of a run put out."""

    began: datetime  #: when that run did
    events: tuple[EngineEvent, ...]
    told: frozenset[str]  #: the names of what is put out but once, and was


class PrefixLog:
    """An ``emit`` that passes everything on, and remembers what comes of a run's first cells."""

    def __init__(self, emit: Emit, job: Job, told: set[str]) -> None:
        """``told``: the names of what is put out but once and has been, which grows."""
        self._began = datetime.now(UTC)
        self._events: list[EngineEvent] = []
        self._told: frozenset[str] | None = None
        self._emit = emit
        self._cells = {cell.index for cell in prefix_of(job)}
        self._growing = told

    def __call__(self, event: EngineEvent) -> None:
        """Take one event, in the notebook's order."""
        if self._told is None and event.index in self._cells:
            self._events.append(event)
        elif self._told is None:
            self._told = frozenset(self._growing)
        self._emit(event)

    @property
    def past(self) -> Past | None:
        """All of it; None unless the cells came to their ends, and without an error, which tells its cell's number."""
        ended = {event.index for event in self._events if isinstance(event, CellEnded) and event.error is None}
        if self._told is None or ended != self._cells:
            return None
        return Past(began=self._began, events=tuple(self._events), told=self._told)


@dataclass(kw_only=True)
class Checkpoint:
    """A process that stands after the prefix, and what the prefix put out."""

    link: ForkLink
    keeper: socket.socket  #: closed, the process is killed with all that was forked from it
    past: Past
    size: int  #: its memory in bytes, without what it shares with its zygote
    zygote: Zygote
    made: float = field(default_factory=time.monotonic)
    users: int = 0
    is_broken: bool = False  #: it could not be forked
    is_retired: bool = False

    def fork(self, job: Job, request: dict[str, Any], fds: Sequence[int]) -> Forked | None:
        """Start the job's run here, as :meth:`ForkLink.fork`; ``request`` is that of a run from its beginning.

        None also if it cannot start here.
        """
        prefix, place = prefix_of(job), place_of_parameters(job)
        if place is None:
            return None
        cells = [request["cells"][place], *request["cells"][len(prefix) + 1 :]]
        number = 1 + sum(bool(cell.source.strip()) for cell in prefix[:place])
        forked = self.link.fork({**request, "cells": cells, "number": number}, fds)
        self.is_broken = forked is None
        return forked

    def events_in(self, job: Job) -> Iterator[EngineEvent]:
        """What the prefix put out, as the job's run had told it: one more cell has run before some of its cells."""
        before = [cell.index for cell in job.cells[: place_of_parameters(job)]]
        indexes = dict(zip(sorted({event.index for event in self.past.events}), prefix_of(job), strict=True))
        for event in self.past.events:
            index = indexes[event.index].index
            yield _moved(event, index, by=index not in before)


def _moved(event: EngineEvent, index: int, *, by: int) -> EngineEvent:
    """The event in another cell, and numbers of executed cells larger by so many."""
    match event:
        case CellStarted(execution_count=int(count)) | CellEnded(execution_count=int(count)):
            return replace(event, index=index, execution_count=count + by)
        case OutputAdded(output={"execution_count": int(count)}):
            return replace(event, index=index, output={**event.output, "execution_count": count + by})
    return replace(event, index=index)


class Offer:
    """What a run says of the checkpoint that it has made."""

    def __init__(self) -> None:
        self._link: ForkLink | None = None
        self._pid: int | None = None

    @property
    def open(self) -> set[ForkLink]:
        """The connection, while something is to come from it."""
        return {self._link} if self._link is not None and self._pid is None else set()

    @property
    def is_kept(self) -> bool:
        """Whether it has been told that its keeper spares it."""
        return self._link is not None and self._pid is not None

    def begin(self, fds: deque[int]) -> None:
        """It exists: its connection is the first of ``fds``. Raises WireError."""
        if self._link is not None or not fds:
            raise WireError("a message about no checkpoint")
        try:
            self._link = ForkLink(socket.socket(fileno=fds.popleft()))
        except OSError:
            raise WireError("not a connection") from None

    def hear(self) -> int | None:
        """It is ready: its process id.  None: it will not be."""
        answer = self._link.receive(_READY_SECONDS) if self._link else None
        pid = None if answer is None else answer.get("ready")
        if not isinstance(pid, int) or not 0 < pid < 2**31:
            self.close()
            return None
        self._pid = pid
        return pid

    def accept(self) -> None:
        """Tell it that its keeper will spare it."""
        if self._link:
            self._link.send({"kept": True})

    def settle(self, keeper: socket.socket, past: Past | None, zygote: Zygote) -> Checkpoint | None:
        """The checkpoint, if there is one that is kept, when the run is over."""
        if self._link is None or self._pid is None or past is None:
            return None
        self._link.share(self._pid)
        size = tree.private_bytes(self._pid)
        return Checkpoint(link=self._link, keeper=keeper.dup(), past=past, size=size, zygote=zygote)

    def close(self) -> None:
        """Listen no more."""
        if self._link is not None:
            self._link.close()
            self._link = None


class Checkpoints:
    """Those of one engine; safe for several threads."""

    def __init__(self, rules: CheckpointRules) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Checkpoint] = OrderedDict()  # last is most recently used

    @contextlib.contextmanager
    def lent(self, key: Hashable) -> Iterator[Checkpoint | None]:
        """The checkpoint of that key, if there is one that is still good; it stays for as long as it is lent."""
        with self._lock:
            self._retire_old()
            found = self._kept.get(key)
            if found is not None and not found.zygote.is_current:
                _retire(self._kept.pop(key))
                found = None
            if found is not None:
                self._kept.move_to_end(key)
                found.users += 1
        try:
            yield found
        finally:
            if found is not None:
                with self._lock:
                    found.users -= 1
                    if found.is_broken and self._kept.get(key) is found:
                        _retire(self._kept.pop(key))
                    _end_unused(found)

    def keep(self, key: Hashable, made: Checkpoint) -> None:
        """Keep it instead of what has that key; the least recently used make room."""
        with self._lock:
            self._retire_old()
            if (before := self._kept.pop(key, None)) is not None:
                _retire(before)
            self._kept[key] = made
            while len(self._kept) > self._rules.most or self._size > self._rules.most_bytes:
                _retire(self._kept.popitem(last=False)[1])

    def close(self) -> None:
        """Keep none; those lent end with their runs."""
        with self._lock:
            while self._kept:
                _retire(self._kept.popitem()[1])

    @property
    def _size(self) -> int:
        return sum(each.size for each in self._kept.values())

    def _retire_old(self) -> None:
        since = time.monotonic() - self._rules.age
        for key, each in list(self._kept.items()):
            if each.made < since:
                _retire(self._kept.pop(key))


def _retire(checkpoint: Checkpoint) -> None:
    checkpoint.link.close()
    checkpoint.is_retired = True
    _end_unused(checkpoint)


def _end_unused(checkpoint: Checkpoint) -> None:
    if checkpoint.is_retired and not checkpoint.users:
        checkpoint.keeper.close()
