"""The places for requests that wait: bounded, so that waiting never takes the threads of looking."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

PER_CLIENT = 2


class LongPolls:
    """Counts the requests that wait. Who finds no place is answered at once."""

    def __init__(self, total: int, per_client: int = PER_CLIENT) -> None:
        self._total = total
        self._per_client = per_client
        self._waiting: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        with self._lock:
            return self._waiting.total()

    @contextmanager
    def place(self, client: str | None) -> Iterator[bool]:
        """A place for ``client`` while the block lasts; False if there is none.

        None stands for clients that cannot be told apart: they have only the total as their bound.
        """
        taken = self._take(client)
        try:
            yield taken
        finally:
            if taken:
                self._leave(client)

    def _take(self, client: str | None) -> bool:
        with self._lock:
            full = self._waiting.total() >= self._total
            if full or (client is not None and self._waiting[client] >= self._per_client):
                return False
            self._waiting[client] += 1
            return True

    def _leave(self, client: str | None) -> None:
        with self._lock:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]
