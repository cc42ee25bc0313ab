"""Runs that start where another run stood: with what they would have had if they had executed all cells themselves."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import children
from engine_runs import Result, cell, make_job, run_job

from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.forked import ForkEngine
from nbdash.engine.memory import MemoryPictures
from nbdash.model import Cause, CellStarted, Job

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

RULES = CheckpointRules(least_seconds=0.0)
BEGIN = "import os, sys, time, random, asyncio, warnings, numpy as np, matplotlib.pyplot as plt"
PLOT = "fig, ax = plt.subplots(figsize=(2, 1)); ax.plot([1, 2]); ax.set_title('t');"
MISSING = "plt.title('\\u6771'); plt.plot([1, 2]);"

#: The cells between the parameters' and the first that reads one; and those from there on.
SAME: dict[str, tuple[list[str], list[str]]] = {
    "values": (["data = [1, 2]; text = 'a'"], ["data.append(p); data, text"]),
    "numbers of cells": (["1 + 1", "2 + 2"], ["print(p, _, __, ___, _3, _4, Out, len(In)); _"]),
    "inputs": (["x = 1", "y = 2"], ["print(p, [_i, _ii, _iii], _i2, _i3, _i4, In)", "print(_i, _ii, _iii); %history"]),
    "blank cells": (["", "7", " "], ["print(p, Out, len(In))", "8"]),
    "an error's place": (["def fail(): 1 / 0"], ["fail()", "print(p)"]),
    "a function's source": (["def f():\n    return 1"], ["import inspect; print(p, inspect.getsource(f))"]),
    "seeded numbers": (
        ["random.seed(3); np.random.seed(3); rng = np.random.default_rng(3); random.random(), np.random.rand()"],
        ["print(p, random.random(), np.random.rand(), rng.random())"],
    ),
    "folder and environment": (
        ["os.chdir('/'); os.environ['A_NAME'] = 'x'; sys.path.insert(0, '/nowhere'); os.umask(0o27)"],
        ["print(p, os.getcwd(), os.environ['A_NAME'], sys.path[0], oct(os.umask(0)))", "!echo $A_NAME; pwd"],
    ),
    "streams that were kept": (
        ["import logging; logging.basicConfig(stream=sys.stdout, level=20); out = sys.stderr"],
        ["logging.info(p); print('b', file=out)", "!echo program"],
    ),
    "figures": ([PLOT, PLOT], [f"print(p); {PLOT}", "fig", "print(ax.get_position(), ax.get_xticklabels())"]),
    "an open figure": (
        ["%config InlineBackend.close_figures = False", PLOT],
        ["ax.plot([p, 1])", "plt.get_fignums()"],
    ),
    "warnings shown once": ([MISSING, "def w(): warnings.warn('w')\nw()"], [f"w(); print(p); {MISSING}", MISSING]),
    "a display that is updated": (
        ["from IPython.display import display; handle = display('a', display_id='h')"],
        ["handle.update(p)"],
    ),
    "top-level await": (["await asyncio.sleep(0)", "lock = asyncio.Lock()"], ["async with lock: print(p)"]),
    "an object's end": (
        ["class Thing:\n    def __del__(self): print('gone')\nthing = Thing()"],
        ["print(p)", "del thing", "print('after')"],
    ),
    "called at the end": (["import atexit; atexit.register(print, 'over')"], ["print(p)"]),
    "numbers by a library's threads": (["a = np.ones((300, 300)); (a @ a).sum()"], ["print(p, (a @ a).sum())"]),
    "children and threads that ended": (
        [
            "import threading; t = threading.Thread(target=print, args=(1,)); t.start(); t.join()",
            "if not os.fork(): os._exit(0)\nos.wait()[1]",
        ],
        ["print(p)"],
    ),
    "files that were read": (["open('/proc/version').read()[:5]"], ["print(p)"]),
    "garbage": (["a = []; a.append(a); del a"], ["import gc; print(p); gc.collect() > 0"]),
    "signals": (
        ["import signal; signal.signal(signal.SIGUSR1, lambda *_: print('usr1'))"],
        ["print(p); os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.01)"],
    ),
    "an interrupt": (["import signal"], ["print(p); os.kill(os.getpid(), signal.SIGINT); time.sleep(1)"]),
    "children of its own": (
        ["x = 1"],
        ["print(p)\nif not os.fork(): os._exit(3)\nos.waitstatus_to_exitcode(os.wait()[1])"],
    ),
    "multiprocessing": (
        ["import multiprocessing as mp"],
        ["with mp.get_context('fork').Pool(2) as pool: print(p, pool.map(abs, [-1, -2]))"],
    ),
    "temporary names": (["import tempfile"], ["print(p); len({tempfile.mktemp() for _ in range(9)})"]),
}

#: What a fork would lack or share.
REFUSED = {
    "a thread": "import threading; threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    "a child": "import subprocess; child = os.fork() or time.sleep(9)",
    "a file": "kept = open('/proc/version')",
    "a socket": "import socket; kept = socket.socket()",
    "another file under the same number": "os.dup2(os.open('/proc/version', 0), 0)",
    "shared memory": "import mmap; kept = mmap.mmap(-1, 4096)",
    "the event loop": "kept = asyncio.get_event_loop()",
    "a task": "kept = asyncio.ensure_future(asyncio.sleep(9))",
    "a callback": "asyncio.get_event_loop().call_later(9, print)",
    "a timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 9)",
    "a handler of ended children": "import signal; signal.signal(signal.SIGCHLD, lambda *_: None)",
    "a changed file": "open('new.txt', 'w').close()",
    "a removed file": "open('old.txt', 'x').close(); os.rename('old.txt', 'x.txt')",
    "a temporary folder": "import tempfile; kept = tempfile.TemporaryDirectory()",
    "a program": "!true",
    "much memory": "kept = np.ones(40_000_000)",
    "a hook of every cell": "get_ipython().events.register('post_run_cell', print)",
    "an error": "1 / 0",
}


@pytest.fixture
def engine() -> Iterator[ForkEngine]:
    """An engine that makes checkpoints wherever it can; with nothing left over."""
    before = children()
    engine = ForkEngine(checkpoints=RULES, pictures=MemoryPictures())
    yield engine
    engine.close()
    assert children() <= before


def job_of(prefix: Sequence[str], rest: Sequence[str], folder: Path, p: int | None = None, **options: Any) -> Job:
    """Imports, parameters, with ``p`` a cell of injected ones, the prefix, the rest."""
    injected = [] if p is None else [f"# Parameters\np = {p}\n"]
    sources = [BEGIN, "p = 1", *injected, *prefix, *rest]
    cells = [cell(source, may_raise=options.get("may_raise", True)) for source in sources]
    options.pop("may_raise", None)
    job = make_job(*cells, folder=folder, dashboard="d", prefix=2 + len(prefix), imports=("matplotlib",), **options)
    return replace(job, cells=tuple(replace(each, is_injected=p is not None and each.index == 2) for each in job.cells))


def comparable(result: Result) -> Any:
    """The document without what differs from run to run: times, process ids, addresses."""
    document = result.document
    for each in document["cells"]:
        each["metadata"].pop("execution", None)
    return re.sub(r"ipykernel_\d+|0x[0-9a-f]+", "", repr(document))


def is_kept(engine: ForkEngine, prefix: Sequence[str], folder: Path, **options: Any) -> bool:
    """Whether a run after one of the prefix starts there."""
    run_job(engine, job_of(prefix, ["print(p)"], folder, **options))
    again = run_job(engine, job_of(prefix, ["print(p)"], folder, 2, resumes=True, **options))
    assert again.outcome.failure is None and "2\n" in again.text(4), again.outcome.failure
    return again.outcome.data_at is not None


@pytest.mark.parametrize("name", SAME)
def test_it_is_as_if_all_had_been_executed(engine: ForkEngine, tmp_path: Path, name: str) -> None:
    prefix, rest = SAME[name]
    first = run_job(engine, job_of(prefix, rest, tmp_path))
    assert first.outcome.failure is None
    whole = run_job(engine, job_of(prefix, rest, tmp_path, 2))
    resumed = run_job(engine, job_of(prefix, rest, tmp_path, 2, resumes=True))
    assert whole.outcome.data_at is None and resumed.outcome.data_at is not None
    assert comparable(resumed) == comparable(whole)


@pytest.mark.parametrize("name", REFUSED)
def test_none_where_a_fork_would_lack_something(engine: ForkEngine, tmp_path: Path, name: str) -> None:
    assert not is_kept(engine, [REFUSED[name]], tmp_path)


def test_a_rerun_executes_all(engine: ForkEngine, tmp_path: Path) -> None:
    prefix, rest = ["print(time.perf_counter_ns())"], ["print(p)"]
    first, again = (run_job(engine, job_of(prefix, rest, tmp_path)) for _ in range(2))
    assert first.text(2) != again.text(2)
    resumed = run_job(engine, job_of(prefix, rest, tmp_path, 2, resumes=True))
    assert resumed.text(3) == again.text(2), "the newest is kept"


def test_it_is_as_old_as_the_run_that_left_it(engine: ForkEngine, tmp_path: Path) -> None:
    before = time.time()
    run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path))
    between = time.time()
    resumed = run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path, 2, resumes=True))
    assert resumed.outcome.data_at is not None
    assert before <= resumed.outcome.data_at.timestamp() <= between


@pytest.mark.parametrize(
    "change",
    [{"dashboard": "other"}, {"prefix": 2}, {"folder": Path("/")}, {"environment": {"PATH": "/bin"}}],
    ids=["another dashboard", "another prefix", "another folder", "another environment"],
)
def test_only_for_runs_that_begin_in_the_same_way(engine: ForkEngine, tmp_path: Path, change: dict[str, Any]) -> None:
    run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path))
    job = job_of(["x = 1"], ["print(p)"], tmp_path, 2, resumes=True)
    assert run_job(engine, replace(job, **change)).outcome.data_at is None
    assert run_job(engine, job).outcome.data_at is not None


def test_none_that_saves_too_little_or_is_too_large(tmp_path: Path) -> None:
    for rules in (CheckpointRules(least_seconds=60.0), replace(RULES, most=0), replace(RULES, most_bytes=1000)):
        engine = ForkEngine(checkpoints=rules)
        try:
            assert not is_kept(engine, ["x = 1"], tmp_path)
            assert not list(processes_of(engine, tmp_path)), "its process has ended"
        finally:
            engine.close()


def processes_of(engine: ForkEngine, folder: Path) -> Iterator[psutil.Process]:
    """The engine's processes besides zygotes, once what is ending has ended."""
    deadline = time.monotonic() + 5
    while len(found := psutil.Process().children(recursive=True)) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    return iter(found[1:])


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
