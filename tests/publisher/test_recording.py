"""What a run does, on its way into the store: in order, all of it, and several things in one commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from nbdash.config import Settings
from nbdash.engine.recorder import Recorder
from nbdash.errors import StoreError
from nbdash.model import CellEnded, CellStarted, EventKind, Plan, Run, RunState
from nbdash.publisher.publication import Publisher
from nbdash.publisher.recording import Recording
from nbdash.store import Store
from tests.conftest import MakeNotebook

CELLS = 40
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def claimed(store: Store, settings: Settings, make_notebook: MakeNotebook) -> Iterator[tuple[Run, Plan]]:
    """A run of a notebook with many cards, and its plan."""
    path = make_notebook(*[(f"print({number})", ["dash"]) for number in range(CELLS)])
    publication = Publisher(store, settings).publish(path)
    run = store.claim_run("test")
    assert run is not None
    yield run, publication.plan


def play(recording: Recording, plan: Plan) -> None:
    """A run of all cells."""
    recorder = Recorder(plan.notebook.document)
    for index in range(CELLS):
        started = CellStarted(index=index, at=NOW)
        recorder.feed(started)
        recording.observe(started, recorder)
        ended = CellEnded(index=index, at=NOW, execution_count=index + 1, seconds=0.0)
        recorder.feed(ended)
        recording.observe(ended, recorder)
    recording.complete(recorder.document())


def test_what_happens_during_a_commit_is_in_the_next(
    store: Store, settings: Settings, claimed: tuple[Run, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, plan = claimed
    go_on = threading.Event()
    record, commits = store.record, []

    def slow(*arguments: Any, **named: Any) -> bool:
        commits.append(len(named["events"]))
        go_on.wait(30)
        return record(*arguments, **named)

    monkeypatch.setattr(store, "record", slow)
    with Recording(store, run, plan, settings, lost=pytest.fail) as recording:
        threading.Timer(0.2, go_on.set).start()
        play(recording, plan)
    assert store.finish_run(run, state=RunState.SUCCEEDED, last=recording.last)
    kinds = [event.kind for event in store.events(run.id) if event.kind is not EventKind.STATE]
    assert kinds == [EventKind.CELL_START, EventKind.OUTPUT, EventKind.CELL_END] * CELLS
    assert [shown.card.index for shown in store.cards(run.id)] == list(range(CELLS))
    assert sum(commits) + len(recording.last.events) == 3 * CELLS and len(commits) < CELLS
    progress = store.run(run.id).progress
    assert progress is not None and progress.cell == CELLS


def test_what_cannot_be_written_ends_the_run(
    store: Store, settings: Settings, claimed: tuple[Run, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, plan = claimed

    def fail(*_: Any, **__: Any) -> bool:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(store, "record", fail)
    with pytest.raises(StoreError, match="full"), Recording(store, run, plan, settings, lost=pytest.fail) as recording:
        play(recording, plan)


def test_a_run_that_is_no_longer_ours_is_given_up(store: Store, settings: Settings, claimed: tuple[Run, Plan]) -> None:
    run, plan = claimed
    store.release_run(run)
    lost = threading.Event()
    with Recording(store, run, plan, settings, lost=lost.set) as recording:
        play(recording, plan)
    assert lost.is_set() and store.cards(run.id) == []


def test_what_happened_last_is_written_with_the_end(
    store: Store, settings: Settings, claimed: tuple[Run, Plan]
) -> None:
    run, plan = claimed
    with Recording(store, run, plan, settings, lost=pytest.fail) as recording:
        play(recording, plan)
    assert len(store.cards(run.id)) + len(recording.last.cards) == CELLS
    store.release_run(run)
    assert not store.finish_run(run, state=RunState.SUCCEEDED, last=recording.last), "it is no longer ours"
    assert store.run(run.id).state is RunState.QUEUED
    assert not [event for event in store.events(run.id) if event.kind is EventKind.CELL_END][len(plan.cells) :]


def test_what_happened_before_nbdash_itself_failed_is_written(
    store: Store, settings: Settings, claimed: tuple[Run, Plan]
) -> None:
    run, plan = claimed
    with (
        pytest.raises(RuntimeError),
        Recording(store, run, plan, settings, lost=pytest.fail) as recording,
    ):
        play(recording, plan)
        raise RuntimeError
    assert len(store.cards(run.id)) == CELLS
