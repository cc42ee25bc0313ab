"""Watching a run from outside the worker: what the command line and Jupyter show while one is on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from nbdash.model import RunEvent
from nbdash.store import Store

POLL_SECONDS = 0.1


def follow(
    store: Store, run_id: str, *, while_waiting: Callable[[], None] | None = None
) -> Iterator[RunEvent]:
    """A run's events as they come, from the first one to the run's end. Raises NotFoundError.

    ``while_waiting`` is called again and again while nothing comes; it may raise to end the wait.
    """
    seen = 0
    while True:
        # Read before the events: an end that is seen here has its events in the store.
        is_over = store.run(run_id).state.is_final
        events = store.events(run_id, after=seen)
        yield from events
        seen = events[-1].seq if events else seen
        if is_over and not events:
            return
        if not events:
            if while_waiting is not None:
                while_waiting()
            time.sleep(POLL_SECONDS)
