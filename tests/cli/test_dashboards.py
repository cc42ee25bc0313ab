"""What is published, seen from the command line without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from nbdash.cli.listing import age_text
from nbdash.config import load_settings
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.model import CellError
from nbdash.publisher.publication import Publisher
from nbdash.service import ServerInfo
from nbdash.store import open_store
from nbdash.worker import Worker
from tests.cli.conftest import Invoke
from tests.conftest import MakeNotebook

SERVER = ServerInfo(url="http://127.0.0.1:9/", pid=1, created=0, data_dir="", version="")
RED = "\x1b[31mred line\x1b[0m"
ERROR = Scripted(
    outputs=[{"output_type": "stream", "name": "stderr", "text": "a warning\n"}],
    error=CellError(ename="ValueError", evalue="no region", traceback=("Traceback", RED)),
)


@pytest.fixture
def publish(make_notebook: MakeNotebook) -> Callable[..., Path]:
    """Publishes a notebook of one cell and performs its run with a scripted engine."""

    def do(source: str = "plot()", script: Scripted | None = None) -> Path:
        path = make_notebook((source, ["dash"]))
        played = {source: script} if script else {}
        settings = load_settings()
        with open_store(settings.data) as store:
            Publisher(store, settings).publish(path)
            worker = Worker(store, settings, engine_for=lambda _: MemoryEngine(played))
            while run := store.claim_run(worker.name):
                worker.perform(run)
        return path

    return do


def test_nothing_is_published_at_first(invoke: Invoke) -> None:
    answer = invoke("list")
    assert (answer.status, answer.out) == (0, "") and "nbdash publish" in answer.err
    assert json.loads(invoke("list", "--json").out) == []


def test_the_list_works_without_a_server(invoke: Invoke, publish: Callable[..., Path]) -> None:
    publish()
    answer = invoke("list")
    assert answer.out.splitlines()[1].split() == ["sales", "sales", "fresh", "0", "s", "ago", "-"]
    assert "No server runs" in answer.err


def test_the_list_tells_the_author_of_a_first_run_that_failed(
    invoke: Invoke, publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(script=ERROR)
    monkeypatch.setattr("nbdash.cli.listing.find_server", lambda _: SERVER)
    answer = invoke("list")
    assert answer.out.splitlines()[1].split() == ["sales", "sales", "failed,", "not", "published", "-", "-"]
    assert answer.err == "Viewers do not see 'sales': 'nbdash log sales' tells why.\n"
    (record,) = json.loads(invoke("list", "--json").out)
    assert record == {
        "slug": "sales",
        "title": "sales",
        "state": "failed",
        "published": False,
        "data_at": None,
        "url": None,
    }


def test_the_list_tells_the_author_what_is_queued(invoke: Invoke, make_notebook: MakeNotebook) -> None:
    settings = load_settings()
    with open_store(settings.data) as store:
        Publisher(store, settings).publish(make_notebook(("plot()", ["dash"])))
    answer = invoke("list")
    assert "queued, not published" in answer.out and "nbdash log" not in answer.err
    assert [each["state"] for each in json.loads(invoke("list", "--json").out)] == ["new"]


def test_a_dashboard_is_listed_without_any_run(invoke: Invoke) -> None:
    with open_store(load_settings().data) as store:
        for name in ("b", "a"):
            store.create_dashboard(name, title="Sales", source_path="/sales.ipynb", listed=False)
    lines = invoke("list").out.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [[name, "Sales", "not", "published"] for name in "ab"]


def test_what_is_published_says_so(invoke: Invoke, publish: Callable[..., Path]) -> None:
    publish()
    publish("fails()", ERROR)  # the version before stays
    assert [each["published"] for each in json.loads(invoke("list", "--json").out)] == [True]
    assert "not published" not in invoke("list").out


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-3), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=23.9), "23 h ago"),
        (timedelta(days=400), "400 d ago"),
    ],
)
def test_ages_are_told_in_the_largest_unit(age: timedelta, text: str) -> None:
    assert age_text(age) == text


def test_the_log_tells_its_author_everything(invoke: Invoke, publish: Callable[..., Path]) -> None:
    publish(script=ERROR)
    answer = invoke("log", "sales")
    assert answer.status == 0
    for part in ("failed", "plot()", "a warning", "ValueError: no region", "red line"):
        assert part in answer.out
    assert "\x1b" not in answer.out


def test_a_dashboard_is_found_by_its_notebook(invoke: Invoke, publish: Callable[..., Path]) -> None:
    path = publish()
    assert "sales: run" in invoke("log", path).out


@pytest.mark.parametrize("command", ["open", "rerun", "log", "rollback", "remove", "share"])
def test_an_unknown_name_is_met_with_the_nearest(command: str, invoke: Invoke, publish: Callable[..., Path]) -> None:
    publish()
    answer = invoke(command, "slaes")
    assert answer.status == 2 and "did you mean 'sales'?" in answer.err


def test_open_gives_the_browser_the_authors_way_in(
    invoke: Invoke, publish: Callable[..., Path], own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    opened: list[str] = []
    monkeypatch.setattr("nbdash.service.ensure_server", lambda _: SERVER)
    monkeypatch.setattr("webbrowser.open", lambda url: bool(opened.append(url)) or True)
    answer = invoke("open", "sales")
    (address,) = map(urlsplit, opened)
    assert answer.out == "http://127.0.0.1:9/d/sales\n"
    assert address.path == "/-/author"
    assert parse_qs(address.query) == {"token": [(own_data / "author.token").read_text()], "to": ["sales"]}


def test_what_is_not_published_is_not_opened(
    invoke: Invoke, publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(script=ERROR)
    started: list[object] = []
    monkeypatch.setattr("nbdash.service.ensure_server", started.append)
    answer = invoke("open", "sales")
    assert answer.status == 2 and "'nbdash log sales'" in answer.err and not started


def test_a_rerun_needs_a_parameter_that_there_is(
    invoke: Invoke, publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    started: list[object] = []
    monkeypatch.setattr("nbdash.service.ensure_server", started.append)
    answer = invoke("rerun", "sales", "-p", "regoin", "north")
    assert answer.status == 2 and "'regoin'" in answer.err and not started


def test_a_rerun_whose_server_is_gone_does_not_wait_for_ever(
    invoke: Invoke, publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    monkeypatch.setattr("nbdash.service.ensure_server", lambda _: SERVER)
    answer = invoke("rerun", "sales")
    assert answer.status == 4 and "nbdash serve" in answer.err


def test_a_rerun_need_not_be_waited_for(
    invoke: Invoke, publish: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    monkeypatch.setattr("nbdash.service.ensure_server", lambda _: SERVER)
    answer = invoke("rerun", "sales", "--no-wait")
    assert answer.status == 0 and "queued" in answer.err


def test_rollback_and_remove_need_no_server(invoke: Invoke, publish: Callable[..., Path]) -> None:
    publish("plot(1)")
    publish("plot(2)")
    assert "version 1" in invoke("rollback", "sales").err
    assert invoke("rollback", "sales").status == 2
    assert invoke("remove", "sales", "--yes").status == 0
    assert json.loads(invoke("list", "--json").out) == []
