"""Clients over loopback: good ones that measure what they wait, slow ones that hold what they get, and crowds."""

from __future__ import annotations

import asyncio
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

Address = tuple[str, int]
#: Good clients between two requests.
PAUSE_SECONDS = 0.02


@dataclass
class Waits:
    """How long good clients waited, in milliseconds."""

    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.milliseconds, n=100, method="inclusive")[98]

    def __str__(self) -> str:
        return f"{len(self.milliseconds)} pages, median {self.median:.0f} ms, p99 {self.p99:.0f} ms"


def request_of(path: str, *, method: str = "GET", headers: Sequence[str] = (), body: bytes = b"") -> bytes:
    """A whole request, after whose answer the server closes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", "Accept-Encoding: gzip", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def talk(address: Address, sent: bytes, *, timeout: float = 60) -> bytes:
    """All that comes back until the server closes."""
    received = bytearray()
    with socket.create_connection(address, timeout=timeout) as connection:
        connection.sendall(sent)
        while part := connection.recv(1 << 20):
            received += part
    return bytes(received)


def status_of(answer: bytes) -> int:
    """The status of an answer."""
    return int(answer.split(None, 2)[1])


def look_again_and_again(address: Address, paths: Sequence[str], *, seconds: float, clients: int = 4) -> Waits:
    """Good clients, each with a new connection for every page."""
    waits, deadline = Waits(), time.monotonic() + seconds

    def look() -> None:
        for number in range(10**9):
            if time.monotonic() > deadline:
                return
            path, began = paths[number % len(paths)], time.perf_counter()
            try:
                status = status_of(talk(address, request_of(path)))
                waits.milliseconds.append((time.perf_counter() - began) * 1000)
                if status != 200:
                    waits.failures.append(f"{path} was answered {status}")
            except OSError as error:
                waits.failures.append(f"{path}: {error!r}")
            time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=look) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits


async def crowd(address: Address, sent: bytes, count: int) -> list[bytes]:
    """The answers to so many requests at once, each on a connection of its own."""

    async def one() -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        try:
            return await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    return await asyncio.gather(*(one() for _ in range(count)))


class SlowClients:
    """Connections that give or take a byte a second; whoever is let go comes again."""

    def __init__(self, address: Address, kinds: Sequence[Callable[[Address], SlowClient]], count: int) -> None:
        self._address = address
        self._make = [kinds[number % len(kinds)] for number in range(count)]
        self._clients: list[SlowClient | None] = [None] * count
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self.let_go: Counter[str] = Counter()

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return sum(client is not None for client in self._clients)

    def __enter__(self) -> SlowClients:
        self._tick()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for client in self._clients:
            if client is not None:
                client.close()

    def _go_on(self) -> None:
        while not self._stop.wait(1):
            self._tick()

    def _tick(self) -> None:
        for number, client in enumerate(self._clients):
            try:
                if client is None:
                    self._clients[number] = self._make[number](self._address)
                else:
                    client.go_on()
            except OSError:
                if client is not None:
                    client.close()
                    self.let_go[type(client).__name__] += 1
                self._clients[number] = None


class SlowClient:
    """A connection that sends its beginning, and then a byte at each tick."""

    begin = b""
    small_buffer = False

    def __init__(self, address: Address) -> None:
        self._socket = socket.socket()
        if self.small_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(5)
        self._socket.connect(address)
        self._socket.sendall(self.begin)
        self._socket.setblocking(False)

    def go_on(self) -> None:
        """One byte more; raises OSError if the server has closed."""
        self._socket.send(b"a")
        with suppress(BlockingIOError):
            if not self._socket.recv(4096):
                raise ConnectionResetError

    def close(self) -> None:
        """Leaves."""
        self._socket.close()


class HalfHeader(SlowClient):
    """Never finishes its header."""

    begin = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


class SlowBody(SlowClient):
    """Sends a body that would take a quarter of an hour."""

    begin = (
        b"POST /d/big/runs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )


class SlowReader(SlowClient):
    """Reads a big page a byte at a time."""

    begin = request_of("/d/big")
    small_buffer = True

    def go_on(self) -> None:
        """One byte less; raises OSError if the server has closed."""
        with suppress(BlockingIOError):
            if not self._socket.recv(1):
                raise ConnectionResetError


class Idle(SlowClient):
    """Connects and says nothing."""

    def go_on(self) -> None:
        """Nothing; raises OSError if the server has closed."""
        with suppress(BlockingIOError):
            if not self._socket.recv(4096):
                raise ConnectionResetError
