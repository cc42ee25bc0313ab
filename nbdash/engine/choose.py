"""Which engine executes a job."""

from __future__ import annotations

import os
import sys
import threading

from nbdash.engine.base import Engine
from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.forked import ForkEngine
from nbdash.engine.interpreters import find_python, python_facts
from nbdash.engine.kernel import KernelEngine
from nbdash.engine.pictures import PictureStore
from nbdash.errors import OptionError
from nbdash.model import Emit, Job, Outcome

ENGINE_NAMES = ("fork", "kernel")


def make_engine(
    name: str = "", *, pictures: PictureStore | None = None, checkpoints: CheckpointRules | None = None
) -> Engine:
    """The engine of that name; an empty name means the platform's default.

    ``pictures`` and ``checkpoints``: as :class:`~nbdash.engine.forked.ForkEngine` takes them.

    Raises OptionError for another name, and for ``fork`` where forking is not safe.
    """
    if name == "kernel":
        return KernelEngine()
    if name not in ("", "fork"):
        names = ", ".join(ENGINE_NAMES)
        raise OptionError(f"There is no engine {name!r}; there are: {names}.", field="engine")
    if _can_fork():
        return _ForkOrKernel(ForkEngine(pictures=pictures, checkpoints=checkpoints))
    if name == "":
        return KernelEngine()
    raise OptionError(f"The 'fork' engine does not work on {sys.platform}: use 'kernel'.", field="engine")


def _can_fork() -> bool:
    return sys.platform == "linux" and hasattr(os, "fork")


class _ForkOrKernel:
    """Forks what can be forked; other languages and old Pythons run in a kernel."""

    name = "fork"

    def __init__(self, fork: ForkEngine) -> None:
        self._fork = fork
        self._kernel = KernelEngine()

    def execute(self, job: Job, emit: Emit, cancel: threading.Event) -> Outcome:
        engine = self._fork if _is_forkable(job) else self._kernel
        return engine.execute(job, emit, cancel)

    def close(self) -> None:
        self._fork.close()
        self._kernel.close()


def _is_forkable(job: Job) -> bool:
    return job.language.lower() == "python" and python_facts(find_python(job.python, job.kernel_name)).can_fork
