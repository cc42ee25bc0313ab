"""Lists of dashboards: what they cost, and that what is remembered is never old."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event

from nbdash.config import Settings
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.model import CellError, DashboardState
from nbdash.page.render import Renderer
from nbdash.publisher.publication import Publisher, PublishOptions
from nbdash.publisher.viewing import Pages
from nbdash.store import Store
from nbdash.worker import Worker
from tests.conftest import MakeNotebook
from tests.publisher.test_publication import picture

FAILING = Scripted(error=CellError(ename="ValueError", evalue="no", traceback=("no",)))


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine({"plot()": picture(10)})


@pytest.fixture
def worker(store: Store, settings: Settings, engine: MemoryEngine) -> Worker:
    return Worker(store, settings, engine_for=lambda _: engine)


@pytest.fixture
def pages(store: Store, settings: Settings) -> Pages:
    return Pages(store, settings, Renderer(None))


def publish(worker: Worker, path: Path, *slugs: str) -> None:
    for slug in slugs:
        Publisher(worker.store, worker.settings).publish(path, PublishOptions(slug=slug, listed=True))
        while run := worker.store.claim_run(worker.name):
            worker.perform(run)
        path = path.rename(path.with_stem(f"x{path.stem}"))  # another notebook
        path.touch()


def count_statements(store: Store, look: Callable[[], object]) -> int:
    """How many questions to the database a look takes."""
    asked: list[object] = []
    engine = store._database._engine

    def note(*told: object) -> None:
        asked.append(told)

    event.listen(engine, "before_cursor_execute", note)
    look()
    event.remove(engine, "before_cursor_execute", note)
    return len(asked)


def test_a_list_of_many_asks_as_often_as_a_list_of_one(
    store: Store, worker: Worker, pages: Pages, make_notebook: MakeNotebook
) -> None:
    path = make_notebook(("plot()", ["dash"]))
    publish(worker, path, "one")
    new = Pages(store, worker.settings, Renderer(None))
    for_one = [count_statements(store, new.index), count_statements(store, lambda: new.summaries(None, 100))]
    publish(worker, make_notebook(("plot()", ["dash"]), name="more.ipynb"), *(f"more-{n}" for n in range(5)))
    assert count_statements(store, pages.index) == for_one[0]
    assert count_statements(store, lambda: pages.summaries(None, 100)) == for_one[1]
    assert len(pages.summaries(None, 100)[0]) == 6


def test_the_remembered_index_is_the_present_one(
    store: Store, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    publish(worker, make_notebook(("plot()", ["dash"])), "sales")
    publisher = Publisher(store, worker.settings)
    seen = [pages.index()]
    assert pages.index() is seen[0], "nothing has changed"
    publisher.submit("sales")
    seen.append(pages.index())  # running
    engine.script = {"plot()": FAILING}
    run = store.claim_run(worker.name)
    assert run is not None
    worker.perform(run)
    seen.append(pages.index())  # failed
    store.keep_hint("/work/draft.ipynb", "has no tagged cell")
    seen.append(pages.index())
    publisher.remove("sales")
    seen.append(pages.index())
    assert len({body.digest for body in seen}) == len(seen)


def test_a_dashboard_without_a_version_does_not_break_the_list(store: Store, pages: Pages) -> None:
    """Between the transaction that makes a dashboard and the one that gives it a version."""
    store.create_dashboard("new", title="New", source_path="/work/new.ipynb", listed=True)
    (summary,) = pages.summaries(None, 100)[0]
    assert (summary.state, summary.parameters, summary.figures) == (DashboardState.NEW, (), 0)
    assert pages.index().gzipped
