"""Bad requests whose point is how their bytes are framed, row by row (84, 89 to 92, 94), asked of a real server.

After each, the next request on the same connection is answered as if nothing had been, or the connection is closed;
nothing inside a bad request is ever taken for a request.
"""

from __future__ import annotations

import gzip
import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

import pytest
from live import Live
from rows import check_headers, check_sentence

GET = b"GET /-/health HTTP/1.1\r\n"
POST = b"POST /d/sales/runs HTTP/1.1\r\n"
HOST = b"Host: 127.0.0.1\r\n"
END = b"\r\n"
#: What a smuggled request would be answered with can be told from everything else here.
SMUGGLED = b"GET /-/static/app.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
NEXT = GET + HOST + b"Connection: close\r\n" + END
MIB = 1024**2
CHUNKED = b"Transfer-Encoding: chunked\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
JSON = b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    made = Live(tmp_path_factory.mktemp("wire"))
    for _ in range(40):  # all threads are there, and all connections to the database
        made.get("/d/sales")
    before = (made.web.num_fds(), made.web.num_threads())
    yield made
    for _ in range(100):
        after = (made.web.num_fds(), made.web.num_threads())
        if after[0] <= before[0] + 5:
            break
        time.sleep(0.1)
    made.stop()
    assert after[0] <= before[0] + 5 and after[1] <= before[1] + 16, (before, after)  # it has 16 threads


@dataclass(frozen=True)
class Wire:
    """Bytes, and the statuses that are right for them; None: closed without a word."""

    row: int
    name: str
    sent: bytes
    right: set[int | None]


def body(row: int, name: str, headers: bytes, content: bytes, *right: int | None) -> Wire:
    """A rerun with these headers and this body."""
    return Wire(row, name, POST + HOST + headers + END + content, set(right))


def header(row: int, name: str, lines: bytes, *right: int | None) -> Wire:
    """A GET with these header lines besides Host."""
    return Wire(row, name, GET + HOST + lines + END, set(right))


CASES = [
    # 84
    Wire(84, "two hosts", GET + HOST + b"Host: evil.example\r\n" + END, {400}),
    Wire(84, "two hosts, ours last", GET + b"Host: evil.example\r\n" + HOST + END, {400}),
    Wire(84, "two equal hosts", GET + HOST + HOST + END, {200, 400}),
    Wire(84, "no host", GET + END, {400}),
    Wire(84, "a host of nothing", GET + b"Host:\r\n" + END, {400}),
    Wire(84, "a host with a space", GET + b"Host: 127.0.0.1 evil\r\n" + END, {400}),
    Wire(84, "absolute, another's", b"GET http://evil.example/d/sales HTTP/1.1\r\nHost: evil.example\r\n" + END, {400}),
    Wire(84, "absolute, ours, for another", b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: evil.example\r\n" + END, {400}),
    Wire(84, "absolute, with a user", b"GET http://a:b@evil.example/ HTTP/1.1\r\nHost: evil.example\r\n" + END, {400}),
    # 89
    body(89, "length and chunks", b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED, 400, 411),
    body(89, "chunks and length", CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n" + SMUGGLED, 400, 411),
    body(89, "chunks that a space hides", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + SMUGGLED, 400),
    body(89, "xchunked", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED, 400),
    body(89, "chunked, identity", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED, 400),
    body(89, "gzip, chunked", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 400, 411),
    body(89, "chunked twice", CHUNKED + CHUNKED, b"0\r\n\r\n", 400, 411),
    body(89, "a chunk's size of letters", CHUNKED, b"zz\r\n\r\n" + SMUGGLED, 400, 411),
    body(89, "a chunk's size below nothing", CHUNKED, b"-1\r\n\r\n" + SMUGGLED, 400, 411),
    body(89, "a chunk's size of 2^64", CHUNKED, b"10000000000000000\r\nx" + SMUGGLED, 400, 411),
    body(89, "a chunk that is longer than it says", CHUNKED, b"1\r\nabc" + SMUGGLED, 400, 411),
    body(89, "a chunk's extension without end", CHUNKED, b"1;" + b"a" * 100_000, 400, 411),
    body(89, "trailers", CHUNKED, b"0\r\nHost: evil.example\r\n\r\n", 400, 411),
    Wire(89, "lines that end with LF alone", b"GET /-/health HTTP/1.1\nHost: 127.0.0.1\n\n", {200, 400}),
    header(89, "a folded line", b"X-A: b\r\n c\r\n", 400),
    header(89, "a name with a space", b"X A: b\r\n", 400),
    header(89, "a space before the colon", b"X-A : b\r\n", 400),
    header(89, "no colon", b"X-A\r\n", 400),
    header(89, "NUL in a value", b"X-A: \0\r\n", 400),
    header(89, "CR in a value", b"X-A: a\rb\r\n", 400),
    header(89, "64 KiB", b"X-A: " + b"a" * 65_536 + b"\r\n", 431, 200),  # as the pieces come
    header(89, "200 KiB", b"X-A: " + b"a" * 200_000 + b"\r\n", 431),
    header(89, "10 000 lines", b"X-A: b\r\n" * 10_000, 431),
    header(89, "101 lines", b"X-A: b\r\n" * 101, 431, 200),
    Wire(89, "an address of 1 MB", b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + HOST + END, {414, 431, 400, None}),
    Wire(89, "an address of 20 KB", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + END, {414}),
    Wire(89, "a space in the address", b"GET /a b HTTP/1.1\r\n" + HOST + END, {400}),
    Wire(89, "bytes in the address", b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + END, {400, 404}),
    Wire(89, "a fragment in the address", b"GET /-/health#a HTTP/1.1\r\n" + HOST + END, {200, 400}),
    Wire(89, "HTTP/0.9", b"GET /\r\n\r\n", {400}),
    Wire(89, "HTTP/1.0", b"GET /-/health HTTP/1.0\r\n\r\n", {400}),
    Wire(89, "HTTP/1.9", b"GET /-/health HTTP/1.9\r\n" + HOST + END, {400, 505}),
    Wire(89, "HTTP/9", b"GET /-/health HTTP/9\r\n" + HOST + END, {400, 505}),
    Wire(89, "HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {None, 400}),
    Wire(89, "TLS", bytes.fromhex("16030100c8010000c40303") + b"\0" * 200, {400, None}),
    Wire(89, "an upgrade", GET + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + END, {200}),
    Wire(89, "a websocket", GET + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + END, {200, 400}),
    body(89, "100-continue that is refused", b"Expect: 100-continue\r\nContent-Length: 99999999\r\n", b"", 413),
    # 90
    body(90, "1 GiB", b"Content-Length: 1073741824\r\n", b"a" * MIB, 413, None),
    body(90, "1 GiB in chunks", CHUNKED, (b"%x\r\n" % MIB + b"a" * MIB + b"\r\n") * 2, 411, None),
    body(90, "2^64 bytes", b"Content-Length: 18446744073709551616\r\n", b"", 400),
    body(90, "less than nothing", b"Content-Length: -4\r\n", b"", 400),
    body(90, "two lengths", b"Content-Length: 4\r\nContent-Length: 5\r\n", b"01234" + SMUGGLED, 400),
    body(90, "two lengths in one", b"Content-Length: 4, 5\r\n", b"01234" + SMUGGLED, 400),
    body(90, "+4", b"Content-Length: +4\r\n", b"0123" + SMUGGLED, 400),
    body(90, "0x4", b"Content-Length: 0x4\r\n", b"0123" + SMUGGLED, 400),
    body(90, "no length", b"", b"parameters=1\r\n\r\n", 303, 202),
    body(90, "a length of nothing", b"Content-Length:\r\n", b"", 400),
    # 91
    body(
        91, "a bomb", JSON + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(gzip.compress(b" " * MIB)),
        gzip.compress(b" " * MIB), 415,
    ),
    body(91, "a coding of the transfer", b"Transfer-Encoding: gzip\r\n", gzip.compress(b"{}"), 400, 411),
    # 92
    body(92, "200 000 fields", FORM + b"Content-Length: 1088890\r\n", b"&".join(b"a%d=" % n for n in range(9000)), 413),
    body(92, "200 000 fields in chunks", FORM + CHUNKED, b"4\r\na=b&\r\n" * 1000, 411),
    # 94
    *(
        Wire(94, name, name.encode() + b" / HTTP/1.1\r\n" + HOST + END, {405, 400})
        for name in ("TRACE", "PROPFIND", "DELETE", "BREW", "A" * 1000)
    ),
    Wire(94, "get", b"get / HTTP/1.1\r\n" + HOST + END, {200}),  # taken for GET, by the checks as well
    Wire(94, "post", b"post /d/sales/runs HTTP/1.1\r\nSec-Fetch-Site: cross-site\r\n" + HOST + END, {403}),
    Wire(94, "CONNECT", b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + END, {400, 405}),
    Wire(94, "OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + END, {200, 400, 404}),
    Wire(94, "GET with a body", GET + HOST + b"Content-Length: 5\r\n" + END + b"hello", {200}),
    Wire(94, "HEAD", b"HEAD /d/sales HTTP/1.1\r\n" + HOST + END, {200}),
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """One of the answers on a connection."""

    status: int
    headers: Message
    text: str


def exchange(live: Live, sent: bytes, *, is_head: bool = False) -> list[Answer]:
    """All answers to these bytes, until the server closes or says nothing more for a while."""
    received = bytearray()
    with live.connect() as connection:
        connection.settimeout(3)
        with suppress(OSError):  # refused before it was all there
            connection.sendall(sent)
        with suppress(OSError):
            while part := connection.recv(1 << 20):
                received += part
    return list(parse_answers(io.BytesIO(bytes(received)), is_head=is_head))


def parse_answers(stream: io.BytesIO, *, is_head: bool) -> Iterator[Answer]:
    """The answers one after the other; of HEAD's, the first, the body is not there."""
    while line := stream.readline():
        assert line.startswith(b"HTTP/1."), line[:200]
        lines = []
        while (each := stream.readline()) not in (b"\r\n", b""):
            lines.append(each)
        headers = BytesHeaderParser().parsebytes(b"".join(lines))
        length = 0 if is_head else int(headers.get("Content-Length", 0))
        is_head = False
        yield Answer(int(line.split()[1]), headers, stream.read(length).decode())


def check(answer: Answer) -> None:
    """Ours has the headers and a sentence; the HTTP library's own answer to what is not HTTP has no body at all."""
    assert answer.status < 500 or answer.status == 505
    if "X-Content-Type-Options" not in answer.headers:
        assert answer.status in (400, 431, 505) and not answer.text
        return
    check_headers(answer.headers)
    if answer.status >= 400 and answer.text:
        check_sentence(answer.text, answer.headers.get_content_type())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"row-{case.row}-{case.name[:40]}")
def test_rows(live: Live, case: Wire) -> None:
    answers = exchange(live, case.sent + NEXT, is_head=case.sent.startswith(b"HEAD"))
    assert (answers[0].status if answers else None) in case.right, answers
    for answer in answers:
        check(answer)
        assert answer.headers.get_content_type() != "text/css", "what was inside was answered"
    assert [answer.status for answer in answers[1:]] in ([], [200], [400]), answers
    if answers[1:] and answers[1].status == 200:
        assert json.loads(answers[1].text) == {"ok": True}
    assert json.loads(live.get("/-/health")) == {"ok": True}


def test_row_92_many_fields_are_refused_at_once(live: Live) -> None:
    """Whatever the machine does besides, not in the seconds that parsing them takes: they are not even read."""
    many = b"&".join(b"a%d=" % n for n in range(200_000))
    used = sum(live.web.cpu_times()[:2])
    for _ in range(20):
        (answer,) = exchange(live, POST + HOST + FORM + b"Content-Length: %d\r\n\r\n" % len(many))
        assert answer.status == 413
    assert sum(live.web.cpu_times()[:2]) - used < 1, "of the processor, for twenty; one took 3.1 s to parse"
