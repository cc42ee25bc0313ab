"""A run seen from outside the worker: what the command line and Jupyter share while one is on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nbdash.model import Run, RunEvent, RunState
from nbdash.publisher.publication import Publisher
from nbdash.store import Store

POLL_SECONDS = 0.1


def follow(store: Store, run_id: str, *, while_waiting: Callable[[], None] | None = None) -> Iterator[RunEvent]:
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


@contextmanager
def cancelling(publisher: Publisher, run: Run) -> Iterator[None]:
    """From a run's submission on: Ctrl-C cancels it, at whatever step it comes."""
    try:
        yield
    except KeyboardInterrupt:
        publisher.cancel(run.id)
        raise


def failure_of(run: Run) -> str:
    """Why a run did not succeed, for its author; empty if it did."""
    if run.state is RunState.SUCCEEDED:
        return ""
    if run.error is None:
        return f"the run was {run.state}"
    return run.error.message
