"""Where a measurement takes place: the peers' environment, scratch space, processors."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "benchmarks" / "notebooks"
PEERS = ROOT / "benchmarks" / "peers"
_REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What each measure gets."""

    python: str  #: of the peers' environment; notebooks run in it, whoever executes them
    scratch: Path
    rounds: int
    processors: tuple[int, int]

    @property
    def server(self) -> list[str]:
        """Before a command: it has the first processor alone."""
        return ["taskset", "-c", str(self.processors[0])]

    @property
    def client(self) -> list[str]:
        """Before a command: it has the second processor alone."""
        return ["taskset", "-c", str(self.processors[1])]


def install_peers(folder: Path) -> str:
    """The Python of an environment with the peers, made or brought up to date."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", _REQUIREMENTS], check=True)
    return str(python)


def two_processors() -> tuple[int, int]:
    """Two that this process may use; it is held to them from now on."""
    first, second, *_ = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first, second})
    return first, second


def peer_environment(python: str) -> dict[str, str]:
    """As if that environment were active; a kernel of it is found there, and nowhere else."""
    bin_folder = Path(python).parent
    return os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(bin_folder.parent),
        "PYTHONPATH": "",
    }


class Peer:
    """A warm process of the peers' that executes notebooks and says how long it took."""

    def __init__(self, bench: Bench, program: str) -> None:
        self._process = subprocess.Popen(
            [bench.python, str(PEERS / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=peer_environment(bench.python),
            text=True,
        )

    def ask(self, notebook: Path) -> dict[str, Any]:
        """Executes the notebook; ``seconds``, and the number of ``figures``."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(notebook, file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@contextlib.contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server, ended by SIGTERM."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def require(program: str, package: str) -> str:
    """Where a program is; without it the benchmark ends, saying what to install."""
    found = shutil.which(program, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if found is None:
        sys.exit(f"{program} is not there: install the package {package}.")
    return found
