"""Other parameters start from a checkpoint, with the age of its data; Rerun never does: its point is fresh data."""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbdash.config import Settings
from nbdash.engine.checkpoints import CheckpointRules
from nbdash.engine.forked import ForkEngine
from nbdash.model import Json, Run, RunState
from nbdash.page.formats import iso_time
from nbdash.page.render import Renderer
from nbdash.publisher.publication import Publisher
from nbdash.publisher.viewing import Pages
from nbdash.store import Store
from nbdash.worker import Worker
from tests.conftest import MakeNotebook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork engine is for Linux")

CELLS = [
    ("import time", []),
    ("year = 2024", ["parameters"]),
    ("loaded = time.time_ns()\nloaded", ["dash"]),
    ("print(year, loaded, time.time_ns())", ["dash"]),
]


@pytest.fixture
def engine() -> Iterator[ForkEngine]:
    engine = ForkEngine(checkpoints=CheckpointRules(least_seconds=0.0))
    yield engine
    engine.close()


@pytest.fixture
def worker(store: Store, settings: Settings, engine: ForkEngine) -> Worker:
    return Worker(store, settings, engine_for=lambda _: engine)


@pytest.fixture
def publisher(store: Store, settings: Settings) -> Publisher:
    return Publisher(store, settings)


@pytest.fixture
def pages(store: Store, settings: Settings) -> Pages:
    return Pages(store, settings, Renderer(None))


@pytest.fixture
def path(worker: Worker, publisher: Publisher, make_notebook: MakeNotebook) -> Path:
    """A notebook that has been published."""
    path = make_notebook(*CELLS)
    publisher.publish(path)
    perform(worker)
    return path


def perform(worker: Worker) -> Run:
    """Perform the run that is queued."""
    run = worker.store.claim_run(worker.name)
    assert run is not None
    worker.perform(run)
    ended = worker.store.run(run.id)
    assert ended.state is RunState.SUCCEEDED, ended.error
    return ended


def printed(worker: Worker, run: Run) -> tuple[str, int, int]:
    """The year, when the data were loaded, and when they were shown."""
    texts = [block.text for card in worker.store.cards(run.id) for block in card.blocks if block.text]
    year, loaded, shown = texts[-1].split()
    assert texts[0] == loaded
    return year, int(loaded), int(shown)


def rerun(worker: Worker, publisher: Publisher, **values: Json) -> Run:
    publisher.submit("sales", values)
    return perform(worker)


def test_other_values_show_the_data_that_are_there(
    worker: Worker, publisher: Publisher, pages: Pages, path: Path
) -> None:
    first = worker.store.current_run(worker.store.dashboard("sales").id)
    assert first is not None and first.started_at is not None and first.data_at == first.started_at
    time.sleep(1.1)  # the page's times have whole seconds
    other = rerun(worker, publisher, year=2020)
    assert other.started_at is not None and other.data_at is not None
    assert first.finished_at is not None and first.started_at <= other.data_at < first.finished_at < other.started_at
    (year, loaded, shown), (_, loaded_first, shown_first) = printed(worker, other), printed(worker, first)
    assert (year, loaded) == ("2020", loaded_first) and shown > shown_first
    page = gzip.decompress(pages.dashboard("sales", {"year": "2020"}).gzipped).decode()
    assert f'datetime="{iso_time(other.data_at)}"' in page and f'datetime="{iso_time(other.started_at)}"' not in page


def test_a_rerun_of_what_is_shown_executes_all(worker: Worker, publisher: Publisher, path: Path) -> None:
    runs = [rerun(worker, publisher, year=2020) for _ in range(2)]
    (_, loaded, _), (_, loaded_again, _) = (printed(worker, run) for run in runs)
    assert loaded_again > loaded
    assert runs[1].data_at == runs[1].started_at
    assert printed(worker, rerun(worker, publisher))[1] > loaded_again


def test_the_next_other_values_show_the_newest_data(worker: Worker, publisher: Publisher, path: Path) -> None:
    rerun(worker, publisher, year=2020)
    newest = rerun(worker, publisher)
    other = rerun(worker, publisher, year=2021)
    assert printed(worker, other)[1] == printed(worker, newest)[1]


def test_a_new_version_has_data_of_its_own(
    worker: Worker, publisher: Publisher, make_notebook: MakeNotebook, path: Path
) -> None:
    rerun(worker, publisher, year=2020)
    cells = [*CELLS[:2], ("loaded = time.time_ns() + 1\nloaded", ["dash"]), CELLS[3]]
    publisher.publish(make_notebook(*cells))
    published = perform(worker)
    other = rerun(worker, publisher, year=2020)
    assert printed(worker, other)[1] == printed(worker, published)[1]
    assert other.data_at != other.started_at
