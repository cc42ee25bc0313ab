"""Publishing, rerunning and going back, with the in-memory engine behind a real worker."""

from __future__ import annotations

import base64
import json
import struct
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbdash.config import Settings
from nbdash.engine.memory import MemoryEngine, Scripted
from nbdash.errors import (
    BusyError,
    ConflictError,
    EngineError,
    NotebookError,
    NotFoundError,
    OptionError,
    ParameterError,
)
from nbdash.model import CellError, DashboardState, RunState, Selection
from nbdash.page.render import Renderer
from nbdash.publisher.publication import WATCH, Publisher, PublishOptions, clean_title, slug_from
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


def test_two_notebooks_of_one_name_get_two_dashboards(publisher: Publisher, make_notebook: MakeNotebook) -> None:
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


def test_what_is_not_said_stays_as_it_was(publisher: Publisher, make_notebook: MakeNotebook) -> None:
    options = PublishOptions(title="Our sales", selection=Selection.ALL, engine="kernel")
    publisher.publish(make_notebook(("plot()", ["dash"])), options)
    version = publisher.publish(make_notebook(("plot(2)", ["dash"]))).version
    assert (version.title, version.selection, version.engine) == ("Our sales", Selection.ALL, "kernel")
    version = publisher.publish(make_notebook(("plot(2)", ["dash"])), PublishOptions(title="")).version
    assert version.title == "sales"


def test_a_title_of_the_notebook_follows_the_notebook(publisher: Publisher, make_notebook: MakeNotebook) -> None:
    path = make_notebook(("plot()", ["dash"]))
    assert publisher.publish(path).version.title == "sales"
    document = json.loads(path.read_text())
    document["metadata"]["title"] = "Sales in 2026"
    path.write_text(json.dumps(document))
    assert publisher.publish(path).version.title == "Sales in 2026"


def test_a_version_keeps_the_interpreter_that_its_author_had(
    publisher: Publisher, make_notebook: MakeNotebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_notebook(("plot()", ["dash"]))
    mine = tmp_path / "mine" / "python"
    mine.parent.mkdir()
    mine.symlink_to(sys.executable)
    published = publisher.publish(path, PublishOptions(python=str(mine))).version
    assert published.python == str(mine)
    saved = publisher.publish(path, PublishOptions(origin=WATCH)).version
    assert saved == published, "whoever watches the folder need not know where the author works"
    mine.unlink()
    assert publisher.publish(path, PublishOptions(origin=WATCH)).version.python != str(mine)
    with pytest.raises(EngineError, match="not an executable file"):
        publisher.publish(path, PublishOptions(python=str(mine)))


def test_looking_through_a_folder_does_not_take_back_a_rollback(
    publisher: Publisher, worker: Worker, make_notebook: MakeNotebook
) -> None:
    watch = PublishOptions(origin=WATCH, listed=True)
    first = publisher.publish(make_notebook(("plot()", ["dash"])), watch).version
    work(worker)
    path = make_notebook(("plot(2)", ["dash"]))
    publisher.publish(path, watch)
    work(worker)
    publisher.rollback("sales")
    again = publisher.publish(path, watch)
    assert again.run is None and again.dashboard.version_id == first.id
    assert publisher.publish(path).run is not None, "publishing it by hand brings it back"


def test_publishing_one_file_twice_at_once_makes_one_dashboard(
    publisher: Publisher, make_notebook: MakeNotebook
) -> None:
    path = make_notebook(("plot()", ["dash"]))
    with ThreadPoolExecutor(8) as pool:
        publications = list(pool.map(lambda _: publisher.publish(path), range(8)))
    assert {publication.dashboard.slug for publication in publications} == {"sales"}
    assert len({publication.run and publication.run.id for publication in publications}) == 1


def test_notebooks_of_one_name_published_at_once_get_names_of_their_own(
    publisher: Publisher, make_notebook: MakeNotebook
) -> None:
    paths = [make_notebook(("plot()", ["dash"]), name=f"{n}/sales.ipynb") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        slugs = {publication.dashboard.slug for publication in pool.map(publisher.publish, paths)}
    assert slugs == {"sales", *(f"sales-{n}" for n in range(2, 9))}
