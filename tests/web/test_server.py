"""A real server on loopback: what no test client can send, and many at once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from live import Live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The server that the tests here share."""
    made = Live(tmp_path_factory.mktemp("live"))
    yield made
    made.stop()


GET = b"GET /-/health HTTP/1.1\r\n"
POST = b"POST /d/sales/runs HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n"
SMUGGLED = b"0\r\n\r\nGET /-/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (GET + HOST + CLOSE + b"\r\n", {200}),
        (GET + CLOSE + b"\r\n", {400}),
        (b"GET /-/health HTTP/1.0\r\n\r\n", {400}),
        (GET + b"Host: evil.example\r\n" + HOST + CLOSE + b"\r\n", {400}),
        (GET + HOST + b"Host: evil.example\r\n" + CLOSE + b"\r\n", {400}),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: evil.example\r\n" + CLOSE + b"\r\n", {400}),
        (b"TRACE / HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {405}),
        (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 405}),
        (POST + HOST + CLOSE + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED, {400, 411}),
        (POST + HOST + CLOSE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", {400, 411}),
        (POST + HOST + CLOSE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400}),
        (POST + HOST + CLOSE + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n01234", {400}),
        (POST + HOST + CLOSE + b"Content-Length: -4\r\n\r\n", {400}),
        (POST + HOST + b"Content-Length: 1073741824\r\n\r\n", {413}),
        (GET + HOST + b"X-A: b\r\n c\r\n" + CLOSE + b"\r\n", {400}),
        (GET + HOST + b"".join(b"X%d: a\r\n" % n for n in range(5000)) + CLOSE + b"\r\n", {431}),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {414}),
        (b"GET /d/a%00b HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {404}),
        (b"GET /d/a%0d%0aX:y HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {404}),
        (b"GET /../../../etc/passwd HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {404}),
        (b"GET /d/sales?region=%ff HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400}),
        (b"GET /d/sales/log HTTP/1.1\r\nCookie: \xff\xfe=\xff\r\n" + HOST + CLOSE + b"\r\n", {404}),
        (b"GET /d/sales/log HTTP/1.1\r\nAuthorization: Bearer \xff\r\n" + HOST + CLOSE + b"\r\n", {404}),
        (b"GET /\r\n\r\n", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {None, 400}),
        (bytes.fromhex("16030100c8010000c40303"), {400}),
    ],
)
def test_malformed_requests(live: Live, sent: bytes, statuses: set[int | None]) -> None:
    received = live.talk(sent)
    assert received.count(b"HTTP/1.") <= 1
    status = int(received.split()[1]) if received else None
    assert status in statuses
    assert json.loads(live.get("/-/health")) == {"ok": True}


def test_body_that_breaks_off_starts_nothing(live: Live) -> None:
    head = POST + HOST + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{}"
    with live.connect(head) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(65536)


def test_slow_bodies_leave_threads_for_looking(live: Live) -> None:
    head = POST + HOST + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(live.connect(head))
        assert b"data:image/png" in live.get("/d/sales")


def test_many_viewers_of_a_run(live: Live) -> None:
    """Two hundred poll; four may wait, all others are answered at once, and pages are served throughout."""
    path = f"/api/v1/runs/{live.queued.id}?after=1&wait=25&png=0"
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    with ThreadPoolExecutor(200) as pool:
        polls = [pool.submit(live.talk, request) for _ in range(200)]
        assert b"data:image/png" in live.get("/d/sales")
        waiting = b"nbdash_long_polls 4"
        while waiting not in live.get("/-/metrics") or sum(not poll.done() for poll in polls) > 4:
            assert not all(poll.done() for poll in polls)
        live.site.publisher.cancel(live.queued.id)
        answers = [poll.result() for poll in polls]
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert sum(len(body["events"]) for body in bodies) == 4
    assert all(body["run"]["id"] == live.queued.id for body in bodies)


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_nothing_outlives_the_server_not_even_those_who_wait(tmp_path: Path, how: str) -> None:
    live = Live(tmp_path)
    children = psutil.Process(live.process.pid).children(recursive=True)
    path = f"/api/v1/runs/{live.queued.id}?after=1&wait=25"
    with live.connect(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()):
        while b"nbdash_long_polls 1" not in live.get("/-/metrics"):
            pass
        live.stop(how)
    assert children
    assert not psutil.wait_procs(children, timeout=20)[1]
