"""Places for requests that may take long: bounded, so that they never take the threads of looking.

Two kinds of requests hold a thread for as long as the other side likes: one that waits for events, and
one whose body is still coming.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

PER_CLIENT = 2


class Places:
    """At most ``total`` places, and ``per_client`` for one client.

    Whoever waits for a place holds a thread as well, so half as many may wait as there are places.
    """

    def __init__(self, total: int, per_client: int = PER_CLIENT) -> None:
        self._total = total
        self._per_client = per_client
        self._taken: Counter[str | None] = Counter()
        self._waiting: Counter[str | None] = Counter()
        self._changed = threading.Condition()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        with self._changed:
            return self._taken.total()

    @contextmanager
    def place(self, client: str | None, *, patience: float = 0.0) -> Iterator[bool]:
        """A place for ``client`` while the block lasts; False if none came free in ``patience`` seconds.

        None stands for clients that cannot be told apart: only the total bounds them.
        """
        with self._changed:
            taken = self._has_place(client) or self._wait(client, patience)
            self._taken[client] += taken
        try:
            yield taken
        finally:
            if taken:
                self._leave(client)

    def _wait(self, client: str | None, patience: float) -> bool:
        is_one_too_many = client is not None and self._waiting[client] >= self._per_client
        if not patience or is_one_too_many or self._waiting.total() >= max(self._total // 2, 1):
            return False
        self._waiting[client] += 1
        try:
            return self._changed.wait_for(lambda: self._has_place(client), timeout=patience)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    def _has_place(self, client: str | None) -> bool:
        if self._taken.total() >= self._total:
            return False
        return client is None or self._taken[client] < self._per_client

    def _leave(self, client: str | None) -> None:
        with self._changed:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]
            self._changed.notify_all()
