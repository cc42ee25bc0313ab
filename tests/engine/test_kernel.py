"""What only the kernel engine does: kernelspecs, and a supervisor that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from engine_runs import make_job, run_job

from nbdash.engine import kernel_process, kernel_watch
from nbdash.engine.interpreters import find_python, kernelspec_for
from nbdash.engine.kernel import KernelEngine
from nbdash.errors import EngineError
from nbdash.model import Cause


@pytest.fixture
def kernel() -> Iterator[KernelEngine]:
    engine = KernelEngine()
    yield engine
    engine.close()


@pytest.fixture
def install_kernelspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a kernelspec of that name, with that command, where Jupyter finds it."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    def install(name: str, argv: list[str], language: str = "python") -> None:
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": language}
        (folder / "kernel.json").write_text(json.dumps(spec))

    return install


def test_a_kernel_of_another_language_is_found_by_language(
    install_kernelspec: Callable[..., None], tmp_path: Path
) -> None:
    install_kernelspec("nbdash-test", ["other", "{connection_file}"], language="Other")
    spec = kernelspec_for(make_job("1", folder=tmp_path, language="other"))
    assert spec.argv[0] == "other"


def test_a_kernel_that_is_not_installed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"No Jupyter kernel 'ir' is installed \(there are: .*python3"):
        kernelspec_for(make_job("1", folder=tmp_path, language="R", kernel_name="ir"))


def test_a_kernelspec_names_its_interpreter(install_kernelspec: Callable[..., None]) -> None:
    install_kernelspec("mine", ["/usr/bin/env", "python"])
    assert find_python(kernel_name="mine") == "/usr/bin/env"
    assert find_python(sys.executable, "mine") == sys.executable


def test_a_kernelspec_whose_interpreter_is_gone_is_an_error(install_kernelspec: Callable[..., None]) -> None:
    install_kernelspec("gone", ["/no/such/python", "-m", "ipykernel_launcher"])
    with pytest.raises(EngineError, match="'gone' names the interpreter '/no/such/python'"):
        find_python(kernel_name="gone")


def test_the_active_environment_comes_before_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert find_python() == str(python)
    python.write_text("#!/bin/sh\necho '[[3, 12], \"\"]'\n")
    assert find_python() == sys.executable, "it has no IPython"


def test_a_kernel_that_does_not_start_says_why(
    kernel: KernelEngine, install_kernelspec: Callable[..., None], tmp_path: Path
) -> None:
    install_kernelspec("broken", [sys.executable, "-c", "raise SystemExit('no kernel today')"], language="x")
    with pytest.raises(EngineError, match="did not start \\(no kernel today\\)"):
        run_job(kernel, make_job("1", folder=tmp_path, language="x", kernel_name="broken"))


@pytest.mark.skipif(sys.platform != "linux", reason="the supervisor is for Linux")
def test_a_cell_that_kills_the_supervisor_gains_nothing(kernel: KernelEngine, tmp_path: Path) -> None:
    source = (
        "import os, signal, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "time.sleep(0.5)\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)"
    )
    result = run_job(kernel, make_job(source, folder=tmp_path))
    assert result.outcome.failure is not None and result.outcome.failure.signal == 9
    pids = map(int, (tmp_path / "pids").read_text().split())
    assert not [pid for pid in pids if _is_alive(pid)]


@pytest.mark.skipif(sys.platform != "linux", reason="the supervisor is for Linux")
def test_a_supervisor_that_nbdash_did_not_live_to_see_starts_nothing(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    environment = os.environ | {"JPY_PARENT_PID": str(ended.pid)}
    command = [sys.executable, "-m", "nbdash.engine.supervisor", "touch", str(tmp_path / "started")]
    assert subprocess.run(command, env=environment, timeout=60).returncode == 143
    assert not (tmp_path / "started").exists()


#: As macOS and Windows have it: nobody adopts what detaches itself from the kernel.
DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon.draft", "w").write(str(os.getpid()))
        os.rename("daemon.draft", "daemon.pid")
        time.sleep(600)
    os._exit(0)
while not os.path.exists("daemon.pid"):
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(("last", "cause"), [("1", None), ("time.sleep(600)", Cause.TIMEOUT)])
def test_without_a_supervisor_a_daemon_is_found_too(
    kernel: KernelEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    last: str,
    cause: Cause | None,
) -> None:
    for module in (kernel_process, kernel_watch):
        monkeypatch.setattr(module, "SUPERVISED", False)
    result = run_job(kernel, make_job(DAEMON, last, folder=tmp_path, cell_seconds=2.0))
    failure = result.outcome.failure
    assert (failure.cause if failure else None) is cause
    assert not _is_alive(int((tmp_path / "daemon.pid").read_text()))
    assert not caplog.records


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_a_kernel_that_falls_silent_is_given_up(
    kernel: KernelEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it may over text that is no Unicode: it answers, but none of its outputs comes through."""
    monkeypatch.setattr("nbdash.engine.kernel_client._IOPUB_SECONDS", 1)
    silence = "get_ipython().kernel.iopub_thread._really_send = lambda *parts, **options: None"
    failure = run_job(kernel, make_job("1", silence, "2", folder=tmp_path)).outcome.failure
    assert failure is not None and (failure.cause, failure.index) == (Cause.TIMEOUT, 1)
    assert "stopped telling what it puts out in cell 2" in failure.message
