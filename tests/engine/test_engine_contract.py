"""What every engine does: one suite over all of them."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import nbformat
import psutil
import pytest
from engine_runs import Result, cell, make_job, run_job

from nbdash.engine.base import Engine
from nbdash.errors import EngineError
from nbdash.model import (
    Cause,
    CellEnded,
    CellStarted,
    DisplayUpdated,
    EngineEvent,
    OutputAdded,
)

TOUR = {
    "print": "import sys\nprint('hello')\nprint('oops', file=sys.stderr)",
    "blank": " \n",
    "result": "6 * 7",
    "display": "from IPython.display import display, clear_output\nh = display('one', display_id='d')",
    "update": "h.update('two')",
    "clear": "for i in range(3):\n    clear_output(wait=True)\n    print(i)",
    "raises": "1 / 0",
    "figure": "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
    "undrawn": "_ = plt.plot([1, 2])\nprint('ran')",
    "open figures": "plt.get_fignums()",
    "await": "import asyncio\nawait asyncio.sleep(0)\nasyncio.get_running_loop().is_running()",
    "input": "input('?')",
    "folder": "import os\nos.getcwd()",
    "environment": "sorted(k for k in os.environ if k.startswith(('NBDASH', 'GIVEN')))",
    "script name": "__name__, '__file__' in dir()",
    "unicode": "'Ärger 東京 🎉'",
    "magic": "%%capture caught\nprint('caught')",
    "shell": "!echo shell",
}
MAY_RAISE = ("raises", "input")


@pytest.fixture(scope="module")
def tour(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Many small cells in one run, each looked at by its own test."""
    folder = tmp_path_factory.mktemp("tour")
    profile = folder / "profile_default" / "startup"
    profile.mkdir(parents=True)
    (profile / "00.py").write_text("print('the profile ran')")
    (folder / "ipython_kernel_config.py").write_text("print('the config ran')")
    os.environ["NBDASH_SECRET"] = "s"
    try:
        cells = [cell(source, may_raise=name in MAY_RAISE, draws=name != "undrawn") for name, source in TOUR.items()]
        return run_job(engine, make_job(*cells, folder=folder, environment={"GIVEN": "1"}))
    finally:
        del os.environ["NBDASH_SECRET"]


def shown(tour: Result, name: str) -> str:
    """The text/plain of a cell's last output that has one."""
    found = [o["data"]["text/plain"] for o in tour.outputs(place(name)) if "data" in o]
    return str(found[-1])


def place(name: str) -> int:
    return list(TOUR).index(name)


def test_a_run_that_succeeds_says_so(tour: Result, engine: Engine) -> None:
    assert tour.outcome.failure is None
    assert tour.outcome.engine == engine.name
    assert os.path.samefile(tour.outcome.python, sys.executable)
    assert tour.outcome.peak_memory_bytes and tour.outcome.peak_memory_bytes > 10 * 1024**2


def test_events_come_cell_by_cell(tour: Result) -> None:
    assert tour.started() == list(range(len(TOUR)))
    current = -1
    for event in tour.events:
        current += isinstance(event, CellStarted)
        assert event.index == current
    assert list(tour.ended()) == tour.started()


def test_executions_are_counted_as_a_kernel_counts(tour: Result) -> None:
    counts = [event.execution_count for event in tour.ended().values()]
    blank = place("blank")
    assert counts[blank] is None
    assert counts[:blank] + counts[blank + 1 :] == list(range(1, len(TOUR)))


def test_the_document_is_valid(tour: Result) -> None:
    nbformat.validate(tour.document)


def test_streams_are_told_apart(tour: Result) -> None:
    assert tour.text(0) == "hello\n"
    assert tour.text(0, "stderr") == "oops\n"


def test_a_result_is_an_execute_result(tour: Result) -> None:
    (output,) = tour.outputs(place("result"))
    assert output["output_type"] == "execute_result"
    assert output["execution_count"] == 2
    assert output["data"] == {"text/plain": "42"}


def test_a_display_is_updated_from_another_cell(tour: Result) -> None:
    assert shown(tour, "display") == "'two'"
    assert any(isinstance(event, DisplayUpdated) and event.display_id == "d" for event in tour.events)
    assert tour.outputs(place("update")) == []


def test_clear_output_leaves_the_last(tour: Result) -> None:
    assert tour.text(place("clear")) == "2\n"


def test_an_error_is_an_output_and_a_fact(tour: Result) -> None:
    (output,) = tour.outputs(place("raises"))
    error = tour.ended()[place("raises")].error
    assert (output["output_type"], output["ename"]) == ("error", "ZeroDivisionError")
    assert error is not None and error.evalue == output["evalue"] == "division by zero"
    assert "1 / 0" in re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))


def test_a_figure_left_open_is_drawn_at_the_cells_end(tour: Result) -> None:
    (output,) = tour.outputs(place("figure"))
    assert output["output_type"] == "display_data"
    assert output["data"]["image/png"]


def test_a_figure_nobody_sees_is_not_put_out(tour: Result) -> None:
    assert [o["output_type"] for o in tour.outputs(place("undrawn"))] == ["stream"]
    assert shown(tour, "open figures") == "[]"


def test_a_loop_is_running(tour: Result) -> None:
    assert shown(tour, "await") == "True"


def test_a_shell_command_writes_into_the_cell(tour: Result) -> None:
    assert tour.text(place("shell")).replace("\r", "") == "shell\n"


def test_a_subprocess_writes_into_the_cell(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel reads such text beside the cell, and loses what it reads after the cell's end: so wait."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # below pytest, ipykernel does not read such text at all
    source = "import subprocess, time\n_ = subprocess.run(['echo', 'from below'])\ntime.sleep(0.5)"
    assert run_job(engine, make_job("1", source, folder=tmp_path)).text(1) == "from below\n"


def test_asking_for_input_is_an_error(tour: Result) -> None:
    error = tour.ended()[place("input")].error
    assert error is not None and error.ename == "StdinNotImplementedError"


def test_text_is_always_valid(tour: Result) -> None:
    assert json.dumps(tour.document, ensure_ascii=False).encode()
    assert shown(tour, "unicode") == "'Ärger 東京 🎉'"


def test_half_a_pair_is_no_text(engine: Engine, tmp_path: Path) -> None:
    """A kernel loses such text, and once in thousands its voice too: then the limit ends the run."""
    result = run_job(engine, make_job("print('\\ud800')", "1", folder=tmp_path, run_seconds=20))
    assert json.dumps(result.document, ensure_ascii=False).encode()
    failure = result.outcome.failure
    assert failure is None or (engine.name, failure.cause) == ("kernel", Cause.TIMEOUT)


def test_the_folder_is_the_notebooks(tour: Result) -> None:
    assert "tour" in shown(tour, "folder")


def test_nothing_but_the_notebook_runs(tour: Result) -> None:
    assert not any("ran" in str(event) for event in tour.events if "config" in str(event))
    assert "the profile ran" not in str(tour.events)


def test_the_environment_is_additive_and_private(tour: Result) -> None:
    assert shown(tour, "environment") == "['GIVEN']"
    assert shown(tour, "script name") == "('__main__', False)"


def test_an_error_ends_the_run(engine: Engine, tmp_path: Path) -> None:
    result = run_job(engine, make_job("1", "raise KeyError('k')", "2", folder=tmp_path))
    failure = result.outcome.failure
    assert failure is not None and failure.cause is Cause.ERROR
    assert failure.index == 1 and failure.title == "cell 2"
    assert failure.error is not None and failure.error.ename == "KeyError"
    assert "KeyError: 'k'" in failure.message
    assert result.started() == [0, 1]
    assert result.document["cells"][2]["execution_count"] is None


@pytest.mark.parametrize("source", ["import sys\nsys.exit(3)", "exit()", "quit()"])
def test_every_way_to_leave_ends_the_run_alike(engine: Engine, tmp_path: Path, source: str) -> None:
    result = run_job(engine, make_job(source, "print('still here')", folder=tmp_path))
    failure = result.outcome.failure
    assert failure is not None and failure.cause is Cause.ERROR
    assert failure.error is not None and failure.error.ename == "SystemExit"
    assert result.started() == [0]


def test_a_process_that_ends_itself_tells_its_code(engine: Engine, tmp_path: Path) -> None:
    result = run_job(engine, make_job("import os", "os._exit(3)", "1", folder=tmp_path))
    failure = result.outcome.failure
    assert failure is not None
    assert (failure.cause, failure.exit_code, failure.index) == (Cause.EXIT, 3, 1)
    assert "exit code 3" in failure.message and "cell 2" in failure.message
    assert list(result.ended()) == [0]


def test_a_cell_in_which_the_process_ends_has_its_number(engine: Engine, tmp_path: Path) -> None:
    result = run_job(engine, make_job("1", " \n", "import os", "os._exit(3)", "1", folder=tmp_path))
    assert [each["execution_count"] for each in result.document["cells"]] == [1, None, 2, 3, None]


def test_a_crash_tells_its_signal(engine: Engine, tmp_path: Path) -> None:
    result = run_job(engine, make_job("import ctypes\nctypes.string_at(0)", folder=tmp_path))
    failure = result.outcome.failure
    assert failure is not None
    assert (failure.cause, failure.signal, failure.index) == (Cause.SIGNAL, 11, 0)
    assert "SIGSEGV" in failure.message


#: A cell that swallows what it can, and leaves a daemon that has detached itself in every way there is.
STUBBORN = """
import os, signal, time
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 256)
            open("daemon.pid", "w").write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
daemon()
open("cell.pid", "w").write(str(os.getpid()))
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
while not os.path.exists("daemon.pid") or not os.path.getsize("daemon.pid"):
    time.sleep(0.01)
print("ready", flush=True)
while True:
    try:
        time.sleep(0.01)
    except BaseException:
        pass
"""


@pytest.fixture
def left_alive(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    """The names of the processes that wrote their ids into the folder and live; killed at the end."""

    def living() -> list[str]:
        written = {p.stem: p.read_text() for p in tmp_path.glob("*.pid")}  # one may be killed before it writes
        return [name for name, pid in written.items() if pid and psutil.pid_exists(int(pid))]

    yield living
    for name in living():
        psutil.Process(int((tmp_path / f"{name}.pid").read_text())).kill()


@pytest.mark.parametrize("limit", ["cell_seconds", "run_seconds"])
def test_a_time_limit_is_hard(engine: Engine, tmp_path: Path, limit: str, left_alive: Callable[[], list[str]]) -> None:
    result = run_job(engine, make_job("1", STUBBORN, folder=tmp_path, **{limit: 3.0}))
    failure = result.outcome.failure
    assert failure is not None and (failure.cause, failure.index) == (Cause.TIMEOUT, 1)
    assert "limit of 3 s" in failure.message
    assert (tmp_path / "daemon.pid").exists(), "the cell came to the point"
    assert left_alive() == []


def test_a_cancel_is_hard(engine: Engine, tmp_path: Path, left_alive: Callable[[], list[str]]) -> None:
    cancel = threading.Event()

    def when_ready(event: EngineEvent) -> None:
        if isinstance(event, OutputAdded):
            cancel.set()

    result = run_job(engine, make_job(STUBBORN, "1", folder=tmp_path), cancel=cancel, watch=when_ready)
    failure = result.outcome.failure
    assert failure is not None and (failure.cause, failure.index) == (Cause.CANCELLED, 0)
    assert result.text(0) == "ready\n"
    assert left_alive() == []


def test_a_cancel_before_the_start_runs_nothing(engine: Engine, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    result = run_job(engine, make_job("open('ran', 'w')", folder=tmp_path), cancel=cancel)
    assert result.outcome.failure is not None and result.outcome.failure.cause is Cause.CANCELLED
    assert not (tmp_path / "ran").exists()


def test_what_a_run_leaves_behind_is_killed(
    engine: Engine, tmp_path: Path, left_alive: Callable[[], list[str]]
) -> None:
    source = STUBBORN.split("for number")[0] + "while not os.path.exists('daemon.pid'): time.sleep(0.01)"
    thread = "import threading\nthreading.Thread(target=time.sleep, args=(600,)).start()"
    result = run_job(engine, make_job(source, thread, folder=tmp_path))
    assert result.outcome.failure is None
    assert left_alive() == []


def test_memory_of_all_processes_is_limited(engine: Engine, tmp_path: Path) -> None:
    hog = "import sys\nheld = bytearray(b'x') * (700 << 20)\nimport time\ntime.sleep(600)"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hog!r}])"
    result = run_job(engine, make_job(source, folder=tmp_path, memory_bytes=500 << 20))
    failure = result.outcome.failure
    assert failure is not None and (failure.cause, failure.index) == (Cause.MEMORY, 0)
    assert "500 MiB" in failure.message
    assert result.outcome.peak_memory_bytes and result.outcome.peak_memory_bytes > 500 << 20


def test_processes_are_limited(engine: Engine, tmp_path: Path, left_alive: Callable[[], list[str]]) -> None:
    source = (
        "import os, time\nfor n in range(30):\n    if os.fork() == 0:\n"
        "        open(f'{n}.pid', 'w').write(str(os.getpid())); time.sleep(600)\ntime.sleep(600)"
    )
    failure = run_job(engine, make_job(source, folder=tmp_path, processes=20)).outcome.failure
    assert failure is not None and (failure.cause, failure.index) == (Cause.SIGNAL, 0)
    assert "limit of 20 processes" in failure.message
    assert left_alive() == []


def test_outputs_are_limited(engine: Engine, tmp_path: Path) -> None:
    source = "for i in range(200_000): print(f'{i:07}')"
    result = run_job(engine, make_job(source, "print('after')", folder=tmp_path, output_bytes=100_000))
    text = result.text(0)
    assert result.outcome.failure is None
    assert text.startswith("0000000\n0000001\n") and text.endswith("0199999\n")
    assert "left out" in text and len(text) < 200_000
    assert result.text(1) == "after\n"


def test_outputs_come_while_the_cell_runs(engine: Engine, tmp_path: Path) -> None:
    go = tmp_path / "go"
    source = "import os, time\nprint('first', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)"

    def see(event: EngineEvent) -> None:
        if isinstance(event, OutputAdded):
            go.touch()

    result = run_job(engine, make_job(source, folder=tmp_path), watch=see)
    assert result.outcome.failure is None


def test_runs_side_by_side_share_nothing(engine: Engine, tmp_path: Path) -> None:
    """Two runs that each wait for the other: neither sees the other's names."""
    results: dict[str, Result] = {}

    def run(name: str, other: str) -> None:
        source = (
            f"x = {name!r}\nimport os, time\nopen({name!r}, 'w').close()\n"
            f"while not os.path.exists({other!r}): time.sleep(0.01)\nprint(x)"
        )
        results[name] = run_job(engine, make_job(source, folder=tmp_path))

    threads = [threading.Thread(target=run, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: result.text(0) for name, result in results.items()} == {"a": "a\n", "b": "b\n"}


def test_an_interpreter_that_is_not_there_is_an_error(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'/no/such/python' is not an executable"):
        run_job(engine, make_job("1", folder=tmp_path, python="/no/such/python"))


def test_a_closed_engine_has_ended_its_runs(engine: Engine, tmp_path: Path) -> None:
    other = type(engine)()
    results: list[Result] = []
    ready = threading.Event()

    def see(event: EngineEvent) -> None:
        if isinstance(event, CellStarted):
            ready.set()

    def run() -> None:
        results.append(run_job(other, make_job("import time\ntime.sleep(600)", folder=tmp_path), watch=see))

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    other.close()
    other.close()
    thread.join(30)
    assert not thread.is_alive()
    assert results[0].outcome.failure is not None


def test_time_is_told(engine: Engine, tmp_path: Path) -> None:
    before = monotonic()
    result = run_job(engine, make_job("import time\ntime.sleep(0.3)", folder=tmp_path))
    (ended,) = result.ended().values()
    assert isinstance(ended, CellEnded)
    assert 0.29 < ended.seconds < monotonic() - before
    assert ended.at.tzinfo is not None
