"""The kernel engine: a Jupyter kernel per run, of any language, driven by nbclient."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from nbdash.engine.budget import OutputBudget
from nbdash.engine.failures import failed_cell, kernel_fell_silent, process_ended
from nbdash.engine.interpreters import kernelspec_for
from nbdash.engine.kernel_client import CellClient
from nbdash.engine.kernel_process import KernelProcess
from nbdash.engine.kernel_watch import Watch
from nbdash.errors import EngineError
from nbdash.model import Cause, CellEnded, CellError, CellJob, Emit, Failure, Job, Outcome

_GRACE_SECONDS = 2.0
_CLOSE_SECONDS = 10.0


class KernelEngine:
    """Executes jobs in Jupyter kernels."""

    name = "kernel"

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._runs = 0

    def execute(self, job: Job, emit: Emit, cancel: threading.Event) -> Outcome:
        """Start a kernel, run the cells, end the kernel and all it started."""
        spec = kernelspec_for(job)
        with (
            self._counted(),
            tempfile.TemporaryDirectory(prefix="nbdash-", ignore_cleanup_errors=True) as scratch,
        ):
            run = _KernelRun(job, emit, spec, Path(scratch))
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                failure = runner.run(run.execute(lambda: cancel.is_set() or self._closing.is_set()))
        python = spec.argv[0] if spec.language.lower() == "python" else ""
        return Outcome(failure=failure, peak_memory_bytes=run.peak, engine=self.name, python=python)

    def close(self) -> None:
        """Cancel every run and wait until its processes are gone."""
        self._closing.set()
        with self._changed:
            self._changed.wait_for(lambda: self._runs == 0, timeout=_CLOSE_SECONDS)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._count(+1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, step: int) -> None:
        with self._changed:
            self._runs += step
            self._changed.notify_all()


class _KernelRun:
    """One job in one kernel: the cells in one task, a watch in another; the first to end decides."""

    def __init__(self, job: Job, emit: Emit, spec: KernelSpec, scratch: Path) -> None:
        self._job = job
        self._spec = spec
        self._process = KernelProcess(job, spec, scratch)
        self._budget = OutputBudget(job.limits, emit)
        self._client = CellClient(self._process.manager, self._budget)
        self.peak = 0

    async def execute(self, is_stopped: Callable[[], bool]) -> Failure | None:
        watch = Watch(self._process, self._job.limits, is_stopped)
        failure: Failure | None = Failure(cause=Cause.ENGINE, message="")
        try:
            failure = await _first(self._run_cells(watch), watch.wait())
            return failure
        finally:
            self.peak = watch.peak
            if failure and failure.index is not None:
                self._budget.finish(failure.index)
            self._client.disconnect()
            await self._process.end(grace=_GRACE_SECONDS if _is_orderly(failure) else 0)
            watch.kill_survivors()

    async def _run_cells(self, watch: Watch) -> Failure | None:
        await self._start()
        for cell in self._job.cells:
            watch.enter(cell)
            try:
                ended = await self._client.run_cell(cell)
            except DeadKernelError:
                return process_ended(cell, self._process.exit_code() or 0, self._process.last_words())
            except CellTimeoutError:
                return kernel_fell_silent(cell)
            if failure := self._failure_of(cell, ended):
                return failure
        return None

    async def _start(self) -> None:
        try:
            await self._process.start()
            await self._client.connect()
        except (OSError, RuntimeError) as error:
            raise EngineError(self._start_problem(error)) from None

    def _start_problem(self, error: Exception) -> str:
        words = self._process.last_words()
        return (
            f"The kernel of {self._spec.argv[0]!r} did not start ({words[-1] if words else error}): "
            "install its Jupyter kernel there (for Python: pip install ipykernel), or name another one."
        )

    def _failure_of(self, cell: CellJob, ended: CellEnded) -> Failure | None:
        """A failed cell ends the run unless it may fail; ``exit()`` always does, for the kernel stops."""
        if self._client.exit_requested:
            return failed_cell(cell, CellError(ename="SystemExit", evalue=""))
        if ended.error is None or cell.may_raise:
            return None
        return failed_cell(cell, ended.error)


async def _first(work: Awaitable[Failure | None], watch: Awaitable[Failure]) -> Failure | None:
    """The result of whichever ends first; the other is cancelled and awaited."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(watch)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # nbclient's look after the kernel too
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return next(task for task in tasks if task in done).result()


def _is_orderly(failure: Failure | None) -> bool:
    """Whether the kernel is well and may say goodbye."""
    return failure is None or failure.cause is Cause.ERROR
