"""The JSON API: exact shapes, the long poll, equal reruns that join."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
from web_site import FAILING, SCRIPT, SECRET, TABLE, MakeServer, Scripted, Server, make_png, wait_until

JSON = {"Accept": "application/json"}
RUN_KEYS = {
    "id",
    "dashboard",
    "state",
    "parameters",
    "queued_at",
    "started_at",
    "finished_at",
    "attempt",
    "progress",
    "figures",
    "error",
}
FIGURE_KEYS = {"name", "title", "alt", "width", "height", "url", "png"}
DASHBOARD_KEYS = {"slug", "title", "state", "data_at", "url", "thumbnail", "parameters", "current_run"}
CARD_KEYS = {"name", "title", "caption", "section", "failed", "url", "figures"}


def rerun(server: Server, **parameters: Any) -> dict[str, Any]:
    answer = server.client.post("/d/sales/runs", json={"parameters": parameters})
    assert answer.status_code == 202, answer.text
    run: dict[str, Any] = answer.json
    return run


def test_rerun_answers_the_run_and_where_it_is(server: Server) -> None:
    answer = server.client.post("/d/sales/runs", headers=JSON)
    assert answer.status_code == 202
    assert answer.json.keys() == RUN_KEYS
    assert answer.headers["Location"] == f"/api/v1/runs/{answer.json['id']}"
    assert server.client.get(answer.headers["Location"]).json == answer.json
    assert (answer.json["state"], answer.json["dashboard"], answer.json["attempt"]) == ("queued", "sales", 0)


def test_run_has_exactly_the_fields_of_the_interface(server: Server) -> None:
    current = server.client.get("/api/v1/dashboards/sales").json["current_run"]
    run = server.client.get(f"/api/v1/runs/{current}").json
    assert run.keys() == RUN_KEYS
    assert run["state"] == "succeeded"
    (figure,) = run["figures"]
    assert figure.keys() == FIGURE_KEYS
    assert base64.b64decode(figure["png"]) == make_png()
    assert server.client.get(figure["url"]).data == make_png()
    for name in ("queued_at", "started_at", "finished_at"):
        assert datetime.fromisoformat(run[name]).utcoffset() is not None


def test_progress_has_exactly_its_fields(server: Server) -> None:
    gate = threading.Event()
    server.engine.script = SCRIPT | {TABLE: Scripted(gate=gate)}
    run_id = rerun(server)["id"]
    server.perform_beside()
    try:
        progress = wait_until(lambda: server.client.get(f"/api/v1/runs/{run_id}").json["progress"])
        assert progress.keys() == {"cell", "of", "title", "started_at", "usual_seconds"}
    finally:
        gate.set()


def test_failure_tells_viewers_no_message(server: Server) -> None:
    server.engine.script = SCRIPT | FAILING
    run_id = rerun(server)["id"]
    server.perform()
    answer = server.client.get(f"/api/v1/runs/{run_id}?after=0")
    assert answer.json["run"]["error"].keys() == {"cell", "ename", "reference"}
    assert answer.json["run"]["error"]["ename"] == "ValueError"
    assert SECRET not in answer.text
    assert server.client.get("/api/v1/dashboards/sales").json["state"] == "failed"


def test_dashboards_and_one_dashboard(server: Server) -> None:
    listing = server.client.get("/api/v1/dashboards").json
    assert listing.keys() == {"dashboards", "next"}
    (entry,) = listing["dashboards"]
    assert entry.keys() == DASHBOARD_KEYS
    assert (entry["slug"], entry["state"], entry["url"]) == ("sales", "fresh", "/d/sales")
    assert server.client.get(entry["thumbnail"]).data == make_png()
    assert [parameter["name"] for parameter in entry["parameters"]] == ["region", "year"]
    one = server.client.get("/api/v1/dashboards/sales").json
    assert one.keys() == DASHBOARD_KEYS | {"cards"}
    assert [card["name"] for card in one["cards"]] == ["card-1", "card-2", "card-3"]
    assert all(card.keys() == CARD_KEYS for card in one["cards"])
    (figure,) = one["cards"][0]["figures"]
    assert figure.keys() == FIGURE_KEYS - {"png"}
    assert server.client.get(figure["url"]).data == make_png()
    assert server.client.get(one["cards"][1]["url"]).status_code == 200


def test_dashboards_come_in_pages(make_server: MakeServer) -> None:
    server = make_server()
    for slug in ("a", "b", "c"):
        server.publish(slug)
    seen, after = [], ""
    while after is not None:
        page = server.client.get(f"/api/v1/dashboards?limit=2&after={after}").json
        seen += [entry["slug"] for entry in page["dashboards"]]
        after = page["next"]
    assert seen == ["a", "b", "c"]


def test_addresses_in_json_have_the_prefix(make_server: MakeServer) -> None:
    server = make_server(base_url="/reports")
    server.publish()
    server.perform()
    for prefix in ("", "/reports"):  # a proxy that strips it, and one that does not
        one = server.client.get(f"{prefix}/api/v1/dashboards/sales").json
        assert one["url"] == "/reports/d/sales"
        assert one["thumbnail"].startswith("/reports/d/sales/figures/")
        assert server.client.get(one["thumbnail"]).data == make_png()
        page = server.client.get(f"{prefix}/d/sales")
        assert 'href="../-/static/app.css' in page.text
        assert server.client.post(f"{prefix}/d/sales/runs").headers["Location"] == "../sales"
    assert server.client.get("/reports").headers["Location"] == "http://localhost/reports/"
    assert server.client.get("/reportsx/").status_code == 404


def test_events_in_order_and_from_a_number_on(server: Server) -> None:
    current = server.client.get("/api/v1/dashboards/sales").json["current_run"]
    answer = server.client.get(f"/api/v1/runs/{current}?after=0").json
    assert answer.keys() == {"run", "events", "next"}
    assert answer["run"].keys() == RUN_KEYS
    assert [event["seq"] for event in answer["events"]] == list(range(1, answer["next"] + 1))
    assert {event["kind"] for event in answer["events"]} == {"cell_start", "output", "cell_end", "state"}
    rest = server.client.get(f"/api/v1/runs/{current}?after={answer['next'] - 1}").json
    assert rest["events"] == answer["events"][-1:]
    assert rest["events"][0]["state"] == "succeeded"


def test_events_without_pictures(server: Server) -> None:
    current = server.client.get("/api/v1/dashboards/sales").json["current_run"]
    answer = server.client.get(f"/api/v1/runs/{current}?after=0&png=0").json
    assert answer["run"]["figures"][0]["png"] is None


def test_poll_of_a_run_that_is_over_never_waits(server: Server, no_sleep: list[float]) -> None:
    current = server.client.get("/api/v1/dashboards/sales").json["current_run"]
    answer = server.client.get(f"/api/v1/runs/{current}?after=1000&wait=25").json
    assert (answer["events"], answer["next"]) == ([], 1000)
    assert not no_sleep


def test_poll_answers_when_something_happens(server: Server) -> None:
    run_id = rerun(server)["id"]
    after = server.client.get(f"/api/v1/runs/{run_id}?after=0").json["next"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.client.get, f"/api/v1/runs/{run_id}?after={after}&wait=25")
        wait_until(lambda: server.site.polls.taken)
        assert not waiting.done()
        server.perform()
        answer = waiting.result(20).json
    assert answer["events"][0]["seq"] == after + 1
    assert server.site.polls.taken == 0


@pytest.mark.parametrize(
    ("threads", "peer", "holders", "waits"),
    [
        (48, "127.0.0.1", 23, True),
        (48, "127.0.0.1", 24, False),
        (8, "127.0.0.1", 4, False),  # never more than half of the threads
        (48, "192.0.2.7", 1, True),
        (48, "192.0.2.7", 2, False),  # two per client
    ],
)
def test_poll_without_a_place_answers_at_once(
    make_server: MakeServer, no_sleep: list[float], threads: int, peer: str, holders: int, waits: bool
) -> None:
    server = make_server(threads=threads)
    run_id = server.publish().id
    client = None if peer.startswith("127.") else peer
    with ExitStack() as held:
        assert all(held.enter_context(server.site.polls.place(client)) for _ in range(holders))
        address = f"/api/v1/runs/{run_id}?after=1&wait=0.01"
        headers = {"Authorization": f"Bearer {server.token}"}
        answer = server.client.get(address, headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.json["events"] == []
    assert bool(no_sleep) is waits


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=nan", "wait=soon", "wait=-1"])
def test_numbers_that_are_none(shared: Server, query: str) -> None:
    current = shared.client.get("/api/v1/dashboards/sales").json["current_run"]
    answer = shared.client.get(f"/api/v1/runs/{current}?{query}")
    assert answer.status_code == 400
    assert answer.json["error"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["after=1e300", "after=Infinity", "wait=1e300"])
def test_numbers_that_are_too_large_are_bounded(shared: Server, query: str) -> None:
    current = shared.client.get("/api/v1/dashboards/sales").json["current_run"]
    assert shared.client.get(f"/api/v1/runs/{current}?{query}").status_code == 200


def test_fifty_reruns_at_once_are_one_run(server: Server) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: rerun(server, year=2023), range(50)))
    assert len({answer["id"] for answer in answers}) == 1
    assert rerun(server, year=2022)["id"] != answers[0]["id"]


def test_form_and_json_join_the_same_run(server: Server) -> None:
    by_json = rerun(server, year=2023)
    by_form = server.client.post("/d/sales/runs", data={"year": "2023", "region": "north"}, headers=JSON)
    assert by_form.json["id"] == by_json["id"]
    assert by_json["parameters"] == {"year": 2023}


def test_cancel_answers_the_run(server: Server) -> None:
    run_id = rerun(server)["id"]
    answer = server.client.post(f"/d/sales/runs/{run_id}/cancel", headers=JSON)
    assert (answer.status_code, answer.json["state"]) == (202, "cancelled")


def test_too_many_reruns_are_told_when_to_come_back(make_server: MakeServer) -> None:
    server = make_server(reruns_per_minute=1)
    server.publish()
    server.perform()
    answer = server.client.post("/d/sales/runs", headers=JSON)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["error"]["code"] == "busy"
    assert server.client.get("/d/sales").status_code == 200


def test_metrics_count_runs_and_answers(server: Server) -> None:
    server.client.get("/d/sales")
    rerun(server)
    text = server.client.get("/-/metrics").text
    assert 'nbdash_requests_total{endpoint="routes.dashboard",status="200"} 1' in text
    assert 'nbdash_runs{state="queued"} 1' in text
    assert "nbdash_long_polls 0" in text


def test_health(server: Server) -> None:
    assert server.client.get("/-/health").json == {"ok": True}


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the API slept; it does not."""
    slept: list[float] = []
    clock = time.monotonic
    monkeypatch.setattr("nbdash.web.api.time.monotonic", lambda: clock() + sum(slept))
    monkeypatch.setattr("nbdash.web.api.time.sleep", slept.append)
    return slept
