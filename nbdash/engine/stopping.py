"""Stopping a forked run: asked first, then killed by its keeper, then without it."""

from __future__ import annotations

import contextlib
import socket
import time

from nbdash.engine.host import tree

#: From an interrupt to the kill.
_INTERRUPT_GRACE = 2.0
#: A keeper that has not done its work by then was stopped by the run.
_KEEPER_GRACE = 5.0


class Stopper:
    """How far the stopping of one run has come; ``press_on`` is to be called again and again."""

    def __init__(self, link: socket.socket, keeper: int) -> None:
        """``link``: the connection to the keeper, whose process id is ``keeper``."""
        self._link = link
        self._keeper = keeper
        self._kill_at: float | None = None
        self._give_up_at: float | None = None

    @property
    def is_ending(self) -> bool:
        """Whether the run has only so much time left."""
        return self._kill_at is not None

    @property
    def is_killing(self) -> bool:
        """Whether its keeper has been told to kill it."""
        return self._give_up_at is not None

    def interrupt(self) -> None:
        """Let the cell end by KeyboardInterrupt, so that the author sees where it was; then kill."""
        self._tell_keeper(b"i")
        self.kill_within(_INTERRUPT_GRACE)

    def kill_within(self, seconds: float) -> None:
        """Kill it then, if not before."""
        latest = time.monotonic() + seconds
        self._kill_at = latest if self._kill_at is None else min(self._kill_at, latest)

    def kill(self) -> None:
        """Kill it now."""
        if not self.is_killing:
            self._tell_keeper(b"k")
            self._give_up_at = time.monotonic() + _KEEPER_GRACE

    def spare(self, pid: int) -> None:
        """Let this child of the keeper's live on when the run has ended."""
        self._tell_keeper(b"s" + pid.to_bytes(4, "big"))

    def press_on(self) -> None:
        """Go from asking to killing, and from there to killing without the keeper, when it is time to."""
        now = time.monotonic()
        if self._give_up_at is not None and now > self._give_up_at:
            tree.kill_tree(self._keeper)
            self._give_up_at = now + _KEEPER_GRACE
        elif self._kill_at is not None and now > self._kill_at:
            self.kill()

    def _tell_keeper(self, command: bytes) -> None:
        with contextlib.suppress(OSError):
            self._link.send(command)
