"""Bad requests, row by row: the numbers are those of the project's table of hostile inputs (83 to 101).

What depends on how bytes are framed is asked of a real server, in test_rows_on_the_wire.py.
"""

from __future__ import annotations

import gzip
import logging
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from rows import check_answer, sentence_of
from web_site import MakeServer, Server, make_png, make_server_at

from nbdash.publisher.tokens import make_token
from nbdash.web.logs import OneEntry

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}
RERUN = "/d/sales/runs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with ``sales``; ``costs`` is another person's; ``gone`` was removed; ``draft`` is not published."""
    made = make_server_at(tmp_path_factory.mktemp("rows") / "data", reruns_per_minute=10**6)
    for slug in ("sales", "gone"):
        made.publish(slug)
        made.perform()
    made.publisher.remove("gone")
    made.publish("draft", listed=False)
    yield made
    made.store.close()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Files and threads are as before."""
    before = (_files(), threading.active_count())
    yield
    after = (_files(), threading.active_count())
    assert after[0] <= before[0] + 3 and after[1] <= before[1], (before, after)  # the database's own connections


def _files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@dataclass(frozen=True)
class Case:
    """A request, and the statuses that are right for it."""

    row: int
    name: str
    path: str
    right: tuple[int, ...]
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    kind: str | None = None

    def ask(self, site: Server) -> Any:
        """The answer; ``TOKEN`` in path and headers stands for the author's token."""
        filled = {name: value.replace("TOKEN", site.token) for name, value in self.headers.items()}
        path = self.path.replace("TOKEN", site.token)
        return site.client.open(path, method=self.method, headers=filled, data=self.body, content_type=self.kind)


def post(row: int, name: str, body: bytes, kind: str, right: int, **headers: str) -> Case:
    """A rerun with this body."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    return Case(row, name, RERUN, (right,), method="POST", headers=sent, body=body, kind=kind)


MULTIPART = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="data"FILE\r\n\r\n\r\n'
READ = ("Accept", "Accept-Language", "Accept-Encoding", "Accept-Charset", "Cookie", "Authorization", "Referer")
CRLF = "%0d%0aSet-Cookie:%20a=b"
LONG_RANGE = "bytes=" + ",".join(f"{n}-{n}" for n in range(2000))
JUNK = "\xff;q=2, */*;q=nonsense, ;;;=,," + "x" * 16_000
KEYS = ",".join(f'"{n}": 1' for n in range(10_000)).encode()

CASES = [
    # 83: line breaks in what ends up in headers
    Case(83, "in a query", f"/d/sales?region=a{CRLF}", (200,)),
    Case(83, "in a form", RERUN, (303,), method="POST", body=f"region=a{CRLF}".encode(), kind=FORM),
    Case(83, "in a redirect", f"/-/author?token=TOKEN&to=sales{CRLF}", (303,)),
    Case(83, "in the name of a figure", f"/d/sales/figures/card-1{CRLF}.png", (404,)),
    Case(83, "in the name of a file", f"/-/static/app.css{CRLF}", (404,)),
    Case(83, "in the list's place", f"/?after=a{CRLF}", (200,)),
    Case(83, "in the name of a parameter", f"/d/sales?a{CRLF}=1", (400,)),
    # 84: hosts (those that only a socket can send are asked on the wire)
    Case(84, "another host", "/", (400,), headers={"Host": "evil.example"}),
    Case(84, "a port out of range", "/", (400,), headers={"Host": "localhost:99999"}),
    Case(84, "empty", "/", (400,), headers={"Host": ""}),
    Case(84, "IPv6 junk", "/", (400,), headers={"Host": "[::1]]:80"}),
    Case(84, "IPv6 with a zone", "/", (400,), headers={"Host": "[fe80::1%25eth0]"}),
    Case(84, "user and host", "/", (400,), headers={"Host": "localhost@evil.example"}),
    Case(84, "ends with ours", "/", (400,), headers={"Host": "evil-localhost"}),
    Case(84, "begins with ours", "/", (400,), headers={"Host": "localhost.evil.example"}),
    # 86: where to go next
    *(
        Case(86, repr(to), f"/-/author?token=TOKEN&to={to}", (303,))
        for to in ("//evil", "/%5Cevil", "https:evil", "%09/evil", "https://evil.example/d/sales", "..%2f..", "@evil")
    ),
    # 87: other sites (what was begun is looked at in a test of its own)
    post(87, "a cross-site form", b"", FORM, 403, Sec_Fetch_Site="cross-site"),
    post(87, "a cross-site form, by Origin", b"", FORM, 403, Origin="https://evil.example"),
    post(87, "JSON as text/plain", b'{"parameters": {}}', "text/plain", 403, Origin="https://evil.example"),
    post(87, "JSON as text/plain, from here", b'{"parameters": {}}', "text/plain", 415),
    post(87, "fetch without CORS", b"{}", "text/plain", 403, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"),
    post(87, "a sibling domain", b"", FORM, 403, Sec_Fetch_Site="same-site", Origin="http://other.localhost"),
    post(87, "a sandboxed frame", b"", FORM, 403, Origin="null"),
    post(87, "no Origin, with a cookie", b"", FORM, 403, Cookie="a=b"),
    Case(87, "an image that reruns", f"{RERUN}?", (200,), headers={"Sec-Fetch-Dest": "image"}),  # the history
    Case(87, "an image that cancels", "/d/sales/runs/0123456789abcdef/cancel", (405,)),
    Case(87, "an override that deletes", RERUN, (200,), headers={"X-HTTP-Method-Override": "DELETE"}),
    Case(87, "PUT", RERUN, (405,), method="PUT", headers={"Origin": "https://evil.example"}),
    # 91: compressed bodies
    post(91, "a bomb", gzip.compress(b" " * 10_000_000), JSON, 415, Content_Encoding="gzip"),
    *(
        post(91, coding, b"{}", JSON, 415, Content_Encoding=coding)
        for coding in ("br", "deflate", "zstd", "x", "gzip, gzip", "gzip;q=1", "Identity, gzip")
    ),
    post(91, "identity", b"{}", JSON, 202, Content_Encoding="identity"),
    Case(
        91,
        "an upload",
        "/api/v1/dashboards",
        (415,),
        method="POST",
        headers={"Authorization": "Bearer TOKEN", "Content-Encoding": "gzip"},
        body=gzip.compress(b"x"),
        kind=MULTIPART,
    ),
    # 92: many small things
    post(92, "200 000 fields", b"&".join(b"a%d=" % n for n in range(200_000)), FORM, 413),
    post(92, "201 fields", b"&".join(b"a%d=" % n for n in range(201)), FORM, 400),
    post(92, "10 000 keys", b'{"parameters": {' + KEYS + b"}}", JSON, 413),
    post(92, "201 keys", b'{"parameters": {' + b",".join(KEYS.split(b",")[:201]) + b"}}", JSON, 400),
    post(92, "1 000 parts", PART.replace(b"FILE", b"") * 1000, MULTIPART, 415),
    Case(
        92,
        "5 000 parts of an upload",
        "/api/v1/dashboards",
        (413,),
        method="POST",
        headers={"Authorization": "Bearer TOKEN"},
        body=PART.replace(b"FILE", b'; filename="a"') * 5000 + b"--x--\r\n",
        kind=MULTIPART,
    ),
    # 93: JSON that parsers do not agree on
    *(
        post(93, name, body, JSON, right)
        for name, body, right in (
            ("NaN", b'{"parameters": {"year": NaN}}', 400),
            ("a name twice", b'{"parameters": {}, "parameters": {}}', 400),
            ("60 000 deep", b"[" * 60_000, 400),
            ("100 000 deep", b"[" * 100_000, 413),
            ("60 000 digits", b'{"parameters": {"year": ' + b"9" * 60_000 + b"}}", 400),
            ("a million digits", b'{"parameters": {"year": ' + b"9" * 1_000_000 + b"}}", 413),
            ("a byte order mark", b"\xef\xbb\xbf{}", 400),
            ("trailing junk", b"{} {}", 400),
            ("UTF-16", "{}".encode("utf-16"), 400),
            ("UTF-32", "{}".encode("utf-32"), 400),
            ("Latin-1", '{"parameters": {"region": "é"}}'.encode("latin-1"), 400),
            ("half a pair", rb'{"parameters": {"region": "\udc00"}}', 400),
            ("a comment", b"{} // x", 400),
            ("nothing but space", b"   ", 400),
        )
    ),
    # 94: methods
    *(
        Case(94, method, path, (405,), method=method)
        for method in ("TRACE", "PROPFIND", "TRACK", "DEBUG", "G" * 200, "DELETE", "PATCH")
        for path in ("/", "/d/sales")
    ),
    Case(94, "GET with a body", "/d/sales", (200,), body=b"year=2023", kind=FORM),
    # 95: ranges and conditions
    *(
        Case(95, f"{path}: {name}", path, (200,), headers={"Range": value, **more})
        for path in ("/d/sales", "/d/sales/figures/card-1.png", "/-/static/app.css")
        for name, value, more in (
            ("a range", "bytes=0-0", {}),
            ("ranges", LONG_RANGE, {}),
            ("backwards", "bytes=9-1", {}),
            ("junk", "bytes=--,x", {"If-Range": "junk"}),
        )
    ),
    *(
        Case(95, f"If-None-Match: {value[:20]}", "/d/sales", right, headers={"If-None-Match": value})
        for value, right in (
            ("*", (304,)),
            ('"a", ' * 10_000, (200,)),
            ("W/", (200,)),
            ('"' * 999, (200,)),
            ("\x7f\xff", (200,)),
        )
    ),
    Case(95, "junk", "/d/sales", (200,), headers={"If-Modified-Since": "yesterday", "If-Match": "x"}),
    # 96: junk in headers
    *(
        Case(96, f"{name}: {junk[:8]!r}…", "/d/sales", (200,), headers={name: junk})
        for name in READ
        for junk in (JUNK, "\xff\xfe", "a=\x80; ; =; a", "Bearer \xff", "=" * 5000, "gzip;q=1e999", '"')
    ),
    *(
        Case(96, f"Content-Type: {kind[:20]}", RERUN, (415, 303), method="POST", body=b"x=1", kind=kind)
        for kind in (";;", "\xff", "multipart/form-data", "x" * 10_000)
    ),
    # 97: addresses that a cache would keep
    *(
        Case(97, path, path, (404,))
        for path in (
            "/d/sales.css", "/d/sales/", "/d/sales/..;/", "/d/sales;a=b", "/d/sales/app.css", "/d/sales%2fapp.css",
            "/d/sales/%2e%2e/sales", "/d/sales%00.css", "/d/sales/log.css", "/d//sales", "/D/sales", "/d/sales%3f.css",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"row-{case.row}-{case.name[:40]}")
def test_rows(site: Server, case: Case) -> None:
    answer = case.ask(site)
    assert answer.status_code in case.right, answer.text
    check_answer(answer)
    assert "Set-Cookie" not in answer.headers or case.path.startswith("/-/author")
    assert "evil" not in answer.headers.get("Location", "") and "\n" not in str(answer.headers.get("Location", ""))
    if case.row == 86 and answer.status_code == 303:
        assert answer.headers["Location"] == "../"
    assert len(answer.data) < 400_000, "no amplification"
    assert site.client.get("/-/health").status_code == 200


def test_every_row_is_here() -> None:
    alone = {name.split("_")[2] for name in globals() if name.startswith("test_row_")}
    assert {case.row for case in CASES} | {int(row) for row in alone} | {89, 90} == set(range(83, 102))


def test_row_85_who_is_counted_cannot_be_chosen(site: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bodies of one client are read at a time, whatever it says it is; the rest is in test_roles.py."""
    monkeypatch.setattr("nbdash.web.inputs.PATIENCE_SECONDS", 0.0)
    readers = site.site.readers
    with readers.place("192.0.2.7") as first, readers.place("192.0.2.7") as second:
        assert first and second
        for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"):
            headers = {name: "for=198.51.100.9", "Authorization": f"Bearer {site.token}"}
            answer = site.client.post(RERUN, json={}, headers=headers, environ_base=ELSEWHERE)
            assert answer.status_code == 429, name
            check_answer(answer)


def test_row_87_nothing_was_begun_from_elsewhere(make_server: MakeServer) -> None:
    server = make_server()
    server.publish()
    server.perform()
    client = server.app.test_client()
    client.get(f"/-/author?token={server.token}")
    addresses = (RERUN, f"/d/sales/runs/{server.current.id}/cancel", "/d/sales/settings")
    for path in addresses:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "null"},
            {"Origin": "https://evil.example"},
            {"Referer": "http://localhost/d/sales"},
            {},
        ):
            body = {"act": "remove", "name": "sales"}
            answer = client.post(path, data=body, headers=headers)
            assert answer.status_code == 403, (path, headers)
            check_answer(answer)
    dashboard = server.store.dashboard("sales")
    assert not server.store.active_runs(dashboard.id) and len(server.store.runs(dashboard.id)) == 1


def test_row_88_no_page_is_framed(site: Server) -> None:
    run = site.current
    (digest,) = [block.digest for card in site.store.cards(run.id) for block in card.blocks if block.digest]
    headers = {"Authorization": f"Bearer {site.token}"}
    for path in ("/", "/d/sales", RERUN, f"{RERUN}/{run.id}", "/d/sales/log", "/d/sales/settings", "/d/unknown"):
        answer = site.client.get(path, headers=headers)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
    frame = site.client.get(f"{RERUN}/{run.id}/frames/{digest}")
    assert "frame-ancestors 'self'" in frame.headers["Content-Security-Policy"]
    assert "connect-src 'none'; form-action 'none'" in frame.headers["Content-Security-Policy"], "it presses no button"


def test_row_94_head_is_get_without_a_body_and_options_tell_the_methods(site: Server) -> None:
    paths = ["/", "/d/sales", RERUN, f"{RERUN}/{site.current.id}", "/d/sales/figures/card-1.png", "/d/unknown"]
    for path in [*paths, "/api/v1/dashboards", f"/api/v1/runs/{site.current.id}", "/-/health", "/-/static/app.css"]:
        whole, head, options = (site.client.open(path, method=method) for method in ("GET", "HEAD", "OPTIONS"))
        assert (head.status_code, head.data) == (whole.status_code, b""), path
        assert head.headers == whole.headers, path
        for answer in (whole, head, options):
            check_answer(answer)
        if whole.status_code == 200:
            assert {"GET", "HEAD", "OPTIONS"} <= set(options.headers["Allow"].split(", ")), path


def test_row_96_cookies_that_are_not_ours_open_nothing(site: Server) -> None:
    author = site.site.author
    name, good = author.cookie_name, author.cookie
    share = f"nbdash-share-{author.site}-{site.store.dashboard('sales').id}"
    for cookie in (
        f"{name}={good[:-1]}",
        f"{name}={good}x",
        f"{name}={good.upper()}",
        f"{name}=",
        f"{name}={site.token}",
        f"__Host-{name}={good}",
        f"{name}=x; {name}={good}",  # the first counts, and is wrong
        f"{share}={site.share('sales', may_rerun=False)[:-1]}x",
        f"{share}=" + "x" * 16_000,
        "; ".join(f"nbdash-share-{author.site}-{n}=x" for n in range(3000)),
        "session=eyJ1IjoxfQ.Zz.x",
    ):
        answer = site.client.get("/d/sales", headers={"Cookie": cookie}, environ_base=ELSEWHERE)
        assert answer.status_code == 404, cookie[:80]
        check_answer(answer)
        assert site.client.get("/", headers={"Cookie": cookie}, environ_base=ELSEWHERE).status_code == 200


def test_row_97_answers_do_not_depend_on_what_a_cache_does_not_see(site: Server) -> None:
    plain = site.client.get("/d/sales")
    for name in ("X-Forwarded-Host", "X-Forwarded-Scheme", "X-Original-URL", "X-Rewrite-URL", "X-Host", "Forwarded"):
        client = site.app.test_client()
        client.get(f"/s/{site.share()}")
        told = client.get("/d/sales", headers={name: "evil.example/<script>"})
        assert (told.status_code, told.data) == (200, plain.data), name
    assert plain.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("who", [{}, ELSEWHERE], ids=["this machine", "elsewhere"])
def test_row_98_what_is_not_there_is_the_same_404(site: Server, who: dict[str, str]) -> None:
    """Of every shape, and whether it never was, was removed, or is not published."""
    names = ["unknown", "gone", "draft", ":id", "null", "0", "-1", "%25", "undefined", "NaN", "a" * 64, "%F0%9F%8E%89"]
    names += ["0b0e5b0e-9f3d-4f0a-8d4e-0123456789ab"]
    run = site.current.id
    for shape in ("/d/{}", "/d/{}/runs", f"/d/{{}}/runs/{run}", "/d/{}/figures/card-1.png", "/api/v1/dashboards/{}"):
        answers = [site.client.get(shape.format(name), environ_base=who) for name in names]
        bodies = {answer.text.replace("../", "") for answer in answers}
        assert {answer.status_code for answer in answers} == {404} and len(bodies) == 1, shape
        for answer in answers:
            check_answer(answer)
    bad_runs = ["0" * 16, "f" * 32, "null", "-1", site.store.runs(site.store.dashboard("draft").id)[0].id]
    assert {site.client.get(f"/api/v1/runs/{name}", environ_base=who).status_code for name in bad_runs} == {404}


def test_row_99_tokens_are_taken_whole_from_one_place(site: Server, caplog: pytest.LogCaptureFixture) -> None:
    token, other = site.token, make_token(site.store, "row-99")
    caplog.set_level(logging.DEBUG)
    longer = (f"{token}x", f"{token} {token}", token.upper(), f"{token[:20]}\x00", "\xff", "x" * 10_000)
    shorter = ("", " ", token[:-1], other[:-1], f",{token}")
    schemes = ("", "Bearer", f"Basic {token}", f"Token {token}", token)
    for given in (*schemes, *(f"Bearer {each}" for each in (*longer, *shorter))):
        answer = site.client.get("/api/v1/whoami", headers={"Authorization": given})
        assert answer.status_code == 401, given
        check_answer(answer)
    for query in (f"token={token}", f"access_token={token}", f"api_key={token}"):
        assert site.client.get(f"/d/sales/log?{query}").status_code in (400, 404)
        assert site.client.get("/api/v1/whoami?" + query).status_code == 401
        assert (
            site.client.get("/d/sales/log", headers={"Referer": f"http://localhost/-/author?{query}"}).status_code
            == 404
        )
    for good in (token, other):
        assert site.client.get("/api/v1/whoami", headers={"Authorization": f"bearer {good} "}).status_code == 200
        assert good not in caplog.text


def test_row_100_a_log_line_is_one_line(site: Server, caplog: pytest.LogCaptureFixture) -> None:
    """With line breaks, escapes and JSON in all that a request says: in an error's line and in those of deeds."""
    caplog.set_level(logging.INFO)
    forged = 'x\r\n2026-01-01 nbdash.web share\x1b[31m\u2028\x85{"level": "info"}'
    encoded = "x%0d%0a2026-01-01%20share%1b%5b31m%e2%80%a8%c2%85"

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbdash.web.safety._check_host", fail)
        answer = site.client.get(f"/d/{encoded}?{encoded}", headers={"User-Agent": "x\x1b[31m", "Referer": encoded})
        assert answer.status_code == 500 and "broken" not in answer.text
        assert sentence_of(answer.text, answer.mimetype).endswith(".")
    fields = {"act": "access", "rerun": "viewers", "public": forged}
    author = {"Authorization": f"Bearer {site.token}"}
    assert site.client.post("/d/sales/settings", data=fields, headers=author).status_code == 303
    assert len(caplog.records) >= 2
    for record in caplog.records:
        told = record.getMessage()
        assert not [character for character in told if not character.isprintable()], told


def test_row_100_an_error_s_own_text_forges_no_entry() -> None:
    """It may hold what a request said; a traceback tells it as it is."""
    formatter = OneEntry("%(asctime)s %(name)s %(message)s")
    try:
        raise ValueError("no\n2026-01-01 00:00:00 nbdash.web.audit remove\r\x1b[2J\u2028")
    except ValueError:
        record = logging.LogRecord("nbdash", logging.ERROR, __file__, 1, "it %s", ("failed",), sys.exc_info())
    first, *rest = formatter.format(record).splitlines()
    assert first.endswith("nbdash it failed")
    assert rest and all(line.startswith("    ") for line in rest)
    assert any("audit remove\\r\\x1b[2J\\u2028" in line for line in rest)


def test_row_101_a_blob_is_its_dashboards_and_goes_with_it(make_server: MakeServer) -> None:
    server = make_server()
    for slug in ("sales", "costs"):
        server.publish(slug)
        server.perform()
    run = server.current
    (digest,) = [block.digest for card in server.store.cards(run.id) for block in card.blocks if block.digest]
    frame, figure = f"/d/sales/runs/{run.id}/frames/{digest}", f"/d/sales/runs/{run.id}/figures/card-1.png"
    answer = server.client.get(frame)
    check_answer(answer)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
    picture = server.client.get(figure)
    assert picture.data == make_png() and picture.headers["Content-Security-Policy"].startswith("sandbox; default-src")
    for path in (frame, figure):
        assert server.client.get(path.replace("/sales/", "/costs/")).status_code == 404, "another dashboard's"
        assert server.client.get(path, environ_base=ELSEWHERE).status_code == 404, "and a stranger's"
    figure_digest = server.store.figures([run.id])[run.id][0].digest
    assert server.client.get(frame.replace(digest, figure_digest)).status_code == 404, "a figure is no document"
    server.publisher.remove("sales")
    for path in (frame, figure, "/d/sales/figures/card-1.png"):
        gone = server.client.get(path)
        assert gone.status_code == 404
        check_answer(gone)
