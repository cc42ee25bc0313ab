"""What a browser gets: pages, pictures, forms."""

from __future__ import annotations

import gzip
import threading

import pytest
from web_site import FAILING, SALES, SCRIPT, MakeServer, Scripted, Server, figure_output, make_png, wait_until

from nbdash.model import RunState


def test_index_lists_the_dashboard(shared: Server) -> None:
    page = shared.client.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    assert 'href="d/sales"' in page.text


def test_dashboard_embeds_its_figure(shared: Server) -> None:
    page = shared.client.get("/d/sales")
    assert page.status_code == 200
    assert "data:image/png;base64," in page.text
    assert "X-Nbdash-Stale" not in page.headers


def test_looking_executes_nothing(server: Server) -> None:
    for path in ("/", "/d/sales", "/d/sales/runs", "/d/sales/figures/card-1.png"):
        assert server.client.get(path).status_code == 200
    assert len(server.engine.jobs) == 1
    assert not server.store.active_runs(server.store.dashboard("sales").id)


def test_page_is_revalidated_not_sent_again(shared: Server) -> None:
    first = shared.client.get("/d/sales")
    assert first.headers["Cache-Control"] == "private, no-cache"
    etag = first.headers["ETag"]
    assert not etag.startswith("W/")
    again = shared.client.get("/d/sales", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == etag
    assert again.headers["Cache-Control"] == "private, no-cache"
    assert again.headers["Vary"] == "Accept-Encoding, Cookie"
    assert "Content-Type" not in again.headers


@pytest.mark.parametrize("condition", ["*", "W/{etag}", '"other", {etag}'])
def test_conditions_that_hold(shared: Server, condition: str) -> None:
    etag = shared.client.get("/d/sales").headers["ETag"]
    answer = shared.client.get("/d/sales", headers={"If-None-Match": condition.format(etag=etag)})
    assert answer.status_code == 304


@pytest.mark.parametrize("condition", ['"other"', "nonsense", '"' + "a" * 10_000 + '"', '"a", ' * 5000])
def test_conditions_that_do_not_hold(shared: Server, condition: str) -> None:
    assert shared.client.get("/d/sales", headers={"If-None-Match": condition}).status_code == 200


def test_gzip_is_another_representation(shared: Server) -> None:
    plain = shared.client.get("/d/sales")
    zipped = shared.client.get("/d/sales", headers={"Accept-Encoding": "br, gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert zipped.headers["ETag"] != plain.headers["ETag"]
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding, Cookie"
    assert "Content-Encoding" not in plain.headers
    etag = plain.headers["ETag"]
    crossed = shared.client.get("/d/sales", headers={"Accept-Encoding": "gzip", "If-None-Match": etag})
    assert crossed.status_code == 200


def test_gzip_refused_is_not_sent(shared: Server) -> None:
    answer = shared.client.get("/d/sales", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in answer.headers


def test_page_changes_with_a_failed_run_and_says_so(server: Server) -> None:
    before = server.client.get("/d/sales")
    server.engine.script = SCRIPT | FAILING
    server.client.post("/d/sales/runs")
    assert server.perform().state is RunState.FAILED
    after = server.client.get("/d/sales", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.headers["X-Nbdash-Stale"] == "1"
    assert "data:image/png;base64," in after.text
    assert "hunter2" not in after.text


def test_figures_latest_and_of_a_run(shared: Server) -> None:
    run = shared.current
    latest = shared.client.get("/d/sales/figures/card-1.png")
    fixed = shared.client.get(f"/d/sales/runs/{run.id}/figures/card-1.png")
    assert latest.data == fixed.data == make_png()
    assert latest.mimetype == fixed.mimetype == "image/png"
    assert latest.headers["Cache-Control"] == "private, no-cache"
    assert fixed.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "sandbox" in latest.headers["Content-Security-Policy"]
    known = {"If-None-Match": latest.headers["ETag"]}
    assert shared.client.get("/d/sales/figures/card-1.png", headers=known).status_code == 304


def test_figure_of_a_run_that_is_still_on_is_not_kept_for_good(server: Server) -> None:
    gate = threading.Event()
    server.engine.script = SCRIPT | {"show_table()": Scripted(gate=gate)}
    run_id = server.client.post("/d/sales/runs", headers={"Accept": "application/json"}).json["id"]
    server.perform_beside()
    try:
        wait_until(lambda: server.store.cards(run_id))
        picture = server.client.get(f"/d/sales/runs/{run_id}/figures/card-1.png")
        assert picture.headers["Cache-Control"] == "private, no-cache"
    finally:
        gate.set()


def test_a_new_figure_has_a_new_etag(server: Server) -> None:
    before = server.client.get("/d/sales/figures/card-1.png")
    server.engine.script = SCRIPT | {SALES: Scripted(outputs=[figure_output(grey=7)])}
    server.client.post("/d/sales/runs")
    server.perform()
    known = {"If-None-Match": before.headers["ETag"]}
    after = server.client.get("/d/sales/figures/card-1.png", headers=known)
    assert (after.status_code, after.data) == (200, make_png(grey=7))


def test_card_alone(shared: Server) -> None:
    run = shared.current
    answer = shared.client.get(f"/d/sales/runs/{run.id}/cards/card-1")
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "data:image/png;base64," in answer.text


def test_frame_has_a_policy_of_its_own(shared: Server) -> None:
    run = shared.current
    digests = [block.digest for card in shared.store.cards(run.id) for block in card.blocks if block.digest]
    (digest,) = digests
    answer = shared.client.get(f"/d/sales/runs/{run.id}/frames/{digest}")
    assert "draw()" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert "connect-src 'none'" in policy
    assert answer.headers["Connection-Allowlist"] == "()"
    assert "draw()" not in shared.client.get("/d/sales").text


def test_frame_of_another_dashboard_is_not_there(server: Server) -> None:
    server.publish("other")
    other = server.perform()
    first = server.current
    for path in (f"/d/sales/runs/{other.id}", f"/d/other/runs/{first.id}/figures/card-1.png"):
        assert server.client.get(path).status_code == 404


def test_rerun_form_leads_back(server: Server) -> None:
    answer = server.client.post("/d/sales/runs")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "../sales"
    assert len(server.store.active_runs(server.store.dashboard("sales").id)) == 1


def test_rerun_form_with_parameters_leads_back_without_defaults(server: Server) -> None:
    form = {"region": "south & west", "year": "2024"}
    answer = server.client.post("/d/sales/runs", data=form)
    assert answer.headers["Location"] == "../sales?region=south+%26+west"
    followed = server.client.get("/d/sales?region=south+%26+west&theme=dark&utm_source=mail")
    assert followed.status_code == 200


def test_rerun_from_a_form_of_the_page(shared: Server) -> None:
    """The address in the page is the one that is answered, also under a prefix."""
    assert 'action="../d/sales/runs"' in shared.client.get("/d/sales").text


def test_cancel_form_leads_back(server: Server) -> None:
    run_id = server.client.post("/d/sales/runs", headers={"Accept": "application/json"}).json["id"]
    answer = server.client.post(f"/d/sales/runs/{run_id}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, "../../../sales")
    assert server.store.run(run_id).state is RunState.CANCELLED


def test_cancel_under_another_name_changes_nothing(server: Server) -> None:
    server.publish("other")
    server.perform()
    run_id = server.client.post("/d/sales/runs", headers={"Accept": "application/json"}).json["id"]
    assert server.client.post(f"/d/other/runs/{run_id}/cancel").status_code == 404
    assert server.store.run(run_id).state is RunState.QUEUED


def test_permanent_page_of_a_run_and_history(shared: Server) -> None:
    run = shared.current
    history = shared.client.get("/d/sales/runs")
    assert run.id in history.text
    assert shared.client.get(f"/d/sales/runs/{run.id}").status_code == 200


def test_unlisted_dashboard_is_not_there(make_server: MakeServer) -> None:
    server = make_server()
    run = server.publish("secret-plan", listed=False)
    unknown = server.client.get("/d/nothing")
    for path in ("/d/secret-plan", "/d/secret-plan/runs", f"/d/secret-plan/runs/{run.id}", f"/api/v1/runs/{run.id}"):
        assert server.client.get(path).status_code == 404
    assert server.client.get("/d/secret-plan").data == unknown.data
    assert server.client.post("/d/secret-plan/runs").status_code == 404
    assert server.client.post(f"/d/secret-plan/runs/{run.id}/cancel").status_code == 404
    assert "secret-plan" not in server.client.get("/").text
    assert server.client.get("/api/v1/dashboards").json["dashboards"] == []


def test_favicon_and_static_files(shared: Server) -> None:
    style = shared.client.get("/-/static/app.css")
    assert style.mimetype == "text/css"
    assert style.headers["Cache-Control"] == "private, no-cache"
    kept = shared.client.get("/-/static/app.css?v=1")
    assert "immutable" in kept.headers["Cache-Control"]
    assert shared.client.get("/favicon.ico").status_code == 200
