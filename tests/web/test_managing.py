"""The author's settings: links, who may do what, the source, removing."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_site import Server

from nbdash.model import RerunBy

OWN = {"Sec-Fetch-Site": "same-origin"}
ADDRESS = "/d/sales/settings"


@pytest.fixture
def author(server: Server) -> FlaskClient:
    """The author's browser, elsewhere."""
    client = server.app.test_client()
    client.environ_base.update({"REMOTE_ADDR": "192.0.2.7"})
    client.get(f"/-/author?token={server.token}")
    return client


def change(client: FlaskClient, **fields: str) -> Any:
    return client.post(ADDRESS, data=fields, headers=OWN)


def test_a_link_is_made_told_and_revoked(server: Server, author: FlaskClient) -> None:
    assert change(author, act="share", expires="7d", rerun="yes").headers["Location"] == "settings"
    page = author.get(ADDRESS).text
    (link,) = re.findall(r'href="(\.\./\.\./s/[\w-]{22})"', page)
    stranger = server.app.test_client()
    stranger.environ_base.update({"REMOTE_ADDR": "192.0.2.8"})
    assert stranger.get(link.replace("../..", "")).status_code == 303
    assert stranger.get("/d/sales").status_code == 200
    (share,) = server.site.sharing.shares("sales")
    assert share.may_rerun and share.expires_at is not None
    change(author, act="revoke", link=str(share.id))
    assert stranger.get("/d/sales").status_code == 404
    assert "Nobody has a link yet" in author.get(ADDRESS).text


def test_access_is_changed(server: Server, author: FlaskClient) -> None:
    change(author, act="access", public="yes", rerun="author")
    dashboard = server.store.dashboard("sales")
    assert dashboard.public and dashboard.rerun_by is RerunBy.AUTHOR
    change(author, act="access", public="no", rerun="viewers")
    assert not server.store.dashboard("sales").public


def test_removing_asks_for_the_name(server: Server, author: FlaskClient) -> None:
    refused = change(author, act="remove", name="costs")
    assert refused.status_code == 400 and "nothing was changed" in refused.text
    assert server.store.find_dashboard("sales") is not None
    assert change(author, act="remove", name="sales").headers["Location"] == "../../"
    assert server.store.find_dashboard("sales") is None


def test_the_source_is_the_published_notebook(author: FlaskClient) -> None:
    answer = author.get("/d/sales/source")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sales.ipynb"'
    assert len(json.loads(answer.data)["cells"]) == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"other": ""},
        {"act": "nothing"},
        {"act": "share", "expires": "soon"},
        {"act": "share", "expires": "999999d"},
        {"act": "revoke", "link": "x"},
        {"act": "revoke", "link": "9" * 30},
        {"act": "revoke", "link": "²"},
        {"act": "access", "rerun": "all"},
        {"act": "remove"},
    ],
)
def test_what_does_not_fit_is_one_sentence(server: Server, author: FlaskClient, fields: dict[str, str]) -> None:
    answer = change(author, **fields)
    assert answer.status_code == 400, answer.text
    assert server.store.find_dashboard("sales") is not None


def test_a_link_of_another_dashboard_is_not_revoked(server: Server, author: FlaskClient) -> None:
    server.publish("costs", title="Costs")
    server.perform()
    share = server.site.sharing.share("costs")
    assert change(author, act="revoke", link=str(share.id)).status_code == 404
    assert server.site.sharing.shares("costs") == [share]


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}])
def test_another_site_changes_nothing(server: Server, author: FlaskClient, headers: dict[str, str]) -> None:
    answer = author.post(ADDRESS, data={"act": "remove", "name": "sales"}, headers=headers)
    assert answer.status_code == 403
    assert server.store.find_dashboard("sales") is not None


@pytest.mark.parametrize("path", ["settings", "source", "log"])
def test_it_is_the_authors_alone(server: Server, path: str) -> None:
    client = server.app.test_client()
    client.get(f"/s/{server.share()}")
    for method in ("get", "post"):
        status = getattr(client, method)(f"/d/sales/{path}", headers=OWN).status_code
        assert status in ((404, 405) if method == "post" else (404,))
    assert server.store.find_dashboard("sales") is not None


def test_every_change_is_a_line_in_the_log(
    server: Server, author: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="nbdash.web.audit"):
        change(author, act="share", expires="", rerun="yes")
        change(author, act="access", public="yes\nforged", rerun="viewers")
        author.get(f"/s/{server.share()}")
    lines = [record.getMessage() for record in caplog.records if record.name == "nbdash.web.audit"]
    assert lines[0] == "share dashboard='sales' by='author' from='192.0.2.7' rerun='yes'"
    assert lines[1].startswith("access dashboard='sales'") and "\n" not in lines[1]
    assert lines[2].startswith("open_share dashboard='sales'") and server.token not in "".join(lines)
