"""The processes of checkpoints: how many there are, when they end, and that a run from one cannot hurt the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from checkpoint_runs import RULES, is_kept, job_of
from conftest import children
from engine_runs import run_job
from test_forked_hostile import CASES

from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.forked import ForkEngine
from nbdash.model import Cause, CellStarted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

#: Hostile cells that end only by a limit, or by much work; and one that takes the zygote with it.
SLOW = {
    *("endless", "stops itself", "leaks", "fork bomb", "signals blocked", "slow exit", "thread goes on"),
    *("post mortem", "recursive repr", "kills the zygote", "asks the zygote to end", "spawned pool"),
}

#: A process with an engine that has made a checkpoint.
OWNER = f"""
import sys, time
from pathlib import Path
sys.path[:0] = {sys.path!r}
from checkpoint_runs import ForkEngine, RULES, job_of, run_job
engine = ForkEngine(checkpoints=RULES)
run_job(engine, job_of(["x = 1"], ["print(p)"], Path(sys.argv[1])))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def engine() -> Iterator[ForkEngine]:
    """An engine that makes checkpoints wherever it can; with nothing left over."""
    before = children()
    engine = ForkEngine(checkpoints=RULES)
    yield engine
    engine.close()
    assert children() <= before


def test_none_that_saves_too_little_or_is_too_large(tmp_path: Path) -> None:
    for rules in (CheckpointRules(least_seconds=60.0), replace(RULES, most=0), replace(RULES, most_bytes=1000)):
        engine = ForkEngine(checkpoints=rules)
        try:
            assert not is_kept(engine, ["x = 1"], tmp_path)
            assert settled(0)
        finally:
            engine.close()


def checkpoints() -> list[psutil.Process]:
    """Grandchildren of the zygote: below the keepers that see runs through."""
    try:
        keepers = [keeper for zygote in psutil.Process().children() for keeper in zygote.children()]
        return [each for keeper in keepers for each in keeper.children()]
    except psutil.NoSuchProcess:  # one has just ended
        return checkpoints()


def settled(count: int) -> bool:
    """Whether there are so many, in the end."""
    deadline = time.monotonic() + 5
    while len(checkpoints()) != count and time.monotonic() < deadline:
        time.sleep(0.02)
    return len(checkpoints()) == count


def test_a_newer_one_takes_its_place_and_few_are_kept(tmp_path: Path) -> None:
    engine = ForkEngine(checkpoints=replace(RULES, most=2))
    try:
        for _ in range(3):
            run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path))
        assert settled(1)
        for number in range(4):
            run_job(engine, job_of([f"x = {number}"], ["print(p)"], tmp_path))
        assert settled(2)
        assert not run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path, 2, resumes=True)).outcome.data_at
        assert run_job(engine, job_of(["x = 3"], ["print(p)"], tmp_path, 2, resumes=True)).outcome.data_at
    finally:
        engine.close()


def test_it_ends_by_itself_when_it_is_old(tmp_path: Path) -> None:
    engine = ForkEngine(checkpoints=replace(RULES, age=0.5))
    try:
        run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path))
        assert settled(0)
        assert not run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path, 2, resumes=True)).outcome.data_at
    finally:
        engine.close()


def test_a_run_goes_on_when_its_checkpoint_is_given_up(tmp_path: Path) -> None:
    engine = ForkEngine(checkpoints=replace(RULES, most=1))
    try:
        slow = ["time.sleep(1.5); print(p)"]
        run_job(engine, job_of(["x = 1"], slow, tmp_path))
        with ThreadPoolExecutor(1) as pool:
            resumed = pool.submit(run_job, engine, job_of(["x = 1"], slow, tmp_path, 2, resumes=True))
            time.sleep(0.3)
            run_job(engine, job_of(["x = 2"], ["print(p)"], tmp_path))
            assert resumed.result().outcome.failure is None and resumed.result().outcome.data_at
        assert settled(1)
    finally:
        engine.close()


@pytest.mark.parametrize("whom", ["checkpoint", "keeper", "zygote"])
def test_if_it_has_been_killed_all_is_executed(engine: ForkEngine, tmp_path: Path, whom: str) -> None:
    run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path))
    (victim,) = checkpoints()
    for _ in range(("checkpoint", "keeper", "zygote").index(whom)):
        victim = victim.parent()
    victim.kill()
    assert settled(0)
    again = run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path, 2, resumes=True))
    assert again.outcome.failure is None and again.outcome.data_at is None


def test_nothing_is_left_when_the_engine_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline() == "ready\n"
    left = psutil.Process(owner.pid).children(recursive=True)
    assert len(left) == 3, "a zygote, a keeper, a checkpoint"
    owner.kill()
    owner.communicate()
    assert psutil.wait_procs(left, timeout=10)[1] == []


def test_many_start_there_at_once(engine: ForkEngine, tmp_path: Path) -> None:
    rest = ["time.sleep(0.2); print(p, os.getpid())"]
    run_job(engine, job_of(["x = 1"], rest, tmp_path))
    with ThreadPoolExecutor(6) as pool:
        jobs = [job_of(["x = 1"], rest, tmp_path, p, resumes=True) for p in range(6)]
        results = list(pool.map(lambda job: run_job(engine, job), jobs))
    assert [result.text(4).split()[0] for result in results] == [str(p) for p in range(6)]
    assert len({result.text(4).split()[1] for result in results}) == 6
    assert all(result.outcome.data_at for result in results)
    assert settled(1), "each run's processes have ended, the checkpoint is kept"


@pytest.mark.parametrize(
    ("rest", "cause"),
    [
        ("os._exit(3)", Cause.EXIT),
        ("os.kill(os.getpid(), 11)", Cause.SIGNAL),
        ("os.kill(os.getppid(), 9); time.sleep(9)", Cause.SIGNAL),
        ("time.sleep(60)", Cause.CANCELLED),
        ("if not os.fork(): os.setsid(); time.sleep(60)\n1 / 0", Cause.ERROR),
    ],
)
def test_what_a_run_from_there_does_to_itself(engine: ForkEngine, tmp_path: Path, rest: str, cause: Cause) -> None:
    rest = f"if p == 2: {rest}" if "\n" not in rest else f"if p == 2:\n    {rest}".replace("\n1", "\n    1")
    run_job(engine, job_of(["x = 1"], [rest], tmp_path, may_raise=False))
    cancel = threading.Event()

    def stop(event: object) -> None:
        if cause is Cause.CANCELLED and isinstance(event, CellStarted) and event.index == 4:
            cancel.set()

    job = job_of(["x = 1"], [rest], tmp_path, 2, resumes=True, may_raise=False)
    ended = run_job(engine, job, cancel=cancel, watch=stop)
    assert ended.outcome.failure is not None and ended.outcome.failure.cause is cause
    assert ended.outcome.data_at is not None
    other = run_job(engine, job_of(["x = 1"], [rest], tmp_path, 3, resumes=True, may_raise=False))
    assert other.outcome.failure is None and other.outcome.data_at is not None
    assert settled(1)


def test_a_run_that_fails_later_leaves_one_and_one_that_is_killed_does_not(engine: ForkEngine, tmp_path: Path) -> None:
    fails, dies = ["if p == 1: raise ValueError"], ["if p == 1: os.kill(os.getpid(), 9)"]
    run_job(engine, job_of(["x = 1"], fails, tmp_path))
    assert run_job(engine, job_of(["x = 1"], fails, tmp_path, 2, resumes=True)).outcome.data_at
    run_job(engine, job_of(["x = 2"], dies, tmp_path))
    assert run_job(engine, job_of(["x = 2"], dies, tmp_path, 2, resumes=True)).outcome.failure is None


def test_a_cell_that_pretends_leaves_nothing_alive(engine: ForkEngine, tmp_path: Path) -> None:
    """It has a process of its own spared, which does not end when it should: its keeper sees to that."""
    pretend = (
        "import socket, json, struct\n"
        "shell = get_ipython(); mine, theirs = socket.socketpair()\n"
        "shell.channel.send_with(mine, 'checkpoint')\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)\n"
        "body = json.dumps({'ready': pid}).encode()\n"
        "theirs.sendall(struct.pack('!I', len(body)) + bytes(16) + body)\n"
        "time.sleep(0.3)"
    )
    for pid in ("pid", "os.getppid()", "1", "2**40", "-1", "'x'"):
        run_job(engine, job_of(["import signal"], [pretend.replace("'ready': pid", f"'ready': {pid}")], tmp_path))
        again = run_job(engine, job_of(["import signal"], ["print(p)"], tmp_path, 2, resumes=True))
        assert again.outcome.failure is None and "2\n" in again.text(4)
    assert settled(0) or settled(1)
    assert os.getpid() in psutil.pids() and signal.getsignal(signal.SIGTERM) is not None


@pytest.fixture(scope="module")
def shared() -> Iterator[ForkEngine]:
    engine = ForkEngine(checkpoints=RULES)
    yield engine
    engine.close()


@pytest.mark.parametrize("name", [name for name in CASES if name not in SLOW])
def test_hostile_cells_before_and_after_it(shared: ForkEngine, tmp_path: Path, name: str) -> None:
    """What is told of them is the same wherever they stand, nothing of them stays, and the next run goes on."""
    case = CASES[name]
    limits = dict(case.limits or {}, may_raise=False)
    run_job(shared, job_of(["x = 1"], ["print(p)"], tmp_path))
    jobs = [
        job_of([case.source], ["print(p)"], tmp_path, **limits),
        job_of(["x = 1"], [case.source, "print(p)"], tmp_path, **limits),
        job_of(["x = 1"], [case.source, "print(p)"], tmp_path, 2, resumes=True, **limits),
    ]
    failures = [run_job(shared, job).outcome.failure for job in jobs]
    assert [failure and failure.cause for failure in failures] == [case.cause] * 3
    after = run_job(shared, job_of(["x = 1"], ["print(p)"], tmp_path, 3, resumes=True))
    assert after.outcome.failure is None and after.text(4) == "3\n"
