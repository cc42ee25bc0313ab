"""The seam between nbdash and whatever executes cells: one method plus close."""

from __future__ import annotations

import threading
from typing import Protocol

from nbdash.model import Emit, Job, Outcome


class Engine(Protocol):
    """Executes jobs. One engine serves many runs, several at a time, each from its own thread."""

    name: str  #: ``fork`` or ``kernel``

    def execute(self, job: Job, emit: Emit, cancel: threading.Event) -> Outcome:
        """Run the job's cells in order in a fresh process; return when nothing of it is left alive.

        ``emit`` is called from this thread, in order.  A cell that fails, a timeout, a crash or a
        cancel is told in the Outcome; raises EngineError only if no process could be started.
        """
        ...

    def close(self) -> None:
        """End every process this engine holds; idempotent."""
        ...
