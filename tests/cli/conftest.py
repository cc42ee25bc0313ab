"""The command line as tests call it: in this process, or as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nbdash.cli import main


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


Invoke = Callable[..., Answer]


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory and a port of the test's own, here and in the processes it starts."""
    data = tmp_path / "data"
    monkeypatch.setenv("NBDASH_DATA", str(data))
    monkeypatch.setenv("NO_COLOR", "1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NBDASH_PORT", str(probe.getsockname()[1]))
    return data


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Runs a command in this process."""

    def run(*arguments: str | Path) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Answer(status=int(ended.value.code or 0), out=said.out, err=said.err)

    return run


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """A command as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "nbdash", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def finish(process: subprocess.Popen[str]) -> Answer:
    """The process's answer, once it has ended."""
    out, err = process.communicate(timeout=120)
    return Answer(status=process.returncode, out=out, err=err)


@pytest.fixture
def nbdash() -> Invoke:
    """Runs a command as a process."""
    return lambda *arguments: finish(start(*arguments))
