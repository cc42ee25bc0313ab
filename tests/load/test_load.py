"""Many at once, slow ones, huge bodies, large stores: what must hold, and what it takes.

By default a sample; ``pytest -m load tests/load`` does all of it and prints what docs/reliability.md quotes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time
from collections.abc import Sequence

import psutil
import pytest

from tests.load.clients import (
    Address,
    HalfHeader,
    Idle,
    SlowBody,
    SlowClient,
    SlowClients,
    SlowReader,
    crowd,
    look_again_and_again,
    request_of,
    status_of,
    talk,
)
from tests.load.conftest import Tell
from tests.load.filled import fill_store
from tests.load.site import Site

MIB = 1024**2
PAGES = ("/", "/d/small")
JSON = ("Accept: application/json",)


def sample_and_all(sample: object, everything: object) -> pytest.MarkDecorator:
    """The test's ``size``: a small one by default, the full one with the marker ``load``."""
    return pytest.mark.parametrize(
        "size", [pytest.param(sample, id="sample"), pytest.param(everything, id="all", marks=pytest.mark.load)]
    )


def settle(web: psutil.Process, files: int) -> int:
    """The open files, once those of connections that are over have been closed."""
    for _ in range(100):
        if web.num_fds() <= files:
            break
        time.sleep(0.1)
    return web.num_fds()


@sample_and_all(100, 1000)
@pytest.mark.parametrize("body", [b"", b'{"parameters": {}}'], ids=["bare", "json"])
def test_reruns_at_once_are_one_run(site: Site, tell: Tell, size: int, body: bytes) -> None:
    headers = (*JSON, *(("Content-Type: application/json",) if body else ()))
    post = request_of("/d/joined/runs", method="POST", headers=headers, body=body)
    (site.folder / "wait").touch()
    began = time.perf_counter()
    try:
        answers = asyncio.run(crowd(site.address, post, size))
        seconds = time.perf_counter() - began
    finally:
        (site.folder / "wait").unlink()
    assert {status_of(answer) for answer in answers} == {202}
    assert len({json.loads(answer.partition(b"\r\n\r\n")[2])["id"] for answer in answers}) == 1
    tell(f"{size} posts, one run, in {seconds:.1f} s")
    site.wait_until_fresh("joined")


KINDS: dict[str, tuple[type[SlowClient], ...]] = {
    "half headers": (HalfHeader,),
    "slow bodies": (SlowBody,),
    "slow readers": (SlowReader,),
    "all three": (HalfHeader, SlowBody, SlowReader),
}


@sample_and_all((60, 1.5), (500, 20.0))
@pytest.mark.parametrize("kind", KINDS)
def test_slow_clients_do_not_keep_good_ones_waiting(site: Site, tell: Tell, size: tuple[int, float], kind: str) -> None:
    count, seconds = size
    files, memory = site.web.num_fds(), site.web.memory_info().rss
    quiet = look_again_and_again(site.address, PAGES, seconds=seconds / 2)
    with SlowClients(site.address, KINDS[kind], count) as slow:
        began = time.perf_counter()
        assert status_of(talk(site.address, request_of("/d/small"))) == 200
        first = time.perf_counter() - began  # they have all come at once, and before
        waits = look_again_and_again(site.address, PAGES, seconds=seconds)
        connected, held = slow.connected, site.web.memory_info().rss
    assert not waits.failures and not quiet.failures, waits.failures[:3]
    assert waits.milliseconds
    assert settle(site.web, files + 5) <= files + 5
    let_go = ", ".join(f"{name} {number} times" for name, number in slow.let_go.items()) or "nobody"
    tell(
        f"{count} {kind}, {connected} of them connected, let go: {let_go}; "
        f"behind their onrush a page took {first:.1f} s, then good clients {waits}; "
        f"without slow ones {quiet}; memory {memory // MIB} -> {held // MIB} MiB"
    )


@sample_and_all((200, 1.0), (2000, 15.0))
def test_idle_connections_do_not_keep_good_ones_out(site: Site, tell: Tell, size: tuple[int, float]) -> None:
    count, seconds = size
    with SlowClients(site.address, [Idle], count) as slow:
        waits = look_again_and_again(site.address, PAGES, seconds=seconds)
    assert not waits.failures
    tell(f"{count} idle connections, let go {sum(slow.let_go.values())} times; good clients {waits}")


def send_for_ever(address: Address, head: bytes, piece: bytes, pieces: int) -> tuple[int, bytes]:
    """How many bytes of the body the server's system took before it was refused, and the answer."""
    sent = 0
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(head)
        try:
            for _ in range(pieces):
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass
        try:
            return sent, connection.recv(65536)
        except ConnectionResetError:  # closed with a body on the way: the answer may be lost
            return sent, b""


CHUNKED, LENGTH = b"Transfer-Encoding: chunked", b"Content-Length: 1073741824"


@sample_and_all(16, 1024)
@pytest.mark.parametrize("path", ["/d/small/runs", "/api/v1/dashboards"])
@pytest.mark.parametrize("kind", [CHUNKED, LENGTH], ids=["chunked", "length"])
def test_a_huge_body_is_refused_early_with_flat_memory(
    site: Site, tell: Tell, size: int, path: str, kind: bytes
) -> None:
    token = (site.data / "author.token").read_text().strip()
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: 127.0.0.1", f"Authorization: Bearer {token}".encode()]
    head = b"\r\n".join([*lines, b"Content-Type: multipart/form-data; boundary=x", kind, b"", b""])
    piece = b"a" * MIB
    if kind is CHUNKED:
        piece = b"%x\r\n" % MIB + piece + b"\r\n"
    memory = site.web.memory_info().rss
    sent, answer = send_for_ever(site.address, head, piece, size)
    after = site.web.memory_info().rss
    assert not answer or status_of(answer) in (411, 413)
    assert sent < 16 * MIB
    assert after - memory < 32 * MIB
    assert status_of(talk(site.address, request_of("/d/small"))) == 200
    tell(f"refused after {sent / MIB:.1f} of {size} MiB; memory {memory // MIB} -> {after // MIB} MiB")


LOOKS = ("/", "/?after=many-00100", "/d/small", "/d/small/runs", "/api/v1/dashboards", "/-/metrics")


def medians(address: Address, paths: Sequence[str], times: int) -> dict[str, float]:
    """Milliseconds per page, one after the other."""
    found = {}
    for path in paths:
        waits = []
        for _ in range(times):
            began = time.perf_counter()
            assert status_of(talk(address, request_of(path))) == 200, path
            waits.append((time.perf_counter() - began) * 1000)
        found[path] = statistics.median(waits)
    return found


@sample_and_all((300, 10, 3), (10_000, 100, 40))
@pytest.mark.timeout(900)
def test_a_large_store(site: Site, tell: Tell, size: tuple[int, int, int]) -> None:
    """The last test here: the server that all share is full afterwards."""
    dashboards, runs, times = size
    small = medians(site.address, LOOKS, times)
    site.stop()
    fill_store(site.data / "nbdash.sqlite", "small", dashboards=dashboards, runs=runs)
    site.start()
    look_again_and_again(site.address, LOOKS, seconds=times / 2)  # while it starts its engine
    large = medians(site.address, LOOKS, times)
    listed = json.loads(talk(site.address, request_of("/api/v1/dashboards")).partition(b"\r\n\r\n")[2])
    assert len(listed["dashboards"]) == 100 and listed["next"] == "many-00097"
    lines = [f"{path}: {small[path]:.1f} -> {large[path]:.1f} ms" for path in LOOKS]
    tell(f"3 -> {dashboards} dashboards, {dashboards * runs} runs; " + "; ".join(lines))
