"""Who the author is, and what only the author sees."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from web_site import FAILING, SCRIPT, SECRET, MakeServer, Server

from nbdash.errors import StoreError
from nbdash.store.token import author_token
from nbdash.web.author import AuthorKey


def test_token_is_made_once_and_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(lambda _: author_token(tmp_path / "data"), range(16)))
    assert len(tokens) == 1
    assert len(tokens.pop()) >= 43
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data" / "author.token").stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_token_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    token = author_token(tmp_path)
    (tmp_path / "author.token").chmod(0o644)
    assert author_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "author.token").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_token_file_that_holds_none(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbdash.store.token._PAUSE_SECONDS", 0.0)
    (tmp_path / "author.token").write_bytes(content)
    with pytest.raises(StoreError, match="remove it"):
        author_token(tmp_path)


def test_cookie_does_not_tell_the_token() -> None:
    key = AuthorKey("t" * 43)
    assert key.accepts_cookie(key.cookie)
    assert not key.accepts_token(key.cookie)
    assert not key.accepts_cookie("t" * 43)
    assert not key.accepts_cookie("")
    assert not key.accepts_token("t" * 42)
    assert AuthorKey("u" * 43).cookie_name != key.cookie_name


def test_log_is_the_authors_alone(server: Server) -> None:
    server.engine.script = SCRIPT | FAILING
    server.client.post("/d/sales/runs")
    server.perform()
    unknown = server.client.get("/d/unknown/log")
    for headers in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {server.token}"},
        {"Authorization": f"Bearer {server.token[:-1]}"},
        {"Cookie": f"{server.site.author.cookie_name}={server.token}"},
    ):
        answer = server.client.get("/d/sales/log", headers=headers)
        assert (answer.status_code, answer.data) == (404, unknown.data)
    log = server.client.get("/d/sales/log", headers={"Authorization": f"Bearer {server.token}"})
    assert log.status_code == 200
    assert SECRET in log.text
    assert log.headers["Cache-Control"] == "private, no-store"


def test_token_in_the_address_becomes_a_cookie(server: Server) -> None:
    client = server.app.test_client()
    answer = client.get(f"/-/author?token={server.token}&to=sales")
    assert (answer.status_code, answer.headers["Location"]) == (303, "../d/sales")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert server.token not in cookie
    assert client.get("/d/sales/log").status_code == 200
    # The cookie is known to the browser, so what is done with it must come from the page itself.
    assert client.post("/d/sales/runs").status_code == 403
    assert client.post("/d/sales/runs", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("to", ["", "//evil.example", "/%5Cevil", "https:evil", "%09/evil", "sales%0d%0aX:%20y", ".."])
def test_author_is_never_led_elsewhere(shared: Server, to: str) -> None:
    answer = shared.client.get(f"/-/author?token={shared.token}&to={to}")
    assert answer.headers["Location"] == "../"


@pytest.mark.parametrize("token", ["", "wrong", "%00", "%ff"])
def test_wrong_token_gives_no_cookie(shared: Server, token: str) -> None:
    answer = shared.client.get(f"/-/author?token={token}")
    assert answer.status_code in (400, 403)
    assert "Set-Cookie" not in answer.headers


def test_servers_on_one_host_keep_their_authors_apart(make_server: MakeServer) -> None:
    mine, yours = make_server(), make_server()
    yours.publish()
    yours.perform()
    cookie = f"{yours.site.author.cookie_name}={mine.site.author.cookie}"
    assert yours.client.get("/d/sales/log", headers={"Cookie": cookie}).status_code == 404


def test_metrics_are_for_this_machine_and_the_author(shared: Server) -> None:
    away = {"REMOTE_ADDR": "192.0.2.7"}
    bearer = {"Authorization": f"Bearer {shared.token}"}
    assert shared.client.get("/-/metrics").status_code == 200
    assert shared.client.get("/-/metrics", environ_base=away).status_code == 404
    assert shared.client.get("/-/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404
    assert shared.client.get("/-/metrics", headers=bearer, environ_base=away).status_code == 200
