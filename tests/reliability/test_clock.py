"""The clock jumps under two workers: a run under way ends once, in one attempt, and what is newest stays newest.

The clock is the store's: every time that is kept, and every lease, comes from it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nbdash.config import load_settings
from nbdash.model import DashboardState, Run, RunState
from nbdash.page.render import Renderer
from nbdash.publisher.publication import Publisher
from nbdash.publisher.viewing import Pages
from nbdash.store import open_store
from nbdash.worker import Worker
from tests.reliability.deployment import LEASE, SETTINGS, SLUG, wait_until, write_notebook
from tests.reliability.invariants import find_violations

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: A step of NTP, daylight saving where the hardware clock is local, a wrong date, a battery that was empty.
JUMPS = (-HOUR, HOUR, DAY, -DAY, timedelta(seconds=3), timedelta(seconds=-3), 3650 * DAY, -3650 * DAY)
IN_SAMPLE = 1
#: Long enough for each worker to look twice for dead ones.
SOME_BEATS = 2.5 * LEASE


class Machine:
    """One clock, two workers, and what viewers see."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "notebooks"
        self.data = folder / "data"
        self.ahead = timedelta()
        settings = replace(load_settings(self.data), **SETTINGS)
        self.store = open_store(self.data, clock=self.now)
        self.publisher = Publisher(self.store, settings)
        self.pages = Pages(self.store, settings, Renderer(None))
        self._stop = threading.Event()
        self._workers = [Worker(open_store(self.data, clock=self.now), replace(settings, workers=1)) for _ in range(2)]
        self._threads = [threading.Thread(target=worker.serve, args=(self._stop,)) for worker in self._workers]
        self.publisher.publish(write_notebook(self.folder))
        for thread in self._threads:
            thread.start()
        self.settle()

    def now(self) -> datetime:
        """What the machine takes for the time."""
        return datetime.now(UTC) + self.ahead

    def rerun(self) -> Run:
        """Queue a run, and see it through."""
        run = self.publisher.submit(SLUG)
        self.settle()
        return self.store.run(run.id)

    def settle(self) -> None:
        """Wait until nothing is to be done."""
        wait_until(lambda: not self.busy(), lambda: f"runs to end: {self.busy()}")

    def busy(self) -> list[Run]:
        """What is queued or running."""
        return self.store.active_runs(self.store.dashboard(SLUG).id)

    def stop(self) -> None:
        """End the workers."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for store in (self.store, *(worker.store for worker in self._workers)):
            store.close()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("clock"))
    yield made
    made.stop()


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_jump_of_the_clock_changes_no_outcome(
    machine: Machine, jump: timedelta, is_long: bool, tally: Counter[str]
) -> None:
    if not is_long and jump not in JUMPS[:IN_SAMPLE]:
        pytest.skip("in the long form (--trials)")
    hold, fail = machine.folder / "hold", machine.folder / "fail"
    hold.touch()
    held = machine.publisher.submit(SLUG)
    wait_until(lambda: machine.store.run(held.id).progress, "a cell to start")
    machine.ahead += jump
    time.sleep(SOME_BEATS)
    hold.unlink()
    machine.settle()
    tally["clock jumps"] += 1
    held = machine.store.run(held.id)
    assert (held.state, held.attempt) == (RunState.SUCCEEDED, 1)
    fail.touch()
    assert machine.rerun().state is RunState.FAILED
    assert machine.pages.summary(SLUG).state is DashboardState.FAILED
    fail.unlink()
    good = machine.rerun()
    assert machine.pages.summary(SLUG).state is DashboardState.FRESH
    assert machine.pages.summary(SLUG).current_run == good.id
    assert find_violations(machine.data, {held.id, good.id}, lease=LEASE, pids=machine.folder / "pids.txt") == []


def test_reruns_of_a_future_that_was_put_back_do_not_count(machine: Machine) -> None:
    """R10: nobody waits an hour because the clock was put back by one."""
    publisher = Publisher(machine.store, replace(machine.publisher.settings, reruns_per_minute=1))
    machine.ahead = HOUR
    machine.rerun()
    machine.ahead = timedelta()
    publisher.submit(SLUG)
    machine.settle()
