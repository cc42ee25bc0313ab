"""The ``fork`` engine: every run a fresh fork of a process that has the libraries imported already."""

from __future__ import annotations

import os
import secrets
import threading
from dataclasses import replace
from typing import Any

from nbdash.engine.failures import run_cancelled
from nbdash.engine.host.wire import TOKEN_BYTES
from nbdash.engine.interpreters import find_python
from nbdash.engine.pictures import Pictures, PictureStore
from nbdash.engine.supervision import Supervision
from nbdash.engine.zygotes import ZygoteKey, ZygotePool, open_connections, preload_set
from nbdash.errors import EngineError
from nbdash.model import Emit, Job, Outcome

#: Set, it has every figure drawn, and those compared whose fingerprint is known.
_VERIFY = "NBDASH_VERIFY_FIGURES"


class ForkEngine:
    """Executes Python notebooks on Linux; see :mod:`nbdash.engine.host` for the processes behind it."""

    name = "fork"

    def __init__(self, *, zygotes: int = 4, drawers: int | None = None, pictures: PictureStore | None = None) -> None:
        """``zygotes``: how many interpreters with preloaded libraries are kept at most.

        ``drawers``: how many figures of a run are drawn at a time, beside its cells; None: one per core.
        ``pictures``: where those of figures that have not changed are found again.
        """
        self._drawers = drawers
        self._pictures = pictures
        self._pool = ZygotePool(zygotes)
        self._closing = threading.Event()

    def execute(self, job: Job, emit: Emit, cancel: threading.Event) -> Outcome:
        """As :meth:`nbdash.engine.base.Engine.execute` says."""
        if self._closing.is_set():
            raise EngineError("The engine is closed: no run can be started.")
        if not job.folder.is_dir():
            raise EngineError(f"The notebook's folder {str(job.folder)!r} is not there.")
        python = find_python(job.python, job.kernel_name)
        if cancel.is_set():
            return Outcome(failure=run_cancelled(None), engine=self.name, python=python)
        token, pictures = secrets.token_bytes(TOKEN_BYTES), self._pictures_of(job)
        with open_connections() as links:
            try:
                forked = self._pool.fork(
                    _key_for(job, python), self._request_for(job, token, reuses=pictures is not None), links.theirs
                )
            finally:
                for fd in links.theirs:
                    os.close(fd)
            run = Supervision(job, emit, links=links, forked=forked, token=token, pictures=pictures)
            outcome = run.watch(lambda: cancel.is_set() or self._closing.is_set())
        return replace(outcome, python=python)

    def _pictures_of(self, job: Job) -> Pictures | None:
        if self._pictures is None or job.dashboard is None:
            return None
        return Pictures(self._pictures, job.dashboard, checks_all=bool(os.environ.get(_VERIFY)))

    def _request_for(self, job: Job, token: bytes, *, reuses: bool) -> dict[str, Any]:
        return {
            "token": token.hex(),
            "cells": [
                {"index": cell.index, "source": cell.source, "draws": cell.draws, "may_raise": cell.may_raise}
                for cell in job.cells
            ],
            "folder": str(job.folder),
            "environment": dict(job.environment),
            "argv": _kernel_arguments(job),
            "drawers": self._drawers,
            "reuses": reuses,
        }

    def close(self) -> None:
        """As :meth:`nbdash.engine.base.Engine.close` says; runs under way are cancelled."""
        self._closing.set()
        self._pool.close()


def _key_for(job: Job, python: str) -> ZygoteKey:
    """Nbdash's own variables differ from run to run and mean nothing to imports; any other may."""
    environment = {name: value for name, value in job.environment.items() if not name.startswith("NBDASH_")}
    return ZygoteKey(python=python, preload=preload_set(job), environment=frozenset(environment.items()))


def _kernel_arguments(job: Job) -> list[str]:
    """``sys.argv`` as it is in a kernel: what a cell parses must fail, or not, in the same way."""
    return ["ipykernel_launcher.py", "-f", f"kernel-{job.run_id}.json"]
