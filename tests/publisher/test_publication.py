"""Publishing, rerunning and going back, with the in-memory engine behind a real worker."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbdash.config import Settings
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.errors import BusyError, ConflictError, NotebookError, NotFoundError, OptionError, ParameterError
from nbdash.model import CellError, DashboardState, RunState
from nbdash.page.render import Renderer
from nbdash.publisher.publication import Publisher, PublishOptions, clean_title, slug_from
from nbdash.publisher.viewing import Pages
from nbdash.store import Store
from nbdash.worker import Worker
from tests.conftest import MakeNotebook


def png(shade: int) -> str:
    """A real 2 × 2 PNG of one grey, base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes([0, shade, shade]) * 2))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")).decode()


def picture(shade: int) -> Scripted:
    data = {"image/png": png(shade), "text/plain": "<Figure>"}
    return Scripted(outputs=[{"output_type": "display_data", "data": data, "metadata": {}}])


ERROR = Scripted(error=CellError(ename="ValueError", evalue="secret", traceback=("secret line",)))


@pytest.fixture
def publisher(store: Store, settings: Settings) -> Publisher:
    return Publisher(store, settings)


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine({"plot()": picture(10), "plot(2)": picture(20)})


@pytest.fixture
def worker(store: Store, settings: Settings, engine: MemoryEngine) -> Worker:
    return Worker(store, settings, engine_for=lambda _: engine)


@pytest.fixture
def pages(store: Store, settings: Settings) -> Pages:
    return Pages(store, settings, Renderer(None))


def work(worker: Worker) -> None:
    """Perform everything that is queued."""
    while run := worker.store.claim_run(worker.name):
        worker.perform(run)


def test_a_publication_is_seen_once_its_run_has_succeeded(
    publisher: Publisher, worker: Worker, pages: Pages, make_notebook: MakeNotebook
) -> None:
    publication = publisher.publish(make_notebook(("plot()", ["dash"])))
    with pytest.raises(NotFoundError):
        pages.dashboard("sales")
    work(worker)
    summary = pages.summary("sales")
    assert (summary.state, summary.figures) == (DashboardState.FRESH, 1)
    assert publication.run is not None and summary.current_run == publication.run.id


def test_a_failed_first_run_publishes_nothing_and_tells_the_author(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    engine.script = {"plot()": ERROR}
    publication = publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    assert pages.summaries(None, 10) == ([], None)
    assert [(each.slug, each.state) for each in pages.unpublished()] == [("sales", DashboardState.FAILED)]
    assert publication.run is not None
    run = worker.store.run(publication.run.id)
    assert run.state is RunState.FAILED and run.error is not None
    assert run.error.traceback == ("secret line",)


def test_publishing_the_same_again_changes_nothing(
    publisher: Publisher, worker: Worker, make_notebook: MakeNotebook
) -> None:
    path = make_notebook(("plot()", ["dash"]))
    first = publisher.publish(path)
    work(worker)
    again = publisher.publish(path)
    assert again.run is None and again.version == first.version


def test_the_old_page_stays_until_the_new_version_has_succeeded(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    before = pages.figure("sales", "cell-1").data
    publisher.publish(make_notebook(("plot(2)", ["dash"])))
    assert pages.figure("sales", "cell-1").data == before
    work(worker)
    assert pages.figure("sales", "cell-1").data != before


def test_a_new_version_that_fails_leaves_page_and_state_alone(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    engine.script = {"plot(2)": ERROR}
    publisher.publish(make_notebook(("plot(2)", ["dash"])))
    work(worker)
    assert pages.summary("sales").state is DashboardState.FRESH
    assert not pages.dashboard("sales").stale


def test_rollback_shows_the_version_before_and_rerun_runs_it(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    first = pages.figure("sales", "cell-1").data
    publisher.publish(make_notebook(("plot(2)", ["dash"])))
    work(worker)
    assert publisher.rollback("sales").number == 1
    assert pages.figure("sales", "cell-1").data == first
    publisher.submit("sales")
    work(worker)
    assert pages.figure("sales", "cell-1").data == first
    with pytest.raises(ConflictError, match="no earlier version"):
        publisher.rollback("sales")


def test_a_failed_rerun_keeps_the_figures_and_makes_the_page_stale(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    fresh = pages.dashboard("sales")
    engine.script = {"plot()": ERROR}
    publisher.submit("sales")
    work(worker)
    failed = pages.dashboard("sales")
    assert failed.stale and failed.digest != fresh.digest
    assert pages.summary("sales").state is DashboardState.FAILED
    assert pages.figure("sales", "cell-1").data
    engine.script = {"plot()": picture(30)}
    publisher.submit("sales")
    work(worker)
    assert not pages.dashboard("sales").stale


def test_equal_reruns_join(publisher: Publisher, worker: Worker, make_notebook: MakeNotebook) -> None:
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    with ThreadPoolExecutor(50) as pool:
        runs = list(pool.map(lambda _: publisher.submit("sales").id, range(50)))
    assert len(set(runs)) == 1


def test_a_figure_shows_while_the_run_goes_on(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    gate = threading.Event()
    engine.script = {"plot()": picture(10), "slow()": Scripted(gate=gate)}
    path = make_notebook(("plot()", ["dash"]), ("slow()", ["dash"]))
    publication = publisher.publish(path, PublishOptions(listed=True))
    assert publication.run is not None
    thread = threading.Thread(target=work, args=(worker,))
    thread.start()
    try:
        for _ in range(1000):
            report = pages.report(publication.run.id)
            if report.run.progress is not None and report.run.progress.cell == 2:
                break
            threading.Event().wait(0.01)
        assert [figure.name for figure in report.figures] == ["cell-1"]
    finally:
        gate.set()
        thread.join()


def test_the_stored_page_is_made_once(
    publisher: Publisher,
    worker: Worker,
    pages: Pages,
    make_notebook: MakeNotebook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    first = pages.dashboard("sales")
    monkeypatch.setattr(Renderer, "dashboard", None)
    assert pages.dashboard("sales") == first


def test_parameters_are_resolved_against_the_notebook(
    publisher: Publisher, worker: Worker, pages: Pages, engine: MemoryEngine, make_notebook: MakeNotebook
) -> None:
    path = make_notebook(("region = 'north'\nyears = 3", ["parameters"]), ("plot()", ["dash"]))
    publisher.publish(path)
    work(worker)
    run = publisher.submit("sales", {"region": "south", "years": "3"})
    assert run.parameters == {"region": "south"}
    work(worker)
    assert any("south" in cell.source for cell in engine.jobs[-1].cells)
    assert publisher.submit("sales", {"region": "north"}).parameters_key == ""
    with pytest.raises(ParameterError, match="no parameter 'regoin'; did you mean 'region'"):
        publisher.submit("sales", {"regoin": "south"})
    with pytest.raises(ParameterError, match="'years' is 'many'"):
        publisher.submit("sales", {"years": "many"})
    with pytest.raises(ParameterError, match="'years' is True"):
        publisher.submit("sales", {"years": True})


def test_reruns_are_limited_per_dashboard(
    store: Store, worker: Worker, settings: Settings, make_notebook: MakeNotebook
) -> None:
    publisher = Publisher(store, Settings(data=settings.data, reruns_per_minute=2))
    publisher.publish(make_notebook(("plot()", ["dash"])))
    work(worker)
    publisher.submit("sales")
    work(worker)
    with pytest.raises(BusyError, match="try again in a minute"):
        publisher.submit("sales")


def test_two_notebooks_of_one_name_get_two_dashboards(
    publisher: Publisher, make_notebook: MakeNotebook
) -> None:
    one = publisher.publish(make_notebook(("plot()", ["dash"]), name="a/sales.ipynb"))
    two = publisher.publish(make_notebook(("plot()", ["dash"]), name="b/sales.ipynb"))
    assert (one.dashboard.slug, two.dashboard.slug) == ("sales", "sales-2")
    with pytest.raises(ConflictError, match="belongs to the dashboard of"):
        publisher.publish(make_notebook(("plot()", ["dash"]), name="c.ipynb"), PublishOptions(slug="sales"))


def test_a_moved_notebook_keeps_its_dashboard(publisher: Publisher, make_notebook: MakeNotebook) -> None:
    path = make_notebook(("plot()", ["dash"]))
    publisher.publish(path)
    moved = path.rename(path.with_name("moved.ipynb"))
    publication = publisher.publish(moved, PublishOptions(slug="sales"))
    assert publication.dashboard.slug == "sales"


def test_bad_input_is_refused_with_a_sentence(publisher: Publisher, tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"nothing\.ipynb"):
        publisher.publish(tmp_path / "nothing.ipynb")


@pytest.mark.parametrize("slug", ["Sales", "-a", "a" * 65, "../x", "a b", "ä"])
def test_a_slug_is_checked(publisher: Publisher, make_notebook: MakeNotebook, slug: str) -> None:
    with pytest.raises(OptionError, match="no name for a dashboard"):
        publisher.publish(make_notebook(("plot()", ["dash"])), PublishOptions(slug=slug))


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Umsatz Ärger 2024", "umsatz-arger-2024"),
        ("東京", "notebook"),
        ("../../etc/passwd", "etc-passwd"),
        ("a" * 80, "a" * 64),
        ("--x--", "x"),
    ],
)
def test_slugs_are_made_of_ascii(text: str, slug: str) -> None:
    assert slug_from(text) == slug


def test_titles_lose_what_could_mislead() -> None:
    assert clean_title("a\u202eb\nc\x00  d") == "a b c d"
    assert len(clean_title("x" * 1000)) == 200
