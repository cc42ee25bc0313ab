"""What a run writes: its messages to the engine, and its text, in one order.

Text of Python and of subprocesses goes through the same two pipes (file descriptors 1 and 2), which
the engine empties.  Before each message a *mark* is written into both pipes, so that the engine knows
which text came before it.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import numbers
import os
import re
import select
import socket
import stat
import sys
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from json import dumps  # the function itself: a cell may put another into the module
from os import write
from typing import Any

from .system import open_fds
from .wire import FRAME_BYTES, pack_body

try:
    import fcntl
except ImportError:  # Windows: importable, but nothing here is ever called
    pass

_SURROGATES = re.compile("[\ud800-\udfff]")
#: What is kept at either end of a text that no frame can hold.
_KEPT_TEXT = 512 * 1024


def utf8_bytes(text: str) -> bytes:
    """The text in UTF-8, each lone surrogate as U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


class OutStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr``: unbuffered, so its text and that of subprocesses keep their order."""

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self._fd = fd
        self._lock = threading.RLock()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As ipykernel's stream says."""
        return "UTF-8"

    def fileno(self) -> int:
        """A descriptor of the same pipe, for subprocesses."""
        return self._fd

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        """Write to the pipe; a pipe that the cell has closed loses the text, as a kernel's does."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if self.closed:
            raise ValueError("I/O operation on closed file")
        self.write_bytes(utf8_bytes(text))
        return len(text)

    def redirect(self, fd: int) -> int:
        """Write to another descriptor from now on; the one so far."""
        with self._lock:
            self._fd, before = fd, self._fd
        return before

    def write_bytes(self, data: bytes) -> bool:
        """Write all of it; whether that was possible."""
        with self._lock:
            while data:
                try:
                    data = data[write(self._fd, data) :]
                except BlockingIOError:  # a subprocess made the pipe that all share non-blocking
                    _wait_writable(self._fd)
                except OSError:
                    return False
        return True


class Channel:
    """The run's messages to the engine; each waits until it is written."""

    def __init__(self, sock: socket.socket, token: bytes, streams: tuple[OutStream, OutStream]) -> None:
        self._socket = sock
        self._token = token
        self._streams = streams
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._marks = 0
        #: The cell that runs: what comes from threads belongs to the cell under way.
        self.index = 0

    def send(self, kind: str, **content: Any) -> None:
        """Send one message about the current cell.  A process that the cell forked cannot."""
        self._send(kind, content, [])

    def _send(self, kind: str, content: dict[str, Any], fds: list[int]) -> None:
        if os.getpid() != self._pid:
            return
        body = pack_body(_body_of({"kind": kind, "index": self.index, **content}), self._token)
        with self._lock:
            self._mark()
            try:
                sent = socket.send_fds(self._socket, [body], fds) if fds else 0
                self._socket.sendall(memoryview(body)[sent:])
            except OSError:
                os._exit(70)  # the cell closed the channel, or the engine is gone: nobody would hear more

    def send_with(self, sock: socket.socket, kind: str, **content: Any) -> None:
        """Send one message, and with it one end of a connection."""
        self._send(kind, content, [sock.fileno()])

    def has_text(self) -> bool:
        """Whether what Python prints comes here."""
        return self._streams == (sys.stdout, sys.stderr)

    def flush(self) -> None:
        """Write what any of the process's streams holds back."""
        flush_all((sys.__stdout__, sys.__stderr__))

    @property
    def fds(self) -> tuple[int, int, int]:
        """The descriptors of the messages and of the two streams."""
        stdout, stderr = self._streams
        return self._socket.fileno(), stdout.fileno(), stderr.fileno()

    def lead_nowhere(self) -> None:
        """In a fork that waits: whoever reads what comes from the run must not wait for this process."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        self._lead_to((nowhere, nowhere, nowhere))
        os.close(nowhere)

    def begin_anew(self, fds: Sequence[int], token: bytes) -> None:
        """In a fork that is another run now: its messages and streams go there."""
        self._lead_to(fds)
        self._token, self._pid, self._marks = token, os.getpid(), 0

    def _lead_to(self, fds: Sequence[int]) -> None:
        for source, target in zip(fds, self.fds, strict=True):
            os.dup2(source, target, inheritable=False)
        for source, target in zip(fds[1:], (1, 2), strict=True):
            os.dup2(source, target, inheritable=True)

    def drawer_on(self, sock: socket.socket, *, keep: set[int]) -> Drawer:
        """In a fork: a channel of its own, into which goes what was for this one; closes all others but ``keep``."""
        drawer = Drawer(sock, self._token, self._streams, self.index)
        _part_from_parent({sock.fileno(), *keep})
        return drawer

    @contextlib.contextmanager
    def muted(self) -> Iterator[None]:
        """What is written meanwhile is lost."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        before = [stream.redirect(nowhere) for stream in self._streams]
        try:
            yield
        finally:
            for stream, fd in zip(self._streams, before, strict=True):
                stream.redirect(fd)
            os.close(nowhere)

    def _mark(self) -> None:
        self._marks += 1
        for stream in self._streams:
            stream.write_bytes(b"\0" + self._token + self._marks.to_bytes(8, "big"))


class Drawer:
    """The channel of a process that draws one figure: its messages, and the text between them, in one order."""

    def __init__(self, sock: socket.socket, token: bytes, streams: tuple[OutStream, OutStream], index: int) -> None:
        self.index = index
        #: Which of the kernel's calls is repeated: what each of them puts out has a place of its own.
        self.part = 0
        self._socket = sock
        self._token = token
        self._texts = {stream.name: os.memfd_create(stream.name) for stream in streams}
        self._read = dict.fromkeys(self._texts, 0)
        self._held: list[dict[str, Any]] | None = None
        for stream, target in zip(streams, (1, 2), strict=True):
            os.dup2(self._texts[stream.name], target)
            stream.redirect(self._texts[stream.name])

    def send(self, kind: str, **content: Any) -> None:
        """Send one message about the figure's cell, after the text that came before it."""
        self.send_text()
        self._put(kind, **content)

    def send_text(self, once: str | None = None) -> None:
        """Send the text so far; a run shows text with the same ``once`` only once."""
        flush_all((sys.__stdout__, sys.__stderr__))
        for name, fd in self._texts.items():
            text = os.pread(fd, os.fstat(fd).st_size - self._read[name], self._read[name])
            self._read[name] += len(text)
            if text:
                output = {"output_type": "stream", "name": name, "text": text.decode(errors="replace")}
                self._put("output", output=output, once=once)

    @contextlib.contextmanager
    def holding(self) -> Iterator[list[dict[str, Any]]]:
        """What is sent meanwhile is held in the list instead."""
        held: list[dict[str, Any]] = []
        self._held = held
        try:
            yield held
            self.send_text()
        finally:
            self._held = None

    def deliver(self, held: list[dict[str, Any]]) -> None:
        """Send what was held."""
        for message in held:
            self._socket.sendall(pack_body(_body_of(message), self._token))

    def skip_text(self) -> None:
        """Text that another process has written is not this one's."""
        self._read = {name: os.fstat(fd).st_size for name, fd in self._texts.items()}

    def ask(self, kind: str, **content: Any) -> bool:
        """Send a message that is answered."""
        self._put(kind, **content)
        return self._socket.recv(1) == b"y"

    def _put(self, kind: str, **content: Any) -> None:
        message = {"kind": kind, "index": self.index, "part": self.part, **content}
        if self._held is None:
            self.deliver([message])
        else:
            self._held.append(message)


class SilentChannel:
    """A channel to nobody."""

    def send(self, kind: str, **content: Any) -> None:
        """Nothing."""


def _part_from_parent(keep: set[int]) -> None:
    """Close all pipes and sockets but those, and open again all files that are only read.

    Whoever waits for the end of a connection must not wait for this process; and where one of two processes that
    share an open file reads, a font say, the other would go on from there.
    """
    for fd in open_fds() - keep:
        with contextlib.suppress(OSError):
            mode = os.fstat(fd).st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
                os.close(fd)
            elif stat.S_ISREG(mode) and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                _open_again(fd)


def _open_again(fd: int) -> None:
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    try:
        os.lseek(again, os.lseek(fd, 0, os.SEEK_CUR), os.SEEK_SET)
        os.dup2(again, fd, inheritable=os.get_inheritable(fd))
    finally:
        os.close(again)


def _wait_writable(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


def flush_all(originals: tuple[Any, ...]) -> None:
    """Flush what buffers: Python's original streams, whatever stands in for them now, and C's."""
    for stream in (sys.stdout, sys.stderr, *originals):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)


def _body_of(message: dict[str, Any]) -> bytes:
    body = _json_bytes(message)
    if len(body) > FRAME_BYTES:
        body = _json_bytes(_shortened(message))
    return body


def _json_bytes(message: dict[str, Any]) -> bytes:
    try:
        text = dumps(message, default=_plain_value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        text = dumps(_clean(message), default=str, ensure_ascii=False)
    return utf8_bytes(text)


def _plain_value(value: Any) -> Any:
    """As Jupyter's messages do it: bytes are base64, dates ISO 8601, numbers of other libraries plain."""
    if isinstance(value, date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, Iterable):
        return list(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError(f"{type(value)} has no JSON form")


def _clean(value: Any) -> Any:
    """The value with JSON's own types only: keys are strings, what is not a number is null."""
    if isinstance(value, dict):
        return {str(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_clean(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _shortened(value: Any) -> Any:
    """The value with every long text cut in its middle."""
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each) for each in value[:1000]]
    if isinstance(value, str) and len(value) > 2 * _KEPT_TEXT:
        cut = (len(value) - 2 * _KEPT_TEXT) / 1024**2
        return f"{value[:_KEPT_TEXT]}\n… {cut:.1f} MB cut …\n{value[-_KEPT_TEXT:]}"
    return value
