"""What a cell can do to the process it runs in, to those above it, and to its connections (fork engine)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from engine_runs import Result, make_job, run_job

from nbdash.engine.forked import ForkEngine
from nbdash.engine.processes import ATTEMPT_MARK, RUN_MARK
from nbdash.model import Cause

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

ZYGOTE = "int(open(f'/proc/{os.getppid()}/stat').read().split()[3])"


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkEngine]:
    engine = ForkEngine()
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def nothing_left(fork: ForkEngine, tmp_path: Path) -> Iterator[None]:
    """No process started by a run is alive after it, and the engine holds no more open files than before."""
    run_job(fork, make_job("1", folder=tmp_path))  # the zygote is up
    before = open_files()
    yield
    strays = [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(tmp_path)]
    assert strays == []
    run_job(fork, make_job("1", folder=tmp_path))
    assert open_files() == before


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@dataclass(frozen=True)
class Case:
    """A cell, and what its author is told; ``cause`` None where the run goes on."""

    source: str
    cause: Cause | None = None
    says: str = ""
    text: str | None = None  #: what the cell, or the one after it, has printed
    limits: dict[str, Any] | None = None


CHANNEL = "import os, socket\nchannel = get_ipython().channel\n"

CASES = {
    "a drawing that is no socket": Case(
        f"{CHANNEL}channel._send('drawing', {{'number': 1}}, [os.open('/dev/null', 0)])",
        Cause.SIGNAL,
        "not its own",
    ),
    "connections for nothing": Case(
        f"{CHANNEL}for _ in range(40):\n    channel._send('clear', {{'wait': False}}, [0] * 60)",
        Cause.SIGNAL,
        "not its own",
    ),
    "more drawings than there can be": Case(
        f"{CHANNEL}kept = []\nfor number in range(600):\n    pair = socket.socketpair()\n"
        "    channel.send_with(pair[0], 'drawing', number=number); pair[0].close(); kept.append(pair[1])\n"
        "import time; time.sleep(20)",
        Cause.SIGNAL,
        "not its own",
    ),
    "a place of no drawing": Case(f"{CHANNEL}channel.send('place', number=3, part=0)", Cause.SIGNAL, "not its own"),
    "the same drawing twice": Case(
        f"{CHANNEL}a, b = socket.socketpair()\nfor _ in range(2):\n    channel.send_with(a, 'drawing', number=1)",
        Cause.SIGNAL,
        "not its own",
    ),
    "ends itself": Case("import os; os._exit(3)", Cause.EXIT, "exit code 3"),
    "kills itself": Case("import os; os.kill(os.getpid(), 9)", Cause.SIGNAL, "SIGKILL"),
    "kills its group": Case("import os; os.killpg(0, 15)", Cause.SIGNAL, "SIGTERM"),
    "aborts": Case("import os; os.abort()", Cause.SIGNAL, "SIGABRT"),
    "segfault": Case("import ctypes; ctypes.string_at(0)", Cause.SIGNAL, "SIGSEGV"),
    "endless": Case("while True: pass", Cause.TIMEOUT, "limit of 1 s", limits={"cell_seconds": 1.0}),
    "stops itself": Case(
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        Cause.TIMEOUT,
        "limit of 1 s",
        limits={"run_seconds": 1.0},
    ),
    "leaks": Case(
        "x = []\nwhile True: x.append(bytearray(b'x') * (20 << 20))",
        Cause.MEMORY,
        "limit of 300 MiB",
        limits={"memory_bytes": 300 << 20},
    ),
    "fork bomb": Case("import os\nfor _ in range(10): os.fork()\nwhile True: pass", Cause.SIGNAL, "processes"),
    "kills its keeper": Case("import os, time; os.kill(os.getppid(), 9); time.sleep(600)", Cause.SIGNAL, "was killed"),
    "kills the zygote": Case(f"import os, time; os.kill({ZYGOTE}, 9); time.sleep(600)", Cause.SIGNAL, "was killed"),
    "asks the zygote to end": Case(f"import os; os.kill({ZYGOTE}, 2)", text="after\n"),
    "debugger": Case("breakpoint(); print('passed by')", text="passed by\n"),
    "post mortem": Case("import pdb; pdb.set_trace()", Cause.ERROR, "StdinNotImplementedError"),
    "reads input": Case("import sys; sys.stdin.read()", text="after\n"),
    "no stdout": Case("import sys; sys.stdout = None; print(1)", Cause.ERROR, "Cell 2"),
    "closed stdout": Case("import sys; sys.stdout.close()", Cause.ERROR, "Cell 2"),
    "standard streams closed": Case("import os\nfor fd in range(3): os.close(fd)\nprint('here')", text="here\nafter\n"),
    "all files closed": Case("import os; os.closerange(0, 70000)", Cause.EXIT, "cell 1"),
    "writes everywhere": Case(
        "import os\nfor fd in range(3, 66000):\n    try: os.write(fd, b'\\0\\0\\0\\2' + b'x' * 16 + b'{}')\n"
        "    except OSError: pass",
        Cause.SIGNAL,
        "not its own",
    ),
    "replaces every file": Case(
        "import os\nnull = os.open(os.devnull, os.O_RDWR)\nfor name in os.listdir('/proc/self/fd'):\n"
        "    if int(name) not in (0, 1, 2, null): os.dup2(null, int(name))",
        Cause.EXIT,
        "cell 1",
    ),
    "stdout to nowhere": Case(
        "import os; os.dup2(os.open(os.devnull, os.O_WRONLY), 1); print('here')", text="here\nafter\n"
    ),
    "non-blocking stdout": Case(
        "import os; os.set_blocking(1, False)\nfor _ in range(3): print('x' * 1_000_000)", text="x" * 10
    ),
    "evil exception": Case(
        "class Evil(Exception):\n    def __str__(self): raise RuntimeError('evil')\nraise Evil", Cause.ERROR, "Cell 1"
    ),
    "huge message": Case("raise ValueError('z' * 10_000_000)", Cause.ERROR, "ValueError"),
    "base exception": Case("raise BaseException('b')", Cause.ERROR, "BaseException: b"),
    "recursive repr": Case("class R:\n    def __repr__(self): return repr(self)\nR()", Cause.ERROR, "RecursionError"),
    "folder gone": Case("import os\nos.mkdir('d'); os.chdir('d'); os.rmdir('../d')", text="after\n"),
    "goes on in a fork": Case("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)", text="after\n"),
    "patches modules": Case("import json, os\njson.dumps = os.write = None\nopen = None", text="after\n"),
    "signals blocked": Case(
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {2, 15})\nwhile True: pass",
        Cause.TIMEOUT,
        "limit of 1 s",
        limits={"cell_seconds": 1.0},
    ),
    "slow exit": Case("import atexit, time; atexit.register(time.sleep, 600)", text="after\n"),
    "thread goes on": Case(
        "import threading, time; threading.Thread(target=time.sleep, args=[600]).start()", text="after\n"
    ),
    "spawned pool": Case(
        "import multiprocessing as m\nwith m.get_context('spawn').Pool(1) as p: print(p.map(abs, [-1]))",
        text="[1]\nafter\n",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_author_is_told_and_nothing_is_left(fork: ForkEngine, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    result = run_job(fork, make_job(case.source, "print('after')", folder=tmp_path, **(case.limits or {})))
    failure = result.outcome.failure
    if case.cause is None:
        assert failure is None, failure
        assert (result.text(0) + result.text(1)).startswith(case.text or "after\n")
    else:
        assert failure is not None
        assert failure.cause is case.cause, failure.message
        assert case.says in failure.message
        assert failure.index in (0, 1) and failure.title == f"cell {failure.index + 1}"


def test_a_crash_shows_where(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import ctypes\ndef deep(): ctypes.string_at(0)\ndeep()"
    failure = run_job(fork, make_job(source, folder=tmp_path)).outcome.failure
    assert failure is not None and failure.error is not None
    assert any("in deep" in line for line in failure.error.traceback)


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon.pid", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists("daemon.pid"): time.sleep(0.01)
time.sleep(0.5)
"""


@pytest.mark.parametrize("victim", ["os.getpid()", "os.getppid()", ZYGOTE])
def test_a_daemon_does_not_outlive_whom_it_kills(fork: ForkEngine, tmp_path: Path, victim: str) -> None:
    source = f"{DAEMON}os.kill({victim}, 9); time.sleep(600)"
    run_job(fork, make_job(source, folder=tmp_path))
    assert not psutil.pid_exists(int((tmp_path / "daemon.pid").read_text()))


def test_a_daemon_that_nobody_has_seen_yet_is_found_by_its_mark(fork: ForkEngine, tmp_path: Path) -> None:
    source = f"import os, subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True); os.kill({ZYGOTE}, 9)"
    run_job(fork, make_job(source, folder=tmp_path, environment={ATTEMPT_MARK: "a run of its own"}))


def test_another_attempt_at_the_run_lives_on(fork: ForkEngine, tmp_path: Path) -> None:
    """A worker that wakes up late finds its run's processes killed, and ends what is left of them alone."""
    other = subprocess.Popen(["sleep", "600"], env=os.environ | {RUN_MARK: "run", ATTEMPT_MARK: "run-2"})
    try:
        source = f"import os; os.kill({ZYGOTE}, 9)"
        run_job(fork, make_job(source, folder=tmp_path, environment={RUN_MARK: "run", ATTEMPT_MARK: "run-1"}))
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_stopped_keeper_is_overruled(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import os, signal, time; os.kill(os.getppid(), signal.SIGSTOP); time.sleep(600)"
    failure = run_job(fork, make_job(source, folder=tmp_path, run_seconds=0.5)).outcome.failure
    assert failure is not None and failure.cause is Cause.TIMEOUT


def test_other_runs_do_not_notice(fork: ForkEngine, tmp_path: Path) -> None:
    """A run that kills everything it finds below the zygote's other keepers would need their ids: it has its own."""
    run_job(
        fork,
        make_job("import sys, os; os.environ['X'] = 'x'; sys.path.clear(); del sys.modules['json']", folder=tmp_path),
    )
    result = run_job(fork, make_job("import os, json; print('X' in os.environ)", folder=tmp_path))
    assert result.text(0) == "False\n"


HOLDER = """
import sys, threading
sys.path[:0] = {paths!r}
from pathlib import Path
from engine_runs import make_job
from nbdash.engine.forked import ForkEngine
job = make_job({source!r}, folder=Path({folder!r}))
ForkEngine().execute(job, lambda event: None, threading.Event())
"""


def test_the_end_of_the_engines_process_ends_its_runs(tmp_path: Path) -> None:
    source = DAEMON + "open('cell.pid', 'w').write(str(os.getpid())); open('ready', 'w').close(); time.sleep(600)"
    code = HOLDER.format(paths=[str(Path(__file__).parent)], source=source, folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)]) as holder:
        wait_for(lambda: (tmp_path / "ready").exists())
        processes = [psutil.Process(int(path.read_text())) for path in tmp_path.glob("*.pid")]
        processes += psutil.Process(holder.pid).children(recursive=True)
        holder.send_signal(signal.SIGKILL)
    assert len(processes) >= 4
    wait_for(lambda: not any(process.is_running() for process in processes))


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_listens_may_fail(fork: ForkEngine, tmp_path: Path) -> None:
    """An exception of ``emit`` comes through, and the run is dead by then."""

    def fail(event: object) -> None:
        raise KeyError("store")

    with pytest.raises(KeyError, match="store"):
        run_job(fork, make_job("import time; time.sleep(600)", folder=tmp_path), watch=fail)


def test_a_flood_is_cut_and_does_not_block(fork: ForkEngine, tmp_path: Path) -> None:
    source = "import subprocess\nsubprocess.run('yes | head -c 30000000', shell=True)\nprint('end')"
    result: Result = run_job(fork, make_job(source, folder=tmp_path, output_bytes=100_000))
    text = result.text(0)
    assert text.startswith("y\ny\n") and text.endswith("end\n") and len(text) < 200_000


def test_a_drawing_held_by_somebody_else_does_not_keep_the_run(fork: ForkEngine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        source = f"{CHANNEL}link = socket.create_connection(('127.0.0.1', {port}))"
        source += "\nchannel.send_with(link, 'drawing', number=1)"
        result = run_job(fork, make_job(source, folder=tmp_path))
        accepted, _ = server.accept()
        accepted.close()
    assert result.outcome.failure is not None
    assert "Drawing a figure ended" in result.outcome.failure.message


def test_what_comes_while_a_figure_is_drawn_waits_with_the_run(
    fork: ForkEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbdash.engine.supervision._MOST_BEHIND", 1 << 20)
    cells = [
        "import time, matplotlib, matplotlib.pyplot as plt\ndraw = matplotlib.axes.Axes.draw\n"
        "def slow(*them):\n    time.sleep(0.5); draw(*them)\nmatplotlib.axes.Axes.draw = slow",
        "plt.plot([1, 2]);",
        "handle = display('x', display_id=True)\nfor number in range(40):\n    handle.update(str(number) * 100_000)",
        "print('after')",
    ]
    result = run_job(fork, make_job(*cells, folder=tmp_path))
    assert result.outcome.failure is None
    assert result.outputs(2)[0]["data"]["text/plain"] == repr("39" * 100_000)
    assert result.text(3) == "after\n"
