"""Runs that start where another run stood: with what they would have had if they had executed all cells themselves."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkpoint_runs import LIBRARIES, RULES, is_kept, job_of
from engine_runs import Result, run_job

from nbdash.engine.forked import ForkEngine
from nbdash.engine.memory import MemoryPictures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

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
    "garbage": (["import gc; gc.disable(); a = []; a.append(a); del a"], ["print(p); gc.collect() > 0"]),
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


@pytest.fixture(scope="module")
def engine() -> Iterator[ForkEngine]:
    """An engine that makes checkpoints wherever it can."""
    engine = ForkEngine(checkpoints=RULES, pictures=MemoryPictures())
    yield engine
    engine.close()


def comparable(result: Result) -> Any:
    """The document without what differs from run to run: times, process ids, addresses."""
    document = result.document
    for each in document["cells"]:
        each["metadata"].pop("execution", None)
    return re.sub(r"ipykernel_\d+|0x[0-9a-f]+", "", repr(document))


@pytest.mark.parametrize("name", SAME)
def test_it_is_as_if_all_had_been_executed(engine: ForkEngine, tmp_path: Path, name: str) -> None:
    prefix, rest = SAME[name]
    first = run_job(engine, job_of(prefix, rest, tmp_path, begin=LIBRARIES))
    assert first.outcome.failure is None
    whole = run_job(engine, job_of(prefix, rest, tmp_path, 2, begin=LIBRARIES))
    resumed = run_job(engine, job_of(prefix, rest, tmp_path, 2, resumes=True, begin=LIBRARIES))
    assert whole.outcome.data_at is None and resumed.outcome.data_at is not None
    assert comparable(resumed) == comparable(whole)


@pytest.mark.parametrize("name", REFUSED)
def test_none_where_a_fork_would_lack_something(engine: ForkEngine, tmp_path: Path, name: str) -> None:
    assert not is_kept(engine, [REFUSED[name]], tmp_path, begin=LIBRARIES)


def test_a_rerun_executes_all(engine: ForkEngine, tmp_path: Path) -> None:
    prefix, rest = ["print(time.perf_counter_ns())"], ["print(p)"]
    first, again = (run_job(engine, job_of(prefix, rest, tmp_path, begin=LIBRARIES)) for _ in range(2))
    assert first.text(2) != again.text(2)
    resumed = run_job(engine, job_of(prefix, rest, tmp_path, 2, resumes=True, begin=LIBRARIES))
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


def test_only_where_the_parameters_may_come_after_the_prefix(engine: ForkEngine, tmp_path: Path) -> None:
    run_job(engine, job_of(["x = 1"], ["print(p)"], tmp_path))
    given = job_of(["x = 1"], ["print(p)"], tmp_path, 2, resumes=True)
    without = replace(given, cells=tuple(replace(each, is_injected=False) for each in given.cells))
    late = job_of(["x = 1"], ["x = p", "p = 3", "print(x, p)"], tmp_path, resumes=True)
    late = replace(late, cells=tuple(replace(each, is_injected=each.index == 4) for each in late.cells))
    for job, text in ((without, "2"), (late, "1 3")):
        result = run_job(engine, job)
        assert result.outcome.failure is None and result.outcome.data_at is None
        assert result.text(job.cells[-1].index) == f"{text}\n"
