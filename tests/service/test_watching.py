"""A watched folder: nothing that is saved in it is overlooked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbdash.config import Settings
from nbdash.publisher.publication import Publisher
from nbdash.store import open_store
from nbdash.watch import Watcher
from tests.conftest import MakeNotebook


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_that_goes_away_while_it_is_looked_through_does_not_end_the_watching(
    tmp_path: Path, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_notebook(("print(1)", ["dash"]), name="first.ipynb").parent
    stop, failures = threading.Event(), [FileNotFoundError(2, "gone"), FileNotFoundError(2, "gone")]
    rglob = Path.rglob

    def look(path: Path, pattern: str) -> Iterator[Path]:
        if failures:
            raise failures.pop()
        return rglob(path, pattern)

    monkeypatch.setattr(Path, "rglob", look)
    with open_store(tmp_path / "data") as store:
        thread = threading.Thread(
            target=Watcher(Publisher(store, Settings(data=tmp_path / "data")), [folder]).serve, args=(stop,)
        )
        thread.start()
        try:
            wait_for(lambda: store.find_dashboard("first") is not None)
        finally:
            stop.set()
            thread.join()
    assert not failures


def test_what_is_saved_after_the_scan_and_before_the_watching_is_published(
    tmp_path: Path, make_notebook: MakeNotebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_notebook(("print(1)", ["dash"]), name="first.ipynb").parent
    stop = threading.Event()
    scan = Watcher.scan

    def scan_then_save(watcher: Watcher) -> None:
        scan(watcher)
        if not (folder / "second.ipynb").exists():
            make_notebook(("print(2)", ["dash"]), name="second.ipynb")

    monkeypatch.setattr(Watcher, "scan", scan_then_save)
    with open_store(tmp_path / "data") as store:
        watcher = Watcher(Publisher(store, Settings(data=tmp_path / "data")), [folder])
        thread = threading.Thread(target=watcher.serve, args=(stop,))
        thread.start()
        try:
            wait_for(lambda: store.find_dashboard("second") is not None)
            assert {each.slug for each in store.list_dashboards()} == {"first", "second"}
        finally:
            stop.set()
            thread.join()
