"""Who may do what: share links, public dashboards, this machine, the author."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_site import MakeServer, Server

from nbdash.config import Settings
from nbdash.model import RerunBy
from nbdash.network import own_names, shared_url
from nbdash.publisher.sharing import Sharing

AWAY: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.7"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def away(server: Server) -> FlaskClient:
    """A browser elsewhere on the network."""
    client = server.app.test_client()
    client.environ_base.update(AWAY)
    return client


def test_a_stranger_is_told_nothing(server: Server, away: FlaskClient) -> None:
    run = server.current
    for path in ("/d/sales", "/d/sales/runs", f"/d/sales/runs/{run.id}", "/d/sales/log"):
        answer, unknown = away.get(path), away.get(path.replace("sales", "unknown"))
        assert (answer.status_code, answer.data) == (404, unknown.data), path
    assert away.post("/d/sales/runs", headers=OWN).status_code == 404
    assert away.get(f"/api/v1/runs/{run.id}").json == away.get("/api/v1/runs/0123456789abcdef").json
    assert away.get("/api/v1/dashboards").json == {"dashboards": [], "next": None}
    assert b"Sales" not in away.get("/").data
    assert b"nbdash publish" not in away.get("/").data


def test_a_share_link_opens_its_dashboard_and_no_other(server: Server, away: FlaskClient) -> None:
    server.publish("costs", title="Costs")
    server.perform()
    answer = away.get(f"/s/{server.share()}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "../d/sales")
    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Secure" not in cookie, "over plain http a browser would drop it"
    assert away.get("/d/sales").status_code == 200
    assert away.get("/d/costs").status_code == 404
    assert away.get("/d/sales/log").status_code == 404
    assert [each["slug"] for each in away.get("/api/v1/dashboards").json["dashboards"]] == ["sales"]
    assert b"Sales" in away.get("/").data and b"Costs" not in away.get("/").data
    assert away.post("/d/sales/runs", headers=OWN).status_code == 303
    assert away.post("/d/costs/runs", headers=OWN).status_code == 404


def test_two_links_in_one_browser_open_two_dashboards(server: Server, away: FlaskClient) -> None:
    server.publish("costs", title="Costs")
    server.perform()
    for slug in ("sales", "costs"):
        away.get(f"/s/{server.share(slug)}")
    assert {each["slug"] for each in away.get("/api/v1/dashboards").json["dashboards"]} == {"sales", "costs"}


def test_a_link_may_be_for_looking_only(server: Server, away: FlaskClient) -> None:
    away.get(f"/s/{server.share(may_rerun=False)}")
    page = away.get("/d/sales")
    assert page.status_code == 200 and b'id="rerun"' not in page.data
    assert away.post("/d/sales/runs", headers=OWN).status_code == 403
    assert b'id="rerun"' in server.client.get("/d/sales").data, "the others' page is another one"


def test_a_dashboard_may_be_rerun_by_its_author_alone(server: Server, away: FlaskClient) -> None:
    server.store.set_access(server.store.dashboard("sales").id, rerun_by=RerunBy.AUTHOR)
    away.get(f"/s/{server.share()}")
    for client in (away, server.client):
        assert b'id="rerun"' not in client.get("/d/sales").data
        assert client.post("/d/sales/runs", headers=OWN).status_code == 403
    author = {"Authorization": f"Bearer {server.token}"}
    assert server.client.post("/d/sales/runs", headers=author).status_code == 303


def test_a_revoked_or_expired_link_is_as_if_it_had_never_been(server: Server, away: FlaskClient) -> None:
    sharing = Sharing(server.store, server.token)
    share = sharing.share("sales")
    secret = sharing.secret(share)
    away.get(f"/s/{secret}")
    assert away.get("/d/sales").status_code == 200
    sharing.revoke("sales", share.id)
    unknown = away.get(f"/s/{'x' * 22}").data
    assert away.get("/d/sales").status_code == 404, "whoever has its cookie is out too"
    assert away.get(f"/s/{secret}").data == unknown
    past = sharing.secret(sharing.share("sales", lifetime=timedelta(seconds=-1)))
    assert away.get(f"/s/{past}").data == unknown


@pytest.mark.parametrize("secret", ["", ":id", "null", "0", "-1", "%", "x" * 21, "x" * 23, "%00" * 22, "ü" * 22])
def test_what_is_no_link_is_no_page(shared: Server, secret: str) -> None:
    answer = shared.client.get(f"/s/{secret}", environ_base=AWAY)
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


def test_a_public_dashboard_needs_no_link(server: Server, away: FlaskClient) -> None:
    server.store.set_access(server.store.dashboard("sales").id, public=True)
    assert away.get("/d/sales").status_code == 200
    assert away.post("/d/sales/runs", headers=OWN).status_code == 303
    assert away.get("/d/sales/log").status_code == 404
    server.store.set_access(server.store.dashboard("sales").id, public=False)
    assert away.get("/d/sales").status_code == 404


def test_an_unlisted_dashboard_is_nobodys_to_look_at(server: Server, away: FlaskClient) -> None:
    server.publish("draft", title="Draft", listed=False)
    away.get(f"/s/{server.share('draft')}")
    server.store.set_access(server.store.dashboard("draft").id, public=True)
    assert away.get("/d/draft").status_code == server.client.get("/d/draft").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"HTTP_HOST": "dash.corp"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_FORWARDED": "for=127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
    ],
)
def test_loopback_alone_proves_nothing(shared: Server, change: dict[str, str]) -> None:
    assert shared.client.get("/d/sales").status_code == 200
    assert shared.client.get("/d/sales", environ_overrides=change).status_code in (400, 404)


def test_behind_a_proxy_nobody_is_local_and_its_word_counts(make_server: MakeServer) -> None:
    server = make_server(proxy_hops=1, trusted_hosts=("dash.corp",))
    server.publish()
    server.perform()
    assert server.client.get("/d/sales").status_code == 404
    told = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "dash.corp"}
    client = server.app.test_client()
    cookie = client.get(f"/s/{server.share()}", headers=told).headers["Set-Cookie"]
    assert cookie.startswith("__Host-nbdash-share-") and "Secure" in cookie and "Domain" not in cookie
    page = client.get("/d/sales", headers=told)
    assert page.status_code == 200 and page.headers["Strict-Transport-Security"]
    plain = cookie.split(";")[0].removeprefix("__Host-")
    tossed = server.client.get("/d/sales", headers=told | {"Cookie": plain})
    assert tossed.status_code == 404, "a cookie that a plain connection could have set"


def test_a_spoofed_hop_before_the_proxy_is_not_believed(make_server: MakeServer) -> None:
    server = make_server(proxy_hops=1)
    told = {"X-Forwarded-Host": "evil.example, localhost", "X-Forwarded-For": "127.0.0.1, 192.0.2.7"}
    assert server.client.get("/-/health", headers=told).status_code == 200
    assert server.client.get("/-/metrics", headers=told).status_code == 404


def test_the_database_alone_opens_nothing(server: Server) -> None:
    secret = server.share()
    with closing(sqlite3.connect(server.settings.database)) as connection:
        dump = "\n".join(connection.iterdump())
    assert secret not in dump and server.token not in dump


def test_the_author_is_told_a_link_again_and_its_last_use(server: Server, away: FlaskClient) -> None:
    sharing = Sharing(server.store, server.token)
    share = sharing.standing_share("sales")
    assert sharing.standing_share("sales").id == share.id
    assert share.used_at is None
    away.get(f"/s/{sharing.secret(share)}")
    used = sharing.shares("sales")[0].used_at
    assert used is not None and datetime.now(UTC) - used < timedelta(minutes=1)
    other = Sharing(server.store, "another-token")
    assert not other.is_ours(share)
    assert other.standing_share("sales").id != share.id


def test_a_link_goes_with_its_dashboard(server: Server, away: FlaskClient) -> None:
    secret = server.share()
    server.publisher.remove("sales")
    assert away.get(f"/s/{secret}").status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [("192.168.1.5:8700", 200), ("[2001:db8::5]:8700", 200), ("evil.example", 400), ("0.0.0.0", 400), ("[::]", 400)],
)
def test_on_the_whole_network_addresses_are_answered_but_not_any_name(
    make_server: MakeServer, host: str, status: int
) -> None:
    server = make_server(host="0.0.0.0")
    assert server.client.get("/-/health", headers={"Host": host}).status_code == status


def test_names_and_links_of_a_server(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbdash.network.socket.gethostname", lambda: "Desk.corp")
    monkeypatch.setattr("nbdash.network.socket.getfqdn", lambda: "desk.corp")
    monkeypatch.setattr("nbdash.network.lan_address", lambda: "192.0.2.9")
    assert shared_url(Settings(data=tmp_path)) is None
    everywhere = Settings(data=tmp_path, host="0.0.0.0")
    assert shared_url(everywhere) == "http://192.0.2.9:8700/"
    assert own_names(everywhere) == {"desk.corp", "desk", "desk.local"}
    behind = Settings(data=tmp_path, public_url="https://dash.corp/reports/", base_url="/reports")
    assert shared_url(behind) == "https://dash.corp/reports/"
    assert own_names(behind) == {"127.0.0.1", "dash.corp"}
    assert shared_url(Settings(data=tmp_path, host="2001:db8::5", base_url="/r")) == "http://[2001:db8::5]:8700/r/"
