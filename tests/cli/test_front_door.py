"""The main job through the front door: commands as processes against a real server."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, finish, start
from tests.conftest import MakeNotebook

SETUP = "import matplotlib.pyplot as plt"
PLOT = "#| title: Revenue\nprint('drawn', year)\nplt.plot([1, year]); plt.show()"


@pytest.fixture(scope="module")
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One data directory, whose server the first test starts and the last one leaves."""
    data = tmp_path_factory.mktemp("front-door") / "data"
    yield data
    finish(start("stop", "--data", data))


@pytest.fixture
def published_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared data directory, for the commands of this test."""
    monkeypatch.setenv("NBDASH_DATA", str(shared_data))
    return shared_data


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_publish_look_rerun_fail_roll_back_and_remove(
    nbdash: Invoke, invoke: Invoke, make_notebook: MakeNotebook, published_data: Path
) -> None:
    path = make_notebook(("year = 2", ["parameters"]), SETUP, (PLOT, ["dash"]), title="Sales")
    first = nbdash("publish", path)
    assert first.status == 0, first.err
    url = first.out.strip()
    assert first.out == f"{url}\n" and url.endswith("/d/sales")
    assert re.search(r"\[3/3\] Revenue +\d+\.\d s  \d+×\d+\n", first.err)
    assert 'Published "Sales" in ' in first.err and "Running in " in first.err
    assert "data:image/png;base64," in fetch(url)

    again = invoke("publish", path, "--json")
    assert again.status == 0 and "unchanged" in again.err
    assert json.loads(again.out) == json.loads(again.out) | {"changed": False, "url": url, "run": None}

    listed = next(each for each in json.loads(invoke("list", "--json").out) if each["slug"] == "sales")
    assert (listed["state"], listed["url"]) == ("fresh", url)
    assert ["sales", "Sales", "fresh"] in [line.split()[:3] for line in invoke("list").out.splitlines()]

    rerun = invoke("rerun", "sales", "-p", "year", "3")
    assert (rerun.status, rerun.out) == (0, f"{url}?year=3\n") and "Revenue" in rerun.err
    log = invoke("log", "sales")
    assert "drawn 3" in log.out and "succeeded" in log.out

    make_notebook(("year = 2", ["parameters"]), SETUP, ("1/0", ["dash"]), title="Sales")
    failed = invoke("publish", path)
    assert (failed.status, failed.out) == (1, "")
    sentence = failed.err.splitlines()[-1]
    for part in ("'sales.ipynb'", "ZeroDivisionError", "viewers still see version 1", "nbdash log sales"):
        assert part in sentence
    assert "data:image/png;base64," in fetch(url)
    assert "Traceback" in invoke("log", "sales").out

    make_notebook(("year = 5", ["parameters"]), SETUP, (PLOT, ["dash"]), title="Better sales")
    assert invoke("publish", path).status == 0
    assert "Better sales" in fetch(url)
    back = invoke("rollback", "sales")
    assert back.status == 0 and "version 1" in back.err
    assert "Better sales" not in fetch(url)

    unsure = invoke("remove", "sale", "--yes")
    assert unsure.status == 2 and "did you mean 'sales'?" in unsure.err
    assert invoke("remove", "sales").status == 2
    assert invoke("remove", "sales", "--yes").status == 0
    assert path.exists() and "sales" not in [each["slug"] for each in json.loads(invoke("list", "--json").out)]


def test_a_failed_first_run_publishes_nothing_and_does_not_keep_back_the_next(
    invoke: Invoke, nbdash: Invoke, make_notebook: MakeNotebook, published_data: Path
) -> None:
    bad = make_notebook(("1/0", ["dash"]), name="bad.ipynb")
    good = make_notebook(("print(1)", ["dash"]), name="good.ipynb")
    answer = nbdash("publish", bad, good)
    assert answer.status == 1
    assert [line.rsplit("/", 1)[1] for line in answer.out.splitlines()] == ["good"]
    assert "'bad.ipynb' was not published" in answer.err and "nothing is published" in answer.err
    published = {each["slug"]: each["published"] for each in json.loads(invoke("list", "--json").out)}
    assert published["good"] and not published["bad"]


def test_ctrl_c_cancels_the_run(
    invoke: Invoke, make_notebook: MakeNotebook, published_data: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    source = f"open({str(trace)!r}, 'w').close()\nimport time; time.sleep(60)"
    process = start("publish", make_notebook((source, ["dash"]), name="slow.ipynb"))
    wait_until(trace.exists)
    process.send_signal(signal.SIGINT)
    answer = finish(process)
    assert (answer.status, answer.out) == (130, "")
    wait_until(lambda: "cancelled" in invoke("log", "slow").out)


def test_the_server_tells_where_it_is_until_it_is_stopped(
    invoke: Invoke, nbdash: Invoke, make_notebook: MakeNotebook, published_data: Path
) -> None:
    assert nbdash("publish", make_notebook(("print(1)", ["dash"]), name="last.ipynb")).status == 0
    status = json.loads(invoke("status", "--json").out)
    assert status["url"].startswith("http://127.0.0.1:") and status["dashboards"] >= 1
    assert status["data_dir"] == str(published_data)
    assert invoke("stop").status == 0
    assert json.loads(invoke("status", "--json").out)["url"] is None


def test_in_the_foreground_it_publishes_and_then_serves(make_notebook: MakeNotebook, own_data: Path) -> None:
    process = start("publish", "--foreground", make_notebook(("print('there')", ["dash"])))
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert "there" in fetch(url)
    process.send_signal(signal.SIGINT)
    finish(process)
    assert not (own_data / "server.json").exists()


def test_in_the_foreground_a_failed_publish_ends_the_server(make_notebook: MakeNotebook) -> None:
    answer = finish(start("publish", "--foreground", make_notebook(("1/0", ["dash"]))))
    assert (answer.status, answer.out) == (1, "") and "ZeroDivisionError" in answer.err


def test_serve_tells_what_it_found_and_where(make_notebook: MakeNotebook, tmp_path: Path) -> None:
    make_notebook(("print('there')", ["dash"]), name="books/a.ipynb")
    make_notebook("1", name="books/b.ipynb")
    (tmp_path / "books" / "c.ipynb").write_text("no notebook")
    process = start("serve", tmp_path / "books", "--host", "localhost")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    second = finish(start("serve"))
    assert second.status == 2 and "runs already at http://127.0.0.1" in second.err
    process.send_signal(signal.SIGINT)
    err = finish(process).err
    assert "alembic" not in err
    assert "Found 1 notebook with tags, 1 without" in err and "1 that cannot be read" in err
