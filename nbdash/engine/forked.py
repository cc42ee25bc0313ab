"""The ``fork`` engine: every run a fresh fork of a process that has the libraries imported already."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from nbdash.engine.checkpoints import CheckpointRules, Checkpoints, prefix_of
from nbdash.engine.failures import run_cancelled
from nbdash.engine.interpreters import find_python
from nbdash.engine.pictures import Pictures, PictureStore, Prospects
from nbdash.engine.supervision import Supervision
from nbdash.engine.zygotes import Zygote, ZygoteKey, ZygotePool, open_connections, preload_set
from nbdash.errors import EngineError
from nbdash.model import CellJob, Emit, Job, Outcome

#: Set, it has every figure drawn, and those compared whose fingerprint is known.
_VERIFY = "NBDASH_VERIFY_FIGURES"


class ForkEngine:
    """Executes Python notebooks on Linux; see :mod:`nbdash.engine.host` for the processes behind it."""

    name = "fork"

    def __init__(
        self,
        *,
        zygotes: int = 4,
        drawers: int | None = None,
        pictures: PictureStore | None = None,
        checkpoints: CheckpointRules | None = None,
    ) -> None:
        """``zygotes``: how many interpreters with preloaded libraries are kept at most.

        ``drawers``: how many figures of a run are drawn at a time, beside its cells; None: one per core.
        ``pictures``: where those of figures that have not changed are found again.
        ``checkpoints``: what is kept of runs for those with other parameters.
        """
        self._rules = checkpoints or CheckpointRules()
        self._checkpoints = Checkpoints(self._rules)
        self._drawers = drawers
        self._pictures = pictures
        self._prospects = Prospects()
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
        key = _key_for(job, python)
        whole = (key, job.dashboard, job.folder, _states(prefix_of(job)))
        with open_connections() as links, self._checkpoints.lent(whole if job.resumes else None) as checkpoint:
            pictures = self._pictures_of(job)
            request = self._request_for(job, links.token, pictures)
            zygote: Zygote | None = None
            try:
                forked = None if checkpoint is None else checkpoint.fork(job, request, links.theirs)
                if forked is None:
                    checkpoint = None
                    forked, zygote = self._pool.fork(key, request, links.theirs)
            finally:
                for fd in links.theirs:
                    os.close(fd)
            run = Supervision(job, emit, links=links, forked=forked, pictures=pictures, checkpoint=checkpoint)
            outcome = run.watch(lambda: cancel.is_set() or self._closing.is_set())
            if pictures is not None:
                pictures.close()
            if zygote is not None and (made := run.checkpoint(zygote)) is not None:
                self._checkpoints.keep(whole, made)
        return replace(outcome, python=python)

    def _pictures_of(self, job: Job) -> Pictures | None:
        if self._pictures is None or job.dashboard is None:
            return None
        checks_all = bool(os.environ.get(_VERIFY))
        return Pictures(self._pictures, job.dashboard, prospects=self._prospects, checks_all=checks_all)

    def _request_for(self, job: Job, token: bytes, pictures: Pictures | None) -> dict[str, Any]:
        return {
            "token": token.hex(),
            "cells": [
                {
                    "index": cell.index,
                    "source": cell.source,
                    "draws": cell.draws,
                    "reuses": pictures is not None and pictures.are_wanted(cell),
                    "may_raise": cell.may_raise,
                }
                for cell in job.cells
            ],
            "folder": str(job.folder),
            "environment": dict(job.environment),
            "argv": _kernel_arguments(job),
            "drawers": self._drawers,
            "terms": self._terms_for(job),
        }

    def _terms_for(self, job: Job) -> dict[str, Any] | None:
        is_useful = 0 < job.prefix < len(job.cells) and not any(cell.is_injected for cell in job.cells)
        if not is_useful or job.dashboard is None or not self._rules.most_bytes:
            return None
        return {
            "cells": job.prefix,
            "least_seconds": self._rules.least_seconds,
            "most_bytes": self._rules.most_private_bytes,
            "age": self._rules.age,
        }

    def close(self) -> None:
        """As :meth:`nbdash.engine.base.Engine.close` says; runs under way are cancelled."""
        self._closing.set()
        self._checkpoints.close()
        self._pool.close()


def _key_for(job: Job, python: str) -> ZygoteKey:
    """Nbdash's own variables differ from run to run and mean nothing to imports; any other may."""
    environment = {name: value for name, value in job.environment.items() if not name.startswith("NBDASH_")}
    return ZygoteKey(python=python, preload=preload_set(job), environment=frozenset(environment.items()))


def _states(cells: Iterable[CellJob]) -> tuple[Any, ...]:
    """What of the cells decides how the process stands after them."""
    return tuple((cell.source, cell.draws, cell.may_raise) for cell in cells)


def _kernel_arguments(job: Job) -> list[str]:
    """``sys.argv`` as it is in a kernel: what a cell parses must fail, or not, in the same way."""
    return ["ipykernel_launcher.py", "-f", f"kernel-{job.run_id}.json"]
