"""SIGKILL of a run's processes at each named phase: what was accepted ends, once, and nothing is left."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from nbdash.config import load_settings
from nbdash.model import Run, RunState
from nbdash.publisher.publication import Publisher
from nbdash.store import open_store
from nbdash.worker import Worker
from tests.reliability.deployment import LEASE, SETTINGS, wait_until, write_notebook
from tests.reliability.invariants import find_violations

PROGRAM = "tests.reliability.mortal_worker"
EARLY = ("claimed", "before the first heartbeat")
DURING = ("spawned", "mid-cell")
LATE = ("result written", "before commit", "after commit")
#: Runs and their keepers exist only while cells are executed.
TRIALS = [
    *[(phase, "worker") for phase in (*EARLY, *DURING, *LATE)],
    *[(phase, victim) for phase in DURING for victim in ("zygote", "keeper", "run")],
    *[(phase, "zygote") for phase in LATE],
]
IN_SAMPLE = [("claimed", "worker"), ("mid-cell", "worker"), ("before commit", "worker"), ("after commit", "worker")]
ROOT = Path(__file__).parents[2]


class Place:
    """A data directory with a published notebook, and a worker of this process that nobody kills."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.pids = folder / "notebooks" / "pids.txt"
        self.hold = folder / "notebooks" / "hold"  #: while it is there, runs stop in the middle of a cell
        self.accepted: set[str] = set()
        self.store = open_store(self.data)
        settings = replace(load_settings(self.data), **SETTINGS)
        self.publisher = Publisher(self.store, settings)
        self.worker = Worker(self.store, settings)
        self.publisher.publish(write_notebook(folder / "notebooks"))
        self.go_on()

    def rerun(self) -> Run:
        """Queue a run."""
        run = self.publisher.submit("site", {"seconds": len(self.accepted) * 1e-9})
        self.accepted.add(run.id)
        return run

    def start(self, phase: str, victim: str) -> subprocess.Popen[str]:
        """A worker to which something happens."""
        environment = os.environ | {f"NBDASH_{name.upper()}": str(value) for name, value in SETTINGS.items()}
        command = [sys.executable, "-m", PROGRAM, str(self.data), phase, victim]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)

    def hold_if(self, is_held: bool) -> None:
        """Have runs wait in the middle of a cell, or go on."""
        if is_held:
            self.hold.touch()
        else:
            self.hold.unlink(missing_ok=True)

    def pause(self, process: subprocess.Popen[str]) -> None:
        """SIGSTOP, at a moment when the process does not hold the database: nobody could go on then."""
        while True:
            os.kill(process.pid, signal.SIGSTOP)
            wait_until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it to stop")
            with closing(sqlite3.connect(self.data / "nbdash.sqlite", timeout=0)) as rows:
                try:
                    rows.execute("BEGIN EXCLUSIVE")
                    return
                except sqlite3.OperationalError:
                    os.kill(process.pid, signal.SIGCONT)

    @contextmanager
    def sleeping_worker(self, run: Run) -> Iterator[subprocess.Popen[str]]:
        """Another worker, paused in a cell of the run, which waits there; killed at the end."""
        self.hold_if(True)
        sleeper = self.start("", "")
        try:
            wait_until(lambda: self.started(run.id) and self.store.run(run.id).progress, "a cell to start")
            self.pause(sleeper)
            yield sleeper
        finally:
            self.hold_if(False)
            sleeper.kill()
            sleeper.communicate()

    def go_on(self) -> None:
        """Perform what is queued, and what dead workers had: these are given up at once."""
        self.store.sweep(-1.0)
        while run := self.store.claim_run(self.worker.name):
            self.worker.perform(run)

    def started(self, run_id: str) -> list[int]:
        """The processes that have executed the run's cells so far, one of each attempt."""
        lines = self.pids.read_text().splitlines() if self.pids.exists() else []
        return [int(pid) for run, pid, _ in map(str.split, lines) if run == run_id]

    def violations(self) -> list[str]:
        """What does not hold."""
        return find_violations(self.data, self.accepted, lease=LEASE, pids=self.pids)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("phases"))
    yield made
    made.worker.close()
    made.store.close()


def expected(phase: str, victim: str) -> tuple[RunState, int]:
    """How a run ends to which this happens, and in which attempt."""
    if victim == "worker" and phase != "after commit":
        return RunState.SUCCEEDED, 2
    return (RunState.FAILED if victim != "worker" and phase in DURING else RunState.SUCCEEDED), 1


@pytest.mark.parametrize(("phase", "victim"), TRIALS, ids=[f"{victim}: {phase}" for phase, victim in TRIALS])
def test_killed_at_a_phase(
    place: Place, phase: str, victim: str, trials: int, is_long: bool, tally: Counter[str]
) -> None:
    if not is_long and (phase, victim) not in IN_SAMPLE:
        pytest.skip("in the long form (--trials)")
    for _ in range(max(1, trials // 100)):
        run = place.rerun()
        place.hold_if(phase in DURING)  # else a quick run is over before its first message is read
        mortal = place.start(phase, victim)
        _, said = mortal.communicate(timeout=120)
        place.hold_if(False)
        assert mortal.returncode == (-signal.SIGKILL if victim == "worker" else 0), said
        place.go_on()
        tally[f"{victim} killed: {phase}"] += 1
        run = place.store.run(run.id)
        assert (run.state, run.attempt) == expected(phase, victim), run.error
        assert place.violations() == []


def test_a_worker_that_sleeps_past_its_lease_changes_nothing(place: Place, trials: int, tally: Counter[str]) -> None:
    """R2: another worker takes the run and shows its result; the first one wakes up and finds itself fenced off."""
    for _ in range(max(1, trials // 50)):
        run = place.rerun()
        with place.sleeping_worker(run) as sleeper:
            taken = place.store.run(run.id)
            place.hold_if(False)
            place.go_on()
            shown = place.store.run(run.id)
            os.kill(sleeper.pid, signal.SIGCONT)
            place.rerun()  # something that the sleeper can bring to an end
            _, said = sleeper.communicate(timeout=120)
        tally["worker slept past its lease"] += 1
        assert (shown.state, shown.attempt, shown.fence > taken.fence) == (RunState.SUCCEEDED, 2, True)
        assert place.store.run(run.id) == shown and "fenced" in said, said
        place.go_on()
        assert place.violations() == []


def test_a_worker_that_wakes_up_beside_the_next_attempt_does_it_no_harm(
    place: Place, trials: int, tally: Counter[str]
) -> None:
    """R2: it ends what is left of its own attempt, and nothing else of the run's."""
    for _ in range(max(1, trials // 50)):
        run = place.rerun()
        with place.sleeping_worker(run) as sleeper:
            other = threading.Thread(target=place.go_on)
            other.start()
            wait_until(lambda waiting=run.id: len(place.started(waiting)) == 2, "the next attempt to start")
            os.kill(sleeper.pid, signal.SIGCONT)
            first = place.started(run.id)[0]
            wait_until(lambda gone=first: not psutil.pid_exists(gone), "the first attempt to be stopped")
            place.hold_if(False)
            other.join()
            place.rerun()  # something that the sleeper can bring to an end
            _, said = sleeper.communicate(timeout=120)
        tally["worker woke up beside the next attempt"] += 1
        shown = place.store.run(run.id)
        assert (shown.state, shown.attempt) == (RunState.SUCCEEDED, 2) and "fenced" in said, said
        place.go_on()
        assert place.violations() == []


def test_a_worker_whose_run_has_passed_to_another_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """R2: also where the last write is the first to notice."""
    place.rerun()
    run = place.store.claim_run("sleeper")
    assert run is not None
    finish_run = place.store.finish_run

    def finish_late(*arguments: Any, **named: Any) -> bool:
        monkeypatch.undo()
        place.go_on()
        return finish_run(*arguments, **named)

    monkeypatch.setattr(place.store, "finish_run", finish_late)
    place.worker.perform(run)
    assert f"run {run.id} fenced" in caplog.text
    ended = place.store.run(run.id)
    assert (ended.state, ended.attempt) == (RunState.SUCCEEDED, 2)
    assert place.violations() == []


def test_a_run_whose_workers_die_is_tried_twice(place: Place, is_long: bool, tally: Counter[str]) -> None:
    """R3: what kills its worker each time is not tried for ever, and its author is told."""
    if not is_long:
        pytest.skip("in the long form (--trials)")
    run = place.rerun()
    place.hold_if(True)
    for _ in range(2):
        place.store.sweep(-1.0)
        place.start("mid-cell", "worker").communicate(timeout=120)
    place.hold_if(False)
    place.go_on()
    tally["run whose workers all died"] += 1
    lost = place.store.run(run.id)
    assert (lost.state, lost.attempt) == (RunState.FAILED, 2)
    assert lost.error is not None and "died twice" in lost.error.message
    assert place.violations() == []
