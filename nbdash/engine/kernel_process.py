"""A kernel's process: how it is started apart from nbdash, and ended with all that it started."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from nbdash.engine.processes import kill_descendants, kill_marked
from nbdash.model import Job

#: Where a supervisor stands between nbdash and the kernel.
SUPERVISED = sys.platform == "linux"
_SUPERVISOR = (sys.executable, "-I", "-m", "nbdash.engine.supervisor")
_LAST_WORDS_BYTES = 4096
_POLL_SECONDS = 0.02
_BURIAL_SECONDS = 2.0  # in which the supervisor ends by itself once all below it is dead
#: Of nbdash's own environment, what a notebook must not see or be changed by.
_PRIVATE_PREFIXES = ("NBDASH_", "JPY_", "MPLBACKEND")
#: By this variable, different in every run, daemons are found where no supervisor adopts them.
_MARK = "IPYTHONDIR"

log = logging.getLogger("nbdash.kernel")
log.addHandler(logging.NullHandler())


class KernelProcess:
    """One kernel, its files kept in ``scratch``; ``manager`` is jupyter_client's."""

    def __init__(self, job: Job, spec: KernelSpec, scratch: Path) -> None:
        self._job = job
        self._scratch = scratch
        self._stderr = scratch / "stderr"
        self.manager = _Manager(
            kernel_spec_manager=_OneSpec(spec), connection_file=str(scratch / "kernel.json"), log=log
        )
        if spec.language.lower() == "python" and os.name == "posix":
            self.manager.transport = "ipc"  # sockets in a folder of our own, instead of ports on loopback
            self.manager.ip = str(scratch / "socket")

    async def start(self) -> None:
        """Start it in the job's folder; raises OSError where the command cannot be started."""
        with open(self._stderr, "wb") as stderr:
            await self.manager.start_kernel(
                cwd=str(self._job.folder),
                env=_environment(self._job, self._scratch),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    @property
    def pid(self) -> int | None:
        """The process that jupyter_client started: the supervisor, where there is one."""
        process = self._process
        return None if process is None else int(process.pid)

    def exit_code(self) -> int | None:
        """As ``subprocess`` has it: None while it lives, negative for a signal."""
        process = self._process
        return None if process is None else process.poll()

    def last_words(self) -> tuple[str, ...]:
        """The last lines of its standard error."""
        if not self._stderr.exists():
            return ()
        with open(self._stderr, "rb") as file:
            file.seek(max(0, self._stderr.stat().st_size - _LAST_WORDS_BYTES))
            return tuple(file.read().decode(errors="replace").splitlines())

    async def end(self, grace: float) -> None:
        """Ask it to shut down, wait ``grace`` seconds at most, then kill it and all below it."""
        if self.pid is not None:
            if grace and self.exit_code() is None:
                await self.manager.request_shutdown()
                await self._wait(grace)
            await asyncio.to_thread(self._kill)
        await self.manager.cleanup_resources()

    async def _wait(self, seconds: float) -> None:
        deadline = monotonic() + seconds
        while self.exit_code() is None and monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)

    def _kill(self) -> None:
        process = self._process
        assert process is not None
        kill_descendants(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_BURIAL_SECONDS if SUPERVISED else 0)
        process.kill()
        process.wait()
        if not SUPERVISED:
            kill_marked(_MARK, _mark_of(self._scratch))

    @property
    def _process(self) -> Any:
        return getattr(self.manager.provisioner, "process", None)


class _Manager(AsyncKernelManager):  # type: ignore[misc]
    """Puts the supervisor before the kernel's command."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        command: list[str] = super().format_kernel_cmd(extra_arguments)
        return [*_SUPERVISOR, *command] if SUPERVISED else command


class _OneSpec(KernelSpecManager):  # type: ignore[misc]
    """Knows one kernelspec, perhaps one that is installed nowhere."""

    def __init__(self, spec: KernelSpec) -> None:
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return self._spec


def _environment(job: Job, scratch: Path) -> dict[str, str]:
    """The kernel's environment. Its IPython profile is an empty one: nobody's start-up files run."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE_PREFIXES)}
    return {**inherited, _MARK: _mark_of(scratch), **job.environment}


def _mark_of(scratch: Path) -> str:
    return str(scratch / "ipython")
