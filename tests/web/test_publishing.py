"""Publishing from elsewhere: tokens, owners, what a body may be."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from web_site import FAILING, SCRIPT, SECRET, MakeServer, Server, notebook_text

from nbdash.model import RunState
from nbdash.publisher.tokens import make_token
from nbdash.publisher.upload import collect_received
from nbdash.store.folder import RECEIVED

AWAY: dict[str, Any] = {"REMOTE_ADDR": "192.0.2.7"}
ADDRESS = "/api/v1/dashboards"


def send(server: Server, token: str, *, name: str = "sales.ipynb", **parts: Any) -> Any:
    """Posts a notebook, with data files and options, from elsewhere."""
    files = [(io.BytesIO(content), path) for path, content in parts.get("data", {}).items()]
    body: dict[str, Any] = {"notebook": (io.BytesIO(parts.get("notebook", notebook_text()).encode()), name)}
    body |= {"data": files, "options": json.dumps(parts.get("options", {}))}
    return server.client.post(
        ADDRESS,
        data=body,
        content_type="multipart/form-data",
        headers={"Authorization": f"Bearer {token}"},
        environ_base=AWAY,
    )


@pytest.fixture
def ann(server: Server) -> str:
    return make_token(server.store, "ann")


def test_a_notebook_with_its_data_is_run_in_a_folder_of_its_own(server: Server, ann: str) -> None:
    answer = send(server, ann, name="costs.ipynb", data={"data/costs.csv": b"1,2\n", "more.txt": b"x"})
    assert answer.status_code == 202, answer.text
    assert answer.json["slug"] == "costs" and answer.json["url"] == "/d/costs"
    run = server.perform()
    assert run.state is RunState.SUCCEEDED
    folder = server.engine.jobs[-1].folder
    assert (folder / "data" / "costs.csv").read_bytes() == b"1,2\n"
    assert folder.is_relative_to(server.settings.data)
    client = server.app.test_client()
    client.environ_base.update(AWAY)
    assert client.get(answer.json["link"]).status_code == 303
    assert client.get("/d/costs").status_code == 200


def test_the_same_again_changes_nothing_and_other_data_does(server: Server, ann: str) -> None:
    send(server, ann, name="costs.ipynb", data={"a.csv": b"1"})
    server.perform()
    again = send(server, ann, name="costs.ipynb", data={"a.csv": b"1"}, options={"slug": "costs"})
    assert (again.status_code, again.json["run"], again.json["version"]) == (200, None, 1)
    changed = send(server, ann, name="costs.ipynb", data={"a.csv": b"2"}, options={"slug": "costs"})
    assert (changed.status_code, changed.json["version"]) == (202, 2)
    dashboard = server.store.dashboard("costs")
    assert len(list((server.settings.data / RECEIVED / str(dashboard.id)).iterdir())) == 2
    assert not list((server.settings.data / RECEIVED).glob("draft-*"))


def test_without_a_name_each_is_a_dashboard_of_its_own(server: Server, ann: str) -> None:
    assert [send(server, ann, name="costs.ipynb").json["slug"] for _ in range(2)] == ["costs", "costs-2"]


def test_nobody_replaces_anothers_dashboard(server: Server, ann: str) -> None:
    bob = make_token(server.store, "bob")
    send(server, ann, name="costs.ipynb")
    server.perform()
    for token, slug in ((bob, "costs"), (bob, "sales"), (ann, "sales"), (server.token, "costs")):
        answer = send(server, token, options={"slug": slug})
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "conflict"), slug
    assert server.store.dashboard("costs").owner == "ann"
    assert send(server, ann, name="costs.ipynb", options={"slug": "costs", "title": "New"}).status_code == 202


def test_a_person_sees_the_log_of_their_own_dashboards_only(server: Server, ann: str) -> None:
    bob = make_token(server.store, "bob")
    send(server, ann, name="costs.ipynb")
    run = server.perform()
    for token, status in ((ann, 200), (bob, 404), (server.token, 200)):
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("/d/costs/log", "/d/costs", f"/api/v1/runs/{run.id}"):
            answer = server.client.get(path, headers=headers, environ_base=AWAY)
            assert answer.status_code == status, (path, token)
        listed = server.client.get(ADDRESS, headers=headers, environ_base=AWAY).json["dashboards"]
        assert ("costs" in [each["slug"] for each in listed]) is (status == 200)
    assert server.client.get("/d/sales/log", headers={"Authorization": f"Bearer {ann}"}).status_code == 404


def test_a_person_looks_with_a_cookie_got_with_the_token(server: Server, ann: str) -> None:
    send(server, ann, name="costs.ipynb")
    server.perform()
    client = server.app.test_client()
    client.environ_base.update(AWAY)
    answer = client.get(f"/-/author?token={ann}&to=costs")
    assert answer.status_code == 303 and ann not in answer.headers["Set-Cookie"]
    assert client.get("/d/costs/log").status_code == 200
    assert client.get("/d/sales/log").status_code == 404
    assert client.post(ADDRESS, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 401, (
        "a cookie publishes nothing"
    )


def test_a_revoked_token_is_worth_nothing(server: Server, ann: str) -> None:
    client = server.app.test_client()
    client.get(f"/-/author?token={ann}")
    send(server, ann, name="costs.ipynb")
    server.perform()
    server.store.revoke_token("ann")
    assert send(server, ann).status_code == 401
    assert client.get("/d/costs/log", environ_base=AWAY).status_code == 404
    assert server.client.get("/d/costs").status_code == 200, "what was published stays"


@pytest.mark.parametrize("token", ["", "wrong", "x" * 43])
def test_a_token_comes_before_the_body(shared: Server, token: str) -> None:
    answer = send(shared, token)
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "bad_token")


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/x",
        "a/../../x",
        "a//b",
        "./a",
        "",
        "a\\b",
        "C:\\x",
        "con",
        "nul.txt",
        "a ",
        "b.",
        "x" * 300,
        "a/" * 20,
        "a\x00b",
        "-/../..",
        "..",
        "a\nb",
    ],
)
def test_data_files_stay_in_their_folder(shared: Server, path: str) -> None:
    before = sorted(shared.settings.data.rglob("*"))
    answer = send(shared, shared.token, name="costs.ipynb", data={path: b"x"})
    if answer.status_code == 202:  # the form's parser has mended the name, or left the nameless file out
        dashboard = shared.store.dashboard(answer.json["slug"])
        files = (shared.settings.data / RECEIVED / str(dashboard.id)).rglob("*")
        assert all(each.is_relative_to(shared.settings.data) for each in files)
        shared.publisher.remove(dashboard.slug)
    else:
        assert answer.status_code == 400, answer.text
    outside = [each for each in shared.settings.data.parent.rglob("x") if RECEIVED not in each.parts]
    assert not outside and before


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"notebook": "no notebook"}, None),
        ({"notebook": "[]"}, None),
        ({"name": "sales.py"}, "notebook"),
        ({"name": "../sales.ipynb"}, "notebook"),
        ({"options": []}, "options"),
        ({"options": {"python": "/bin/sh"}}, "options"),
        ({"options": {"listed": True}}, "options"),
        ({"options": {"slug": "../x"}}, "slug"),
        ({"options": {"engine": "shell"}}, "engine"),
        ({"options": {"public": "yes"}}, "public"),
        ({"options": {"selection": "some"}}, "selection"),
    ],
)
def test_what_does_not_fit_is_one_sentence(shared: Server, parts: dict[str, Any], field: str | None) -> None:
    answer = send(shared, shared.token, **parts)
    assert answer.status_code == 400, answer.text
    assert answer.json["error"].get("field") == field
    assert "Traceback" not in answer.text


def test_too_much_is_refused_before_it_is_read(make_server: MakeServer) -> None:
    server = make_server(upload_mib=1)
    answer = server.client.post(
        ADDRESS,
        headers={"Authorization": f"Bearer {server.token}"},
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(2 * 1024**2)},
    )
    assert answer.status_code == 413
    many = send(server, server.token, data={f"{n}.txt": b"" for n in range(1010)})
    assert many.status_code == 413
    assert not (server.settings.data / RECEIVED).exists()


def test_a_failed_run_tells_its_author_why_and_nobody_else(server: Server, ann: str) -> None:
    server.engine.script = SCRIPT | FAILING
    answer = send(server, ann, name="costs.ipynb")
    server.perform()
    path = f"/api/v1/runs/{answer.json['run']}"
    told = server.client.get(path, headers={"Authorization": f"Bearer {ann}"}, environ_base=AWAY)
    assert SECRET in told.json["error"]["message"]
    assert server.client.get(path, environ_base=AWAY).status_code == 404
    assert server.client.get("/d/costs").status_code == 404, "nothing is published"


def test_folders_that_no_version_runs_in_are_removed(server: Server, ann: str) -> None:
    send(server, ann, name="costs.ipynb", data={"a.csv": b"1"})
    send(server, ann, name="gone.ipynb", data={"a.csv": b"1"})
    server.publisher.remove("gone")
    received = server.settings.data / RECEIVED
    (received / "draft-left").mkdir()
    collect_received(server.settings.data, server.store.version_folders(), 3600)
    assert len(list(received.iterdir())) == 3, "young ones may be about to be used"
    collect_received(server.settings.data, server.store.version_folders(), -1)
    (left,) = received.glob("*/*")
    assert left.parent.name == str(server.store.dashboard("costs").id)
    assert not (received / "draft-left").exists()
