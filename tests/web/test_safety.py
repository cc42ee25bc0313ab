"""What may come in, and what every answer carries."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from web_site import SECRET, MakeServer, Server
from werkzeug.routing import Rule

from nbdash.errors import EngineError, NotebookError, StoreError
from nbdash.web import safety

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE")
HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}


def address_of(rule: Rule, server: Server) -> str:
    """An address of the rule that exists, as far as one can."""
    run = server.current
    blocks = [block for card in server.store.cards(run.id) for block in card.blocks]
    values = {
        "slug": "sales",
        "run_id": run.id,
        "digest": next(block.digest for block in blocks if block.digest),
        "name": "app.css" if "static" in rule.rule else "card-1",
        "secret": server.share(),
    }
    return re.sub(r"<\w+:(\w+)>", lambda match: values[match[1]], rule.rule)


def answers(server: Server) -> Iterator[tuple[str, Any]]:
    """Every rule × method × a viewer, the author, another site, a stranger's host, an unknown name."""
    author = {"Authorization": f"Bearer {server.token}"}
    too_long = {"CONTENT_LENGTH": "9999999"}
    requests: list[dict[str, str]] = [
        {},
        author,
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"If-None-Match": "*"} | author,
    ]
    for rule, method, headers in itertools.product(server.app.url_map.iter_rules(), METHODS, requests):
        for path in {address_of(rule, server), re.sub(r"<\w+:\w+>", "unknown", rule.rule)}:
            # Routes that answer errors as JSON or as pages are asked for both.
            for accept in (HTML, JSON):
                told = headers | accept
                yield f"{method} {path} {told}", server.client.open(path, method=method, headers=told)
        yield f"{method} {path}", server.client.open(path, method=method, environ_overrides=too_long)


def test_every_answer_carries_the_headers(server: Server) -> None:
    statuses = set()
    for request, answer in answers(server):
        statuses.add(answer.status_code)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", request
        assert answer.headers["Referrer-Policy"] == "same-origin", request
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", request
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", request
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"], request
        assert answer.headers["Cache-Control"].startswith("private"), request
        assert answer.status_code < 500, request
    assert statuses >= {200, 202, 303, 304, 400, 403, 404, 405, 413}


def test_page_policy() -> None:
    assert "'unsafe" not in safety.PAGE_POLICY
    assert "script-src 'self';" in safety.PAGE_POLICY
    assert "frame-ancestors 'none'" in safety.PAGE_POLICY
    assert "allow-same-origin" not in safety.FRAME_POLICY


def test_every_endpoint_has_a_right(shared: Server) -> None:
    assert {rule.endpoint for rule in shared.app.url_map.iter_rules()} == safety.RIGHTS.keys()


def test_endpoint_in_no_table_is_not_served(make_server: MakeServer) -> None:
    server = make_server()
    server.app.add_url_rule("/new", "new", lambda: "secret")
    assert server.client.get("/new").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),  # a program on this machine
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Cookie": "a=b"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost", "Cookie": "a=b"}, 303),
        ({"Origin": "https://localhost"}, 403),
        ({"Origin": "http://localhost:8701"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),  # a sandboxed frame
        ({"Origin": ""}, 403),
        ({"Cookie": "a=b"}, 403),
        ({"X-Forwarded-For": "192.0.2.7"}, 403),  # through a proxy on this machine
        ({"Forwarded": "for=192.0.2.7"}, 403),
        ({"Authorization": "Bearer wrong"}, 303),
        ({"Authorization": "Bearer wrong", "Cookie": "a=b"}, 403),
        ({"Authorization": "Bearer TOKEN", "Cookie": "a=b"}, 303),
        ({"Authorization": "Bearer TOKEN", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_who_may_post(shared: Server, headers: dict[str, str], status: int) -> None:
    sent = {name: value.replace("TOKEN", shared.token) for name, value in headers.items()}
    assert shared.client.post("/d/sales/runs", headers=sent).status_code == status


@pytest.mark.parametrize(("token", "status"), [("", 403), ("TOKEN", 303)])
def test_programs_elsewhere_need_the_token(shared: Server, token: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {token.replace('TOKEN', shared.token)}"}
    answer = shared.client.post("/d/sales/runs", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == status


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_looking_at_a_cancel_address_does_nothing(shared: Server, method: str) -> None:
    run = shared.current
    answer = getattr(shared.client, method)(f"/d/sales/runs/{run.id}/cancel")
    assert answer.status_code == 405
    assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8700", 200),
        ("127.0.0.1:8700", 200),
        ("[::1]:8700", 200),
        ("dash.corp", 200),
        ("Dash.Corp:9000", 200),
        ("exact.corp:8700", 200),
        ("exact.corp:8701", 400),
        ("evil.example", 400),
        ("dash.corp.evil.example", 400),
        ("evil.example:8700", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1:99999", 400),
        ("127.0.0.1:8700, evil.example", 400),
        ("127.0.0.1@evil.example", 400),
        ("[::1", 400),
        ("[zz]", 400),
        ("2130706433", 400),
        ("127.1", 400),
        ("", 400),
        ("a b", 400),
        ("localhost\u00e9", 400),
    ],
)
def test_hosts(make_server: MakeServer, host: str, status: int) -> None:
    server = make_server(trusted_hosts=("dash.corp", "exact.corp:8700"))
    assert server.client.get("/-/health", headers={"Host": host}).status_code == status


def test_the_address_listened_on_is_trusted_but_not_the_wildcard(make_server: MakeServer) -> None:
    named, wildcard = make_server(host="192.0.2.7"), make_server(host="0.0.0.0")
    assert named.client.get("/-/health", headers={"Host": "192.0.2.7:8700"}).status_code == 200
    assert wildcard.client.get("/-/health", headers={"Host": "0.0.0.0:8700"}).status_code == 400


def test_forwarding_headers_change_nothing(shared: Server) -> None:
    spoofed = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/evil",
        "X-Original-URL": "/d/sales/log",
        "X-HTTP-Method-Override": "POST",
    }
    client = shared.app.test_client()
    client.get(f"/s/{shared.share()}")
    plain, told = client.get("/d/sales"), client.get("/d/sales", headers=spoofed)
    assert plain.status_code == 200
    assert plain.data == told.data
    assert "Strict-Transport-Security" not in told.headers
    assert "evil" not in str(told.headers)


BAD_NAMES = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "a%00b",
    "a%0d%0aX:%20y",
    "sales%0a",
    "%ff%fe",
    "Sales",
    "sales.css",
    "sales;x",
    "-",
    ":id",
    "null",
    "0",
    "%E2%80%AEsales",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "{{7*7}}",
    "a" * 5000,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_none_are_all_the_same_404(shared: Server, name: str) -> None:
    unknown = shared.client.get("/d/unknown")
    answer = shared.client.get(f"/d/{name}")
    assert answer.status_code == 404
    # A slash in the name is one more folder to climb for the page's own links.
    assert answer.text.replace("../", "") == unknown.text.replace("../", "")
    for path in (f"/-/static/{name}", f"/d/sales/figures/{name}.png", f"/api/v1/runs/{name}"):
        assert shared.client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["//evil.example", "/d//sales", "/d/sales/", "/\\evil.example", "/./d/sales"])
def test_no_address_redirects_elsewhere(shared: Server, path: str) -> None:
    answer = shared.client.get(environ_overrides={"PATH_INFO": path})
    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status"), [("/" + "a" * 9000, 414), ("/d/sales?" + "a" * 9000, 414), ("/x" + "/" * 8000, 404)]
)
def test_long_addresses(shared: Server, path: str, status: int) -> None:
    answer = shared.client.get(path)
    assert answer.status_code == status
    assert len(answer.data) < 8000


@pytest.mark.parametrize("error", [StoreError, EngineError, NotebookError, RuntimeError, RecursionError])
def test_an_error_of_ours_is_one_sentence_and_a_line_in_the_log(
    shared: Server,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error(f"/srv/data is full of {SECRET}")

    monkeypatch.setattr(type(shared.site.pages), "dashboard", fail)
    for headers in (HTML, JSON):
        answer = shared.client.get("/d/sales", headers=headers | {"Cookie": "token=cookie-secret"})
        assert answer.status_code == (503 if error is StoreError else 500)
        assert SECRET not in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["Cache-Control"] == "private, no-store"
    references = re.findall(r"E-[0-9A-F]{6}", answer.text)
    assert all(reference in caplog.text for reference in references)
    assert bool(references) is (error is not StoreError)
    assert SECRET in caplog.text
    assert "cookie-secret" not in caplog.text


def test_a_broken_error_template_still_tells_the_sentence(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no template")

    monkeypatch.setattr(type(shared.site.pages), "error", fail)
    answer = shared.client.get("/d/unknown", headers=HTML)
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")


def test_log_lines_cannot_be_forged(shared: Server, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safety, "_check_host", fail)
        shared.client.get("/d/x%0a1970-01-01%20forged%1b[31m")
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert "\x1b" not in record.getMessage()
