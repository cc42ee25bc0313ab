"""Accounts by a trusted proxy's word, and settings that could let anybody name one."""

from __future__ import annotations

from typing import Any

import pytest
from web_site import MakeServer, Server

from nbdash.errors import OptionError
from nbdash.model import GroupRole

PROXY = {"account_header": "Remoteuser", "groups_header": "Remotegroups", "proxy_hops": 1}
TOLD = {"X-Forwarded-For": "192.0.2.7", "Remoteuser": "ann", "Remotegroups": "staff, analysts"}


@pytest.fixture
def proxied(make_server: MakeServer) -> Server:
    server = make_server(**PROXY)
    server.publish()
    server.perform()
    server.store.set_groups(server.store.dashboard("sales").id, GroupRole.VIEWERS, ["analysts"])
    return server


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (TOLD, 200),
        (TOLD | {"Remotegroups": "staff"}, 404),
        (TOLD | {"Remotegroups": ""}, 404),
        (TOLD | {"Remoteuser": ""}, 404),
        ({"X-Forwarded-For": "192.0.2.7"}, 404),
    ],
)
def test_the_proxys_word_counts(proxied: Server, headers: dict[str, str], status: int) -> None:
    assert proxied.client.get("/d/sales", headers=headers).status_code == status
    listed = proxied.client.get("/api/v1/dashboards", headers=headers).json["dashboards"]
    assert bool(listed) is (status == 200)
    assert proxied.client.get("/d/sales/log", headers=headers).status_code == 404


def test_authors_manage(proxied: Server) -> None:
    proxied.store.set_groups(proxied.store.dashboard("sales").id, GroupRole.AUTHORS, ["analysts"])
    assert proxied.client.get("/d/sales/log", headers=TOLD).status_code == 200
    proxied.store.set_groups(proxied.store.dashboard("sales").id, GroupRole.AUTHORS, [])
    assert proxied.client.get("/d/sales/log", headers=TOLD).status_code == 404


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "", "2001:db8::1"])
def test_whoever_goes_round_the_proxy_is_nobody(proxied: Server, peer: str) -> None:
    spoofed = TOLD | {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "127.0.0.1"}
    answer = proxied.client.get("/d/sales", headers=spoofed, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 404


def test_a_proxy_elsewhere_is_named(make_server: MakeServer) -> None:
    server = make_server(**PROXY, proxy_from=("192.0.2.0/24",))
    server.publish()
    server.perform()
    server.store.set_groups(server.store.dashboard("sales").id, GroupRole.VIEWERS, ["analysts"])
    for peer, status in (("192.0.2.1", 200), ("::ffff:192.0.2.1", 200), ("127.0.0.1", 404)):
        answer = server.client.get("/d/sales", headers=TOLD, environ_base={"REMOTE_ADDR": peer})
        assert answer.status_code == status, peer


@pytest.mark.parametrize("name", ["Remoteuser", "nbdash.account", "Nbdash-Account"])
def test_without_a_proxy_a_header_names_nobody(shared: Server, name: str) -> None:
    away = {"REMOTE_ADDR": "192.0.2.7"}
    shared.store.set_groups(shared.store.dashboard("sales").id, GroupRole.VIEWERS, ["analysts"])
    headers = {name: "ann", "Remotegroups": "analysts"}
    assert shared.client.get("/d/sales", headers=headers, environ_base=away).status_code == 404


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"account_header": "Remoteuser"}, "account_header"),
        ({"account_header": "X-Remote-User", "proxy_hops": 1}, "account_header"),
        ({"groups_header": "Remote_Groups", "proxy_hops": 1}, "groups_header"),
        ({"proxy_hops": 1, "proxy_from": ("nowhere",)}, "proxy_from"),
        ({"oidc_issuer": "http://127.0.0.1:9"}, "oidc_issuer"),
        ({"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "nbdash"}, "oidc_issuer"),
    ],
)
def test_settings_that_cannot_work_are_refused(make_server: MakeServer, settings: dict[str, Any], field: str) -> None:
    with pytest.raises(OptionError) as refused:
        make_server(**settings)
    assert refused.value.field == field


def test_a_provider_that_does_not_answer_is_one_sentence(make_server: MakeServer) -> None:
    server = make_server(oidc_issuer="http://127.0.0.1:9", oidc_client_id="nbdash", public_url="http://localhost/")
    answer = server.client.get("/-/login")
    assert answer.status_code == 502 and "The login did not come about" in answer.text


def test_without_a_provider_there_is_no_login(shared: Server) -> None:
    for path in ("/-/login", "/-/login/done"):
        assert shared.client.get(path).status_code == 404
    assert shared.client.post("/-/logout").status_code == 404
    assert b"Log in" not in shared.client.get("/").data
