"""Parameters that viewers send, well and badly."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from web_site import MakeServer, Server

from nbdash.errors import OptionError
from nbdash.web.places import Places

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("regoin=north", "regoin"),
        ("year=soon", "year"),
        ("year=NaN", "year"),
        ("year=2023&year=2024", "year"),
        ("region[]=1", "region[]"),
        ("__proto__=1", "__proto__"),
    ],
)
def test_parameters_that_do_not_fit_name_their_field(shared: Server, query: str, field: str) -> None:
    page = shared.client.get(f"/d/sales?{query}")
    assert page.status_code == 400
    assert page.mimetype == "text/html"
    told = shared.client.get(f"/d/sales?{query}", headers={"Accept": "application/json"}).json["error"]
    assert told.keys() == {"code", "message", "field"}
    assert told["field"] == field


@pytest.mark.parametrize("query", ["theme=dark", "kiosk", "refresh=300&theme=dark", "utm_source=a&utm_source=b", ""])
def test_how_a_page_looks_is_no_parameter(shared: Server, query: str) -> None:
    assert shared.client.get(f"/d/sales?{query}").data == shared.client.get("/d/sales").data


def test_defaults_in_the_query_are_the_plain_page(shared: Server) -> None:
    assert shared.client.get("/d/sales?year=2024&region=north").data == shared.client.get("/d/sales").data


def test_what_an_error_repeats_is_inert(shared: Server) -> None:
    page = shared.client.get("/d/sales?%3Cscript%3Ealert(1)%3C/script%3E=1")
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("query", ["region=%ff", "&".join(f"a{n}=1" for n in range(300))])
def test_queries_that_cannot_be_read(shared: Server, query: str) -> None:
    assert shared.client.get(f"/d/sales?{query}").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"{} trailing",
        b'{"parameters": []}',
        b'{"parameters": {}, "admin": true}',
        b'{"parameters": {"year": 1, "year": 2}}',
        b'{"parameters": {"year": NaN}}',
        b'{"parameters": {"year": Infinity}}',
        b'{"parameters": {"year": 1e999}}',
        b'{"parameters": {"year": 9007199254740993}}',
        b'{"parameters": {"year": ' + b"9" * 60_000 + b"}}",
        b"[" * 60_000,
        b'{"parameters": {"year": ' + b"[" * 40 + b"]" * 40 + b"}}",
        b'\xef\xbb\xbf{"parameters": {}}',
        '{"parameters": {}}'.encode("utf-16"),
        rb'{"parameters": {"region": "\ud800"}}',
        b'{"parameters": {"region": "\xff"}}',
        json.dumps({"parameters": {f"a{n}": 1 for n in range(300)}}).encode(),
    ],
)
def test_json_that_is_not_accepted(shared: Server, body: bytes) -> None:
    answer = shared.client.post("/d/sales/runs", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "bad_json"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "", 303),
        (b"", "text/plain", 303),
        (b"year=2024", FORM, 303),
        (b"{}", "application/json", 202),
        (b"{}", "application/json; charset=utf-8", 202),
        (b"{}", "text/plain", 415),  # what a cross-site form can send
        (b"{}", "", 415),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 415),
        (b"year=2023&year=2024", FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(300)), FORM, 400),
        (b"a" * 65_537, FORM, 413),
        (b"&".join(b"a%d=" % n for n in range(200_000)), FORM, 413),
    ],
)
def test_bodies(shared: Server, body: bytes, content_type: str, status: int) -> None:
    answer = shared.client.post("/d/sales/runs", data=body, content_type=content_type)
    assert answer.status_code == status


def test_compressed_bodies_are_not_unpacked(shared: Server) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = shared.client.post("/d/sales/runs", data=b"\x1f\x8b", content_type="application/json", headers=headers)
    assert answer.status_code == 415


def test_parameters_in_query_and_body_disagree(shared: Server) -> None:
    assert shared.client.post("/d/sales/runs?year=2023", data={"year": "2024"}).status_code == 400
    assert shared.client.post("/d/sales/runs?theme=dark", data={"year": "2024"}).status_code == 303


def test_values_arrive_as_data(server: Server) -> None:
    value = "'; import os\n\\ {{7*7}} %s \u2028 é"
    answer = server.client.post("/d/sales/runs", json={"parameters": {"region": value}})
    assert answer.json["parameters"] == {"region": value}
    assert server.store.run(answer.json["id"]).parameters == {"region": value}


def test_a_form_value_with_line_breaks_redirects_safely(server: Server) -> None:
    answer = server.client.post("/d/sales/runs", data={"region": "a\r\nSet-Cookie: x=y"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "../sales?region=a%0D%0ASet-Cookie%3A+x%3Dy"


def test_no_place_to_read_is_told(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbdash.web.inputs.PATIENCE_SECONDS", 0.0)
    peer = {"REMOTE_ADDR": "192.0.2.7"}
    headers = {"Authorization": f"Bearer {shared.token}"}
    readers = shared.site.readers
    with readers.place("192.0.2.7") as first, readers.place("192.0.2.7") as second:
        assert first and second
        answer = shared.client.post("/d/sales/runs", json={}, headers=headers, environ_base=peer)
    assert answer.status_code == 429
    assert shared.client.post("/d/sales/runs", json={}, headers=headers, environ_base=peer).status_code == 202


def test_those_who_wait_for_a_place_are_few(shared: Server) -> None:
    """Each holds a thread."""
    readers = shared.site.readers
    with ExitStack() as held:
        while held.enter_context(readers.place(None)):
            pass
        with ThreadPoolExecutor(20) as pool:
            waits = [pool.submit(_wait_for_place, readers, None) for _ in range(20)]
        refused_at_once = sum(seconds < 0.5 for seconds in (wait.result() for wait in waits))
        assert refused_at_once >= 14
        with ThreadPoolExecutor(4) as pool:
            waits = [pool.submit(_wait_for_place, readers, "192.0.2.7") for _ in range(4)]
        assert sum(wait.result() < 0.5 for wait in waits) >= 2, "and of one client two"


def _wait_for_place(places: Places, client: str | None) -> float:
    began = time.monotonic()
    with places.place(client, patience=1.0) as taken:
        assert not taken
    return time.monotonic() - began


class Drip:
    """A body that comes a byte at a time, each after a while."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "never all of it at once"
        self.given += size
        time.sleep(0.01 * size)
        return b"a" * size


def test_a_body_that_drips_is_cut_off(shared: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbdash.web.inputs.BODY_SECONDS", 0.05)
    body = Drip()
    answer = shared.client.post(
        "/d/sales/runs",
        content_type="application/json",
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "60000"},
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (408, "too_slow")
    assert body.given < 100


@pytest.mark.parametrize("base_url", ["reports", "/a b", "/d", "/api/x", "/-", "http://x/", "/a\n"])
def test_base_urls_that_cannot_work(make_server: MakeServer, base_url: str) -> None:
    with pytest.raises(OptionError, match="base URL"):
        make_server(base_url=base_url)
