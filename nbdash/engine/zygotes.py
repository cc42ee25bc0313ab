"""Zygotes: one per interpreter and set of preloaded libraries, kept warm, started again when dead."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nbdash.engine.host import tree, wire
from nbdash.errors import EngineError
from nbdash.model import Job

_HOST = Path(__file__).parent / "host"
#: Loads the host package under its private name; the empty entry of sys.path is the run's to put in.
_BOOTSTRAP = """
import importlib.util, sys
path, fd = sys.argv[1:]
sys.path[:] = [entry for entry in sys.path if entry]
spec = importlib.util.spec_from_file_location(
    "_nbdash_host", path + "/__init__.py", submodule_search_locations=[path])
sys.modules["_nbdash_host"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from _nbdash_host.zygote import main
main(int(fd))
"""
_START_SECONDS = 120.0
_FORK_SECONDS = 10.0
_CLOSE_SECONDS = 3.0
_PRIVATE_PREFIXES = ("NBDASH_", "JPY_", "MPLBACKEND")
_TOKEN = b"\0" * wire.TOKEN_BYTES

#: Libraries that are safe to import before a fork, and the modules that their first use imports.
_PRELOADABLE: Mapping[str, tuple[str, ...]] = {
    "PIL": ("PIL.Image", "PIL.PngImagePlugin"),
    "bs4": ("bs4",),
    "dateutil": ("dateutil.parser",),
    "networkx": ("networkx",),
    "pandas": ("pandas", "pandas.plotting._matplotlib"),
    "requests": ("requests",),
    "scipy": ("scipy",),
    "seaborn": ("seaborn",),
    "sklearn": ("sklearn.base",),
    "statsmodels": ("statsmodels.api",),
    "sympy": ("sympy",),
    "xarray": ("xarray",),
    "yaml": ("yaml",),
}
#: What every preloading zygote has; not the inline back end, which sets itself up when first imported.
_ALWAYS = (
    "numpy",
    "matplotlib",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib_inline.config",
    "IPython.core.pylabtools",
)


def preload_set(job: Job) -> frozenset[str]:
    """The modules that the job's zygote may import beforehand.

    None at all when the cells may change what an import does: no imports are named, the folder has its own
    Matplotlib settings, or a module of its own by the name of a library.
    """
    tops = {name.partition(".")[0] for name in job.imports}
    wanted = tops & {*_PRELOADABLE, "numpy", "matplotlib"}
    shadowing = any((job.folder / name).exists() or (job.folder / f"{name}.py").exists() for name in wanted)
    if not tops or shadowing or (job.folder / "matplotlibrc").exists():
        return frozenset()
    return frozenset(_ALWAYS).union(*(_PRELOADABLE.get(name, ()) for name in wanted))


@dataclass(frozen=True, kw_only=True)
class ZygoteKey:
    """What distinguishes zygotes."""

    python: str
    preload: frozenset[str]
    environment: frozenset[tuple[str, str]] = frozenset()  #: it decides what imports do


@dataclass(frozen=True, kw_only=True)
class Forked:
    """A run's keeper, just forked."""

    keeper: int
    shared_bytes: int  #: the resident memory of the process it was forked from, which the run shares


class ForkLink:
    """The engine's end of a process that is forked again and again; for several threads, one at a time."""

    def __init__(self, control: socket.socket) -> None:
        self._lock = threading.Lock()
        self._control = control
        self._reader = wire.FrameReader(_TOKEN)
        self._shared = 0

    def send(self, message: dict[str, Any]) -> None:
        """Tell it something; if it is dead, that shows in the next answer."""
        with contextlib.suppress(OSError):
            self._control.sendall(wire.pack_frame(message, _TOKEN))

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """What it says within so long; None if that is nothing."""
        self._control.settimeout(seconds)
        try:
            return wire.receive_with_fds(self._control, self._reader)[0]
        except (OSError, wire.WireError):
            return None
        finally:
            self._control.settimeout(_FORK_SECONDS)

    def fileno(self) -> int:
        """For selectors."""
        return self._control.fileno()

    def share(self, pid: int) -> None:
        """It is this process, and as large as it will be."""
        self._shared = tree.resident_bytes(pid)

    def fork(self, request: dict[str, Any], fds: Sequence[int]) -> Forked | None:
        """Start a run with these ends of its connections; None if the process is dead or does not answer."""
        with self._lock:
            frame = memoryview(wire.pack_frame(request, _TOKEN))
            try:
                sent = socket.send_fds(self._control, [frame], fds)
                if sent < len(frame):  # else the other end has got all of it, and may have closed already
                    self._control.sendall(frame[sent:])
            except OSError:
                return None
            answer = self.receive(_FORK_SECONDS)
        return None if answer is None else Forked(keeper=answer["keeper"], shared_bytes=self._shared)

    def close(self) -> None:
        """Fork no more; the process ends when its runs have."""
        self._control.close()


class Zygote:
    """One zygote process."""

    def __init__(self, key: ZygoteKey) -> None:
        control, theirs = socket.socketpair()
        self.link = ForkLink(control)
        with tempfile.TemporaryFile() as complaints:
            with theirs:
                self._process = _spawn(key, theirs.fileno(), complaints)
            self.link.send({"preload": sorted(key.preload)})
            ready = self.link.receive(_START_SECONDS)
            if ready is None:
                self.close()
                raise EngineError(_start_failure(key.python, complaints))
        self._folders = {folder: _changed_at(folder) for folder in ready["folders"]}
        self.link.share(self._process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether it can fork."""
        return self._process.poll() is None

    @property
    def is_current(self) -> bool:
        """Whether the packages that it has imported are still those on disk."""
        return all(_changed_at(folder) == moment for folder, moment in self._folders.items())

    def retire(self) -> None:
        """Fork no more; the process ends when its runs have."""
        self.link.close()

    def close(self) -> None:
        """End it now, with whatever is left of its runs."""
        self.retire()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            tree.kill_tree(self._process.pid)
            self._process.wait()


def _spawn(key: ZygoteKey, fd: int, complaints: BinaryIO) -> subprocess.Popen[bytes]:
    command = [key.python, "-c", _BOOTSTRAP, str(_HOST), str(fd)]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            pass_fds=[fd],
            cwd="/",
            env=_public_environment() | dict(key.environment),
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"Python {key.python!r} cannot be started ({error.strerror}): set --python.") from None


def _changed_at(folder: str) -> int | None:
    """When something was last added to the folder or removed from it; None if it is not there."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return None


def _public_environment() -> dict[str, str]:
    """Everything but nbdash's own settings, and what tells of a kernel or back end that nbdash itself runs in."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE_PREFIXES)}


def _start_failure(python: str, complaints: BinaryIO) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    reason = lines[-1] if lines else "it ended without a word"
    return f"Python {python!r} cannot run notebooks ({reason}): install IPython 8 there, or set --python."


class ZygotePool:
    """At most ``size`` zygotes, the least recently used one making room."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._starting: dict[ZygoteKey, threading.Lock] = {}
        self._zygotes: dict[ZygoteKey, Zygote] = {}
        self._retired: list[Zygote] = []

    def fork(self, key: ZygoteKey, request: dict[str, Any], fds: Sequence[int]) -> tuple[Forked, Zygote]:
        """Fork a run from the key's zygote, starting it first if need be; raises EngineError."""
        for _ in range(2):
            zygote = self._warm(key)
            if (forked := zygote.link.fork(request, fds)) is not None:
                return forked, zygote
            self._discard(key, zygote)
        raise EngineError(f"Python {key.python!r} starts, but dies when a run is forked from it.")

    def _warm(self, key: ZygoteKey) -> Zygote:
        with self._lock:
            starting = self._starting.setdefault(key, threading.Lock())
        with starting:
            zygote = self._zygotes.get(key)
            if zygote is not None and not zygote.is_alive:
                self._discard(key, zygote)
                zygote = None
            if zygote is None or not zygote.is_current:
                zygote = Zygote(key)
            self._keep(key, zygote)
        return zygote

    def _keep(self, key: ZygoteKey, zygote: Zygote) -> None:
        with self._lock:
            before = self._zygotes.pop(key, zygote)
            self._zygotes[key] = zygote  # last is most recently used
            surplus = [self._zygotes.pop(old) for old in list(self._zygotes)[: -self._size]]
            surplus += [before] if before is not zygote else []
            for each in surplus:
                each.retire()
            self._retired = [each for each in self._retired + surplus if each.is_alive]

    def _discard(self, key: ZygoteKey, zygote: Zygote) -> None:
        with self._lock:
            if self._zygotes.get(key) is zygote:
                del self._zygotes[key]
        zygote.close()

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            zygotes = [*self._zygotes.values(), *self._retired]
            self._zygotes, self._retired = {}, []
        for zygote in zygotes:
            zygote.close()


@dataclass(frozen=True, kw_only=True)
class Connections:
    """The engine's ends of a run's connections, and the run's."""

    channel: socket.socket
    keeper: socket.socket
    stdout: int
    stderr: int
    theirs: tuple[int, ...]  #: keeper, channel, stdout, stderr
    token: bytes  #: what the run's messages and marks begin with


@contextlib.contextmanager
def open_connections() -> Iterator[Connections]:
    """Connections for one run; the engine's ends are closed at the end, the run's when it has been forked."""
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(2)]
        pipes = [os.pipe() for _ in range(2)]
        for mine, _ in pairs:
            stack.callback(mine.close)
        for reading, _ in pipes:
            stack.callback(os.close, reading)
        theirs = tuple(each.detach() for _, each in pairs) + tuple(writing for _, writing in pipes)
        yield Connections(
            keeper=pairs[0][0],
            channel=pairs[1][0],
            stdout=pipes[0][0],
            stderr=pipes[1][0],
            theirs=theirs,
            token=secrets.token_bytes(wire.TOKEN_BYTES),
        )
