"""The worker: claim → execute → record; heartbeat, cancel, sweep.

Every write goes through the store's fence: when a write finds that the run has been taken over
(this process slept past its lease), the execution is stopped and its result thrown away.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from nbdash.config import Settings
from nbdash.engine.base import Engine
from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.choose import make_engine
from nbdash.engine.processes import ATTEMPT_MARK, kill_marked
from nbdash.errors import NbdashError, StoreError
from nbdash.model import (
    Cause,
    Failure,
    Outcome,
    Run,
    RunError,
    RunState,
    Version,
)
from nbdash.publisher.execution import execute, job_from
from nbdash.publisher.publication import GRACE_SECONDS, Publisher
from nbdash.publisher.recording import Recording
from nbdash.publisher.upload import collect_received
from nbdash.store import Steps, Store, reference_of

log = logging.getLogger(__name__)

#: Between two looks whether anything has changed, which cost next to nothing.
POLL_SECONDS = 0.02
SWEEP_SECONDS = 5.0
COLLECT_SECONDS = 600.0
#: Between attempts to write where the disk is full or the database held.
RETRY_SECONDS = 2.0


class Worker:
    """Performs queued runs, several at a time, until told to stop."""

    def __init__(self, store: Store, settings: Settings, *, engine_for: Callable[[str], Engine] | None = None) -> None:
        self.store = store
        self.settings = settings
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._publisher = Publisher(store, settings)
        checkpoints = CheckpointRules(most_bytes=settings.checkpoint_mib * 1024**2)
        self._engine_for = engine_for or partial(make_engine, pictures=store.pictures, checkpoints=checkpoints)
        self._engines: dict[str, Engine] = {}
        self._active: set[_ActiveRun] = set()
        self._overdue: set[str] = set()
        self._lock = threading.Lock()
        self._collected = 0.0  # when blobs and folders were last collected, by the monotonic clock

    def serve(self, stop: threading.Event) -> None:
        """Perform runs until ``stop`` is set; runs under way then go back to the queue."""
        slots = self.settings.workers or os.cpu_count() or 1
        stopped = threading.Event()
        keeper = threading.Thread(target=self._keep_alive, args=(stopped,), name="nbdash-heartbeat")
        keeper.start()
        try:
            with ThreadPoolExecutor(slots, thread_name_prefix="nbdash-run") as pool:
                self._claim_until(stop, pool, slots)
                self._drain()
        finally:
            stopped.set()
            keeper.join()
            self.close()

    def _claim_until(self, stop: threading.Event, pool: ThreadPoolExecutor, slots: int) -> None:
        running: set[Future[None]] = set()
        empty: int | None = None  # what was kept when there was no run to claim
        while not stop.wait(POLL_SECONDS):
            running = {future for future in running if not future.done()}
            try:
                while len(running) < slots and (state := self.store.state()) != empty:
                    if run := self.store.claim_run(self.name):
                        running.add(pool.submit(self.perform, run))
                    else:
                        empty = state
            except StoreError as error:
                log.warning("no run can be started: %s", error)
                stop.wait(RETRY_SECONDS)

    def perform(self, run: Run) -> None:
        """Execute one claimed run and record all of it."""
        active = _ActiveRun(run=run)
        with self._lock:
            self._active.add(active)
        try:
            self._perform(run, active)
        except Exception:
            log.exception("run %s could not be performed", run.id)
            failure = Failure(cause=Cause.ENGINE, message="nbdash itself failed; the server's log has more.")
            self._finish(run, active, Outcome(failure=failure), None)
        finally:
            with self._lock:
                self._active.remove(active)

    def close(self) -> None:
        """End the engines' processes."""
        for engine in self._engines.values():
            engine.close()

    def _perform(self, run: Run, active: _ActiveRun) -> None:
        version = self.store.version(run.version_id)
        try:
            self._publisher.make_room()
            plan = self._publisher.plan_of(version, run.parameters)
            engine = self._engine(version.engine or self.settings.engine)
            job = job_from(
                plan,
                run=run,
                folder=self._folder_of(version),
                settings=self.settings,
                python=version.python,
            )
            job = replace(job, dashboard=str(run.dashboard_id), resumes=self._publisher.may_resume(run))
            with Recording(self.store, run, plan, self.settings, lost=active.give_up) as recording:
                recording.start()
                execution = execute(plan, job, engine, observe=recording.observe, cancel=active.cancel)
                recording.complete(execution.document)
            self._finish(run, active, execution.outcome, execution.document, recording.last)
        except NbdashError as error:
            self._finish(run, active, Outcome(failure=Failure(cause=Cause.ENGINE, message=str(error))), None)

    def _folder_of(self, version: Version) -> Path:
        if version.folder is not None:
            return self.settings.data / version.folder
        return Path(self.store.dashboard_by_id(version.dashboard_id).source_path).parent

    def _engine(self, name: str) -> Engine:
        with self._lock:
            if name not in self._engines:
                self._engines[name] = self._engine_for(name)
            return self._engines[name]

    def _finish(
        self,
        run: Run,
        active: _ActiveRun,
        outcome: Outcome,
        document: dict[str, Any] | None,
        last: Steps | None = None,
    ) -> None:
        """Write down how the run ended; where the disk is full, as soon as it no longer is."""
        while True:
            try:
                if not self._write_end(run, active, outcome, document, last):
                    log.warning("run %s fenced: its lease had passed to another worker", run.id)
                return
            except StoreError as error:
                log.warning("the end of run %s cannot be written yet: %s", run.id, error)
                if active.returned:
                    raise
            active.ended.wait(RETRY_SECONDS)

    def _write_end(
        self,
        run: Run,
        active: _ActiveRun,
        outcome: Outcome,
        document: dict[str, Any] | None,
        last: Steps | None,
    ) -> bool:
        """False: it is another worker's, whoever noticed first, the heartbeat or this write."""
        if active.fenced:
            return False
        if active.returned:
            return self.store.release_run(run)
        return self.store.finish_run(
            run,
            state=_state_of(outcome),
            error=_error_of(run, outcome.failure) if outcome.failure else None,
            document_digest=self.store.put_blob(json.dumps(document).encode()) if document else None,
            outcome=outcome,
            last=last,
        )

    def _keep_alive(self, stopped: threading.Event) -> None:
        """Beat for every active run, and sweep, until ``serve`` is through (not merely told to stop)."""
        interval = min(1.0, self.settings.lease / 4)
        sweeping = min(SWEEP_SECONDS, self.settings.lease)
        swept = time.monotonic() - sweeping
        while not stopped.wait(interval):
            try:
                self._beat_all()
                if time.monotonic() - swept >= sweeping:
                    swept = time.monotonic()
                    self._maintain()
            except Exception:  # a busy or full disk passes; a worker that no longer beats loses its runs
                log.exception("a heartbeat failed; the next one is in %s s", interval)

    def _beat_all(self) -> None:
        with self._lock:
            active = list(self._active)
        for each in active:
            each.beat(self.store)

    def _maintain(self) -> None:
        self._sweep()
        is_due = time.monotonic() - self._collected > COLLECT_SECONDS  # a removed dashboard leaves something too
        if self.store.prune(self.settings.keep) or is_due:
            self._collected = time.monotonic()
            self.store.collect_blobs(GRACE_SECONDS)
            self.store.collect_pictures()
            collect_received(self.settings.data, self.store.version_folders(), GRACE_SECONDS)

    def _sweep(self) -> None:
        """Give up dead workers' runs: those overdue twice in a row, since all are once when the clock jumps."""
        overdue = {run.attempt_id: run.id for run in self.store.overdue_runs(self.settings.lease)}
        dead = overdue.keys() & self._overdue
        self._overdue = set(overdue)
        for attempt_id in dead:
            kill_marked(ATTEMPT_MARK, attempt_id)  # what a worker, its zygotes and keepers left, all killed at once
        if dead:
            self.store.sweep(self.settings.lease, only={overdue[attempt_id] for attempt_id in dead})

    def _drain(self) -> None:
        with self._lock:
            for active in self._active:
                active.give_back()


@dataclass(eq=False)
class _ActiveRun:
    """An attempt at a run that this worker is performing, and why it should stop.

    There may be two of one run: when the first has lost it and has not ended yet.
    """

    run: Run
    cancel: threading.Event = field(default_factory=threading.Event)
    #: Set when it is given up or back in the queue: nothing waits any longer.
    ended: threading.Event = field(default_factory=threading.Event)
    fenced: bool = False
    returned: bool = False

    def beat(self, store: Store) -> None:
        beat = store.heartbeat(self.run)
        if not beat.owned:
            self.give_up()
        elif beat.cancel_requested:
            self.cancel.set()

    def give_up(self) -> None:
        self.fenced = True
        self.cancel.set()
        self.ended.set()

    def give_back(self) -> None:
        self.returned = True
        self.cancel.set()
        self.ended.set()


def _state_of(outcome: Outcome) -> RunState:
    if outcome.failure is None:
        return RunState.SUCCEEDED
    return RunState.CANCELLED if outcome.failure.cause is Cause.CANCELLED else RunState.FAILED


def _error_of(run: Run, failure: Failure) -> RunError:
    return RunError(
        cause=failure.cause,
        message=failure.message,
        reference=reference_of(run.id),
        cell=None if failure.index is None else failure.index + 1,
        title=failure.title,
        ename=failure.error.ename if failure.error else None,
        traceback=failure.error.traceback if failure.error else (),
    )
