"""Many viewers at once, against a real server with a real engine; what is left when it stops."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from nbdash.config import Settings
from nbdash.publisher.publication import Publisher
from nbdash.store import Store
from nbdash.worker import Worker
from tests.conftest import MakeNotebook
from tests.ports import own_port
from tests.served import Served

PLOT = "import matplotlib.pyplot as plt, numpy as np\nplt.plot(np.random.rand(20)); plt.show()"
WAIT = "import pathlib, time\nwhile pathlib.Path('wait').exists():\n    time.sleep(0.02)"
VIEWERS = 200


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBDASH_LEASE", "5")  # what a killed worker was at goes on soon
        server = Served(
            tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("data") / "nbdash", port=own_port(8750)
        )
    yield server
    server.stop()


def ask(url: str, path: str, *, method: str = "GET") -> tuple[int, Any]:
    """One request of a client of its own: status and JSON (or text)."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request(method, path, headers={"Accept": "application/json", "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    is_json = answer.getheader("Content-Type", "").startswith("application/json")
    return answer.status, json.loads(body) if is_json else body


def wait_for_state(server: Served, slug: str, state: str) -> None:
    for _ in range(400):
        status, answer = ask(server.url, f"/api/v1/dashboards/{slug}")
        if status == 200 and answer["state"] == state:
            return
        time.sleep(0.05)
    raise AssertionError(f"{slug} is not {state}: {answer}")


def publish(server: Served, make_notebook: MakeNotebook, name: str) -> None:
    path = make_notebook((WAIT, ["dash-setup"]), (PLOT, ["dash"]), name=name)
    path.replace(server.folder / name)
    wait_for_state(server, name.removesuffix(".ipynb"), "fresh")


def web_process(server: Served) -> psutil.Process:
    """The process that answers: neither the worker nor the one that tracks what is shared."""
    children = psutil.Process(server.process.pid).children()
    return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))


def test_fifty_reruns_at_once_are_one_run(served: Served, make_notebook: MakeNotebook) -> None:
    publish(served, make_notebook, "joined.ipynb")
    (served.folder / "wait").touch()
    try:
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: ask(served.url, "/d/joined/runs", method="POST"), range(50)))
    finally:
        (served.folder / "wait").unlink()
    assert {status for status, _ in answers} == {202}
    assert len({run["id"] for _, run in answers}) == 1
    wait_for_state(served, "joined", "fresh")


def test_two_hundred_viewers_of_a_running_dashboard(served: Served, make_notebook: MakeNotebook) -> None:
    publish(served, make_notebook, "watched.ipynb")
    (served.folder / "wait").touch()
    _, run = ask(served.url, "/d/watched/runs", method="POST")
    web = web_process(served)
    path = f"/api/v1/runs/{run['id']}?after=1&wait=5&png=0"

    def round_of_polls() -> list[int]:
        with ThreadPoolExecutor(VIEWERS) as pool:
            polls = [pool.submit(ask, served.url, path) for _ in range(VIEWERS)]
            assert ask(served.url, "/d/watched")[0] == 200  # while they wait
            return [poll.result()[0] for poll in polls]

    try:
        assert set(round_of_polls()) == {200}
        before = (web.num_fds(), web.num_threads())
        assert set(round_of_polls()) == {200}
        assert web.num_fds() <= before[0] + 20  # connections to the database, as many as were needed at once
        assert web.num_threads() <= before[1] + 5
    finally:
        (served.folder / "wait").unlink()
    wait_for_state(served, "watched", "fresh")


def test_a_killed_worker_is_replaced_and_its_run_goes_on(served: Served, make_notebook: MakeNotebook) -> None:
    publish(served, make_notebook, "orphan.ipynb")
    (served.folder / "wait").touch()
    _, run = ask(served.url, "/d/orphan/runs", method="POST")
    children = psutil.Process(served.process.pid).children()
    worker = next(child for child in children if "worker" in child.cmdline())
    for _ in range(200):
        if ask(served.url, f"/api/v1/runs/{run['id']}")[1]["progress"]:  # a cell is executed
            break
        time.sleep(0.05)
    below = worker.children(recursive=True)
    worker.kill()
    gone, alive = psutil.wait_procs(below, timeout=10)
    assert gone and not alive
    (served.folder / "wait").unlink()
    for _ in range(1200):
        answer = ask(served.url, f"/api/v1/runs/{run['id']}")[1]
        if answer["state"] == "succeeded":
            break
        time.sleep(0.05)
    assert (answer["state"], answer["attempt"]) == ("succeeded", 2)


def test_fifty_reruns_of_an_unseeded_notebook_are_fifty_pictures(
    store: Store, settings: Settings, make_notebook: MakeNotebook
) -> None:
    publisher, worker = Publisher(store, settings), Worker(store, settings)
    publisher.publish(make_notebook((PLOT, ["dash"])))
    pictures = set()
    try:
        for _ in range(50):
            run = store.claim_run(worker.name)
            assert run is not None
            worker.perform(run)
            (card,) = store.cards(run.id)
            pictures |= {block.figure.digest for block in card.blocks if block.figure}
            publisher.submit("sales")
    finally:
        worker.close()
    assert len(pictures) == 50


def test_a_stopped_server_leaves_no_process(
    tmp_path_factory: pytest.TempPathFactory, make_notebook: MakeNotebook
) -> None:
    server = Served(tmp_path_factory.mktemp("folder"), tmp_path_factory.mktemp("data") / "nbdash", port=own_port(8765))
    publish(server, make_notebook, "short.ipynb")
    below = psutil.Process(server.process.pid).children(recursive=True)
    server.stop()
    _, alive = psutil.wait_procs(below, timeout=10)
    assert not alive
    assert not (server.data / "server.json").exists()
